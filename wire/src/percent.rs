//! Percent-encoding.

/// Whether a byte stands for itself wherever it is: letters, digits and `-._~` (RFC 3986 §2.3).
pub fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Writes bytes: what is `plain` as it is, the others as escapes.
pub fn encoded(bytes: impl AsRef<[u8]>, plain: impl Fn(u8) -> bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = bytes.as_ref();
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if plain(byte) && byte.is_ascii() {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
        }
    }
    out
}

/// The bytes that a text with escapes stands for: nothing where an escape is malformed. They need not be UTF-8.
pub fn decoded(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let mut rest = text.as_ref();
    let mut out = Vec::with_capacity(rest.len());
    while let [byte, tail @ ..] = rest {
        if *byte == b'%' {
            out.push(escaped(tail)?);
            rest = &tail[2..];
        } else {
            out.push(*byte);
            rest = tail;
        }
    }
    Some(out)
}

/// The same, but a malformed escape stands for itself.
pub fn decoded_leniently(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut rest = text.as_ref();
    let mut out = Vec::with_capacity(rest.len());
    while let [byte, tail @ ..] = rest {
        let code = escaped(tail).filter(|_| *byte == b'%');
        out.push(code.unwrap_or(*byte));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    out
}

/// The byte that the two digits behind a percent sign stand for.
fn escaped(tail: &[u8]) -> Option<u8> {
    let digit =
        |at: usize| char::from(*tail.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(0)? << 4 | digit(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let all: Vec<u8> = (0..=255).collect();
        for plain in [is_unreserved as fn(u8) -> bool, |_| false, |byte| byte != b'%'] {
            let text = encoded(&all, plain);
            assert!(text.is_ascii());
            assert_eq!(decoded(&text).as_ref(), Some(&all));
            assert_eq!(decoded_leniently(&text), all);
        }
        assert_eq!(encoded("aé/", is_unreserved), "a%C3%A9%2F");
    }

    #[test]
    fn malformed_escapes_are_refused_or_stay() {
        for text in ["%", "a%2", "%zz", "%+1", "%é"] {
            assert_eq!(decoded(text), None, "{text}");
            assert_eq!(decoded_leniently(text), text.as_bytes());
        }
        assert_eq!(decoded_leniently("%65%"), b"e%");
    }
}
