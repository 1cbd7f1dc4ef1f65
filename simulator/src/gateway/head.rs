//! The head of a connection's first request, looked at as Go's server does, before hyper sees it.
//!
//! hyper refuses malformed heads with an empty 400, takes some that Go refuses and refuses some that Go takes. Clients
//! that are written against a core see Go's answers, so heads are checked here: all that are plain, and the first of a
//! connection that is not. What comes behind that goes to hyper unseen: a difference that we keep, since nobody sends a
//! broken one there.

use std::io;

use bytes::BytesMut;
use portmaster_wire::together::Together;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::patience::Patience;
use crate::{go::escape, limits};

/// What becomes of a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on, in a form that hyper takes.
    Pass(Vec<u8>),
    /// It is answered with these bytes, and the connection ends.
    Refuse(Vec<u8>),
}

/// How far a head was looked at while it comes: every byte once, however it is cut.
#[derive(Debug, Default)]
struct Progress {
    seen: usize,
    /// Whether what is before the first blank was looked at.
    method: bool,
    /// Whether the first line was.
    line: bool,
}

impl Progress {
    /// Looks at what came: whether more of it would change nothing, because it is all there or can be no head.
    fn is_over(&mut self, bytes: &[u8]) -> bool {
        let new = &bytes[self.seen..];
        if !self.method {
            let odd = new.iter().find(|byte| !is_token(**byte));
            self.method = odd.is_some();
            if odd.is_some_and(|byte| !b" \r\n".contains(byte)) {
                return true;
            }
        }
        if !self.line
            && let Some(at) = new.iter().position(|byte| *byte == b'\n')
        {
            self.line = true;
            if first_line(&bytes[..=self.seen + at]).is_err() {
                return true;
            }
        }
        // The blank line may have begun before.
        let from = self.seen.saturating_sub(2);
        self.seen = bytes.len();
        end_of_head(&bytes[from..]).is_some()
    }
}

/// Reads on until there is a head, or what can be none; whether there is anything that came in time.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut BytesMut,
    patience: &Patience,
    unread: &Together,
) -> io::Result<bool> {
    let reading = async {
        let (mut progress, mut growing) = (Progress::default(), unread.begin());
        // What ends so has a head that ends.
        while !bytes.ends_with(b"\r\n\r\n") && !progress.is_over(bytes) && bytes.len() <= limits::HEAD {
            bytes.reserve(1024);
            if stream.read_buf(bytes).await? == 0 {
                break;
            }
            // What is kept for it counts, used or not.
            if growing.is(bytes.capacity()).is_err() {
                return Ok(false);
            }
        }
        Ok(!bytes.is_empty())
    };
    patience.within(limits::HEAD_TIME, reading).await.unwrap_or(Ok(false))
}

/// Checks a head in the order in which Go does.
pub(super) fn inspect(mut bytes: Vec<u8>) -> Verdict {
    if let Err(refusal) = first_line(&bytes) {
        return refusal;
    }
    let Some(end) = end_of_head(&bytes).filter(|end| *end <= limits::HEAD) else {
        return if bytes.len() > limits::HEAD { too_large() } else { Verdict::Pass(bytes) };
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    let fields: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    if let Err(refusal) = request_line(line).and_then(|version| header_fields(version, &fields)) {
        return refusal;
    }
    if fields.len() > limits::HEAD_FIELDS {
        return too_large();
    }
    if let Some(plain) = plain_target(&bytes) {
        bytes = plain;
    }
    Verdict::Pass(bytes)
}

/// The place after the blank line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        at += next + 1;
        match &bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

fn refuse(status: &str, text: &str) -> Verdict {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    Verdict::Refuse(format!("{head}{text}").into_bytes())
}

fn too_large() -> Verdict {
    refuse("431 Request Header Fields Too Large", "431 Request Header Fields Too Large")
}

fn bad_request() -> Verdict {
    refuse("400 Bad Request", "400 Bad Request")
}

fn bad_request_for(why: &str) -> Verdict {
    refuse("400 Bad Request", &format!("400 Bad Request: {why}"))
}

/// Checks the first line as far as it is there: no method has other characters than a token's.
fn first_line(bytes: &[u8]) -> Result<(), Verdict> {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = String::from_utf8_lossy(bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]));
            request_line(&line).map(|_| ())
        }
        None => match bytes.iter().find(|byte| !is_token(**byte)) {
            Some(b' ' | b'\r') | None => Ok(()),
            Some(_) => Err(bad_request()),
        },
    }
}

/// The number of header fields of a whole head.
pub(super) fn fields(bytes: &[u8]) -> usize {
    let head = &bytes[..end_of_head(bytes).unwrap_or(bytes.len())];
    head.iter().filter(|byte| **byte == b'\n').count()
}

/// Checks `METHOD TARGET HTTP/1.x`: the minor version.
fn request_line(line: &str) -> Result<u8, Verdict> {
    let (method, rest) = line.split_once(' ').ok_or_else(bad_request)?;
    let (target, protocol) = rest.split_once(' ').ok_or_else(bad_request)?;
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(bad_request());
    }
    let version = protocol.strip_prefix("HTTP/").and_then(|version| version.split_once('.'));
    let minor = match version {
        Some(("1", "0")) => 0,
        Some(("1", "1")) => 1,
        Some((major, minor)) if is_digit(major) && is_digit(minor) => {
            let text = "505 HTTP Version Not Supported: unsupported protocol version";
            return Err(refuse("505 HTTP Version Not Supported", text));
        }
        _ => return Err(bad_request()),
    };
    if !is_target(method, target) {
        return Err(bad_request());
    }
    Ok(minor)
}

fn is_digit(text: &str) -> bool {
    text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether Go's `url.ParseRequestURI` takes a target.
fn is_target(method: &str, target: &str) -> bool {
    if target.is_empty() || target.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return false;
    }
    if target == "*" || (method == "CONNECT" && !target.starts_with('/')) {
        return true;
    }
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let path = match path.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => path,
    };
    path.starts_with('/') && escape::decode_path(path).is_some()
}

fn header_fields(minor: u8, fields: &[&str]) -> Result<(), Verdict> {
    let mut pairs = Vec::with_capacity(fields.len());
    for field in fields {
        if field.starts_with([' ', '\t']) && !pairs.is_empty() {
            continue;
        }
        let (name, value) = field.split_once(':').ok_or_else(bad_request)?;
        if name.is_empty() || name.ends_with([' ', '\t']) {
            return Err(bad_request());
        }
        pairs.push((name, value.trim_matches([' ', '\t'])));
    }
    let values = |wanted: &'static str| {
        pairs.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
    };
    let hosts: Vec<&str> = values("host").collect();
    if hosts.len() > 1 {
        return Err(bad_request());
    }
    let mut lengths: Vec<&str> = values("content-length").collect();
    lengths.dedup();
    let is_length = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if lengths.len() > 1 || !lengths.iter().all(is_length) {
        return Err(bad_request());
    }
    if values("transfer-encoding").any(|value| !value.eq_ignore_ascii_case("chunked")) {
        return Err(refuse("501 Not Implemented", "Unsupported transfer encoding"));
    }
    match hosts.first() {
        None if minor == 1 => return Err(bad_request_for("missing required Host header")),
        Some(host) if !is_host(host) => return Err(bad_request_for("malformed Host header")),
        _ => {}
    }
    if pairs.iter().any(|(name, _)| !name.bytes().all(is_token)) {
        return Err(bad_request_for("invalid header name"));
    }
    if values("expect").any(|value| !value.is_empty() && !value.eq_ignore_ascii_case("100-continue")) {
        let answer = "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        return Err(Verdict::Refuse(answer.as_bytes().to_vec()));
    }
    Ok(())
}

/// Whether Go's server takes a Host header: the characters of a host, a port and a little more.
pub(super) fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=@[]_~".contains(&byte))
}

/// Whether hyper does not take a byte in a target that Go takes.
pub(super) fn is_odd(byte: u8) -> bool {
    byte >= 0x80 || matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Go takes bytes above ASCII and `#` in a target, hyper does not: they are written as escapes, which mean the same.
fn plain_target(bytes: &[u8]) -> Option<Vec<u8>> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    if !bytes[..line].iter().any(|byte| is_odd(*byte)) {
        return None;
    }
    let method = bytes.iter().position(|byte| *byte == b' ')?;
    let mut plain = bytes[..method].to_vec();
    for &byte in &bytes[method..line] {
        if is_odd(byte) {
            plain.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            plain.push(byte);
        }
    }
    plain.extend_from_slice(&bytes[line..]);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(head: &str) -> Option<String> {
        match inspect(head.as_bytes().to_vec()) {
            Verdict::Pass(_) => None,
            Verdict::Refuse(bytes) => {
                let text = String::from_utf8(bytes).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                Some(format!("{} {body}", head.split(' ').nth(1).unwrap()))
            }
        }
    }

    #[test]
    fn broken_heads_get_gos_answers() {
        for (head, expected) in [
            ("GET /x HTTP/1.1\r\n\r\n", "400 400 Bad Request: missing required Host header"),
            ("GET /x\r\n\r\n", "400 400 Bad Request"),
            ("GET  /x HTTP/1.1\r\nHost: x\r\n\r\n", "400 400 Bad Request"),
            ("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400 400 Bad Request"),
            ("GET x HTTP/1.1\r\nHost: x\r\n\r\n", "400 400 Bad Request"),
            ("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", "400 400 Bad Request: malformed Host header"),
            (
                "GET /x HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
                "400 400 Bad Request: invalid header name",
            ),
            ("GET /x HTTP/1.1\r\nHost: x\r\nNoColon\r\n\r\n", "400 400 Bad Request"),
            ("\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n", "400 400 Bad Request"),
            ("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400 400 Bad Request"),
            (
                "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "400 400 Bad Request",
            ),
            (
                "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
                "501 Unsupported transfer encoding",
            ),
            (
                "GET /x HTTP/2.0\r\nHost: x\r\n\r\n",
                "505 505 HTTP Version Not Supported: unsupported protocol version",
            ),
        ] {
            assert_eq!(answer(head).as_deref(), Some(expected), "{head:?}");
        }
    }

    #[test]
    fn what_can_be_no_head_is_answered_at_once() {
        for (bytes, over) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], true),
            (b"GARBAGE\r\n", true),
            (b"GET /x HTTP/1.1\r\nHost: x", false),
            (b"GET /x", false),
            (b"GE", false),
            (b"\r\n", true),
        ] {
            let mut progress = Progress::default();
            let found = (1..=bytes.len()).any(|length| progress.is_over(&bytes[..length]));
            assert_eq!(found, over, "{bytes:?}");
            assert_eq!(answer(&String::from_utf8_lossy(bytes)).is_some(), over, "{bytes:?}");
        }
    }

    #[test]
    fn a_head_is_found_however_it_is_cut() {
        let head = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
        for step in 1..head.len() {
            let mut progress = Progress::default();
            let ends = (1..).map(|at| (at * step).min(head.len()));
            let over = ends.take(head.len()).find(|end| progress.is_over(&head[..*end]));
            assert_eq!(over, Some(head.len()), "{step}");
        }
    }

    #[test]
    fn good_heads_pass_unchanged() {
        for head in [
            "GET /x HTTP/1.1\r\nHost: 127.0.0.1:817\r\n\r\n",
            "GET /x HTTP/1.0\r\n\r\n",
            "GET /x HTTP/1.1\r\nHost:\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
            "GET http://x/y HTTP/1.1\r\nHost: x\r\n\r\nbody",
        ] {
            assert_eq!(inspect(head.as_bytes().to_vec()), Verdict::Pass(head.as_bytes().to_vec()));
        }
    }

    #[test]
    fn odd_bytes_of_a_target_are_escaped() {
        let head = "GET /p\u{ef}#f HTTP/1.1\r\nHost: x\r\nX: #\r\n\r\n";
        let expected = "GET /p%C3%AF%23f HTTP/1.1\r\nHost: x\r\nX: #\r\n\r\n";
        assert_eq!(inspect(head.as_bytes().to_vec()), Verdict::Pass(expected.as_bytes().to_vec()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            inspect(bytes);
        }
    }
}
