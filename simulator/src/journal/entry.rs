//! What a reader of the journal sees: entries without secrets.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    core::{Fields, Http, Kept, Out, Outcome, Pass, Recorded, Secrets, Slot},
    go::escape,
};

/// Something that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Entry {
    /// Its number, from 1 in the order in which things began.
    pub seq: u64,
    /// The world's instant at which it began.
    #[cfg_attr(feature = "control", schemars(with = "String"))]
    pub at: Timestamp,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum What {
    /// A request, and its answer once there is one.
    Http(Box<Exchange>),
    /// A message of the database websocket.
    Websocket(Message),
    /// A change of the timeline or of a rule was refused.
    Refused {
        /// Whose it was, and why.
        why: String,
    },
    /// What the reader should know, such as that an older state of the world was restored.
    Note {
        /// A sentence.
        text: String,
    },
}

/// A request with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Exchange {
    /// The connection's number.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// The path with its query, as it was sent.
    pub target: String,
    /// The path, decoded.
    pub path: String,
    /// The query's members, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The version of HTTP, `1.0` or `1.1`.
    pub version: &'static str,
    /// The headers, names in lower case; those of a name stand together.
    pub headers: Vec<(String, String)>,
    /// The body, if the endpoint took one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// How the caller was let in, or not; nothing where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Permit>,
    /// The faults and rules of the scenario that acted on it, such as `faults/0` and `rules/2`, by their place in the scenario.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acted: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The answer, if it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Answer {
    /// The world's instant.
    #[cfg_attr(feature = "control", schemars(with = "String"))]
    pub at: Timestamp,
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole: a fault that lets it break off is named in `acted`.
    pub body: Body,
}

/// How a caller was let in, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Permit {
    /// The permission that the endpoint wants, a role as `auth/permissions` names it.
    pub required: &'static str,
    /// What the caller may read.
    pub read: &'static str,
    /// What the caller may write.
    pub write: &'static str,
    /// What the caller showed: `key`, `session`, `authenticator`, `development mode` or `nothing`.
    pub by: &'static str,
}

/// A message of the database websocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Message {
    /// The connection's number; the request that opened it has the same.
    pub connection: u64,
    /// Where it went.
    pub direction: Direction,
    /// The operation's id, as the client chose it.
    pub id: String,
    /// What it is: `get`, `qsub`, … from a client, `ok`, `new`, `done`, … to it.
    pub operation: String,
    /// The key or the query of a client's message, the key of a record. Empty if there is none.
    pub key: String,
    /// The whole message.
    pub body: Body,
}

/// Where a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a client.
    In,
    /// To a client; recorded when it is queued, before the client reads it.
    Out,
}

/// A body, or as much of it as is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Body {
    /// How long it was, bytes.
    pub length: usize,
    /// Whether it is cut: only the first 64 KiB are kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// What it says, if that is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its bytes in base64, if they are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

impl Body {
    fn of(kept: &Kept, secrets: &Secrets) -> Self {
        let cut = kept.bytes.len() < kept.length;
        let bytes = secrets.hide(&kept.bytes);
        let whole = match std::str::from_utf8(&bytes) {
            Ok(text) => Some(text),
            // The cut may have gone through a character.
            Err(error) if cut && error.error_len().is_none() => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        Self {
            length: kept.length,
            cut,
            text: whole.map(str::to_owned),
            base64: whole.is_none().then(|| STANDARD.encode(&bytes)),
        }
    }

    /// Its bytes, as far as they are kept.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(encoded)) => STANDARD.decode(encoded).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }
}

impl Entry {
    pub(super) fn of(slot: &Slot, secrets: &Secrets) -> Self {
        let what = match &slot.what {
            Recorded::Http(http) => What::Http(Box::new(exchange(http, secrets))),
            Recorded::In(connection, kept) => What::Websocket(incoming(*connection, kept, secrets)),
            Recorded::Out(connection, out) => What::Websocket(outgoing(*connection, out, secrets)),
            Recorded::Refused(why) => What::Refused { why: secrets.hide_text(why) },
            Recorded::Note(text) => What::Note { text: text.clone() },
        };
        Self { seq: slot.seq, at: slot.at, what }
    }

    /// The request, if it is one.
    pub fn exchange(&self) -> Option<&Exchange> {
        match &self.what {
            What::Http(exchange) => Some(exchange),
            _ => None,
        }
    }

    /// The message, if it is one.
    pub fn message(&self) -> Option<&Message> {
        match &self.what {
            What::Websocket(message) => Some(message),
            _ => None,
        }
    }
}

impl Exchange {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The answer's status, if there is one.
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.status)
    }
}

/// The first header of a name.
pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn exchange(http: &Http, secrets: &Secrets) -> Exchange {
    let target = secrets.hide_target(&http.target);
    let (raw, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = escape::decode_path(raw).map(|path| String::from_utf8_lossy(&path).into_owned());
    let (path, query) = (path.unwrap_or_else(|| raw.to_owned()), escape::pairs(query));
    let headers =
        |fields: &Fields| fields.iter().map(|(name, value)| secrets.hide_header(name, value)).collect();
    let done = http.done.get();
    let outcome = done.map_or(Outcome::Waiting, |done| done.outcome);
    let answer = done.filter(|_| outcome == Outcome::Answered).map(|done| Answer {
        at: done.at,
        status: done.status,
        headers: headers(&done.headers),
        body: Body::of(&done.body, secrets),
    });
    Exchange {
        connection: http.connection,
        method: http.method.as_str().to_owned(),
        path,
        query,
        version: if http.version == hyper::Version::HTTP_10 { "1.0" } else { "1.1" },
        headers: headers(&http.headers),
        body: http.body.get().map(|body| Body::of(body, secrets)),
        permission: done.and_then(|done| done.pass).map(|Pass { required, token, by }| Permit {
            required: required.role(),
            read: token.read.role(),
            write: token.write.role(),
            by: by.word(),
        }),
        acted: done.map(|done| done.acted.clone()).unwrap_or_default(),
        answer,
        outcome,
        target,
    }
}

/// `ID|operation|key…|payload`.
fn incoming(connection: u64, kept: &Kept, secrets: &Secrets) -> Message {
    let body = Body::of(kept, secrets);
    let bytes = body.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let mut parts = text.splitn(3, '|');
    let (id, operation, rest) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let key = match operation {
        "create" | "update" | "insert" => rest.split_once('|').map_or(rest, |(key, _)| key),
        _ => rest,
    };
    Message {
        connection,
        direction: Direction::In,
        id: id.to_owned(),
        operation: operation.to_owned(),
        key: key.to_owned(),
        body,
    }
}

fn outgoing(connection: u64, out: &Out, secrets: &Secrets) -> Message {
    let written;
    let kept = match out {
        Out::Reply(kept) => kept,
        Out::Record { id, kind, record } => {
            written = Kept::copy(&message(id, kind, record));
            &written
        }
    };
    let body = Body::of(kept, secrets);
    let bytes = body.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let mut parts = text.splitn(4, '|');
    let (id, operation) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let key = match operation {
        "ok" | "new" | "upd" | "del" => parts.next().unwrap_or_default(),
        _ => "",
    };
    Message {
        connection,
        direction: Direction::Out,
        id: id.to_owned(),
        operation: operation.to_owned(),
        key: key.to_owned(),
        body,
    }
}

/// The message that tells of a record, as the outbox writes it.
fn message(id: &[u8], kind: &str, record: &crate::world::Record) -> Vec<u8> {
    let bar: &[u8] = b"|";
    let key = record.key.as_bytes();
    if kind == "del" {
        return [id, b"|del|", key].concat();
    }
    match record.text() {
        Ok(text) => [id, bar, kind.as_bytes(), bar, key, b"|J", text].concat(),
        Err(error) => [id, b"|warning|", error.as_bytes()].concat(),
    }
}
