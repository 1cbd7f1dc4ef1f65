//! Messages of the database websocket, as a recording has them and as they come.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    bytes::Bytes,
    difference::{Difference, Sort},
    masks::Masks,
    value::{self, shortened},
};
use crate::target::{Frame, opcode};

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Said {
    /// A message, or the payload of a ping or pong.
    Data(Bytes),
    /// The end of the connection.
    Close {
        /// The status code, if there is one.
        code: Option<u16>,
        /// The reason, perhaps empty.
        #[serde(default)]
        reason: Option<String>,
    },
}

/// The kinds of frames by their names.
const KINDS: [(&str, u8); 5] = [
    ("text", opcode::TEXT),
    ("binary", opcode::BINARY),
    ("close", opcode::CLOSE),
    ("ping", opcode::PING),
    ("pong", opcode::PONG),
];

/// The opcode of a kind of frames.
pub(crate) fn opcode_of(kind: &str) -> Option<u8> {
    KINDS.iter().find(|(name, _)| *name == kind).map(|(_, opcode)| *opcode)
}

/// The name of an opcode.
pub(crate) fn kind_of(opcode: u8) -> &'static str {
    KINDS.iter().find(|(_, one)| *one == opcode).map_or("continuation", |(name, _)| name)
}

impl Said {
    /// What a frame that came holds.
    pub(crate) fn in_frame(frame: &Frame) -> Self {
        if frame.opcode != opcode::CLOSE {
            return Self::Data(Bytes(frame.payload.clone()));
        }
        let reason = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default()).into_owned();
        Self::Close { code: frame.code(), reason: Some(reason) }
    }

    /// The payload of a frame that holds this.
    pub(crate) fn payload(&self) -> Vec<u8> {
        match self {
            Self::Data(bytes) => bytes.0.clone(),
            Self::Close { code: None | Some(0), .. } => vec![],
            Self::Close { code: Some(code), reason } => {
                [&code.to_be_bytes()[..], reason.as_deref().unwrap_or_default().as_bytes()].concat()
            }
        }
    }

    /// The text, where it is one.
    fn text(&self) -> Option<&str> {
        match self {
            Self::Data(bytes) => std::str::from_utf8(&bytes.0).ok(),
            Self::Close { .. } => None,
        }
    }

    /// As a report shows it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Data(bytes) => format!("{:?}", shortened(&String::from_utf8_lossy(&bytes.0))),
            Self::Close { code, reason } => {
                let code = code.map_or("no code".to_owned(), |code| code.to_string());
                format!("{code} {:?}", reason.as_deref().unwrap_or_default())
            }
        }
    }
}

/// A frame that a recording expects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Expected {
    /// What it holds.
    pub(crate) recv: Said,
    /// Its kind.
    #[serde(default = "binary")]
    pub(crate) frame: String,
    /// The paths of members of its record whose values vary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mask: Vec<String>,
}

fn binary() -> String {
    "binary".to_owned()
}

impl Expected {
    /// A frame that came. The times of its record are those of the recording: others will do, but not none (websocket §3).
    pub(crate) fn of(recv: Said, frame: String) -> Self {
        let record = recv.text().and_then(record);
        let has = |name: &&str| {
            record
                .as_ref()
                .is_some_and(|(_, value)| value["_meta"][*name].as_i64().is_some_and(|time| time != 0))
        };
        let mask = Masks::get().times().filter(has).map(|name| format!("_meta.{name}")).collect();
        Self { recv, frame, mask }
    }

    /// Where a frame first differs from this, if it does.
    pub(crate) fn difference(&self, got: &Frame) -> Option<Difference> {
        self.differences(got).into_iter().next()
    }

    /// Where a frame differs from this.
    pub(crate) fn differences(&self, got: &Frame) -> Vec<Difference> {
        let kind = kind_of(got.opcode);
        let said = Said::in_frame(got);
        let whole = || {
            let expected = format!("{} {}", self.frame, self.recv.shown());
            vec![Difference::new(Sort::Message, "message", expected, format!("{kind} {}", said.shown()))]
        };
        if self.frame != kind {
            return whole();
        }
        match (self.recv.text(), said.text()) {
            (Some(wanted), Some(found)) => match (record(wanted), record(found)) {
                (Some((one, mut wanted)), Some((other, mut found))) if one == other => {
                    for value in [&mut wanted, &mut found] {
                        self.mask.iter().for_each(|path| hide(value, path));
                        Masks::get().hide_prose(value);
                    }
                    let mut out = vec![];
                    value::differences(&wanted, &found, "", &mut out);
                    out
                }
                _ if wanted == found => vec![],
                _ => whole(),
            },
            _ if self.recv == said => vec![],
            _ => whole(),
        }
    }
}

impl Expected {
    /// The members in which another recording of the same message varies; none when it is another message.
    pub(crate) fn varying(&self, other: &Self) -> Option<Vec<String>> {
        let came = Frame::new(opcode_of(&other.frame)?, other.recv.payload());
        let mut open = self.clone();
        let mut members = vec![];
        while let Some(difference) = open.difference(&came) {
            let member = difference.place.strip_prefix('.').filter(|path| !path.contains('['))?;
            // What varies and is not always there cannot be masked.
            if member.is_empty() || members.iter().any(|one| one == member) {
                return None;
            }
            members.push(member.to_owned());
            open.mask.push(member.to_owned());
        }
        Some(members)
    }
}

/// A message `ID|kind|key|J…` taken apart before its record (websocket §2).
fn record(text: &str) -> Option<(&str, Value)> {
    let at = text.match_indices('|').nth(2)?.0;
    let json = text[at + 1..].strip_prefix('J')?;
    Some((&text[..at], serde_json::from_str(json).ok()?))
}

/// Replaces a value that varies, but keeps whether there is one: a time may be another one, but not become
/// zero.
fn hide(value: &mut Value, path: &str) {
    let mut at = value;
    for key in path.split('.') {
        match at.get_mut(key) {
            Some(member) => at = member,
            None => return,
        }
    }
    let nothing = match at {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    };
    if !nothing {
        *at = Value::from("…");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(text: &str, mask: &[&str]) -> Expected {
        let mask = mask.iter().map(|&path| path.to_owned()).collect();
        Expected { recv: Said::Data(Bytes(text.into())), frame: binary(), mask }
    }

    fn against(expected: &Expected, text: &str) -> Option<String> {
        expected.difference(&Frame::new(opcode::BINARY, text)).map(|one| one.to_string())
    }

    #[test]
    fn records_are_compared_as_values() {
        let one = expected(r#"1|ok|a:b|J{"a":1,"Help":"x","_meta":{"Created":5}}"#, &["_meta.Created"]);
        assert_eq!(against(&one, r#"1|ok|a:b|J{"_meta":{"Created":9},"Help":"y","a":1}"#), None);
        assert_eq!(
            against(&one, r#"1|ok|a:b|J{"_meta":{"Created":0},"Help":"y","a":1}"#).unwrap(),
            "._meta.Created: expected \"…\", got 0"
        );
        assert!(against(&one, r#"2|ok|a:b|J{"_meta":{"Created":9},"Help":"y","a":1}"#).is_some());
        assert!(against(&one, r#"1|ok|a:b|J{"_meta":{"Created":9},"Help":1,"a":1}"#).is_some());
    }

    #[test]
    fn times_are_masked_as_they_are_recorded() {
        let said = |text: &str| Said::Data(Bytes(text.into()));
        let one = Expected::of(said(r#"1|ok|a:b|J{"_meta":{"Created":5,"Modified":0}}"#), binary());
        assert_eq!(one.mask, ["_meta.Created"]);
        assert_eq!(against(&one, r#"1|ok|a:b|J{"_meta":{"Created":9,"Modified":0}}"#), None);
        assert!(against(&one, r#"1|ok|a:b|J{"_meta":{"Created":0,"Modified":0}}"#).is_some());
        assert!(Expected::of(said("1|done"), binary()).mask.is_empty());
    }

    #[test]
    fn two_recordings_say_what_varies() {
        let one = expected(r#"1|ok|a:b|J{"a":{"t":1},"n":1,"x":2}"#, &[]);
        let varying = |text: &str| one.varying(&expected(text, &[]));
        assert_eq!(varying(r#"1|ok|a:b|J{"a":{"t":3},"n":9,"x":2}"#).unwrap(), ["a.t", "n"]);
        assert_eq!(varying(r#"1|ok|a:b|J{"a":{"t":1},"n":1,"x":2}"#).unwrap(), [""; 0]);
        assert_eq!(varying(r#"1|new|a:b|J{"a":{"t":1},"n":1,"x":2}"#), None);
        assert_eq!(varying(r#"1|ok|a:b|J{"a":{"t":1},"n":1}"#), None);
    }

    #[test]
    fn other_messages_are_compared_as_they_are() {
        assert_eq!(against(&expected("1|done", &[]), "1|done"), None);
        assert!(against(&expected("1|done", &[]), "1|error|x").is_some());
        assert!(expected("1|done", &[]).difference(&Frame::new(opcode::TEXT, "1|done")).is_some());
        let close = Expected {
            recv: serde_json::from_str(r#"{"code":1003,"reason":""}"#).unwrap(),
            frame: "close".to_owned(),
            mask: vec![],
        };
        assert_eq!(close.difference(&Frame::close(1003)), None);
        assert!(close.difference(&Frame::close(1000)).is_some());
    }
}
