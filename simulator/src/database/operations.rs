//! What clients can do with any database (websocket §2).

use std::{cmp::Ordering, collections::VecDeque, sync::Arc};

use bytes::Bytes;
use portmaster_fixtures::Defect;

use super::{Found, OperationError, named, outbox::Outbox, payload::Payload, selected, structure};
use crate::{
    limits::{self, Work},
    query::{Fields, Grammar, Query, Value},
    world::{Record, World},
};

/// Splits `NAME:KEY`.
fn place(key: &str) -> (&str, &str) {
    key.split_once(':').unwrap_or((key, ""))
}

fn alive(world: &World) -> Result<(), OperationError> {
    if world.is_going_down() { Err(OperationError::ShuttingDown) } else { Ok(()) }
}

/// A record that clients may see.
pub(super) fn get(world: &mut World, key: &str) -> Result<Arc<Record>, OperationError> {
    alive(world)?;
    let (name, key) = place(key);
    let record = named(world, name)?.get(world, key)?;
    if record.hidden { Err(OperationError::Denied) } else { Ok(record) }
}

/// What a subscription asks for, if there is such a database.
pub(super) fn subscription(world: &World, text: &str) -> Result<Query, OperationError> {
    alive(world)?;
    let query = Query::parse(text, Grammar::of(world.behaviour))
        .map_err(|error| OperationError::other(error.to_string()))?;
    let (name, _) = place(&query.prefix);
    if name != "api" {
        named(world, name)?;
    }
    Ok(query)
}

/// Queues the records of a query and its end. The query, unless it failed.
pub(super) fn query(world: &World, outbox: &Outbox, id: &Bytes, text: &str) -> Option<Query> {
    let found = subscription(world, text).and_then(|query| find(world, &query).map(|found| (query, found)));
    let (query, found) = match found {
        Ok(found) => found,
        Err(error) => {
            outbox.error(id, &error.to_string());
            return None;
        }
    };
    outbox.records(id.clone(), found.records.into_iter().map(Arc::new).collect::<VecDeque<_>>());
    match found.end {
        Some(error) => {
            outbox.error(id, &error.to_string());
            None
        }
        None => {
            outbox.reply(id, &[b"done"]);
            Some(query)
        }
    }
}

fn find(world: &World, query: &Query) -> Result<Found, OperationError> {
    let (name, prefix) = place(&query.prefix);
    if name == "api" {
        return Err(OperationError::NotImplemented);
    }
    let database = named(world, name)?;
    let mut found = database.list(world, prefix)?;
    found.records.retain(|record| !record.hidden);
    let work = Work::new(limits::MESSAGE_WORK);
    if database.heeds_conditions(world) {
        found.records.retain(|record| selected(query, record, &work));
    }
    if !world.behaviour.has(Defect::NoResultClauses) {
        if let Some(field) = &query.order_by {
            let mut keyed: Vec<_> =
                found.records.into_iter().map(|record| (record.field(field, &work), record)).collect();
            keyed.sort_by(|(a, _), (b, _)| order(a.as_ref(), b.as_ref()));
            found.records = keyed.into_iter().map(|(_, record)| record).collect();
        }
        let limit = if query.limit == 0 { usize::MAX } else { query.limit as usize };
        found.records = found.records.into_iter().skip(query.offset as usize).take(limit).collect();
    }
    if work.is_spent() {
        return Err(OperationError::other(limits::TOO_MUCH_WORK));
    }
    Ok(found)
}

/// Numbers before texts before truth values before everything else; records without the field come last.
fn order(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    fn number(value: &Value) -> f64 {
        match value {
            Value::Number { float, .. } | Value::Float(float) => *float,
            Value::Int(int) => *int as f64,
            _ => 0.0,
        }
    }
    fn rank(value: Option<&Value>) -> u8 {
        match value {
            Some(Value::Number { .. } | Value::Int(_) | Value::Float(_)) => 0,
            Some(Value::Text(_)) => 1,
            Some(Value::Bool(_)) => 2,
            Some(Value::Other) => 3,
            None => 4,
        }
    }
    match (a, b) {
        (Some(Value::Text(a)), Some(Value::Text(b))) => a.cmp(b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(one), Some(other)) if rank(a) == 0 && rank(b) == 0 => number(one).total_cmp(&number(other)),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Creates or updates: both write, whether the record is there or not.
pub(super) fn write(world: &mut World, key: &str, payload: Bytes) -> Result<(), OperationError> {
    alive(world)?;
    let (name, key) = place(key);
    let database = named(world, name)?;
    database.write(world, key, &Payload::new(payload))
}

/// Sets members of a record that is there.
pub(super) fn insert(world: &mut World, key: &str, payload: &[u8]) -> Result<(), OperationError> {
    let mut record = Arc::unwrap_or_clone(get(world, key)?);
    let (name, key) = place(key);
    let database = named(world, name)?;
    record = structure::set_members(record, database.structure(world, key), payload)
        .map_err(OperationError::Other)?;
    record.meta = record.meta.changed(world.now());
    database.write_back(world, record)
}

/// Deletes a record that is there.
pub(super) fn delete(world: &mut World, key: &str) -> Result<(), OperationError> {
    alive(world)?;
    let (name, _) = place(key);
    if !named(world, name)?.is_writable() {
        return Err(OperationError::ReadOnly);
    }
    let record = Arc::unwrap_or_clone(get(world, key)?);
    named(world, name)?.delete(world, record)
}
