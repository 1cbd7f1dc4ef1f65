//! A small HTTP/1.1 client: one request a connection, plain text, bodies up to a limit.

use std::io;

use portmaster_wire::answer::Answer;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::CaptureError;
use crate::limits;

/// A core's HTTP API.
#[derive(Debug)]
pub(super) struct Client {
    authority: String,
    key: Option<String>,
}

/// The body as JSON.
pub(super) fn json(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}

/// The first line of the body, cut where it gets long.
pub(super) fn words(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    text.lines().next().unwrap_or_default().trim().chars().take(120).collect()
}

impl Client {
    /// A client for a URL such as `http://127.0.0.1:817`.
    pub(super) fn new(target: &str, key: Option<&str>) -> Result<Self, CaptureError> {
        let wrong = |why: &'static str| CaptureError::Target { target: target.to_owned(), why };
        if target.starts_with("https://") {
            return Err(wrong("cores speak plain HTTP"));
        }
        let rest = target.strip_prefix("http://").unwrap_or(target).trim_end_matches('/');
        let plain = |char: char| char.is_ascii_alphanumeric() || "-._:[]".contains(char);
        if rest.is_empty() || !rest.chars().all(plain) {
            return Err(wrong("it is no address"));
        }
        let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { rest.to_owned() } else { format!("{rest}:80") };
        let visible = |key: &str| key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_some_and(|key| !visible(key)) {
            return Err(CaptureError::Key);
        }
        Ok(Self { authority, key: key.map(str::to_owned) })
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The value of the header `Authorization`, if there is a key.
    pub(super) fn badge(&self) -> Option<String> {
        self.key.as_ref().map(|key| format!("Bearer {key}"))
    }

    /// Asks for a path below `/api/v1/`.
    ///
    /// # Errors
    /// When nobody listens there, or the answer is none of HTTP or too long.
    pub(super) async fn get(&self, path: &str) -> io::Result<Answer> {
        let badge = self.badge().map(|badge| format!("Authorization: {badge}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /api/v1/{path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nConnection: close\r\n{badge}\r\n",
            self.authority
        );
        let connecting = TcpStream::connect(&self.authority);
        let mut stream =
            timeout(limits::CAPTURE_CONNECT, connecting).await.map_err(|_| io::ErrorKind::TimedOut)??;
        let exchange = async {
            stream.write_all(request.as_bytes()).await?;
            let mut bytes = Vec::new();
            let mut stream = stream.take(limits::CAPTURED_BODY + 1);
            // Not every core ends the connection when it is asked to.
            while !Answer::is_whole(&bytes) && stream.read_buf(&mut bytes).await? > 0 {}
            io::Result::Ok(bytes)
        };
        let bytes =
            timeout(limits::CAPTURE_ANSWER, exchange).await.map_err(|_| io::ErrorKind::TimedOut)??;
        if bytes.len() as u64 > limits::CAPTURED_BODY {
            return Err(io::Error::other(format!(
                "the answer is longer than {} MiB",
                limits::CAPTURED_BODY >> 20
            )));
        }
        Answer::read(bytes).ok_or_else(|| io::Error::other("the answer is not HTTP"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_ends_where_it_says_though_the_connection_stays() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&listener.local_addr().unwrap().to_string(), None).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPong.").await.unwrap();
            stream
        };
        let (answer, _open) = tokio::join!(client.get("ping"), serve);
        assert_eq!(answer.unwrap().body, b"Pong.");
    }

    #[test]
    fn addresses_are_looked_at() {
        assert_eq!(Client::new("http://127.0.0.1:817/", None).unwrap().authority(), "127.0.0.1:817");
        assert_eq!(Client::new("core.example", None).unwrap().authority(), "core.example:80");
        assert!(Client::new("https://127.0.0.1:817", None).is_err());
        assert!(Client::new("http://a b", None).is_err() && Client::new("", None).is_err());
        assert!(Client::new("127.0.0.1:817", Some("a\r\nb")).is_err());
    }
}
