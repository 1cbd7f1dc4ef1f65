//! Texts in quotes, as Go's `%q` prints them.

use std::fmt::Write as _;

/// Quotes a text as Go's `strconv.Quote`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        escape(&mut out, char, '"');
    }
    out.push('"');
    out
}

/// Quotes one byte in single quotes, as a character of its number: the form of Go's JSON errors.
pub fn quote_byte(byte: u8) -> String {
    let mut out = String::from("'");
    escape(&mut out, char::from(byte), '\'');
    out.push('\'');
    out
}

fn escape(out: &mut String, char: char, quote: char) {
    match char {
        '\\' => out.push_str("\\\\"),
        _ if char == quote => {
            out.push('\\');
            out.push(char);
        }
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        '\0'..' ' | '\u{7f}' => _ = write!(out, "\\x{:02x}", u32::from(char)),
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
            _ = write!(out, "\\u{:04x}", u32::from(char));
        }
        _ => out.push(char),
    }
}

#[cfg(test)]
mod tests {
    use super::{quote, quote_byte};

    #[test]
    fn what_does_not_print_is_escaped() {
        assert_eq!(quote("x\"y'\n\u{1}ä\u{a0}"), "\"x\\\"y'\\n\\x01ä\\u00a0\"");
        assert_eq!([b'x', b'"', b'\'', 0xC3, 1].map(quote_byte), ["'x'", "'\"'", "'\\''", "'Ã'", "'\\x01'"]);
    }
}
