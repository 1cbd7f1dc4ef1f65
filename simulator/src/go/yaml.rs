//! YAML as Go's `yaml.v3` writes it: blocks, four blanks deep, members in the order given; and as JSON.

use serde_json::{Map, Value};

use super::{json, yaml_read};
use crate::limits;

/// Blanks a level.
const STEP: usize = 4;

/// Writes a structure. The texts of the members named `times` are instants, which have no quotes.
pub fn document(members: &Map<String, Value>, times: &[&str]) -> String {
    let mut out = String::new();
    for (name, value) in members {
        match value {
            Value::String(instant) if times.contains(&name.as_str()) => {
                out.push_str(&format!("{name}: {instant}\n"));
            }
            _ => member(&mut out, name, value, 0),
        }
    }
    out
}

/// YAML as JSON, which readers of both decode; nothing is `null`.
///
/// # Errors
/// In the words of Go's converter.
pub fn to_json(body: &[u8]) -> Result<Vec<u8>, String> {
    let value = read(body).map_err(|error| format!("error converting YAML to JSON: {error}"))?;
    Ok(json::to_vec(&value))
}

/// Reads YAML; nothing is `null`.
///
/// # Errors
/// When it is none, or longer than our bound.
pub fn read(body: &[u8]) -> Result<Value, String> {
    if body.len() > limits::YAML {
        return Err(format!("document of more than {} bytes", limits::YAML));
    }
    yaml_read::read(body)
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n(' ', depth));
}

/// Members, one a line; the first goes on the line that has begun if `inline`.
fn object(out: &mut String, members: &Map<String, Value>, depth: usize, inline: bool) {
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 || !inline {
            indent(out, depth);
        }
        member(out, name, value, depth);
    }
}

fn member(out: &mut String, name: &str, value: &Value, depth: usize) {
    text(out, name, depth);
    out.push(':');
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            object(out, members, depth + STEP, false);
        }
        Value::Array(elements) if !elements.is_empty() => {
            out.push('\n');
            array(out, elements, depth + STEP);
        }
        _ => {
            out.push(' ');
            scalar(out, value, depth + STEP);
            out.push('\n');
        }
    }
}

fn array(out: &mut String, elements: &[Value], depth: usize) {
    for value in elements {
        indent(out, depth);
        out.push_str("- ");
        match value {
            Value::Object(members) if !members.is_empty() => object(out, members, depth + 2, true),
            Value::Array(inner) if !inner.is_empty() => {
                // The first element goes on the same line, the others below it.
                let mut block = String::new();
                array(&mut block, inner, depth + 2);
                out.push_str(block.trim_start());
            }
            _ => {
                scalar(out, value, depth + 2);
                out.push('\n');
            }
        }
    }
}

fn scalar(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(string) => text(out, string, depth),
        other => out.push_str(&json::to_string(other)),
    }
}

/// A text: plain where it reads back as the same text, a block where it has lines, else in quotes.
fn text(out: &mut String, string: &str, depth: usize) {
    // Blanks at the ends of lines, or before all of them, would be lost in a block.
    let is_block = string.contains('\n')
        && !string.starts_with([' ', '\n'])
        && !string.ends_with(' ')
        && !string.contains(" \n");
    let is_special = |char: char| !(is_printable(char) || is_block && char == '\t');
    if string.is_empty() || reads_as_something_else(string) || string.chars().any(is_special) {
        quoted(out, string);
    } else if is_block {
        block(out, string, depth);
    } else if string.contains('\n') {
        quoted(out, string);
    } else if is_plain(string) {
        out.push_str(string);
    } else {
        out.push('\'');
        out.push_str(&string.replace('\'', "''"));
        out.push('\'');
    }
}

/// A text in double quotes.
fn quoted(out: &mut String, string: &str) {
    out.push('"');
    for char in string.chars() {
        let short = match char {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '\u{85}' => 'N',
            '"' | '\\' => char,
            _ if is_printable(char) => {
                out.push(char);
                continue;
            }
            _ => {
                out.push_str(&match u32::from(char) {
                    code @ ..0x100 => format!("\\x{code:02X}"),
                    code @ ..0x10000 => format!("\\u{code:04X}"),
                    code => format!("\\U{code:08X}"),
                });
                continue;
            }
        };
        out.extend(['\\', short]);
    }
    out.push('"');
}

fn block(out: &mut String, string: &str, depth: usize) {
    let end = if string.ends_with("\n\n") {
        "+"
    } else if string.ends_with('\n') {
        ""
    } else {
        "-"
    };
    out.push('|');
    out.push_str(end);
    for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(out, depth);
            out.push_str(line);
        }
    }
}

/// Whether a character stands for itself. Those above the first plane do not in Go's library.
fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}')
        && !matches!(char, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

/// Whether a reader would take the bare text for a number, a truth, nothing or a time.
pub(super) fn reads_as_something_else(string: &str) -> bool {
    const WORDS: &[&str] = &["~", "null", "true", "false", "y", "n", "yes", "no", "on", "off", "<<"];
    let lower = string.to_ascii_lowercase();
    let bare = lower.trim_start_matches(['+', '-']);
    let number = || {
        let digits = bare.replace('_', "");
        digits.parse::<f64>().is_ok() && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            || ["0x", "0o", "0b"].iter().any(|base| {
                digits
                    .strip_prefix(base)
                    .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit()))
            })
            || matches!(bare, ".inf" | ".nan")
    };
    // Hours, minutes and seconds, as in `12:30`; an address with a port is none.
    let sexagesimal = || {
        let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
        let mut parts = whole.split(':');
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let sixtieth = |part: &str| digits(part) && part.parse::<u8>().is_ok_and(|number| number < 60);
        whole.contains(':')
            && parts.next().is_some_and(digits)
            && parts.all(sixtieth)
            && fraction.bytes().all(|b| b.is_ascii_digit())
    };
    let date = || {
        let bytes = string.as_bytes();
        bytes.len() >= 10
            && bytes[4] == b'-'
            && bytes[..4].iter().all(u8::is_ascii_digit)
            && bytes[5].is_ascii_digit()
    };
    // Upper and lower case may not be mixed, but for a capital at the beginning.
    let same_case = string == lower
        || string == string.to_ascii_uppercase()
        || string.get(1..).is_some_and(|rest| rest == rest.to_ascii_lowercase());
    (same_case && WORDS.contains(&lower.as_str())) || number() || sexagesimal() || date()
}

/// Whether a text of one line may stand without quotes.
pub(super) fn is_plain(string: &str) -> bool {
    let first = string.chars().next().unwrap_or(' ');
    let alone = || string.len() == 1 || string[1..].starts_with(' ');
    let begins = match first {
        '-' | '?' | ':' => !alone(),
        other => !"#,[]{}&*!|>'\"%@` ".contains(other),
    };
    begins
        && !string.ends_with([' ', ':'])
        && !string.contains(": ")
        && !string.contains(" #")
        && !string.starts_with("---")
        && !string.starts_with("...")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        document(value.as_object().unwrap(), &["created"])
    }

    #[test]
    fn the_form_is_that_of_recorded_exports() {
        let value = json!({
            "type": "profile",
            "homepage": "https://Firefox.example/",
            "fingerprints": [{ "type": "path", "value": "/usr/bin/x" }, { "type": "tag" }],
            "none": [],
            "created": "2026-01-02T03:04:05Z",
            "config": { "filter": { "endpoints": ["+ example.com", "- *"], "use": true, "keep": 30 } },
        });
        assert_eq!(
            written(&value),
            "type: profile\nhomepage: https://Firefox.example/\nfingerprints:\n    - type: path\n      value: /usr/bin/x\n    \
             - type: tag\nnone: []\ncreated: 2026-01-02T03:04:05Z\nconfig:\n    filter:\n        endpoints:\n            - + example.com\n            \
             - '- *'\n        use: true\n        keep: 30\n"
        );
    }

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        for (text, form) in [
            ("yes", "\"yes\""),
            ("12", "\"12\""),
            ("1_000", "\"1_000\""),
            ("12:30", "\"12:30\""),
            ("127.0.0.1:15353", "127.0.0.1:15353"),
            ("12:99", "12:99"),
            ("2026-01-02", "\"2026-01-02\""),
            ("", "\"\""),
            ("a: b", "'a: b'"),
            ("it's", "it's"),
            ("'x", "'''x'"),
            ("-x", "-x"),
            ("a\nb", "|-\n    a\n    b"),
            ("a\n\tb", "|-\n    a\n    \tb"),
            ("a\tb", r#""a\tb""#),
            ("é", "é"),
            ("\u{1f600}é", r#""\U0001F600é""#),
            ("\0\u{1f}\u{7f}\u{85}\u{feff}", r#""\0\x1F\x7F\N\uFEFF""#),
        ] {
            assert_eq!(written(&json!({ "k": text })), format!("k: {form}\n"), "{text}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ -~]{1,6}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any_value()) {
            let value = json!({ "k": value });
            let written = written(&value);
            let read: Value = serde_saphyr::from_str(&written)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{written}")))?;
            prop_assert_eq!(read, value, "{}", written);
        }
    }
}
