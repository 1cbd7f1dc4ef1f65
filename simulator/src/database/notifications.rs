//! `notifications:`, what the core has to say (websocket §5.6).

use std::sync::Arc;

use serde_json::Value;

use super::{Database, Found, OperationError, payload::Payload, store::apply, structure::Structure};
use crate::world::{
    Change, Notification, Record, World,
    notifications::{self, STRUCTURE},
};

/// The notifications as a database.
pub(super) struct Notifications;

impl Database for Notifications {
    fn get(&self, world: &mut World, key: &str) -> Result<Arc<Record>, OperationError> {
        let event_id = key.strip_prefix("all/").ok_or(OperationError::NotFound)?;
        world.notification(event_id).ok_or(OperationError::NotFound)?;
        world.notification_record(event_id).map(Arc::new).ok_or(OperationError::NotFound)
    }

    fn list(&self, world: &World, prefix: &str) -> Result<Found, OperationError> {
        let records = world.notifications().filter_map(|one| world.notification_record(&one.event_id));
        Ok(records.filter(|record| record.place().1.starts_with(prefix)).collect::<Vec<_>>().into())
    }

    fn write(&self, world: &mut World, key: &str, payload: &Payload) -> Result<(), OperationError> {
        let invalid = || OperationError::other("invalid data, must be a notification object");
        let sent =
            payload.read(&STRUCTURE, world.behaviour.websocket.other_formats).map_err(|_| invalid())?;
        let key = key.strip_prefix("all/").ok_or_else(|| OperationError::other("invalid path"))?;
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
        let event_id = match text("EventID") {
            id if id.is_empty() => format!("unknown:{}", notifications::uuid(&text("Message"))),
            id => id,
        };
        let notification =
            Notification { key: key.to_owned(), ..Notification::read(&sent, event_id, world.now()) };
        apply(world, Change::Notify(Box::new(notification)))
    }

    /// On the real core this locks the notification up for good.
    fn write_back(&self, _: &mut World, _: Record) -> Result<(), OperationError> {
        Err(OperationError::NotImplemented)
    }

    fn structure(&self, _: &World, _: &str) -> Option<&'static Structure> {
        Some(&STRUCTURE)
    }

    fn delete(&self, world: &mut World, record: Record) -> Result<(), OperationError> {
        let key = record.place().1.strip_prefix("all/").unwrap_or_default().to_owned();
        let found = world.notifications().find(|one| one.key == key).map(|one| one.event_id.clone());
        let event_id = found.ok_or(OperationError::NotStored)?;
        let misfiled = event_id != key;
        apply(world, Change::Dismiss { event_id })?;
        if misfiled { Err(OperationError::NotStored) } else { Ok(()) }
    }
}
