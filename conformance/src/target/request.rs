//! A request as it goes out.

use super::Address;

/// One header line.
#[derive(Clone, Debug)]
pub struct Header {
    /// The name, as written.
    pub name: String,
    /// The value, as sent.
    pub(crate) value: String,
    /// What a report shows in double quotes of a shell instead of the value, when the value is secret.
    pub(crate) shown: Option<String>,
}

/// A request whose every byte is decided by the check: nothing is normalised, nothing but `Host`,
/// `Connection` and `Content-Length` is added.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, verbatim.
    pub method: String,
    /// The request target, verbatim.
    pub target: String,
    /// Header lines in order.
    pub headers: Vec<Header>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// Whether `Content-Length` is only declared and the body never sent.
    declared: Option<u64>,
    /// Whether the body goes out in chunks.
    chunked: bool,
    /// Whether the connection may have served others, and is kept for others.
    pub(super) kept: bool,
}

impl Request {
    /// Any method on any target.
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: vec![],
            body: vec![],
            declared: None,
            chunked: false,
            kept: false,
        }
    }

    /// A method on a path below `/api/v1/`.
    pub fn api(method: &str, path: &str) -> Self {
        Self::new(method, format!("/api/v1/{path}"))
    }

    /// Opens the database websocket, without credentials.
    pub fn handshake() -> Self {
        Self::new("GET", "/api/database/v1")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "Y29uZm9ybWFuY2Utc3VpdA==")
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.to_owned(), value: value.into(), shown: None });
        self
    }

    /// Adds a header line whose value no report shows; `shown` stands there in its place, within double
    /// quotes.
    pub fn secret_header(mut self, name: &str, value: String, shown: String) -> Self {
        self.headers.push(Header { name: name.to_owned(), value, shown: Some(shown) });
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Declares a length without sending a body of that length.
    pub fn declare_length(mut self, bytes: u64) -> Self {
        self.declared = Some(bytes);
        self
    }

    /// Sends the body in two chunks and announces no length.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self.header("Transfer-Encoding", "chunked")
    }

    /// Takes a connection that is kept, as a client would, where a fresh one shows no more and asking twice does no harm: where the
    /// target has just ended it, it is asked again.
    pub(crate) fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    /// The same if it only reads.
    pub(crate) fn kept_to_read(self) -> Self {
        Self { kept: matches!(self.method.as_str(), "GET" | "HEAD"), ..self }
    }

    /// The bytes that go to the target.
    pub(crate) fn bytes(&self, address: &Address) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|one| one.name.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !has("host") {
            head += &format!("Host: {}\r\n", address.authority());
        }
        for header in &self.headers {
            head += &format!("{}: {}\r\n", header.name, header.value);
        }
        if let Some(length) = self.declared {
            head += &format!("Content-Length: {length}\r\n");
        } else if !has("content-length") && !has("transfer-encoding") && self.carries_length() {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        if !self.kept && !has("connection") {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        if self.chunked {
            let (first, second) = self.body.split_at(self.body.len() / 2);
            for chunk in [first, second].into_iter().filter(|chunk| !chunk.is_empty()) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// The length that is declared without a body, if any.
    pub(crate) fn declared(&self) -> Option<u64> {
        self.declared
    }

    fn carries_length(&self) -> bool {
        !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "DELETE" | "PATCH")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_go_out_verbatim_and_in_order() {
        let address = "127.0.0.1:817".parse().unwrap();
        let request = Request::new("get", "/a//b").header("authorization", "x").header("Authorization", "y");
        let text = String::from_utf8(request.bytes(&address)).unwrap();
        let wanted = "get /a//b HTTP/1.1\r\nHost: 127.0.0.1:817\r\nauthorization: x\r\nAuthorization: y\r\nConnection: close\r\n\r\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn bodies_can_go_in_chunks() {
        let address = "127.0.0.1:817".parse().unwrap();
        let bytes = Request::api("POST", "x").body("{\"a\"}").chunked().bytes(&address);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with("\r\n\r\n2\r\n{\"\r\n3\r\na\"}\r\n0\r\n\r\n"), "{text}");
        assert!(!text.contains("Content-Length"), "{text}");
    }

    #[test]
    fn a_declared_length_needs_no_body() {
        let address = "127.0.0.1:817".parse().unwrap();
        let bytes = Request::api("POST", "ui/reload").declare_length(20_000_001).bytes(&address);
        assert!(String::from_utf8(bytes).unwrap().contains("Content-Length: 20000001\r\n"));
    }
}
