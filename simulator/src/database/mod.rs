//! The database websocket, `/api/database/v1`: messages, and the databases as views of the world.

mod api;
mod clients;
mod config;
mod connection;
mod difference;
mod frames;
mod map;
mod message;
mod network;
mod notifications;
mod operations;
mod outbox;
mod payload;
mod runtime;
mod session;
mod store;
mod structure;
mod subscribers;

use std::sync::Arc;

pub(crate) use clients::Clients;
use subscribers::Subscribers;

use crate::{
    limits::{self, Work},
    query::Query,
    world::{Body, Record, World},
};
use payload::Payload;

/// Why an operation failed, in the core's words (websocket §2.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OperationError {
    /// There is no such database.
    #[error("could not start database {0}: database \"{0}\" not registered")]
    NotRegistered(String),
    /// The database's part of the core is down.
    #[error("database storage is not injected")]
    NotInjected,
    /// There is no such record.
    #[error("database entry not found")]
    NotFound,
    /// There is no such record in a storage.
    #[error("storage entry not found")]
    NotStored,
    /// Nobody may see the record.
    #[error("access to database record denied")]
    Denied,
    /// Nobody may write there.
    #[error("database is read only")]
    ReadOnly,
    /// The database cannot do that.
    #[error("not implemented")]
    NotImplemented,
    /// The core goes down.
    #[error("database system is shutting down")]
    ShuttingDown,
    /// Something else.
    #[error("{0}")]
    Other(String),
}

impl OperationError {
    fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }
}

/// What a query found, and how it ended.
struct Found {
    records: Vec<Record>,
    /// The error after the records.
    end: Option<OperationError>,
}

impl From<Vec<Record>> for Found {
    fn from(records: Vec<Record>) -> Self {
        Self { records, end: None }
    }
}

/// A database. Keys are without its name.
trait Database: Sync {
    /// A record.
    fn get(&self, world: &mut World, key: &str) -> Result<Arc<Record>, OperationError>;

    /// The records whose keys begin with a prefix, in the database's order. Conditions are the caller's affair.
    fn list(&self, world: &World, prefix: &str) -> Result<Found, OperationError>;

    /// All records, those too that a query has to name more of.
    fn all(&self, world: &World) -> Vec<Record> {
        self.list(world, "").map(|found| found.records).unwrap_or_default()
    }

    /// Whether queries heed conditions.
    fn heeds_conditions(&self, _world: &World) -> bool {
        true
    }

    /// Whether clients can write at all.
    fn is_writable(&self) -> bool {
        true
    }

    /// Writes what a client sent.
    fn write(&self, _world: &mut World, _key: &str, _payload: &Payload) -> Result<(), OperationError> {
        Err(OperationError::ReadOnly)
    }

    /// Writes back a record whose members were set.
    fn write_back(&self, _world: &mut World, _record: Record) -> Result<(), OperationError> {
        Err(OperationError::ReadOnly)
    }

    /// The structure of a record that is one, for setting its members.
    fn structure(&self, _world: &World, _key: &str) -> Option<&'static structure::Structure> {
        None
    }

    /// Deletes a record that is there.
    fn delete(&self, _world: &mut World, _record: Record) -> Result<(), OperationError> {
        Err(OperationError::ReadOnly)
    }
}

/// How a key may go on that is being typed, up to its next slash or its end; at most so many.
#[cfg(feature = "control")]
pub(crate) fn completions(world: &World, typed: &str, most: usize) -> Vec<String> {
    let Some((name, prefix)) = typed.split_once(':') else {
        let all = NAMES.iter().filter(|name| name.starts_with(typed) && named(world, name).is_ok());
        return all.map(|name| format!("{name}:")).collect();
    };
    let mut all = std::collections::BTreeSet::new();
    for record in named(world, name).map(|database| database.all(world)).unwrap_or_default() {
        let key = record.place().1;
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let end = rest.find('/').map_or(key.len(), |at| prefix.len() + at + 1);
        all.insert(format!("{name}:{}", &key[..end]));
    }
    all.into_iter().take(most).collect()
}

/// The names of all databases, sorted.
const NAMES: [&str; 7] = ["cache", "config", "core", "map", "network", "notifications", "runtime"];

/// The database of a name.
fn named(world: &World, name: &str) -> Result<&'static dyn Database, OperationError> {
    Ok(match name {
        "core" => &store::CORE,
        "cache" => &store::CACHE,
        "config" => &config::Config,
        "runtime" => &runtime::Runtime,
        "notifications" => &notifications::Notifications,
        "network" => &network::Network,
        "map" if world.map_was_made() => &map::Map,
        _ => return Err(OperationError::NotRegistered(name.to_owned())),
    })
}

/// A record by its whole key.
#[cfg(test)]
pub(crate) fn record(world: &mut World, key: &str) -> Option<Record> {
    let (database, key) = key.split_once(':')?;
    named(world, database).ok()?.get(world, key).ok().map(Arc::unwrap_or_clone)
}

/// The records whose whole keys begin like this.
#[cfg(test)]
pub(crate) fn records(world: &World, prefix: &str) -> Vec<Record> {
    let (database, prefix) = prefix.split_once(':').unwrap_or((prefix, ""));
    let found = named(world, database).ok().and_then(|one| one.list(world, prefix).ok());
    found.map(|found| found.records).unwrap_or_default()
}

/// Whether a body can be told apart by conditions and clauses.
fn selected(query: &Query, record: &Record, work: &Work) -> bool {
    query.condition.as_ref().is_none_or(|condition| condition.matches(record, work))
}

/// A record's value as a structure's members; nothing for what clients wrote.
fn members(body: &Body) -> Option<&serde_json::Map<String, serde_json::Value>> {
    match body {
        Body::Struct(value) => value.as_object(),
        Body::Text { .. } => None,
    }
}

/// A whole number at a path of a JSON text.
fn sjson_number(data: &[u8], path: &str) -> Option<i64> {
    let raw = crate::go::sjson::get(data, path, &Work::new(limits::MESSAGE_WORK))?;
    std::str::from_utf8(&raw).ok()?.parse().ok()
}
