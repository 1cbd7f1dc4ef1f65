//! Which entries are meant, and what keeps one from being meant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    difference::Difference,
    entry::{Direction, Entry, Exchange, Message, What, header},
};
use crate::{
    core::{Recorded, Slot},
    world::{Pattern, is_part},
};

/// What entries have in common. Everything that is said must hold; nothing said, every entry fits.
///
/// In patterns `*` stands for any text and `?` for one character. A path without a slash at its beginning is one below `/api/v1/`.
///
/// ```
/// use portmaster_simulator::journal::Filter;
///
/// let filter = Filter::default().method("PUT").path("sync/settings/*").body(serde_json::json!({ "type": "settings" }));
/// let same: Filter = serde_json::from_str(
///     r#"{ "method": "PUT", "path": "sync/settings/*", "body": { "type": "settings" } }"#,
/// ).expect("a filter");
/// assert_eq!(filter, same);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Of a request: the method, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Of a request: a pattern of the decoded path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Of a request: members of the query, a pattern each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Of a request: headers, a pattern each. What is hidden in the journal is hidden here, too.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Of a request or a message: what the body has in it. Objects may have more members; a text is looked for as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Of a request: its answer's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Of a message: where it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Of a message: the operation, such as `qsub` or `upd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Of a message: a pattern of the key or the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Of a request or a message: the connection's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// Only entries with a greater number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// At most so many: with `since` the first of them, else the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A request.
    Http,
    /// A message of the database websocket.
    Websocket,
    /// A change that was refused while nobody waited for it.
    Refused,
    /// A note for the reader.
    Note,
}

impl Filter {
    /// Only requests with this method.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only requests whose path fits this pattern.
    pub fn path(mut self, pattern: impl Into<String>) -> Self {
        self.path = Some(pattern.into());
        self
    }

    /// Only requests whose query has this member.
    pub fn query(mut self, name: impl Into<String>, pattern: impl Into<String>) -> Self {
        self.query.insert(name.into(), pattern.into());
        self
    }

    /// Only requests with this header.
    pub fn header(mut self, name: impl Into<String>, pattern: impl Into<String>) -> Self {
        self.headers.insert(name.into(), pattern.into());
        self
    }

    /// Only requests and messages whose body has this in it.
    pub fn body(mut self, part: impl Into<Value>) -> Self {
        self.body = Some(part.into());
        self
    }

    /// Only requests with this answer.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Only messages with this operation whose key fits this pattern.
    pub fn message(mut self, operation: impl Into<String>, key: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self.key = Some(key.into());
        self
    }

    /// Only entries of this kind.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only entries behind this number.
    pub fn since(mut self, seq: u64) -> Self {
        self.since = Some(seq);
        self
    }

    /// At most so many.
    pub fn limit(mut self, most: usize) -> Self {
        self.limit = Some(most);
        self
    }

    /// What its members speak of, if they speak of requests or of messages only.
    pub(super) fn subject(&self) -> Option<Kind> {
        let http = self.method.is_some()
            || self.path.is_some()
            || self.status.is_some()
            || !self.query.is_empty()
            || !self.headers.is_empty();
        let websocket = self.direction.is_some() || self.operation.is_some() || self.key.is_some();
        self.kind.or(if http {
            Some(Kind::Http)
        } else if websocket {
            Some(Kind::Websocket)
        } else {
            None
        })
    }
}

/// A filter that is ready to look at entries.
pub(super) struct Matcher<'a> {
    told: &'a Filter,
    subject: Option<Kind>,
    path: Option<Pattern>,
    key: Option<Pattern>,
    query: Vec<(&'a str, Pattern)>,
    headers: Vec<(&'a str, Pattern)>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(told: &'a Filter) -> Self {
        let each = |all: &'a BTreeMap<String, String>| {
            all.iter().map(|(name, pattern)| (name.as_str(), Pattern::new(pattern))).collect()
        };
        Self {
            told,
            subject: told.subject(),
            path: told.path.as_deref().map(Pattern::path),
            key: told.key.as_deref().map(Pattern::new),
            query: each(&told.query),
            headers: each(&told.headers),
        }
    }

    /// Whether a look at the rest is worth the while.
    pub(super) fn may_fit(&self, slot: &Slot) -> bool {
        let kind = match &slot.what {
            Recorded::Http(_) => Kind::Http,
            Recorded::In(..) | Recorded::Out(..) => Kind::Websocket,
            Recorded::Refused(_) => Kind::Refused,
            Recorded::Note(_) => Kind::Note,
        };
        let (method, status) = match &slot.what {
            Recorded::Http(http) => (
                self.told.method.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(http.method.as_str())),
                self.told.status.is_none_or(|one| http.done.get().is_some_and(|done| done.status == one)),
            ),
            _ => (true, true),
        };
        self.subject.is_none_or(|subject| subject == kind) && method && status
    }

    /// Whether an entry is meant.
    pub(super) fn fits(&self, entry: &Entry) -> bool {
        match &entry.what {
            What::Http(exchange) => self.differences(exchange).is_empty(),
            What::Websocket(message) => self.is_message(message),
            What::Refused { .. } | What::Note { .. } => {
                self.told.body.is_none() && self.told.connection.is_none()
            }
        }
    }

    fn is_message(&self, message: &Message) -> bool {
        let told = self.told;
        told.direction.is_none_or(|one| one == message.direction)
            && told.connection.is_none_or(|one| one == message.connection)
            && told.operation.as_ref().is_none_or(|one| *one == message.operation)
            && self.key.as_ref().is_none_or(|pattern| pattern.fits(&message.key))
            && told.body.as_ref().is_none_or(|part| {
                let text = message.body.text.as_deref().unwrap_or_default();
                // The payload is behind the last bar before it, and its format.
                let json = text.find("|J").map_or("", |at| &text[at + 2..]);
                match part {
                    Value::String(part) => text.contains(part.as_str()),
                    part => serde_json::from_str(json).is_ok_and(|found: Value| is_part(part, &found)),
                }
            })
    }

    /// What keeps a request from being meant.
    pub(super) fn differences(&self, exchange: &Exchange) -> Vec<Difference> {
        let told = self.told;
        let mut all = Vec::new();
        if let Some(method) = &told.method
            && !method.eq_ignore_ascii_case(&exchange.method)
        {
            all.push(Difference::new("method", method.to_uppercase(), exchange.method.as_str()));
        }
        if let (Some(pattern), Some(told)) = (&self.path, &told.path)
            && !pattern.fits(&exchange.path)
        {
            all.push(Difference::new("path", Pattern::whole(told), exchange.path.as_str()));
        }
        for (name, pattern) in &self.query {
            let found: Vec<&str> = exchange
                .query
                .iter()
                .filter(|(one, _)| one == name)
                .map(|(_, value)| value.as_str())
                .collect();
            if !found.iter().any(|value| pattern.fits(value)) {
                all.push(Difference::found(format!("query {name}"), &told.query[*name], &found));
            }
        }
        for (name, pattern) in &self.headers {
            let found: Vec<&str> = exchange
                .headers
                .iter()
                .filter(|(one, _)| one.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            if !found.iter().any(|value| pattern.fits(value)) {
                let what = format!("header {}", name.to_ascii_lowercase());
                all.push(Difference::found(what, &told.headers[*name], &found));
            }
        }
        if let Some(part) = &told.body {
            let json = header(&exchange.headers, "content-type");
            Difference::bodies(part, exchange.body.as_ref(), json.unwrap_or_default(), &mut all);
        }
        if let Some(status) = told.status
            && exchange.status() != Some(status)
        {
            let got = exchange.status().map_or(Value::Null, Value::from);
            all.push(Difference { what: "status".to_owned(), expected: status.into(), got });
        }
        if let Some(connection) = told.connection
            && connection != exchange.connection
        {
            let what = "connection".to_owned();
            all.push(Difference { what, expected: connection.into(), got: exchange.connection.into() });
        }
        all
    }
}
