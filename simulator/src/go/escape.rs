//! Percent-encoding as Go's `net/url` reads and writes it.

use portmaster_wire::percent::{decoded, encoded, is_unreserved};

/// Decodes a path: `None` where an escape is malformed. The bytes need not be UTF-8.
pub fn decode_path(path: &str) -> Option<Vec<u8>> {
    decoded(path)
}

/// Decodes a part of a query, where `+` is a blank: `None` where an escape is malformed.
pub fn decode_query(part: &str) -> Option<String> {
    decoded(part.replace('+', " ")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Encodes a decoded path for a `Location` header.
pub fn encode_path(path: &[u8]) -> String {
    encoded(path, |byte| is_unreserved(byte) || b"$&+,/:;=@".contains(&byte))
}

/// Encodes a part of a query, where a blank is `+`.
pub fn encode_query(part: &str) -> String {
    encoded(part, |byte| is_unreserved(byte) || byte == b' ').replace(' ', "+")
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
