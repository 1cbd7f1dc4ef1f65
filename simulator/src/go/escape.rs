//! Percent-encoding as Go's `net/url` reads and writes it.

/// Decodes a path: `None` where an escape is malformed. The bytes need not be UTF-8.
pub fn decode_path(path: &str) -> Option<Vec<u8>> {
    decode(path.as_bytes(), false)
}

/// Decodes a part of a query, where `+` is a blank: `None` where an escape is malformed.
pub fn decode_query(part: &str) -> Option<String> {
    decode(part.as_bytes(), true).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn decode(bytes: &[u8], plus_is_blank: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digit = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
                let (high, low) = (digit(at + 1)?, digit(at + 2)?);
                out.push(u8::try_from(high * 16 + low).ok()?);
                at += 3;
            }
            b'+' if plus_is_blank => {
                out.push(b' ');
                at += 1;
            }
            other => {
                out.push(other);
                at += 1;
            }
        }
    }
    Some(out)
}

/// Encodes a decoded path for a `Location` header.
pub fn encode_path(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for &byte in path {
        let plain = byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Encodes a part of a query, where a blank is `+`.
pub fn encode_query(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b' ' => out.push('+'),
            plain if plain.is_ascii_alphanumeric() || b"-_.~".contains(&plain) => out.push(char::from(plain)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The pairs of a query in order. As in Go, a pair with a semicolon or a malformed escape is dropped.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.contains(';'))
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode_query(name)?, decode_query(value)?))
        })
        .collect()
}
