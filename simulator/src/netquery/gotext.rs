//! Texts as the core's language prints them: quoted strings, numbers, lists of errors.

use std::fmt::Write as _;

/// A string in double quotes, special characters escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for symbol in text.chars() {
        escape(&mut out, symbol, '"');
    }
    out.push('"');
    out
}

/// One byte as a character in single quotes, as JSON errors show it.
pub(crate) fn quote_byte(byte: u8) -> String {
    let mut out = String::from("'");
    escape(&mut out, byte as char, '\'');
    out.push('\'');
    out
}

fn escape(out: &mut String, symbol: char, quote: char) {
    match symbol {
        _ if symbol == quote || symbol == '\\' => {
            out.push('\\');
            out.push(symbol);
        }
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{b}' => out.push_str("\\v"),
        '\u{c}' => out.push_str("\\f"),
        '\u{0}'..' ' | '\u{7f}' => _ = write!(out, "\\x{:02x}", symbol as u32),
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
            _ = write!(out, "\\u{:04x}", symbol as u32);
        }
        _ => out.push(symbol),
    }
}

/// A number as it prints in messages: `5`, `1.5`, `1.780315e+09`.
pub(crate) fn number(value: f64) -> String {
    let exponent = if value == 0.0 { 0 } else { exponent_of(value) };
    if (-4..21).contains(&exponent) && !(6..21).contains(&exponent) || value == 0.0 {
        return value.to_string();
    }
    let (digits, exponent) = scientific(value);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// A number as it stands in JSON: shortest form that reads back, no `.0`, an exponent below 1e-6 and from 1e21.
pub(crate) fn json_number(value: f64) -> String {
    if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
        return value.to_string();
    }
    let (digits, exponent) = scientific(value);
    format!("{digits}e{}{}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn scientific(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

fn exponent_of(value: f64) -> i32 {
    scientific(value).1
}

/// Several errors as one text, with the empty lines that the core's list has.
pub(crate) fn list_errors(errors: &[String]) -> String {
    let mut out = match errors.len() {
        1 => "1 error occurred:".to_owned(),
        count => format!("{count} errors occurred:"),
    };
    for error in errors {
        out.push_str("\n\t* ");
        out.push_str(error);
    }
    out.push_str("\n\n");
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(
            [5.0, 1.5, 1_780_315_000.0, 1e21, -0.5, 0.00001].map(number),
            ["5", "1.5", "1.780315e+09", "1e+21", "-0.5", "1e-05"]
        );
        assert_eq!(
            [48.2, 0.0, 1_780_314_600.0, 1e21, 1e-7, -1.5e300].map(json_number),
            ["48.2", "0", "1780314600", "1e+21", "1e-7", "-1.5e+300"]
        );
    }

    #[test]
    fn quotes_and_lists() {
        assert_eq!(quote("x\"y\n\u{1}ä\u{a0}"), "\"x\\\"y\\n\\x01ä\\u00a0\"");
        assert_eq!(list_errors(&["a".to_owned()]), "1 error occurred:\n\t* a\n\n");
        assert_eq!(list_errors(&["a".to_owned(), "b".to_owned()]), "2 errors occurred:\n\t* a\n\t* b\n\n");
    }

    proptest! {
        #[test]
        fn json_numbers_read_back(value in proptest::num::f64::NORMAL) {
            prop_assert_eq!(json_number(value).parse::<f64>().unwrap(), value);
            prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }
    }
}
