//! What subscribers are told when another world takes the place of the one that they saw.

use std::{collections::BTreeMap, sync::Arc};

use super::{NAMES, Subscribers, named, network};
use crate::{
    ordered::ordered,
    world::{Record, World},
};

/// Tells subscribers of every record that is new, another or gone, by database and key.
pub(super) fn publish(subscribers: &Subscribers, before: &World, after: &World) {
    for database in NAMES {
        if !subscribers.listens(database) {
            continue;
        }
        let (mut old, new) = (records(before, database), records(after, database));
        let mut told: BTreeMap<String, Record> = BTreeMap::new();
        for (key, record) in new {
            let same =
                old.remove(&key).is_some_and(|was| was.meta == record.meta && was.text() == record.text());
            if !same {
                told.insert(key, record);
            }
        }
        told.extend(old.into_iter().map(|(key, gone)| (key, gone.deleted(after.now()))));
        for record in told.into_values() {
            subscribers.publish(&Arc::new(record));
        }
    }
    if subscribers.listens("runtime") {
        // Connections are told of below `runtime:netquery/data/`, but nobody can ask for them there.
        for one in after.connections.values() {
            let was = before.connections.get(one.id());
            let same = was.is_some_and(|was| Arc::ptr_eq(was, one) || was.row() == one.row());
            if !same {
                subscribers.publish(&Arc::new(network::netquery_record(&one.row(), after.behaviour)));
            }
        }
    }
}

/// The records of a database by their keys.
fn records(world: &World, database: &str) -> BTreeMap<String, Record> {
    // A database that is not there has none.
    let records = named(world, database).map(|database| database.all(world)).unwrap_or_default();
    ordered(records.into_iter().map(|record| (record.key.clone(), record)))
}
