//! `data:` URLs, as the Go library that cores use reads them.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::escape;

/// What a `data:` URL holds.
#[derive(Debug, PartialEq, Eq)]
pub struct DataUrl {
    /// The second part of the media type, as written; `plain` if there is none.
    pub subtype: String,
    /// The content.
    pub content: Vec<u8>,
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

/// The first byte that is no part of a name, and what is before and after it.
fn name(text: &str) -> (&str, Option<u8>, &str) {
    let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
    let next = text.as_bytes().get(end).copied();
    // Bytes that are no part of a name may be letters of several: those end the reading anyway.
    (&text[..end], next, text.get(end + 1..).unwrap_or_default())
}

/// Reads a `data:` URL.
///
/// # Errors
/// In the library's words.
pub fn parse(text: &str) -> Result<DataUrl, String> {
    let rest = text.strip_prefix("data:").ok_or("missing data prefix")?;
    let mut subtype = "plain";
    let (mut next, mut rest) = match rest.as_bytes().first() {
        None => return Err("missing comma before data".to_owned()),
        Some(byte @ (b',' | b';')) => (*byte, &rest[1..]),
        Some(byte) if is_token(*byte) => {
            let rest = match name(rest) {
                (_, Some(b'/'), rest) => rest,
                (_, None, _) => return Err("missing media type slash".to_owned()),
                _ => return Err("invalid character for media type".to_owned()),
            };
            let (found, next, rest) = name(rest);
            if !found.is_empty() {
                subtype = found;
            }
            match next {
                Some(byte @ (b',' | b';')) => (byte, rest),
                None => return Err("incomplete media type".to_owned()),
                Some(_) => return Err("invalid character for media subtype".to_owned()),
            }
        }
        Some(_) => return Err("invalid character after data prefix".to_owned()),
    };
    let mut is_base64 = false;
    while next == b';' {
        if is_base64 {
            return Err("invalid character for parameter attribute".to_owned());
        }
        (next, rest) = parameter(rest, &mut is_base64)?;
    }
    let content = if is_base64 { in_base64(rest)? } else { in_ascii(rest)? };
    Ok(DataUrl { subtype: subtype.to_owned(), content })
}

/// A parameter, or the word for base64: what ends it, and what is after that.
fn parameter<'a>(text: &'a str, is_base64: &mut bool) -> Result<(u8, &'a str), String> {
    let unterminated = || "unterminated parameter sequence".to_owned();
    let after = match name(text) {
        (_, None, _) | ("", Some(b',' | b'='), _) => return Err(unterminated()),
        ("base64", Some(b','), rest) => {
            *is_base64 = true;
            return Ok((b',', rest));
        }
        (word, Some(b','), _) => return Err(format!("expected base64, got {word}")),
        (_, Some(b'='), rest) => rest,
        _ => return Err("invalid character for parameter attribute".to_owned()),
    };
    let (end, rest) = match after.strip_prefix('"') {
        Some(quoted) => {
            let (_, rest) = quoted.split_once('"').ok_or("unclosed quoted string")?;
            (rest.as_bytes().first().copied(), rest.get(1..).unwrap_or_default())
        }
        None => match name(after) {
            ("", Some(_), _) => return Err("invalid character for parameter value".to_owned()),
            (_, end, rest) => (end, rest),
        },
    };
    match end {
        Some(byte @ (b',' | b';')) => Ok((byte, rest)),
        None => Err("missing comma before data".to_owned()),
        Some(_) => Err("invalid character for parameter value".to_owned()),
    }
}

fn in_base64(text: &str) -> Result<Vec<u8>, String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte);
    if !text.bytes().all(known) {
        return Err("invalid data character".to_owned());
    }
    let joined: String = text.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    STANDARD.decode(&joined).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
            _ => joined.len() / 4 * 4,
        };
        format!("illegal base64 data at input byte {at}")
    })
}

fn in_ascii(text: &str) -> Result<Vec<u8>, String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'();/?:@&=+$,%#".contains(&byte);
    if !text.bytes().all(known) {
        return Err("invalid data character".to_owned());
    }
    let malformed = || "rfc2396: invalid char 0x25 in unescape sequence".to_owned();
    escape::decode_path(text).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Observed with the library.
    #[test]
    fn contents_are_read() {
        for (text, subtype, content) in [
            ("data:,", "plain", ""),
            ("data:,a,b", "plain", "a,b"),
            ("data:;base64,aGk=", "plain", "hi"),
            ("data:image/PNG;base64,aGk=\n", "PNG", "hi"),
            ("data:image/;base64,aGk=", "plain", "hi"),
            ("data:image/svg+xml;base64,PHN2Zy8+", "svg+xml", "<svg/>"),
            ("data:image/png;x=y;base64,aGk=", "png", "hi"),
            ("data:image/png;x=\"a,b\";base64,aGk=", "png", "hi"),
            ("data:image/png,a%20b", "png", "a b"),
        ] {
            let read = DataUrl { subtype: subtype.to_owned(), content: content.into() };
            assert_eq!(parse(text), Ok(read), "{text}");
        }
    }

    /// Observed with the library.
    #[test]
    fn errors_are_named() {
        for (text, error) in [
            ("garbage", "missing data prefix"),
            ("data:", "missing comma before data"),
            ("data:image", "missing media type slash"),
            ("data:image;base64,aGk=", "invalid character for media type"),
            ("data:image/png", "incomplete media type"),
            ("data:image/p(g;base64,aGk=", "invalid character for media subtype"),
            ("data: image/png,x", "invalid character after data prefix"),
            ("data:image/png;base64", "unterminated parameter sequence"),
            ("data:image/png;base65,aGk=", "expected base64, got base65"),
            ("data:image/png;x;base64,aGk=", "invalid character for parameter attribute"),
            ("data:image/png;base64;x=y,aGk=", "invalid character for parameter attribute"),
            ("data:;x=,a", "invalid character for parameter value"),
            ("data:image/png;x=\"a", "unclosed quoted string"),
            ("data:image/png;base64,%%%", "invalid data character"),
            ("data:image/png;base64,aGk", "illegal base64 data at input byte 0"),
            ("data:image/png,a b", "invalid data character"),
            ("data:image/png,%zz", "rfc2396: invalid char 0x25 in unescape sequence"),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(content in proptest::collection::vec(any::<u8>(), 0..60)) {
            let text = format!("data:image/png;base64,{}", STANDARD.encode(&content));
            prop_assert_eq!(parse(&text).unwrap().content, content);
        }

        #[test]
        fn no_text_is_too_odd(text in "(data:)?[a-z/;=,\"é% ]{0,24}") {
            let _ = parse(&text);
        }
    }
}
