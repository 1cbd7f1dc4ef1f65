//! What is kept of a request or a message while it happens: bytes, not yet looked at.

use std::{
    cell::RefCell,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use hyper::{HeaderMap, Method, Version, http::request::Parts};
use jiff::Timestamp;
use portmaster_fixtures::Permission;
use serde::Serialize;

use crate::{
    limits,
    world::{Record, session::Token},
};

/// Something that is recorded.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) what: Recorded,
}

#[derive(Debug)]
pub(crate) enum Recorded {
    Http(Http),
    /// A message from a client, by its connection.
    In(u64, Kept),
    /// A message to a client, by its connection.
    Out(u64, Out),
    /// Why a change was refused that nobody waited for.
    Refused(String),
    /// What the reader should know.
    Note(String),
}

/// A request, and its answer once there is one.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) connection: u64,
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) target: Box<str>,
    pub(crate) headers: Fields,
    pub(crate) body: OnceLock<Kept>,
    pub(crate) done: OnceLock<Done>,
}

impl Http {
    /// A request that came on a connection, and is not answered.
    pub(crate) fn new(connection: u64, parts: &Parts) -> Self {
        let target = parts.uri.path_and_query().map_or("*", |target| target.as_str());
        Self {
            connection,
            method: parts.method.clone(),
            version: parts.version,
            target: target.into(),
            headers: Fields::of(&parts.headers),
            body: OnceLock::new(),
            done: OnceLock::new(),
        }
    }
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) at: Timestamp,
    pub(crate) status: u16,
    pub(crate) headers: Fields,
    pub(crate) body: Kept,
    pub(crate) pass: Option<Pass>,
    pub(crate) acted: Vec<String>,
    pub(crate) outcome: Outcome,
}

/// What a request was answered; nothing where it was not.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: Fields,
    pub(crate) body: Kept,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing yet.
    Waiting,
    /// It was answered.
    Answered,
    /// A fault reset the connection in the place of an answer.
    Reset,
    /// Its connection ended before it was answered, as when the core restarts.
    Broken,
}

/// How a request was let in, or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// What the endpoint wants.
    pub(crate) required: Permission,
    /// What the caller may do.
    pub(crate) token: Token,
    /// What the caller showed.
    pub(crate) by: By,
}

/// What a caller showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Nothing that counts.
    Nothing,
    /// Development Mode asks for nothing.
    DevelopmentMode,
    /// An API key.
    Key,
    /// A session's cookie.
    Session,
    /// The external authenticator knows the program.
    Authenticator,
}

impl By {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::DevelopmentMode => "development mode",
            Self::Key => "key",
            Self::Session => "session",
            Self::Authenticator => "authenticator",
        }
    }
}

#[derive(Debug)]
pub(crate) enum Out {
    Reply(Kept),
    Record { id: Bytes, kind: &'static str, record: Arc<Record> },
}

/// Headers, a line each, as they came. They are copied: a value of hyper's holds on to the whole buffer that it was read into.
#[derive(Debug, Default)]
pub(crate) struct Fields(Arc<[u8]>);

/// Of how many a thread knows that it noted them last.
const NOTED: usize = 4;

impl Fields {
    /// Requests in a row have the same, mostly, and so do their answers: entries share them.
    fn noted(fields: &[u8]) -> Self {
        thread_local! {
            static LAST: RefCell<[Arc<[u8]>; NOTED]> = RefCell::default();
        }
        LAST.with_borrow_mut(|last| {
            if let Some(known) = last.iter().find(|known| ***known == *fields) {
                return Self(Arc::clone(known));
            }
            last.rotate_right(1);
            last[0] = fields.into();
            Self(Arc::clone(&last[0]))
        })
    }

    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let length = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2).sum();
        let mut all = Vec::with_capacity(length);
        for (name, value) in headers {
            all.extend_from_slice(name.as_str().as_bytes());
            all.push(b':');
            all.extend_from_slice(value.as_bytes());
            all.push(b'\n');
        }
        Self::noted(&all)
    }

    /// Takes those of a message, and what is behind its head.
    pub(crate) fn read(message: &[u8]) -> (Self, &[u8]) {
        let mut ends = memchr::memchr_iter(b'\n', message);
        let first = ends.next().map_or(message.len(), |end| end + 1);
        let mut line = first;
        let end = ends.find_map(|end| {
            let is_last = message[line..end].trim_ascii().is_empty();
            let this = std::mem::replace(&mut line, end + 1);
            is_last.then_some((this, end + 1))
        });
        let (end, rest) = end.unwrap_or((message.len(), message.len()));
        (Self::noted(&message[first..end]), &message[rest..])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.split(|byte| *byte == b'\n').filter_map(move |line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((text(&line[..at]).to_ascii_lowercase(), text(line[at + 1..].trim_ascii())))
        })
    }
}

/// The beginning of a body, and how long all of it was.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) bytes: Bytes,
    pub(crate) length: usize,
}

impl Kept {
    /// Keeps bytes that are nobody else's buffer.
    pub(crate) fn own(bytes: &Bytes) -> Self {
        if bytes.len() > limits::JOURNAL_BODY {
            Self::copy(bytes)
        } else {
            Self { bytes: bytes.clone(), length: bytes.len() }
        }
    }

    /// Keeps a copy.
    pub(crate) fn copy(bytes: &[u8]) -> Self {
        Self {
            bytes: Bytes::copy_from_slice(&bytes[..bytes.len().min(limits::JOURNAL_BODY)]),
            length: bytes.len(),
        }
    }
}

impl Slot {
    /// Whether nothing more will be added.
    pub(crate) fn is_complete(&self) -> bool {
        match &self.what {
            Recorded::Http(http) => http.done.get().is_some(),
            _ => true,
        }
    }

    /// How much memory it holds, about, bytes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>()
            + match &self.what {
                Recorded::Http(http) => {
                    let body = http.body.get().map_or(0, |body| body.bytes.len());
                    let done = http.done.get().map_or(0, |done| done.headers.0.len() + done.body.bytes.len());
                    http.target.len() + http.headers.0.len() + body + done
                }
                Recorded::In(_, kept) | Recorded::Out(_, Out::Reply(kept)) => kept.bytes.len(),
                // Its text too, once somebody was told of it.
                Recorded::Out(_, Out::Record { id, record, .. }) => id.len() + 2 * record.held(),
                Recorded::Refused(text) | Recorded::Note(text) => text.len(),
            }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT, COOKIE, HeaderValue};

    use super::*;

    #[test]
    fn headers_come_back_as_they_were() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, HeaderValue::from_static("a: b"));
        headers.append(COOKIE, HeaderValue::from_static(""));
        headers.append(ACCEPT, HeaderValue::from_static("c"));
        let all: Vec<_> = Fields::of(&headers).iter().collect();
        let expected = [("accept", "a: b"), ("accept", "c"), ("cookie", "")];
        assert_eq!(all, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_head_is_told_from_what_is_behind_it() {
        for (head, fields, behind) in [
            (
                "HTTP/1.1 200 OK\r\nDate: x\r\nA-b:  c: d \r\nodd\r\n\r\nbody\n\n",
                vec![("date", "x"), ("a-b", "c: d")],
                "body\n\n",
            ),
            ("GET / HTTP/1.1\nHost: x\n\n", vec![("host", "x")], ""),
            ("\nHost: x", vec![("host", "x")], ""),
            ("GET / HTTP/1.1\r\n\r\nA: b", vec![], "A: b"),
            ("GARBAGE", vec![], ""),
        ] {
            let (read, rest) = Fields::read(head.as_bytes());
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(
                (read.iter().collect::<Vec<_>>(), rest),
                (fields.collect(), behind.as_bytes()),
                "{head:?}"
            );
        }
    }

    #[test]
    fn long_bodies_are_cut_and_their_length_is_told() {
        let kept = Kept::own(&Bytes::from(vec![b'x'; limits::JOURNAL_BODY + 9]));
        assert_eq!((kept.bytes.len(), kept.length), (limits::JOURNAL_BODY, limits::JOURNAL_BODY + 9));
    }
}
