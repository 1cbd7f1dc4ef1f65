//! The plain way: questions without a body, one after the other on a connection that stays.
//!
//! Nearly all that is asked of a core is a GET that wants nothing of HTTP but an answer. Such a head is read here, and its
//! answer is written in one piece, which takes half the time. The first that is anything else goes to hyper, as do all after it.

use std::io;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    Method, Request, Uri,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE},
    http::{HeaderValue, request::Parts},
};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{faults::Sent, head};
use crate::limits;

/// How many fields a plain head has at most.
const FIELDS: usize = 24;

/// Head and body of an answer up to so long are sent as one piece, which the system takes more quickly than two.
const SHORT: usize = 4096;

/// A head of up to so many bytes is known again.
const KNOWN: usize = 1024;

/// A plain question.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) parts: Parts,
    /// The head that it was read from, unless that is long.
    head: Vec<u8>,
}

impl Asked {
    /// Whether it is worth keeping until the next one comes.
    pub(super) fn is_short(&self) -> bool {
        !self.head.is_empty()
    }
}

/// Takes a plain question from the beginning of what was read; without one nothing is taken. Most are the last one again, which
/// needs not be read again.
pub(super) fn take(input: &mut BytesMut, last: Option<Box<Asked>>) -> Option<Box<Asked>> {
    if let Some(mut last) = last.filter(|last| input.starts_with(&last.head)) {
        input.advance(last.head.len());
        // What was found out about it belongs to that time.
        last.parts.extensions.clear();
        return Some(last);
    }
    let (parts, length) = read(input)?;
    let head = if length <= KNOWN { input[..length].to_vec() } else { Vec::new() };
    input.advance(length);
    Some(Box::new(Asked { parts, head }))
}

/// Reads a plain question, and how long its head is.
fn read(input: &[u8]) -> Option<(Parts, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(input) {
        Ok(httparse::Status::Complete(length)) if length <= limits::HEAD => length,
        _ => return None,
    };
    let method = match head.method {
        // Others may follow an empty line.
        Some("GET") if input.starts_with(b"G") => Method::GET,
        Some("HEAD") if input.starts_with(b"H") => Method::HEAD,
        _ => return None,
    };
    let target = head.path.filter(|target| head.version == Some(1) && is_plain(target))?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = target.parse::<Uri>().ok()?;
    parts.headers.reserve(head.headers.len());
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let special = match name {
            HOST => parts.headers.contains_key(HOST) || !head::is_host(str::from_utf8(field.value).ok()?),
            CONNECTION => !field.value.eq_ignore_ascii_case(b"keep-alive"),
            CONTENT_LENGTH | EXPECT | TRANSFER_ENCODING | UPGRADE => true,
            _ => false,
        };
        if special {
            return None;
        }
        parts.headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    if !parts.headers.contains_key(HOST) {
        return None;
    }
    Some((parts, length))
}

/// Whether a target is a path and a query that everybody reads alike.
fn is_plain(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    target.len() < 4096
        && path.starts_with('/')
        && !path.contains('%')
        && target.bytes().all(|byte| byte.is_ascii_graphic() && !head::is_odd(byte))
}

/// Sends an answer of which the head is written, its body in chunks or as it is.
pub(super) async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    out: &mut Vec<u8>,
    body: Sent,
    chunked: bool,
) -> io::Result<()> {
    match body {
        Sent::Left(body) => {
            let body = body.into_inner().unwrap_or_default();
            let end: &[u8] = if chunked { b"\r\n0\r\n\r\n" } else { b"" };
            if chunked {
                out.extend_from_slice(format!("{:X}\r\n", body.len()).as_bytes());
            }
            if out.len() + body.len() > SHORT {
                return stream.write_all_buf(&mut out.chain(body).chain(end)).await;
            }
            out.extend_from_slice(&body);
            out.extend_from_slice(end);
            stream.write_all(out).await
        }
        Sent::Right(mut body) => {
            stream.write_all(out).await?;
            while let Some(frame) = body.frame().await {
                let data = frame?.into_data().unwrap_or_default();
                if chunked {
                    let begin = format!("{:X}\r\n", data.len());
                    stream.write_all_buf(&mut begin.as_bytes().chain(data).chain(&b"\r\n"[..])).await?;
                } else {
                    stream.write_all(&data).await?;
                }
            }
            if chunked { stream.write_all(b"0\r\n\r\n").await } else { Ok(()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::head::{Verdict, inspect},
        *,
    };

    fn taken(head: &str) -> Option<usize> {
        let mut input = BytesMut::from(head);
        take(&mut input, None).map(|_| head.len() - input.len())
    }

    #[test]
    fn what_is_asked_again_is_known_by_its_whole_head() {
        let head = |target: &str, more: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
        let long = format!("A: {}\r\n", "a".repeat(KNOWN));
        let all = [("/a", ""), ("/a", ""), ("/a", "A: b\r\n"), ("/b", &long), ("/b", &long), ("/a", "")];
        let mut input = BytesMut::from(&*all.map(|(target, more)| head(target, more)).concat());
        let mut last = None;
        for (target, more) in all {
            let mut asked = take(&mut input, last).expect("a plain question");
            assert_eq!(
                (asked.parts.uri.path(), asked.parts.headers.len()),
                (target, 1 + usize::from(!more.is_empty()))
            );
            assert!(asked.parts.extensions.insert(()).is_none());
            assert_eq!(asked.is_short(), more != long);
            last = Some(asked).filter(|asked| asked.is_short());
        }
        assert!(input.is_empty() && take(&mut input, last).is_none());
    }

    #[test]
    fn what_wants_more_than_an_answer_is_not_plain() {
        let plain = "GET /api/v1/ping?a=%20 HTTP/1.1\r\nHost: x:817\r\nConnection: Keep-Alive\r\n\r\n";
        assert_eq!(taken(&format!("{plain}GET")), Some(plain.len()));
        assert!(taken("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").is_some());
        for head in [
            "GET / HTTP/1.1\r\nHost: x\r\n",
            "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /%41 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /# HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        ] {
            assert_eq!(taken(head), None, "{head:?}");
        }
        let long = |more| {
            format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(limits::HEAD - 32 + more))
        };
        assert_eq!(taken(&long(0)), Some(limits::HEAD));
        assert_eq!(taken(&long(1)), None);
    }

    proptest! {
        #[test]
        fn what_is_plain_is_taken_by_go_too_and_unchanged(
            target in "/[ -~\u{80}-\u{ff}]{0,20}",
            fields in prop::collection::vec("(Host|Accept|Connection|Expect|[!-~]{1,6})[: ]{0,2}[ -~\\t]{0,9}\r?\n", 0..4),
        ) {
            let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{}\r\n", fields.concat());
            if taken(&head) == Some(head.len()) {
                prop_assert_eq!(inspect(head.clone().into_bytes()), Verdict::Pass(head.into_bytes()));
            }
        }
    }
}
