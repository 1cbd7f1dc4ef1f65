//! `notifications:`, what the core has to say (websocket §5.6).

use serde_json::{Map, Value};

use super::{
    Database, Fault, Found,
    payload::Payload,
    store::apply,
    structure::{Structure, Type},
};
use crate::world::{
    Change, Notification, Record, World,
    notifications::{Action, State},
};

/// The notifications as a database.
pub(super) struct Notifications;

const ACTION: Structure = Structure {
    holder: "Action",
    name: "notifications.Action",
    fields: &[
        ("ID", Type::Text("string")),
        ("Text", Type::Text("string")),
        ("Type", Type::Text("notifications.ActionType")),
        ("Payload", Type::Any),
        ("Visibility", Type::Text("notifications.ActionVisibility")),
    ],
};

const NOTIFICATION: Structure = Structure {
    holder: "Notification",
    name: "notifications.Notification",
    fields: &[
        ("EventID", Type::Text("string")),
        ("GUID", Type::Text("string")),
        ("Type", Type::Int("uint8")),
        ("Title", Type::Text("string")),
        ("Category", Type::Text("string")),
        ("Message", Type::Text("string")),
        ("ShowOnSystem", Type::Bool),
        ("EventData", Type::Any),
        ("Expires", Type::Int("int64")),
        ("State", Type::Text("notifications.State")),
        ("AvailableActions", Type::List("[]*notifications.Action", &ACTION)),
        ("SelectedActionID", Type::Text("string")),
        ("lock", Type::Hidden("sync.Mutex")),
        ("actionFunction", Type::Hidden("notifications.NotificationActionFn")),
        ("actionTrigger", Type::Hidden("chan string")),
        ("expiredTrigger", Type::Hidden("chan struct {}")),
    ],
};

impl Database for Notifications {
    fn get(&self, world: &mut World, key: &str) -> Result<Record, Fault> {
        let event_id = key.strip_prefix("all/").ok_or(Fault::NotFound)?;
        world.notification(event_id).ok_or(Fault::NotFound)?;
        world.notification_record(event_id).ok_or(Fault::NotFound)
    }

    fn list(&self, world: &World, prefix: &str) -> Result<Found, Fault> {
        let records = world.notifications().filter_map(|one| world.notification_record(&one.event_id));
        Ok(records.filter(|record| record.place().1.starts_with(prefix)).collect::<Vec<_>>().into())
    }

    fn write(&self, world: &mut World, key: &str, payload: &Payload) -> Result<(), Fault> {
        let invalid = || Fault::other("invalid data, must be a notification object");
        let document = payload.json(world.rules.websocket.other_formats).map_err(|_| invalid())?;
        let sent = NOTIFICATION.read(&document).map_err(|_| invalid())?;
        let key = key.strip_prefix("all/").ok_or_else(|| Fault::other("invalid path"))?;
        let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if world.notification(key).is_some() {
            return apply(
                world,
                Change::Respond {
                    event_id: key.to_owned(),
                    state: text("State"),
                    action: text("SelectedActionID"),
                },
            );
        }
        if text("Title").is_empty() && text("Message").is_empty() {
            return Ok(());
        }
        let notification = made(world, key, &sent);
        apply(world, Change::Notify(Box::new(notification)))
    }

    /// On the real core this locks the notification up for good.
    fn write_back(&self, _: &mut World, _: Record) -> Result<(), Fault> {
        Err(Fault::NotImplemented)
    }

    fn structure(&self, _: &str) -> Option<&'static Structure> {
        Some(&NOTIFICATION)
    }

    fn delete(&self, world: &mut World, record: Record) -> Result<(), Fault> {
        let key = record.place().1.strip_prefix("all/").unwrap_or_default().to_owned();
        let found = world.notifications().find(|one| one.key == key).map(|one| one.event_id.clone());
        let event_id = found.ok_or(Fault::NotStored)?;
        let misfiled = event_id != key;
        apply(world, Change::Dismiss { event_id })?;
        if misfiled { Err(Fault::NotStored) } else { Ok(()) }
    }
}

/// The notification that a client made.
fn made(world: &World, key: &str, sent: &Map<String, Value>) -> Notification {
    let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str| sent.get(name).and_then(Value::as_i64).unwrap_or_default();
    let action = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Action {
            id: text("ID"),
            text: text("Text"),
            kind: text("Type"),
            payload: one.get("Payload").cloned().unwrap_or_default(),
            visibility: text("Visibility"),
        }
    };
    let event_id = match text("EventID") {
        id if id.is_empty() => format!("unknown:{}", crate::world::notifications::uuid(&text("Message"))),
        id => id,
    };
    Notification {
        key: key.to_owned(),
        guid: text("GUID"),
        kind: u8::try_from(number("Type")).unwrap_or_default(),
        title: text("Title"),
        category: text("Category"),
        message: text("Message"),
        show_on_system: sent.get("ShowOnSystem").and_then(Value::as_bool).unwrap_or_default(),
        event_data: sent.get("EventData").cloned().unwrap_or_default(),
        expires: number("Expires"),
        state: match text("State").as_str() {
            "responded" => State::Responded,
            "executed" => State::Executed,
            _ => State::Active,
        },
        available_actions: sent
            .get("AvailableActions")
            .and_then(Value::as_array)
            .map(|actions| actions.iter().map(action).collect()),
        selected_action_id: text("SelectedActionID"),
        ..Notification::new(event_id, world.now())
    }
}
