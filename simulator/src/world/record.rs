//! A record of the database: a key, its times, and what it holds (websocket §3).

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use jiff::Timestamp;
use portmaster_wire::together::{Share, Together};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    go::{json, sjson},
    limits::Work,
    query::{self, Fields},
};

/// The format byte of JSON.
pub const JSON: u8 = b'J';

/// A record's times, Unix seconds; 0 is unset (websocket §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// When it was made.
    pub created: i64,
    /// When it was last changed.
    pub modified: i64,
    /// When it goes.
    pub expires: i64,
    /// When it was deleted.
    pub deleted: i64,
}

impl Meta {
    /// Made and last changed at one instant.
    pub fn made(at: Timestamp) -> Self {
        Self { created: at.as_second(), modified: at.as_second(), ..Self::default() }
    }

    /// Changed at an instant; when it was made stays.
    pub fn changed(self, at: Timestamp) -> Self {
        Self { modified: at.as_second(), ..self }
    }

    /// Deleted at an instant. An instant before 1970 still counts as deleted.
    pub fn gone(self, at: Timestamp) -> Self {
        Self { deleted: at.as_second().max(1), ..self }
    }
}

/// What a record holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Body {
    /// What a client wrote, byte for byte, with its format.
    Text {
        /// The format byte; only JSON can be read.
        format: u8,
        /// The payload.
        #[serde(with = "super::saved::bytes")]
        data: Bytes,
    },
    /// A structure of the core, its members in the wire's order.
    Struct(Value),
}

impl Body {
    /// A JSON text.
    pub fn json(data: impl Into<Bytes>) -> Self {
        Self::Text { format: JSON, data: data.into() }
    }
}

/// A record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The key with its database, as in `core:ui/v1`.
    pub key: String,
    /// Its times.
    pub meta: Meta,
    /// What it holds.
    pub body: Body,
    /// Whether no client may see it.
    pub hidden: bool,
    #[serde(skip)]
    text: OnceLock<Result<Bytes, String>>,
    #[serde(skip)]
    waits: Waits,
}

/// What counts a record that waits to be sent. A clone waits for nobody.
#[derive(Debug, Default)]
struct Waits(Mutex<Weak<Share<Arc<Together>>>>);

impl Clone for Waits {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// About how many bytes a tree takes beside its first value.
fn tree(value: &Value) -> usize {
    const BLOCK: usize = 16;
    match value {
        Value::String(text) => text.len() + BLOCK,
        Value::Array(list) => list.iter().map(|one| size_of::<Value>() + tree(one)).sum::<usize>() + BLOCK,
        Value::Object(members) => {
            let member = size_of::<(String, Value)>() + 3 * size_of::<usize>() + BLOCK;
            members.iter().map(|(name, one)| member + name.len() + tree(one)).sum::<usize>() + 2 * BLOCK
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

impl Record {
    /// A record that clients may see.
    pub fn new(key: impl Into<String>, meta: Meta, body: Body) -> Self {
        Self { key: key.into(), meta, body, hidden: false, text: OnceLock::new(), waits: Waits::default() }
    }

    /// A structure of the core.
    pub fn of(key: impl Into<String>, meta: Meta, value: Value) -> Self {
        Self::new(key, meta, Body::Struct(value))
    }

    /// One that no client may see.
    pub fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// The same, deleted.
    pub fn deleted(mut self, at: Timestamp) -> Self {
        self.meta = self.meta.gone(at);
        self.text = OnceLock::new();
        self
    }

    /// The database's name and the key in it.
    pub fn place(&self) -> (&str, &str) {
        self.key.split_once(':').unwrap_or((&self.key, ""))
    }

    /// How a subscriber is told of it: `new`, `upd` or `del` (websocket §2.5).
    pub fn kind(&self) -> &'static str {
        if self.meta.deleted > 0 {
            "del"
        } else if self.meta.created == self.meta.modified {
            "new"
        } else {
            "upd"
        }
    }

    /// The record as JSON, with `_meta` as its last member or in the place of the one that was stored. Written once,
    /// however many ask.
    ///
    /// # Errors
    /// The core's words for what it cannot read (websocket §3.4).
    pub fn text(&self) -> Result<&Bytes, &str> {
        self.text.get_or_init(|| self.write()).as_ref().map_err(String::as_str)
    }

    /// About how many bytes it holds while it waits to be sent: its body, and the text that is written of it in the end.
    pub fn weight(&self) -> usize {
        let text = match &self.body {
            Body::Text { data, .. } => data.len(),
            // Names and marks are less than what a tree needs for them.
            Body::Struct(_) => self.held() / 4,
        };
        self.held() + text
    }

    /// How many bytes it holds while it is stored.
    pub fn held(&self) -> usize {
        let body = match &self.body {
            Body::Text { data, .. } => data.len(),
            Body::Struct(value) => tree(value),
        };
        size_of::<Self>() + self.key.len() + body
    }

    /// What counts it while it waits to be sent to anybody: once for all of them.
    pub fn waits(&self, all: &Arc<Together>) -> Arc<Share<Arc<Together>>> {
        let mut waits = self.waits.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.upgrade().unwrap_or_else(|| {
            let mut share = Share::of(Arc::clone(all));
            // Whoever sends looks whether that is too much.
            let _ = share.is(self.weight());
            let share = Arc::new(share);
            *waits = Arc::downgrade(&share);
            share
        })
    }

    fn write(&self) -> Result<Bytes, String> {
        let Meta { created, modified, expires, deleted } = self.meta;
        let key = json::to_string(&self.key);
        let meta = format!(
            r#"{{"Created":{created},"Modified":{modified},"Expires":{expires},"Deleted":{deleted},"Key":{key}}}"#
        );
        let written;
        let data: &[u8] = match &self.body {
            Body::Text { format: JSON, data } => data,
            Body::Text { .. } => {
                return Err("could not dump model, wrapped object format mismatch".to_owned());
            }
            Body::Struct(value) => {
                written = json::to_vec(value);
                &written
            }
        };
        let start = data.trim_ascii_start();
        if start.first() == Some(&b'{') && sjson::value_end(start, 0).is_none() {
            // An object that never ends: the core loses all but the key.
            return Ok(format!(r#"{{"_meta":{{"Key":{key}}}}}"#).into());
        }
        sjson::set(data, "_meta", meta.as_bytes(), &Work::new(u64::MAX)).map(Bytes::from)
    }
}

impl Fields for Record {
    fn field(&self, selector: &str, work: &Work) -> Option<query::Value> {
        match &self.body {
            Body::Text { format: JSON, data } => {
                query::Json(std::str::from_utf8(data).ok()?).field(selector, work)
            }
            Body::Text { .. } => None,
            Body::Struct(value) => Some(match value.get(selector)? {
                Value::String(text) => query::Value::Text(text.clone()),
                Value::Bool(value) => query::Value::Bool(*value),
                Value::Number(number) => match number.as_i64() {
                    Some(int) => query::Value::Int(int),
                    None => query::Value::Float(number.as_f64()?),
                },
                Value::Null | Value::Array(_) | Value::Object(_) => query::Value::Other,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(payload: &str) -> String {
        let meta = Meta { created: 1, modified: 2, ..Meta::default() };
        let record = Record::new("core:k", meta, Body::json(payload.to_owned()));
        match record.text() {
            Ok(text) => String::from_utf8(text.to_vec()).unwrap(),
            Err(error) => error.to_owned(),
        }
    }

    const META: &str = r#""_meta":{"Created":1,"Modified":2,"Expires":0,"Deleted":0,"Key":"core:k"}"#;

    #[test]
    fn payloads_stay_as_they_were_sent() {
        for (payload, expected) in [
            (r#"{ "n":1 }"#, r#"{ "n":1 ,META}"#),
            (r#"  {"a":1} trailing"#, r#"{"a":1,META}"#),
            (r#"{"a":1,"_meta":7,"b":2}"#, r#"{"a":1,META,"b":2}"#),
            ("{}", "{META}"),
            ("12", "{META}"),
            (r#"x{"a":1}"#, "{META}"),
            (r#"{"a":1"#, r#"{"_meta":{"Key":"core:k"}}"#),
            ("[1]", "cannot set array element for non-numeric key '_meta'"),
        ] {
            assert_eq!(text(payload), expected.replace("META", META), "{payload}");
        }
    }

    #[test]
    fn times_say_how_subscribers_are_told() {
        let at = Timestamp::from_second(100).unwrap();
        let record = |meta| Record::of("config:x", meta, json!({}));
        assert_eq!(record(Meta::default()).kind(), "new");
        assert_eq!(record(Meta::made(at)).kind(), "new");
        assert_eq!(record(Meta::made(at).changed(at + jiff::SignedDuration::from_secs(1))).kind(), "upd");
        assert_eq!(record(Meta::made(at)).deleted(at).kind(), "del");
    }
}
