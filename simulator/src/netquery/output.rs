//! Writing JSON as the core writes it: two spaces a level, a newline at the end, `<`, `>` and `&` as they are.

use super::conditions::Value;
use crate::go::json;

/// Writes a string literal.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
    // Text that is not UTF-8 can only be a part of a character cut off by the database; it becomes U+FFFD.
    match std::str::from_utf8(text) {
        Ok(text) => valid_string(out, text),
        Err(_) => valid_string(out, &String::from_utf8_lossy(text)),
    }
}

fn valid_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            8 => b"\\b",
            12 => b"\\f",
            0..0x20 => {
                out.extend_from_slice(&bytes[plain..at]);
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                plain = at + 1;
                continue;
            }
            // U+2028 and U+2029, the line separators.
            0xE2 if bytes.get(at + 1) == Some(&0x80) && matches!(bytes.get(at + 2), Some(0xA8 | 0xA9)) => {
                out.extend_from_slice(&bytes[plain..at]);
                out.extend_from_slice(if bytes[at + 2] == 0xA8 { b"\\u2028" } else { b"\\u2029" });
                plain = at + 3;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..at]);
        out.extend_from_slice(escape);
        plain = at + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Writes a whole number.
pub(crate) fn integer(out: &mut Vec<u8>, value: i64) {
    use std::io::Write as _;
    // Writing to memory does not fail.
    _ = write!(out, "{value}");
}

/// Writes a number.
pub(crate) fn number(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(json::float(value).as_bytes());
}

/// A line break and the indentation of a level.
pub(crate) fn line(out: &mut Vec<u8>, level: usize) {
    out.push(b'\n');
    for _ in 0..level {
        out.extend_from_slice(b"  ");
    }
}

/// Writes stored JSON as it is but for the white space between its tokens.
pub(crate) fn reindented(out: &mut Vec<u8>, json: &[u8], mut level: usize) {
    let mut at = 0;
    let mut empty = false;
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'}' | b']' => {
                level = level.saturating_sub(1);
                if !empty {
                    line(out, level);
                }
                out.push(byte);
                empty = false;
                continue;
            }
            _ if empty => line(out, level),
            _ => {}
        }
        empty = false;
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                level += 1;
                empty = true;
            }
            b',' => {
                out.push(byte);
                line(out, level);
            }
            b':' => out.extend_from_slice(b": "),
            b'"' => {
                let start = at - 1;
                while let Some(&inner) = json.get(at) {
                    at += 1;
                    match inner {
                        b'\\' => at += 1,
                        b'"' => break,
                        _ => {}
                    }
                }
                out.extend_from_slice(&json[start..at.min(json.len())]);
            }
            _ => out.push(byte),
        }
    }
}

/// Writes a bound value.
pub(crate) fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(float) => number(out, *float),
        Value::Text(text) => string(out, text.as_bytes()),
    }
}

/// Writes an object whose members are sorted already; `{}` if it has none.
pub(crate) fn object<K: AsRef<str>, V>(
    out: &mut Vec<u8>,
    level: usize,
    members: impl IntoIterator<Item = (K, V)>,
    mut write: impl FnMut(&mut Vec<u8>, V),
) {
    out.push(b'{');
    let mut first = true;
    for (name, member) in members {
        if !first {
            out.push(b',');
        }
        first = false;
        line(out, level + 1);
        string(out, name.as_ref().as_bytes());
        out.extend_from_slice(b": ");
        write(out, member);
    }
    if !first {
        line(out, level);
    }
    out.push(b'}');
}

/// Writes an array; `[]` if it has no element.
pub(crate) fn array<V>(
    out: &mut Vec<u8>,
    level: usize,
    elements: impl IntoIterator<Item = V>,
    mut write: impl FnMut(&mut Vec<u8>, V),
) {
    out.push(b'[');
    let mut first = true;
    for element in elements {
        if !first {
            out.push(b',');
        }
        first = false;
        line(out, level + 1);
        write(out, element);
    }
    if !first {
        line(out, level);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_the_core_escapes_them() {
        assert_eq!(written("<a&\"\\\n\u{1}\u{2028}ä>"), "\"<a&\\\"\\\\\\n\\u0001\\u2028ä>\"");
    }

    #[test]
    fn stored_json_keeps_its_bytes_and_its_order() {
        let mut out = Vec::new();
        reindented(&mut out, br#"{"b":[],"a":{"x":[1,{}],"y":"\u003c, {"} , "c":null}"#, 1);
        let expected = "{\n    \"b\": [],\n    \"a\": {\n      \"x\": [\n        1,\n        {}\n      ],\n      \
                        \"y\": \"\\u003c, {\"\n    },\n    \"c\": null\n  }";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn strings_read_back(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&written(&text)).unwrap(), text);
        }

        #[test]
        fn indentation_agrees_with_another_writer(text in "[a-z\\[\\]{},: \"\\\\é]{0,20}", number in any::<i32>()) {
            let value = serde_json::json!({ "k": [text, { "n": number, "e": {}, "l": [] }], "z": [[], [true]] });
            let mut out = Vec::new();
            reindented(&mut out, value.to_string().as_bytes(), 0);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string_pretty(&value).unwrap());
        }
    }
}
