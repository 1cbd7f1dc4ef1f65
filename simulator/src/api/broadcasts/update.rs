//! Broadcasts from the body of a request, in YAML, of which JSON is a part.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    go::{
        decode::{self, At, Soft, members},
        duration,
        read::{Kind, Raw},
    },
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

/// Broadcasts by id; instead of one, why it cannot be shown.
pub(super) type Entries = BTreeMap<String, Result<Broadcast, String>>;

/// The type's name in the cores' messages.
const UPDATE: &str = "BroadcastNotifications";

/// Reads a body; an empty one has no broadcasts.
pub(super) fn read(body: &[u8], now: Timestamp) -> Result<Entries, Fault> {
    let yaml = |fault: String| Fault::Text(format!("error converting YAML to JSON: yaml: {fault}"));
    let text = std::str::from_utf8(body).map_err(|_| yaml("invalid leading UTF-8 octet".to_owned()))?;
    if text.trim().is_empty() {
        return Ok(Entries::new());
    }
    let value: Value = serde_saphyr::from_str(text)
        .map_err(|fault| yaml(fault.to_string().lines().next().unwrap_or_default().to_owned()))?;
    let json = value.to_string();
    let document = Raw::checked(json.as_bytes()).map_err(Fault::Text)?;
    let mut soft = Soft::default();
    let mut raw = Vec::new();
    let go_type = "broadcasts.BroadcastNotifications";
    members(document, At::TOP, go_type, &["Notifications"], &mut soft, |_, value, soft| {
        match value.kind() {
            Kind::Object => raw.extend(value.members()),
            Kind::Null => {}
            _ => soft.wrong(
                At::member(UPDATE, "Notifications"),
                value,
                "map[string]*broadcasts.BroadcastNotification",
            ),
        }
        Ok(())
    })?;
    let mut parts = Vec::new();
    for (id, value) in raw {
        let part = entry(&id, value, now, &mut soft)?;
        parts.push((id, part));
    }
    let parts = soft.unless(parts)?;
    parts.into_iter().map(|(id, part)| Ok((id.clone(), checked(id, part)?))).collect()
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
fn checked(id: String, part: Part) -> Result<Result<Broadcast, String>, Fault> {
    let repeat = match part.repeat.as_str() {
        "" => None,
        text => Some(duration::parse(text).map_err(|fault| {
            Fault::Text(format!("failed to parse repeat duration of broadcast notification {id}: {fault}"))
        })?),
    };
    if !part.shows_something {
        return Err(Fault::Empty);
    }
    if !part.condition.is_empty() {
        return Ok(Err("conditions are not simulated".to_owned()));
    }
    Ok(Ok(Broadcast {
        id,
        notification: part.notification,
        repeat: repeat.map(|nanos| Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))),
        permanent: part.permanent,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(body: &str) -> Result<Vec<String>, Fault> {
        let entries = read(body.as_bytes(), Timestamp::UNIX_EPOCH)?;
        Ok(entries.into_values().map(|one| one.unwrap().notification.title).collect())
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
    }

    #[test]
    fn an_entry_that_shows_nothing_is_a_fault() {
        assert_eq!(titles("notifications:\n  g: {}\n"), Err(Fault::Empty));
        assert_eq!(titles("notifications:\n  g: null\n"), Err(Fault::Empty));
    }
}
