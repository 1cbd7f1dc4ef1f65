//! Reading JSON as the core does: the same documents pass, and the same words say why one does not.
//!
//! A document is checked as a whole first ([`Raw::checked`]), without recursion, so that deep nesting costs no
//! stack. After that a [`Raw`] is a slice known to be one valid value, and is taken apart only as far as somebody asks.

use std::borrow::Cow;

use super::quote::quote_byte;
use crate::limits;

/// One valid JSON value, without white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(&'a [u8]);

/// What sort of value a [`Raw`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

impl Kind {
    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl<'a> Raw<'a> {
    /// The single value of a document, or the message that says where it stops being JSON.
    pub fn checked(document: &'a [u8]) -> Result<Self, String> {
        let mut checker = Checker { text: document, at: 0, more: 0 };
        checker.document()?;
        Ok(Self(document.trim_ascii()))
    }

    /// The sort of value.
    pub fn kind(self) -> Kind {
        match self.0.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Whether the value is `true`.
    pub fn is_true(self) -> bool {
        self.0 == b"true"
    }

    /// The text of a number as it is written.
    pub fn literal(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// The content of a string; what is not Unicode becomes U+FFFD.
    pub fn string(self) -> String {
        unquote(self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default())
    }

    /// The elements of an array.
    pub fn elements(self) -> Elements<'a> {
        Elements { rest: inside(self.0) }
    }

    /// The members of an object, in the order of the text, repeated names included.
    pub fn members(self) -> Members<'a> {
        Members { rest: inside(self.0) }
    }
}

/// What is between the brackets.
fn inside(text: &[u8]) -> &[u8] {
    text.get(1..text.len().saturating_sub(1)).unwrap_or_default().trim_ascii()
}

/// The elements of an array.
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        take_value(&mut self.rest)
    }
}

/// The members of an object.
pub struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Members<'a> {
    type Item = (String, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = take_value(&mut self.rest)?;
        let value = take_value(&mut self.rest)?;
        Some((name.string(), value))
    }
}

/// Takes the next value off a list of valid values separated by commas or colons.
fn take_value<'a>(rest: &mut &'a [u8]) -> Option<Raw<'a>> {
    if rest.is_empty() {
        return None;
    }
    let end = value_end(rest);
    let (value, after) = rest.split_at(end);
    let after = after.trim_ascii_start();
    *rest = match after.first() {
        Some(b',' | b':') => after[1..].trim_ascii_start(),
        _ => after,
    };
    Some(Raw(value))
}

/// The length of the value at the start of valid text.
fn value_end(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(&inner) = text.get(at) {
                    match inner {
                        b'\\' => at += 1,
                        b'"' => break,
                        _ => {}
                    }
                    at += 1;
                }
                if depth == 0 {
                    return (at + 1).min(text.len());
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                if depth <= 1 {
                    return if depth == 1 { at + 1 } else { at };
                }
                depth -= 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The content of a valid string literal.
fn unquote(literal: &[u8]) -> String {
    if !literal.contains(&b'\\') {
        return String::from_utf8_lossy(literal).into_owned();
    }
    let mut bytes = Vec::with_capacity(literal.len());
    let mut at = 0;
    let mut buffer = [0; 4];
    while let Some(&byte) = literal.get(at) {
        at += 1;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let escape = literal.get(at).copied().unwrap_or(b'\\');
        at += 1;
        match escape {
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'u' => {
                let mut unit = hex4(literal, at);
                at += 4;
                if (0xD800..0xDC00).contains(&unit) && literal.get(at..at + 2) == Some(b"\\u") {
                    let low = hex4(literal, at + 2);
                    if (0xDC00..0xE000).contains(&low) {
                        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        at += 6;
                    }
                }
                let symbol = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend_from_slice(symbol.encode_utf8(&mut buffer).as_bytes());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex4(literal: &[u8], at: usize) -> u32 {
    let digits = literal.get(at..at + 4).unwrap_or_default();
    digits.iter().fold(0, |sum, digit| sum * 16 + (*digit as char).to_digit(16).unwrap_or(0))
}

/// Walks a document and says where it stops being JSON.
struct Checker<'a> {
    text: &'a [u8],
    at: usize,
    /// How many values came beside others.
    more: usize,
}

/// What is said of a document with more values than we hold.
pub const TOO_MANY: &str = "too many values";

const END: &str = "unexpected end of JSON input";

impl Checker<'_> {
    fn document(&mut self) -> Result<(), String> {
        // The brackets that are open, `{` or `[`.
        let mut open: Vec<u8> = Vec::new();
        'value: loop {
            // A value begins here.
            match self.skip_space().ok_or(END)? {
                b'{' => {
                    self.push(&mut open, b'{')?;
                    if self.skip_space().ok_or(END)? == b'}' {
                        self.at += 1;
                        open.pop();
                    } else {
                        self.member_name()?;
                        continue 'value;
                    }
                }
                b'[' => {
                    self.push(&mut open, b'[')?;
                    if self.skip_space().ok_or(END)? == b']' {
                        self.at += 1;
                        open.pop();
                    } else {
                        continue 'value;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                b'-' | b'0'..=b'9' => self.number()?,
                other => return Err(unexpected(other, "looking for beginning of value")),
            }
            // A value ended here.
            loop {
                let Some(next) = self.skip_space() else {
                    return if open.is_empty() { Ok(()) } else { Err(END.to_owned()) };
                };
                let Some(bracket) = open.last() else {
                    return Err(unexpected(next, "after top-level value"));
                };
                self.at += 1;
                match (bracket, next) {
                    (b'{', b'}') | (b'[', b']') => {
                        open.pop();
                    }
                    (b'[', b',') => {
                        self.another()?;
                        continue 'value;
                    }
                    (b'{', b',') => {
                        self.another()?;
                        self.skip_space().ok_or(END)?;
                        self.member_name()?;
                        continue 'value;
                    }
                    (b'{', _) => return Err(unexpected(next, "after object key:value pair")),
                    _ => return Err(unexpected(next, "after array element")),
                }
            }
        }
    }

    /// Counts a value beside another one.
    fn another(&mut self) -> Result<(), String> {
        self.more += 1;
        if self.more < limits::JSON_VALUES { Ok(()) } else { Err(TOO_MANY.to_owned()) }
    }

    fn push(&mut self, open: &mut Vec<u8>, bracket: u8) -> Result<(), String> {
        self.at += 1;
        open.push(bracket);
        if open.len() > limits::NESTING {
            return Err("exceeded max depth".to_owned());
        }
        Ok(())
    }

    fn skip_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// The next byte; within a word or number the end of the text counts as a space, as the core counts it.
    fn next(&mut self) -> u8 {
        let byte = self.text.get(self.at).copied().unwrap_or(b' ');
        self.at += 1;
        byte
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(b' ')
    }

    fn member_name(&mut self) -> Result<(), String> {
        match self.skip_space().ok_or(END)? {
            b'"' => self.string()?,
            other => return Err(unexpected(other, "looking for beginning of object key string")),
        }
        match self.skip_space().ok_or(END)? {
            b':' => self.at += 1,
            other => return Err(unexpected(other, "after object key")),
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), String> {
        self.at += 1;
        loop {
            let Some(&byte) = self.text.get(self.at) else { return Err(END.to_owned()) };
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => match self.next() {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let digit = self.next();
                            if !digit.is_ascii_hexdigit() {
                                return Err(unexpected(digit, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    other => return Err(unexpected(other, "in string escape code")),
                },
                0..0x20 => return Err(unexpected(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes() {
            let byte = self.next();
            if byte != expected {
                let place = format!("in literal {word} (expecting '{}')", expected as char);
                return Err(unexpected(byte, &place));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let mut first = self.next();
        if first == b'-' {
            first = self.next();
            if !first.is_ascii_digit() {
                return Err(unexpected(first, "in numeric literal"));
            }
        }
        if first != b'0' {
            self.digits();
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if let b'e' | b'E' = self.peek() {
            self.at += 1;
            if let b'+' | b'-' = self.peek() {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, place: &str) -> Result<(), String> {
        let byte = self.next();
        if byte.is_ascii_digit() { Ok(()) } else { Err(unexpected(byte, place)) }
    }

    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }
}

fn unexpected(byte: u8, place: &str) -> String {
    format!("invalid character {} {place}", quote_byte(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &[u8]) -> String {
        Raw::checked(text).expect_err("not JSON")
    }

    #[test]
    fn errors_are_worded_as_the_core_words_them() {
        for (text, message) in [
            ("", "unexpected end of JSON input"),
            (" \n", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("\"abc", "unexpected end of JSON input"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
            ("{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("nul", "invalid character ' ' in literal null (expecting 'l')"),
            ("ä", "invalid character 'Ã' looking for beginning of value"),
            ("\u{feff}{}", "invalid character 'ï' looking for beginning of value"),
            ("\"\u{1}\"", "invalid character '\\x01' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("-", "invalid character ' ' in numeric literal"),
            ("1.", "invalid character ' ' after decimal point in numeric literal"),
            ("1e+", "invalid character ' ' in exponent of numeric literal"),
            ("01", "invalid character '1' after top-level value"),
        ] {
            assert_eq!(error(text.as_bytes()), message, "{text}");
        }
    }

    #[test]
    fn values_are_taken_apart() {
        let raw = Raw::checked(br#" {"a" : [1, "x,]", {"b":null}] , "a\u00e4":true} "#).unwrap();
        let members: Vec<_> = raw.members().collect();
        assert_eq!(members.len(), 2);
        assert_eq!(members[1].0, "aä");
        assert!(members[1].1.is_true());
        let kinds: Vec<_> = members[0].1.elements().map(Raw::kind).collect();
        assert_eq!(kinds, [Kind::Number, Kind::String, Kind::Object]);
        assert_eq!(Raw::checked(br#""\ud83d\ude00 \ud83d\n""#).unwrap().string(), "😀 \u{fffd}\n");
        assert_eq!(Raw::checked(b"[ ]").unwrap().elements().count(), 0);
    }

    #[test]
    fn deep_nesting_is_refused_without_using_the_stack() {
        assert_eq!(error(&vec![b'['; 2_000_000]), "exceeded max depth");
    }

    proptest! {
        #[test]
        fn agrees_with_another_reader_on_what_is_json(text in "[\\[\\]{},:\" a0-2.eE+\\-\\\\utrfalsn]{0,24}") {
            let known = serde_json::from_str::<serde_json::Value>(&text);
            let ours = Raw::checked(text.as_bytes());
            // The other reader refuses numbers that are out of range and lone surrogates.
            if known.is_ok() {
                prop_assert!(ours.is_ok());
            } else if ours.is_ok() {
                let why = known.unwrap_err().to_string();
                let stricter = ["out of range", "surrogate", "code point", "hex escape"];
                prop_assert!(stricter.iter().any(|word| why.contains(word)), "{why}");
            }
        }

        #[test]
        fn strings_come_back(text in any::<String>()) {
            let literal = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Raw::checked(literal.as_bytes()).unwrap().string(), text);
        }

        #[test]
        fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Err(message) = Raw::checked(&bytes) {
                prop_assert!(!message.is_empty());
            }
        }
    }
}
