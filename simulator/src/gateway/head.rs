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
use crate::{
    go::{escape, url::Url},
    limits,
};

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
        return if bytes.len() > limits::HEAD { too_large() } else { bad_request() };
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    let fields: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    if let Err(refusal) = request_line(line).and_then(|start| header_fields(start, &fields)) {
        return refusal;
    }
    if fields.len() > limits::HEAD_FIELDS {
        return too_large();
    }
    if fields.iter().any(|field| is_continued(field)) {
        bytes = unfolded(&bytes, end);
    }
    if let Some(plain) = plain_target(&bytes) {
        bytes = plain;
    }
    // hyper's own answer would be another one for the first of a connection than for those behind it.
    if bytes.split(|byte| *byte == b' ').nth(1).is_some_and(|target| target.len() > limits::TARGET) {
        return too_large();
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

/// What the first line says of the rest.
#[derive(Clone, Copy)]
struct Start<'a> {
    method: &'a str,
    version: (u8, u8),
}

/// Checks `METHOD TARGET HTTP/x.y`.
fn request_line(line: &str) -> Result<Start<'_>, Verdict> {
    let (method, rest) = line.split_once(' ').ok_or_else(bad_request)?;
    let (target, protocol) = rest.split_once(' ').ok_or_else(bad_request)?;
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(bad_request());
    }
    let version = match protocol.strip_prefix("HTTP/").map(str::as_bytes) {
        Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit() => {
            (major - b'0', minor - b'0')
        }
        _ => return Err(bad_request()),
    };
    if !is_target(method, target) {
        return Err(bad_request());
    }
    Ok(Start { method, version })
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
            if Url::parse(target).is_none() {
                return false;
            }
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => path,
    };
    path.starts_with('/') && escape::decode_path(path).is_some()
}

/// Whether a line goes on with the field before it.
fn is_continued(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// What Go's reader of fields refuses (a blank in a name is not among it) is a bad request, whatever else is wrong; then come what
/// frames the body, the version, the host and the names (core-2.2 §2.1).
fn header_fields(Start { method, version }: Start<'_>, fields: &[&str]) -> Result<(), Verdict> {
    let is_value = |text: &str| text.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control());
    let mut pairs = Vec::with_capacity(fields.len());
    for field in fields {
        if is_continued(field) && !pairs.is_empty() && is_value(field) {
            continue;
        }
        let (name, value) = field.split_once(':').ok_or_else(bad_request)?;
        if name.is_empty()
            || is_continued(name)
            || !name.bytes().all(|byte| byte == b' ' || is_token(byte))
            || !is_value(value)
        {
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
    let codings: Vec<&str> = values("transfer-encoding").collect();
    if codings.len() > 1 || codings.iter().any(|coding| !coding.eq_ignore_ascii_case("chunked")) {
        return Err(refuse("501 Not Implemented", "Unsupported transfer encoding"));
    }
    let mut lengths: Vec<&str> = values("content-length").collect();
    lengths.dedup();
    let is_length =
        |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok();
    if lengths.len() > 1 || !lengths.iter().all(is_length) {
        return Err(bad_request());
    }
    if !matches!(version, (1, 0 | 1)) {
        let text = "505 HTTP Version Not Supported: unsupported protocol version";
        return Err(refuse("505 HTTP Version Not Supported", text));
    }
    match hosts.first() {
        None if version == (1, 1) && method != "CONNECT" => {
            return Err(bad_request_for("missing required Host header"));
        }
        Some(host) if !is_host(host) => return Err(bad_request_for("malformed Host header")),
        _ => {}
    }
    if pairs.iter().any(|(name, _)| name.contains(' ')) {
        return Err(bad_request_for("invalid header name"));
    }
    let is_continue =
        |value: &str| value.split([' ', ',', '\t']).any(|word| word.eq_ignore_ascii_case("100-continue"));
    if values("expect").next().is_some_and(|value| !value.is_empty() && !is_continue(value)) {
        let answer = "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        return Err(Verdict::Refuse(answer.as_bytes().to_vec()));
    }
    Ok(())
}

/// The same with each field in a line: Go takes fields that go on in the next, hyper does not.
fn unfolded(bytes: &[u8], end: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let is_fold =
            |end: &[u8]| matches!(end, [b'\n', b' ' | b'\t', ..] | [b'\r', b'\n', b' ' | b'\t', ..]);
        if at >= end || !is_fold(&bytes[at..]) {
            plain.push(byte);
        }
    }
    plain
}

/// Whether Go's server takes a Host header: the characters of a host, a port and a little more.
pub(super) fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(&byte))
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
            ("GET /x HTTP/1.1\r\nHost: x\r\nB@d: y\r\n\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", "400 400 Bad Request: invalid header name"),
            ("GET /x HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/1.1\r\nHost: x\x01\r\n\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/1.1\r\n Host: x\r\n\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n", "400 400 Bad Request: malformed Host header"),
            ("GET http://h:x/ HTTP/1.1\r\n\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/1.1\r\nHost: x\r\n", "400 400 Bad Request"),
            ("GET /x HTTP/2.0\r\nHost: x\r\nHost: x\r\n\r\n", "400 400 Bad Request"),
            (
                "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nContent-Length: x\r\n\r\n",
                "501 Unsupported transfer encoding",
            ),
            (
                "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                "501 Unsupported transfer encoding",
            ),
            (
                "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n",
                "400 400 Bad Request",
            ),
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
    fn a_target_is_as_long_as_hyper_takes_it() {
        let head = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(length - 1));
        assert!(matches!(inspect(head(limits::TARGET).into_bytes()), Verdict::Pass(_)));
        assert_eq!(inspect(head(limits::TARGET + 1).into_bytes()), too_large());
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
            // Nothing more came.
            assert!(answer(&String::from_utf8_lossy(bytes)).is_some(), "{bytes:?}");
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
    fn fields_that_go_on_are_put_in_a_line() {
        let head = "GET /x HTTP/1.1\r\nHost: x\r\nX: a\r\n b\n\tc\r\n\r\nbo\n dy";
        let expected = "GET /x HTTP/1.1\r\nHost: x\r\nX: a b\tc\r\n\r\nbo\n dy";
        assert_eq!(inspect(head.as_bytes().to_vec()), Verdict::Pass(expected.as_bytes().to_vec()));
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
