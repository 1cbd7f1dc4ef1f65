//! A recorded request as it goes out.

use super::{exchange::Asked, swap::Swaps};
use crate::{contrast::Bytes, target::Address};

/// The bytes of a request, and how its answer is read.
#[derive(Debug)]
pub(crate) struct Wire {
    /// The method, which says whether the answer has a body.
    pub(crate) method: String,
    /// What goes out.
    pub(crate) bytes: Vec<u8>,
    /// Whether nothing more will come from our side.
    pub(crate) finish: bool,
}

/// The request for that target. `Host`, `Content-Length` and `Connection: close` are added where the recording
/// does not have them.
pub(crate) fn wire(request: &Asked, address: &Address, swaps: &Swaps) -> Wire {
    if let Some(Bytes(raw)) = &request.raw {
        let bytes = swaps.in_raw(raw);
        let method = bytes.split(|&byte| byte == b' ').next().unwrap_or_default();
        return Wire { method: String::from_utf8_lossy(method).into_owned(), bytes, finish: true };
    }
    let has = |name: &str| request.headers.keys().any(|one| one.eq_ignore_ascii_case(name));
    let body = request.body.as_ref().map(|body| swaps.in_body(&body.0)).unwrap_or_default();
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, swaps.in_target(&request.target));
    if !has("host") && !request.no_host {
        head += &format!("Host: {}\r\n", address.authority());
    }
    let resized = request.body.as_ref().is_some_and(|recorded| recorded.0.len() != body.len());
    for (name, value) in request.header_lines() {
        let value = match resized && name.eq_ignore_ascii_case("content-length") {
            true => body.len().to_string(),
            false => swaps.in_header(name, value),
        };
        head += &format!("{name}: {value}\r\n");
    }
    let announces =
        !body.is_empty() || matches!(request.method.as_str(), "POST" | "PUT" | "DELETE" | "PATCH");
    if announces && !has("content-length") && !has("transfer-encoding") {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    if !has("connection") {
        head += "Connection: close\r\n";
    }
    head += "\r\n";
    let mut bytes = latin1(&head);
    bytes.extend(body);
    Wire { method: request.method.clone(), bytes, finish: false }
}

/// One byte a character, as a recording has heads.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Key, Keys, Tier};

    fn sent(request: &str, swaps: &Swaps) -> String {
        let request: Asked = serde_json::from_str(request).unwrap();
        let wire = wire(&request, &"127.0.0.1:817".parse().unwrap(), swaps);
        wire.bytes.into_iter().map(char::from).collect()
    }

    #[test]
    fn heads_keep_their_bytes() {
        let text =
            sent(r#"{"method":"GET","target":"/p\u00efng","headers":{"a":["1","€"]}}"#, &Swaps::default());
        assert_eq!(
            text,
            "GET /p\u{ef}ng HTTP/1.1\r\nHost: 127.0.0.1:817\r\na: 1\r\na: ?\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn the_targets_keys_go_out_in_every_form() {
        let mut keys = Keys::default();
        keys.insert(Key::new(Tier::Admin, "sesame"));
        let swaps = Swaps::with_keys(&keys);
        let bearer = r#"{"method":"POST","target":"/","headers":{"Authorization":"Bearer admin-0123456789abcdef","Content-Length":"23"},"body":"<admin-0123456789abcdef>"}"#;
        let text = sent(bearer, &swaps);
        assert!(text.contains("Bearer sesame\r\n") && text.contains("Content-Length: 8\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n<sesame>"), "{text}");
        // admin-0123:456789abcdef
        let basic = r#"{"method":"GET","target":"/","headers":{"authorization":"Basic YWRtaW4tMDEyMzo0NTY3ODlhYmNkZWY="}}"#;
        let text = sent(basic, &swaps);
        assert!(text.contains("Basic c2VzYW1lOg=="), "{text}");
    }
}
