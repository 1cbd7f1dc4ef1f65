//! `map:`, the hubs of the privacy network. There is none before the network was first up (websocket §5.8).

use std::sync::Arc;

use super::{
    Database, Found, OperationError, Subscribers,
    structure::{Structure, Type},
};
use crate::{
    api,
    world::{Meta, Record, World},
};

/// The map as a database.
pub(super) struct Map;

impl Database for Map {
    fn is_writable(&self) -> bool {
        false
    }

    fn get(&self, world: &mut World, key: &str) -> Result<Arc<Record>, OperationError> {
        let found = match pins(world, key.split('/').next().unwrap_or_default()) {
            Err(OperationError::NotStored) => return Err(OperationError::NotFound),
            found => found?,
        };
        found.into_iter().find(|record| record.place().1 == key).map(Arc::new).ok_or(OperationError::NotFound)
    }

    fn list(&self, world: &World, prefix: &str) -> Result<Found, OperationError> {
        let mut found = pins(world, prefix.split('/').next().unwrap_or_default())?;
        found.retain(|record| record.place().1.starts_with(prefix));
        Ok(found.into())
    }

    /// A map is asked for by its name, and there is one.
    fn all(&self, world: &World) -> Vec<Record> {
        pins(world, MAIN).unwrap_or_default()
    }

    fn structure(&self, _: &World, _: &str) -> Option<&'static Structure> {
        Some(&PIN)
    }
}

/// The name of the map.
const MAIN: &str = "main";

const PIN: Structure = Structure {
    holder: "PinExport",
    name: "navigator.PinExport",
    fields: &[
        ("ID", Type::Text("string")),
        ("Name", Type::Text("string")),
        ("Map", Type::Text("string")),
        ("FirstSeen", Type::Kind("struct")),
        ("EntityV4", Type::Kind("ptr")),
        ("EntityV6", Type::Kind("ptr")),
        ("States", Type::Kind("slice")),
        ("VerifiedOwner", Type::Text("string")),
        ("HopDistance", Type::Int("int")),
        ("ConnectedTo", Type::Kind("map")),
        ("Route", Type::Kind("slice")),
        ("SessionActive", Type::Bool),
        ("Info", Type::Kind("ptr")),
        ("Status", Type::Kind("ptr")),
    ],
};

fn pins(world: &World, name: &str) -> Result<Vec<Record>, OperationError> {
    if !world.spn_enabled() {
        return Err(OperationError::NotInjected);
    }
    let map = world.map(name).ok_or(OperationError::NotStored)?;
    let now = world.now();
    let record = |(id, first_seen, value)| {
        Record::of(format!("map:{name}/{id}"), Meta::made(first_seen).changed(now), value)
    };
    Ok(api::pin_records(world, map).into_iter().map(record).collect())
}

/// Tells subscribers of hubs that joined, changed or left, by their ids.
pub(super) fn publish(subscribers: &Subscribers, world: &World, ids: &[String]) {
    if !subscribers.listens("map") || ids.is_empty() {
        return;
    }
    let pins = pins(world, MAIN).unwrap_or_default();
    for id in ids {
        let key = format!("map:{MAIN}/{id}");
        let gone = || Record::of(key.clone(), Meta::default(), serde_json::Value::Null).deleted(world.now());
        let record = pins.iter().find(|record| record.key == key).cloned().unwrap_or_else(gone);
        subscribers.publish(&Arc::new(record));
    }
}
