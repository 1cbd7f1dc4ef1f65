//! Reads one HTTP/1.1 answer from a stream.

use bytes::{Buf, BytesMut};
use portmaster_wire::{
    link::Link,
    together::{Share, Together},
};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{address::Address, error::SendError, response::Response};

/// The longest head that is read, in bytes.
const MAX_HEAD: usize = 256 * 1024;
/// The longest body that is read, in bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;
/// How much of long bodies may be read at a time, all answers together.
const MAX_BODIES: usize = 64 * 1024 * 1024;
/// From when on a body is long.
const LONG: usize = 1024 * 1024;

/// How many bytes of long bodies there are that are being read.
static READING: Together = Together::new(MAX_BODIES, LONG);

/// A stream with what has been read from it and not used yet.
#[derive(Debug)]
pub(super) struct Incoming<S> {
    stream: S,
    buffer: BytesMut,
    /// How much of the buffer is counted as part of a long body.
    counted: Share<&'static Together>,
}

impl Incoming<Link> {
    /// Connects.
    pub(super) async fn open(address: &Address) -> Result<Self, SendError> {
        let refused = |source| SendError::Connect { address: address.clone(), source };
        Ok(Self::new(address.connect().await.map_err(refused)?))
    }
}

impl<S: AsyncRead + Unpin> Incoming<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new(), counted: READING.begin() }
    }

    /// Reads the answer to a request with `method`; answers with a 1xx status before it are dropped, but not
    /// 101.
    pub(super) async fn response(&mut self, method: &str) -> Result<Response, SendError> {
        loop {
            let (status, headers) = self.head().await?;
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let mut response = Response { status, headers, body: vec![], surplus: 0 };
            if method != "HEAD" && !matches!(status, 101 | 204 | 304) {
                response.body = self.body(&response).await?;
            }
            return Ok(response);
        }
    }

    /// Reads until the other side closes, and says how many bytes that were.
    pub(super) async fn drain(&mut self) -> usize {
        while self.buffer.len() < MAX_BODY && self.more().await.is_ok_and(|count| count > 0) {}
        self.buffer.len()
    }

    /// The stream itself, to write to.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    pub(super) fn peer(&self) -> &S {
        &self.stream
    }

    /// How many bytes have been read and not used.
    pub(super) fn left(&self) -> usize {
        self.buffer.len()
    }

    async fn more(&mut self) -> Result<usize, SendError> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        self.counted.is(self.buffer.len())?;
        Ok(read)
    }

    async fn head(&mut self) -> Result<(u16, Vec<(String, String)>), SendError> {
        let lines = self.lines().await?;
        let first = lines.first().ok_or_else(|| SendError::Malformed("an empty head".to_owned()))?;
        let status = first
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| SendError::Malformed(format!("the status line {first:?}")))?;
        let headers = lines[1..]
            .iter()
            .map(|line| match line.split_once(':') {
                Some((name, value)) => Ok((name.to_owned(), value.trim().to_owned())),
                None => Err(SendError::Malformed(format!("the header line {line:?}"))),
            })
            .collect::<Result<_, _>>()?;
        Ok((status, headers))
    }

    /// Lines up to an empty one, no more of them together than a head is long.
    async fn lines(&mut self) -> Result<Vec<String>, SendError> {
        let (mut lines, mut length) = (vec![], 0);
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(lines);
            }
            length += line.len() + size_of::<String>();
            if length > MAX_HEAD {
                return Err(SendError::TooLarge { limit: MAX_HEAD });
            }
            lines.push(line);
        }
    }

    /// One line without its end. Bytes above 127 are read as Latin-1.
    async fn line(&mut self) -> Result<String, SendError> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|&byte| byte == b'\n') {
                let end = searched + at;
                let mut line = &self.buffer[..end];
                while let Some(rest) = line.strip_suffix(b"\r") {
                    line = rest;
                }
                let text = match str::from_utf8(line) {
                    Ok(text) if text.is_ascii() => text.to_owned(),
                    _ => line.iter().map(|&byte| char::from(byte)).collect(),
                };
                self.buffer.advance(end + 1);
                return Ok(text);
            }
            searched = self.buffer.len();
            if searched > MAX_HEAD {
                return Err(SendError::TooLarge { limit: MAX_HEAD });
            }
            if self.more().await? == 0 {
                return Err(if searched == 0 { SendError::Closed } else { SendError::Truncated });
            }
        }
    }

    async fn body(&mut self, response: &Response) -> Result<Vec<u8>, SendError> {
        if response.header("transfer-encoding").is_some_and(|value| value.to_lowercase().contains("chunked"))
        {
            return self.chunks().await;
        }
        match response.header("content-length") {
            // Where two differ nobody knows where the answer ends.
            Some(text) if response.all("content-length").any(|other| other != text) => {
                let all: Vec<_> = response.all("content-length").collect();
                Err(SendError::Malformed(format!("several lengths, Content-Length {all:?}")))
            }
            Some(text) => {
                let length =
                    text.parse().map_err(|_| SendError::Malformed(format!("the Content-Length {text:?}")))?;
                self.exactly(length).await
            }
            None => {
                // Who goes on for ever gives no answer.
                match self.drain().await {
                    MAX_BODY.. => Err(SendError::TooLarge { limit: MAX_BODY }),
                    _ => Ok(std::mem::take(&mut self.buffer).into()),
                }
            }
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, SendError> {
        let (mut body, mut counted) = (vec![], READING.begin());
        loop {
            let line = self.line().await?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                .map_err(|_| SendError::Malformed(format!("the chunk size {line:?}")))?;
            if size == 0 {
                self.lines().await?;
                return Ok(body);
            }
            body.extend(self.exactly(size).await?);
            if body.len() > MAX_BODY {
                return Err(SendError::TooLarge { limit: MAX_BODY });
            }
            counted.is(body.len())?;
            self.line().await?;
        }
    }

    /// So many bytes.
    pub(super) async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, SendError> {
        if length > MAX_BODY {
            return Err(SendError::TooLarge { limit: MAX_BODY });
        }
        while self.buffer.len() < length {
            if self.more().await? == 0 {
                return Err(SendError::Truncated);
            }
        }
        Ok(self.buffer.split_to(length).to_vec())
    }
}

/// The answers that stand one after the other in bytes, the first one to `method`, and how many bytes are none.
pub(crate) async fn responses(bytes: &[u8], method: &str) -> (Vec<Response>, usize) {
    let mut incoming = Incoming::new(bytes);
    let mut answers = vec![];
    loop {
        let left = incoming.left() + incoming.stream.len();
        let method = if answers.is_empty() { method } else { "GET" };
        match incoming.response(method).await {
            Ok(response) => answers.push(response),
            Err(_) => return (answers, left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(method: &str, bytes: &'static [u8]) -> Result<Response, SendError> {
        Incoming::new(bytes).response(method).await
    }

    #[tokio::test]
    async fn heads_have_a_bound_whatever_the_length_of_their_lines() {
        let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"X: y\r\n".repeat(MAX_HEAD)].concat();
        let answer = Incoming::new(endless.as_slice()).response("GET").await;
        assert!(matches!(answer, Err(SendError::TooLarge { limit: MAX_HEAD })), "{answer:?}");
    }

    #[tokio::test]
    async fn bodies_that_end_with_the_connection_have_a_bound() {
        let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &b"x".repeat(MAX_BODY)].concat();
        let answer = Incoming::new(endless.as_slice()).response("GET").await;
        assert!(matches!(answer, Err(SendError::TooLarge { limit: MAX_BODY })));
    }

    #[tokio::test]
    async fn bodies_end_where_the_head_says() {
        let plain = read("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef").await.unwrap();
        assert_eq!((plain.status, plain.text().as_str()), (200, "abc"));
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n";
        assert_eq!(read("GET", chunked).await.unwrap().text(), "abcd");
        assert_eq!(read("GET", b"HTTP/1.1 200 OK\r\n\r\nto the end").await.unwrap().text(), "to the end");
        assert_eq!(read("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").await.unwrap().body, b"");
        let after =
            read("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        assert_eq!(after.status, 204);
    }

    #[tokio::test]
    async fn answers_follow_each_other() {
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 400 Bad Request\r\n\r\n400";
        let (answers, left) = responses(two, "GET").await;
        assert_eq!(answers.iter().map(|one| one.status).collect::<Vec<_>>(), [200, 400]);
        assert_eq!((answers[1].text().as_str(), left), ("400", 0));
        let (answers, left) = responses(b"HTTP/1.1 204 No Content\r\n\r\nSSH", "GET").await;
        assert_eq!((answers.len(), left), (1, 3));
    }

    #[tokio::test]
    async fn broken_answers_are_named() {
        assert!(matches!(read("GET", b"").await, Err(SendError::Closed)));
        assert!(matches!(read("GET", b"SSH-2.0\r\n\r\n").await, Err(SendError::Malformed(_))));
        let short = read("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
        assert!(matches!(short, Err(SendError::Truncated)));
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nPong.\n";
        let two = read("GET", two).await.unwrap_err().to_string();
        assert!(two.ends_with(r#"several lengths, Content-Length ["5", "6"]"#), "{two}");
        let same = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(read("GET", same).await.unwrap().body, b"abc");
        let long = read("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc").await;
        assert!(matches!(long, Err(SendError::TooLarge { .. })));
    }
}
