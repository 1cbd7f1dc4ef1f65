//! An answer of HTTP/1.1 that was read as a whole.

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The first line and the headers, as they came.
    pub head: String,
    /// The body; chunks are joined.
    pub body: Vec<u8>,
}

impl Answer {
    /// Takes an answer apart. Nothing where it is none of HTTP/1, or not whole.
    pub fn read(bytes: Vec<u8>) -> Option<Self> {
        let mut answer = Self::begun(bytes)?;
        if answer.is_chunked() {
            answer.body = joined(&answer.body)?;
        }
        let length = answer.length();
        answer.body.truncate(length.unwrap_or(usize::MAX));
        length.is_none_or(|length| answer.body.len() == length).then_some(answer)
    }

    /// Whether the bytes that have come are a whole answer by what they say: nothing more has to come, whatever becomes of the
    /// connection. One that says nothing of its end lasts as long as its connection.
    pub fn is_whole(bytes: &[u8]) -> bool {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let (head, body) = bytes.split_at(end + 4);
        let Some(head) = Self::begun(head.to_vec()) else { return false };
        match head.length() {
            _ if head.is_chunked() => body.ends_with(b"\r\n\r\n") && joined(body).is_some(),
            Some(length) => body.len() >= length,
            None => matches!(head.status, 204 | 304),
        }
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    /// The length that the body is said to have.
    fn length(&self) -> Option<usize> {
        self.header("content-length").and_then(|length| length.parse().ok())
    }

    /// Takes an answer apart of which the head is there; the body is what came behind it, as it came. Nothing where it is none of
    /// HTTP/1.
    pub fn begun(mut bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).ok()?;
        let mut words = head.split(' ');
        words.next().filter(|version| version.starts_with("HTTP/1."))?;
        let status = words.next()?.trim_end().parse().ok()?;
        Some(Self { status, head, body })
    }

    /// The headers in their order, without the space around values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name, value.trim()))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Joins the chunks of a body.
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_what_is_cut_is_no_answer() {
        let whole =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        assert_eq!(Answer::read(whole.to_vec()).unwrap().body, b"abcde");
        for length in 0..whole.len() - 4 {
            assert!(Answer::read(whole[..length].to_vec()).is_none(), "{length}");
        }
        assert!(Answer::read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc".to_vec()).is_none());
    }

    #[test]
    fn an_answer_is_whole_when_it_says_so() {
        for (whole, more) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "d"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ""),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ] {
            assert!((0..whole.len()).all(|length| !Answer::is_whole(&whole.as_bytes()[..length])), "{whole}");
            assert!(Answer::is_whole(whole.as_bytes()));
            let read = Answer::read([whole, more].concat().into_bytes()).unwrap();
            assert!(read.body.is_empty() || read.body == b"abc");
        }
        assert!(!Answer::is_whole(b"HTTP/1.1 200 OK\r\n\r\nto the end"));
    }

    #[test]
    fn headers_keep_their_order() {
        let answer = Answer::read(b"HTTP/1.1 204 No Content\r\nb: 1\r\nA:2 \r\n\r\n".to_vec()).unwrap();
        assert_eq!(answer.headers().collect::<Vec<_>>(), [("b", "1"), ("A", "2")]);
        assert_eq!((answer.status, answer.header("a")), (204, Some("2")));
    }
}
