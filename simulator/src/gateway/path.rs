//! The path of a request: decoding and cleaning.

use crate::go::escape;

/// A decoded path, and the clean form that the caller is sent to if the path is not clean.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// The decoded path; bytes that are not UTF-8 are replaced, which no pattern of ours tells apart.
    pub(super) decoded: String,
    /// Where to go instead, encoded.
    pub(super) redirect: Option<String>,
}

impl Path {
    /// Reads the path of a request target; `None` where an escape is malformed.
    pub(super) fn read(raw: &str) -> Option<Self> {
        if is_plain(raw) {
            return Some(Self { decoded: raw.to_owned(), redirect: None });
        }
        let decoded = escape::decode_path(raw)?;
        let clean = clean(&decoded);
        // Two slashes alone are not cleaned (core-2.2 §2.2).
        let redirect = (clean != decoded && decoded != b"//").then(|| escape::encode_path(&clean));
        Some(Self { decoded: String::from_utf8_lossy(&decoded).into_owned(), redirect })
    }
}

/// Whether a path has nothing to decode and nothing to clean, as nearly all have.
fn is_plain(path: &str) -> bool {
    let mut last = 0;
    path.starts_with('/')
        && path.bytes().all(|byte| {
            let odd = byte == b'%' || (last == b'/' && matches!(byte, b'/' | b'.'));
            last = byte;
            !odd
        })
}

/// Removes empty and dot segments; a final slash stays.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = Vec::with_capacity(path.len() + 1);
    for segment in &kept {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if path.ends_with(b"/") || kept.is_empty() {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(raw: &str) -> Option<String> {
        Path::read(raw).unwrap().redirect
    }

    #[test]
    fn clean_paths_stay() {
        for path in ["/", "/api/v1/ping", "/api/v1/ping/", "/api/v1/dns/cache/a.b.A", "/api%2fv1%2fping"] {
            assert_eq!(redirect(path), None, "{path}");
        }
    }

    #[test]
    fn others_are_sent_to_the_clean_form() {
        for (path, to) in [
            ("/api/v1//ping", "/api/v1/ping"),
            ("/api/v1/ping/..", "/api/v1"),
            ("/api/v1/ping/../", "/api/v1/"),
            ("/api/v1/%2e%2e/x", "/api/x"),
            ("/../..", "/"),
            ("*", "/%2A"),
        ] {
            assert_eq!(redirect(path).as_deref(), Some(to), "{path}");
        }
    }

    #[test]
    fn malformed_escapes_are_refused() {
        assert_eq!(Path::read("/x%zz"), None);
        assert_eq!(Path::read("/x%"), None);
    }
}
