//! What an endpoint is asked, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode, header::HeaderName, http::HeaderValue};
use serde::Serialize;

use super::format::Format;
use crate::{
    go::{escape, json},
    netquery::Store,
    world::{World, session::Token},
};

/// A request that was let in.
#[derive(Debug)]
pub struct Call {
    /// The method; for OPTIONS the method that was asked about.
    pub method: Method,
    /// The parts of the path that the pattern names, decoded.
    pub path: Vec<(&'static str, String)>,
    /// The raw query.
    pub query: String,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body of POST and PUT; `None` for the other methods, whose bodies cores do not read.
    pub body: Option<Bytes>,
    /// What the caller may do.
    pub token: Token,
    /// The form that structured answers take.
    pub format: Format,
}

impl Call {
    /// A named part of the path; empty if the pattern does not name it.
    pub fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        escape::pairs(&self.query).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A query parameter that counts only when it has a value.
    pub fn filled(&self, name: &str) -> Option<String> {
        self.parameter(name).filter(|value| !value.is_empty())
    }

    /// The body, empty if there is none.
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// Answers with a structure, in the form that the caller asked for.
    pub fn structured(&self, value: &impl Serialize) -> Reply {
        Reply::structure(self.format.write(value))
    }
}

#[cfg(test)]
impl Call {
    /// A GET without anything, by a caller who may do everything.
    pub(super) fn plain() -> Self {
        Self {
            method: Method::GET,
            path: Vec::new(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: None,
            token: Token::ITSELF,
            format: Format::default(),
        }
    }
}

/// How an endpoint runs. Handlers are pure: they know nothing of sockets and never wait.
pub type Run = fn(&mut World, &Call) -> Reply;

/// An endpoint's code. Permissions, methods and types are its catalogue entry's.
#[derive(Debug)]
pub struct Handler {
    /// The path pattern, as the catalogue has it.
    pub path: &'static str,
    /// The part of the core that must be up.
    pub module: Module,
    /// The code.
    pub run: Run,
    /// The statuses that it may answer beside 200, 204 and 500.
    pub statuses: &'static [u16],
}

impl Handler {
    /// A handler that is always up.
    pub const fn new(path: &'static str, run: Run) -> Self {
        Self { path, module: Module::Core, run, statuses: &[] }
    }

    /// A handler of the privacy network, which may be switched off.
    pub const fn spn(path: &'static str, run: Run) -> Self {
        Self { module: Module::Spn, ..Self::new(path, run) }
    }

    /// The same, which may answer these statuses as well.
    pub const fn saying(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    /// Whether a reply has one of its statuses, as far as it is known already.
    pub fn says(&self, reply: &Reply) -> bool {
        match reply {
            Reply::Failure(Failure { status, .. }) | Reply::Raw(Raw { status, .. }) => {
                [200, 204, 500].contains(&status.as_u16()) || self.statuses.contains(&status.as_u16())
            }
            Reply::With(_, _, reply) | Reply::After(_, reply) => self.says(reply),
            _ => true,
        }
    }
}

/// A part of the core that can be down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// What is always up.
    Core,
    /// The privacy network.
    Spn,
}

/// What an endpoint answers. How it becomes HTTP is the gateway's affair.
pub enum Reply {
    /// A message; it gets a final line break if it has none.
    Action(String),
    /// Bytes of the documented type.
    Data(Bytes),
    /// A structure, written.
    Struct(Bytes),
    /// A database record with its `_meta`, written.
    Record(Bytes),
    /// A failure.
    Failure(Failure),
    /// An answer with a status and headers of its own.
    Raw(Raw),
    /// A reply with a header beside those of its kind.
    With(HeaderName, HeaderValue, Box<Reply>),
    /// An answer that comes after so much time of the world.
    After(Duration, Box<Reply>),
    /// An answer that waits for a person's choice in a notification.
    Wait {
        /// The notification's event.
        event_id: String,
        /// What follows from the choice, or from the notification's end.
        then: Box<dyn FnOnce(&mut World) -> Reply + Send>,
    },
    /// A question to the connection database, which needs the world no more and may take long.
    Netquery(Box<dyn FnOnce(&Store) -> Reply + Send>),
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Action(_) => "Action",
            Self::Data(_) => "Data",
            Self::Struct(_) => "Struct",
            Self::Record(_) => "Record",
            Self::Failure(_) => "Failure",
            Self::Raw(_) => "Raw",
            Self::With(..) => "With",
            Self::After(..) => "After",
            Self::Wait { .. } => "Wait",
            Self::Netquery(_) => "Netquery",
        })
    }
}

impl Reply {
    /// A message.
    pub fn action(text: impl Into<String>) -> Self {
        Self::Action(text.into())
    }

    /// A structure, if it could be written.
    pub fn structure(written: Result<impl Into<Bytes>, String>) -> Self {
        written.map_or_else(Self::failure, |written| Self::Struct(written.into()))
    }

    /// A record of the database: always JSON, with its `_meta`.
    pub fn record(value: &impl Serialize) -> Self {
        Self::Record(json::to_vec(value).into())
    }

    /// A failure with status 500, as most are.
    pub fn failure(text: impl Into<String>) -> Self {
        Self::error(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// A failure with its own status.
    pub fn error(status: StatusCode, text: impl Into<String>) -> Self {
        Self::Failure(Failure { status, text: text.into() })
    }
}

/// What an endpoint fails with.
#[derive(Debug)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// The text, without final line break.
    pub text: String,
}

/// An answer that the handler makes itself.
#[derive(Debug)]
pub struct Raw {
    /// The status.
    pub status: StatusCode,
    /// Headers, Content-Type among them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the handler tells the body's length itself, so that none is too long to be told.
    pub told: bool,
}

impl Raw {
    /// A body of a type, with status 200.
    pub fn new(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![(hyper::header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
            body: body.into(),
            told: false,
        }
    }

    /// A line of text with a status, as Go's `http.Error` writes it.
    pub fn text(status: StatusCode, text: &str) -> Self {
        Self { status, ..Self::new("text/plain; charset=utf-8", format!("{text}\n")) }
    }

    /// Adds a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Raw> for Reply {
    fn from(raw: Raw) -> Self {
        Self::Raw(raw)
    }
}
