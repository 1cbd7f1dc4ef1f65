//! Broadcasts from the body of a request, in YAML, of which JSON is a part.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    go::{
        decode::{self, At, Soft, members},
        duration,
        read::{Kind, Raw},
        yaml,
    },
    query::{Grammar, Query},
    world::{Notification, broadcasts::Broadcast, notifications::Action},
};

/// Why a body holds no broadcasts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An entry shows nothing; cores crash at it.
    Empty,
    /// Anything else, in its final words.
    Text(String),
}

impl From<decode::Fault> for Fault {
    fn from(fault: decode::Fault) -> Self {
        Self::Text(format!("error unmarshaling JSON: {fault}"))
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

/// The type's name in the cores' messages.
const UPDATE: &str = "BroadcastNotifications";

/// Reads a body; an empty one has no broadcasts.
pub(super) fn read(body: &[u8], now: Timestamp, grammar: Grammar) -> Result<Update, Fault> {
    let json = yaml::to_json(body).map_err(Fault::Text)?;
    let document = Raw::checked(json.as_bytes()).map_err(Fault::Text)?;
    let mut soft = Soft::default();
    let mut raw = Vec::new();
    let mut automatic = false;
    let go_type = "broadcasts.BroadcastNotifications";
    members(document, At::TOP, go_type, &["Automatic", "Notifications"], &mut soft, |name, value, soft| {
        let at = At::member(UPDATE, name);
        match value.kind() {
            _ if name == "Automatic" => soft.bool(value, at, &mut automatic),
            Kind::Object => raw.extend(value.members()),
            Kind::Null => {}
            _ => soft.wrong(at, value, "map[string]*broadcasts.BroadcastNotification"),
        }
        Ok(())
    })?;
    let mut parts = Vec::new();
    for (id, value) in raw {
        let part = entry(&id, value, now, &mut soft)?;
        parts.push((id, part));
    }
    let parts = soft.unless(parts)?;
    let checked = |(id, part): (String, Part)| Ok((id.clone(), checked(id, part, grammar)?));
    Ok(Update { automatic, broadcasts: parts.into_iter().map(checked).collect::<Result<_, Fault>>()? })
}

/// An entry as it is written.
struct Part {
    notification: Notification,
    shows_something: bool,
    condition: String,
    repeat: String,
    permanent: bool,
}

/// The members of an entry that are known, and of which Go type the wrong ones should be.
const MEMBERS: &[&str] = &[
    "Type",
    "Title",
    "Category",
    "Message",
    "ShowOnSystem",
    "EventData",
    "Expires",
    "AvailableActions",
    "Match",
    "Repeat",
    "Permanent",
];

fn entry(id: &str, raw: Raw<'_>, now: Timestamp, soft: &mut Soft) -> Result<Part, decode::Fault> {
    let mut part = Part {
        notification: Notification::new(Broadcast::event_id(id), now),
        shows_something: false,
        condition: String::new(),
        repeat: String::new(),
        permanent: false,
    };
    let parent = format!("Notifications.{id}");
    let place = At::member(UPDATE, &parent);
    members(raw, place, "broadcasts.BroadcastNotification", MEMBERS, soft, |name, value, soft| {
        let at = At::nested(UPDATE, &parent, name);
        let notification = &mut part.notification;
        part.shows_something |= !matches!(name, "Match" | "Repeat" | "Permanent");
        match name {
            "Type" => {
                let mut kind = 0;
                soft.int(value, at, &mut kind);
                notification.kind = u8::try_from(kind).unwrap_or(0);
            }
            "Title" => soft.string(value, at, "string", &mut notification.title),
            "Category" => soft.string(value, at, "string", &mut notification.category),
            "Message" => soft.string(value, at, "string", &mut notification.message),
            "ShowOnSystem" => soft.bool(value, at, &mut notification.show_on_system),
            "EventData" => notification.event_data = any(value),
            "Expires" => soft.int(value, at, &mut notification.expires),
            "AvailableActions" => match value.kind() {
                Kind::Array => {
                    let actions =
                        value.elements().map(|one| action(one, at, soft)).collect::<Result<_, _>>()?;
                    notification.available_actions = Some(actions);
                }
                Kind::Null => {}
                _ => soft.wrong(at, value, "[]*notifications.Action"),
            },
            "Match" => soft.string(value, at, "string", &mut part.condition),
            "Repeat" => soft.string(value, at, "string", &mut part.repeat),
            _ => soft.bool(value, at, &mut part.permanent),
        }
        Ok(())
    })?;
    Ok(part)
}

fn action(raw: Raw<'_>, at: At<'_>, soft: &mut Soft) -> Result<Action, decode::Fault> {
    let mut action = Action::default();
    let names = &["ID", "Text", "Type", "Payload", "Visibility"];
    members(raw, at, "notifications.Action", names, soft, |name, value, soft| {
        match name {
            "ID" => soft.string(value, at, "string", &mut action.id),
            "Text" => soft.string(value, at, "string", &mut action.text),
            "Type" => soft.string(value, at, "notifications.ActionType", &mut action.kind),
            "Payload" => action.payload = any(value),
            _ => soft.string(value, at, "notifications.ActionVisibility", &mut action.visibility),
        }
        Ok(())
    })?;
    Ok(action)
}

/// A value of any type. It was checked with the document.
fn any(raw: Raw<'_>) -> Value {
    serde_json::from_str(&raw.literal()).unwrap_or_default()
}

/// The broadcast of an entry.
fn checked(id: String, part: Part, grammar: Grammar) -> Result<Broadcast, Fault> {
    // Positions in faults count from the query that is made of a condition, as in the cores.
    let condition = match part.condition.as_str() {
        "" => None,
        text => {
            let query = Query::parse(&format!("query / where {text}"), grammar).map_err(|fault| {
                Fault::Text(format!("failed to parse query of broadcast notification {id}: {fault}"))
            })?;
            query.condition
        }
    };
    let repeat = match part.repeat.as_str() {
        "" => None,
        text => Some(duration::parse(text).map_err(|fault| {
            Fault::Text(format!("failed to parse repeat duration of broadcast notification {id}: {fault}"))
        })?),
    };
    if !part.shows_something {
        return Err(Fault::Empty);
    }
    Ok(Broadcast {
        id,
        condition,
        notification: part.notification,
        repeat: repeat.map(|nanos| Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))),
        permanent: part.permanent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(body: &str) -> Result<Vec<String>, Fault> {
        let update = read(body.as_bytes(), Timestamp::UNIX_EPOCH, Grammar { group_may_end: false })?;
        Ok(update.broadcasts.into_values().map(|one| one.notification.title).collect())
    }

    fn fault(body: &str) -> String {
        match titles(body) {
            Err(Fault::Text(text)) => text,
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
        let type_fault = |found: &str| {
            format!(
                "error unmarshaling JSON: json: cannot unmarshal {found} into Go value of type \
                 broadcasts.BroadcastNotifications"
            )
        };
        assert_eq!(fault("garbage"), type_fault("string"));
        assert_eq!(fault("[]"), type_fault("array"));
        assert_eq!(fault("5"), type_fault("number"));
        assert!(fault("notifications: [a]").contains("cannot unmarshal array into Go struct field"));
        assert!(fault("{").starts_with("error converting YAML to JSON: yaml: "));
        assert_eq!(
            fault("notifications:\n  e:\n    title: T\n    repeat: bogus\n"),
            "failed to parse repeat duration of broadcast notification e: time: invalid duration \"bogus\""
        );
        assert_eq!(
            fault("notifications:\n  c:\n    title: T\n    match: \"(((\"\n"),
            "failed to parse query of broadcast notification c: unexpected end at position 17"
        );
    }

    #[test]
    fn an_entry_that_shows_nothing_is_a_fault() {
        assert_eq!(titles("notifications:\n  g: {}\n"), Err(Fault::Empty));
        assert_eq!(titles("notifications:\n  g: null\n"), Err(Fault::Empty));
    }
}
