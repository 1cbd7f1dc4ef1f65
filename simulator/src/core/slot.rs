//! What is kept of a request or a message while it happens: bytes, not yet looked at.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::{HeaderMap, Method, Version};
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

/// Headers, a line each. They are copied: a value of hyper's holds on to the whole buffer that it was read into.
#[derive(Debug, Default)]
pub(crate) struct Fields(Box<[u8]>);

impl Fields {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let length = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2).sum();
        let mut all = Vec::with_capacity(length);
        for (name, value) in headers {
            all.extend_from_slice(name.as_str().as_bytes());
            all.push(b':');
            all.extend_from_slice(value.as_bytes());
            all.push(b'\n');
        }
        Self(all.into())
    }

    /// Reads those of a message, and what is behind its head.
    pub(crate) fn read(message: &[u8]) -> (Self, &[u8]) {
        let mut all = Vec::with_capacity(message.len().min(1024));
        let mut rest = message;
        let mut is_first = true;
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = rest[..end.unwrap_or(rest.len())].trim_ascii_end();
            rest = end.map_or(&[][..], |end| &rest[end + 1..]);
            if let Some(colon) = line.iter().position(|byte| *byte == b':').filter(|_| !is_first) {
                all.extend(line[..colon].iter().map(u8::to_ascii_lowercase));
                all.push(b':');
                all.extend_from_slice(line[colon + 1..].trim_ascii_start());
                all.push(b'\n');
            }
            if end.is_none() || (line.is_empty() && !is_first) {
                return (Self(all.into()), rest);
            }
            is_first = false;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let lines = self.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(move |line| {
            let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            (text(&line[..at]), text(line.get(at + 1..).unwrap_or_default()))
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
                Recorded::Out(_, Out::Record { record, .. }) => 2 * record.held(),
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
    fn long_bodies_are_cut_and_their_length_is_told() {
        let kept = Kept::own(&Bytes::from(vec![b'x'; limits::JOURNAL_BODY + 9]));
        assert_eq!((kept.bytes.len(), kept.length), (limits::JOURNAL_BODY, limits::JOURNAL_BODY + 9));
    }
}
