//! What the tests share: a client that sees the bytes, and one of the database websocket.

mod socket;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub(crate) use socket::{PATIENCE, Socket};

/// An answer, byte for byte.
pub(crate) struct Answer {
    /// The status line and the headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The status.
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }
}

/// Sends bytes as they are and reads until the peer closes.
pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a simulator that listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a TCP stream");
    stream.write_all(request).expect("a simulator that reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("a simulator that answers and closes");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let joined = portmaster_wire::answer::Answer::read(bytes.clone());
    let body = bytes.split_off(end + 4);
    let mut answer =
        Answer { head: String::from_utf8(bytes).expect("a head of text").trim_end().to_owned(), body };
    // What is broken is left as it came.
    if let Some(joined) = joined.filter(|_| answer.header("transfer-encoding").is_some()) {
        answer.body = joined.body;
    }
    answer
}

/// Asks with a method, a target, headers and a body.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:817\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "DELETE") {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    raw(address, format!("{request}\r\n{body}").as_bytes())
}

/// A path that matches an endpoint's pattern.
pub(crate) fn example(pattern: &str) -> String {
    let values = [
        ("{query:", "www.wiki.example.A"),
        ("{moduleName:", "config"),
        ("{eventName:", "config%20change"),
        ("{map:", "main"),
        ("{format:", ".dot"),
        ("{destination:", "198.51.100.9"),
        ("{pid:", "1"),
        ("{source:", "local"),
        ("{id:[A-Za-z0-9_-]+}", "spn"),
        ("{id:[A-z0-9-]+}", "none"),
        ("{id:", "0a.png"),
        ("{identifier:", "all/none"),
        ("{artifact_path:", "all"),
        ("{artifact_name:", "none"),
    ];
    let mut path = String::new();
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        path.push_str(&rest[..open]);
        rest = &rest[open..];
        let (_, value) =
            values.iter().find(|(name, _)| rest.starts_with(name)).expect("a part with an example");
        path.push_str(value);
        let mut depth = 0;
        let close = rest.find(|char| {
            depth += i32::from(char == '{') - i32::from(char == '}');
            depth == 0
        });
        rest = &rest[close.expect("a closing brace") + 1..];
    }
    path + rest
}
