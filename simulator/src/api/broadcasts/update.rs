//! Broadcasts from the body of a request, in YAML, of which JSON is a part.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    go::{
        decode::{self, Soft},
        duration,
        read::{Kind, Raw},
        structure::{Structure, Type},
        yaml,
    },
    ordered::ordered,
    query::{Grammar, Query},
    world::{Notification, broadcasts::Broadcast, notifications::STRUCTURE},
};

/// Why a body holds no broadcasts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UpdateError {
    /// An entry shows nothing; cores crash at it.
    Empty,
    /// Anything else, in its final words.
    Text(String),
}

impl From<decode::DecodeError> for UpdateError {
    fn from(error: decode::DecodeError) -> Self {
        Self::Text(format!("error unmarshaling JSON: {error}"))
    }
}

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Update {
    /// Whether broadcasts that no longer hold or are no longer sent are taken away.
    pub(super) automatic: bool,
    /// The broadcasts by id.
    pub(super) broadcasts: BTreeMap<String, Broadcast>,
}

const BROADCASTS: Structure = Structure {
    holder: "BroadcastNotifications",
    name: "broadcasts.BroadcastNotifications",
    fields: &[
        ("Automatic", Type::Bool),
        ("Notifications", Type::Named("map[string]*broadcasts.BroadcastNotification", &BROADCAST)),
    ],
};

const BROADCAST: Structure = Structure {
    holder: "BroadcastNotification",
    name: "broadcasts.BroadcastNotification",
    fields: &[
        ("Notification", Type::Embedded(&STRUCTURE)),
        ("Match", Type::Text("string")),
        ("Repeat", Type::Text("string")),
        ("Permanent", Type::Bool),
    ],
};

/// Reads a body; an empty one has no broadcasts.
pub(super) fn read(body: &[u8], now: Timestamp, grammar: Grammar) -> Result<Update, UpdateError> {
    let json = yaml::to_json(body).map_err(UpdateError::Text)?;
    let document = Raw::checked(&json).map_err(UpdateError::Text)?;
    let mut sent = BROADCASTS.decode(document, Soft::of_yaml())?;
    let automatic = sent.get("Automatic").and_then(Value::as_bool).unwrap_or_default();
    let Some(Value::Object(entries)) = sent.get_mut("Notifications").map(Value::take) else {
        return Ok(Update { automatic, ..Update::default() });
    };
    let showing = showing(document);
    let broadcasts = entries.into_iter().map(|(id, entry)| {
        let broadcast = checked(&id, &entry, showing.contains(&id), now, grammar)?;
        Ok((id, broadcast))
    });
    let broadcasts = broadcasts.collect::<Result<Vec<_>, UpdateError>>()?;
    Ok(Update { automatic, broadcasts: ordered(broadcasts) })
}

/// The entries that have a notification's member, be it null.
fn showing(document: Raw<'_>) -> BTreeSet<String> {
    let is = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
    let shows = |entry: Raw<'_>| {
        let known = |name: &str| STRUCTURE.fields.iter().any(|(field, _)| is(name, field));
        entry.kind() == Kind::Object && entry.members().any(|(name, _)| known(&name))
    };
    let lists =
        document.members().filter(|(name, list)| is(name, "Notifications") && list.kind() == Kind::Object);
    let entries = lists.flat_map(|(_, list)| list.members());
    entries.filter(|(_, entry)| shows(*entry)).map(|(id, _)| id).collect()
}

/// The broadcast of an entry.
fn checked(
    id: &str,
    entry: &Value,
    shows_something: bool,
    now: Timestamp,
    grammar: Grammar,
) -> Result<Broadcast, UpdateError> {
    let Some(entry) = entry.as_object() else { return Err(UpdateError::Empty) };
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    // Positions in errors count from the query that is made of a condition, as in the cores.
    let condition = match text("Match") {
        "" => None,
        text => {
            let query = Query::parse(&format!("query / where {text}"), grammar).map_err(|error| {
                UpdateError::Text(format!("failed to parse query of broadcast notification {id}: {error}"))
            })?;
            query.condition
        }
    };
    let repeat = match text("Repeat") {
        "" => None,
        text => Some(duration::parse(text).map_err(|error| {
            UpdateError::Text(format!(
                "failed to parse repeat duration of broadcast notification {id}: {error}"
            ))
        })?),
    };
    if !shows_something {
        return Err(UpdateError::Empty);
    }
    Ok(Broadcast {
        id: id.to_owned(),
        condition,
        notification: Notification::read(entry, Broadcast::event_id(id), now),
        repeat: repeat.map(|nanos| Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))),
        permanent: entry.get("Permanent").and_then(Value::as_bool).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(body: &str) -> Result<Vec<String>, UpdateError> {
        let update = read(
            body.as_bytes(),
            Timestamp::UNIX_EPOCH,
            Grammar { group_may_end: false, cuts_last_letter: false },
        )?;
        Ok(update.broadcasts.into_values().map(|one| one.notification.title).collect())
    }

    fn error(body: &str) -> String {
        match titles(body) {
            Err(UpdateError::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bodies_are_yaml_or_json() {
        assert_eq!(titles("").unwrap(), [""; 0]);
        assert_eq!(titles("null").unwrap(), [""; 0]);
        assert_eq!(titles("{}").unwrap(), [""; 0]);
        assert_eq!(titles("notifications: {}").unwrap(), [""; 0]);
        let json = r#"{"Notifications":{"n1":{"Title":"T","Type":1,"Message":"m","Begin":""}}}"#;
        assert_eq!(titles(json).unwrap(), ["T"]);
        assert_eq!(
            titles("notifications:\n  b:\n    title: T2\n  a:\n    title: T1\n").unwrap(),
            ["T1", "T2"]
        );
    }

    #[test]
    fn wrong_bodies_are_named_as_go_does() {
        let type_error = |found: &str| {
            format!(
                "error unmarshaling JSON: json: cannot unmarshal {found} into Go value of type \
                 broadcasts.BroadcastNotifications"
            )
        };
        assert_eq!(error("garbage"), type_error("string"));
        assert_eq!(error("[]"), type_error("array"));
        assert_eq!(error("5"), type_error("number"));
        assert!(error("notifications: [a]").contains("cannot unmarshal array into Go struct field"));
        assert!(error("{").starts_with("error converting YAML to JSON: yaml: "));
        assert_eq!(
            error("notifications:\n  e:\n    title: T\n    repeat: bogus\n"),
            "failed to parse repeat duration of broadcast notification e: time: invalid duration \"bogus\""
        );
        assert_eq!(
            error("notifications:\n  c:\n    title: T\n    match: \"(((\"\n"),
            "failed to parse query of broadcast notification c: unexpected end at position 17"
        );
    }

    #[test]
    fn an_entry_that_shows_nothing_is_an_error() {
        assert_eq!(titles("notifications:\n  g: {}\n"), Err(UpdateError::Empty));
        assert_eq!(titles("notifications:\n  g: null\n"), Err(UpdateError::Empty));
    }
}
