//! `config:`, the options. Only their values can be written (websocket §5.1).

use std::sync::Arc;

use portmaster_fixtures::Defect;
use serde_json::Value;

use super::{Database, Found, OperationError, members, payload::Payload, store::apply, structure};
use crate::{
    go::{
        read::{Raw, TOO_MANY},
        sjson,
    },
    limits::{self, Work},
    world::{Body, Change, ChangeError, Record, World, config::Refused},
};

/// The options as a database.
pub(super) struct Config;

impl Database for Config {
    fn get(&self, world: &mut World, key: &str) -> Result<Arc<Record>, OperationError> {
        world.config.record(key).map(Arc::new).ok_or(OperationError::NotFound)
    }

    fn list(&self, world: &World, prefix: &str) -> Result<Found, OperationError> {
        let options = world.config.options().iter().filter(|option| option.key.starts_with(prefix));
        Ok(options.filter_map(|option| world.config.record(&option.key)).collect::<Vec<_>>().into())
    }

    fn heeds_conditions(&self, world: &World) -> bool {
        !world.behaviour.has(Defect::ConfigIgnoresWhere)
    }

    fn write(&self, world: &mut World, key: &str, payload: &Payload) -> Result<(), OperationError> {
        if payload.format != b'J' {
            return Err(OperationError::other("invalid data"));
        }
        // Whatever is no object with a value resets the option.
        let value = sjson::get(&payload.data, "Value", &Work::new(limits::MESSAGE_WORK));
        let value = match value.as_deref().map(Raw::checked) {
            Some(Err(error)) if error == TOO_MANY => return Err(OperationError::Other(error)),
            value => value.and_then(Result::ok).map(structure::plain),
        };
        set(world, key, value.filter(|value| !value.is_null()))
    }

    fn write_back(&self, world: &mut World, record: Record) -> Result<(), OperationError> {
        let value = members(&record.body).and_then(|members| members.get("Value")).cloned();
        set(world, record.place().1, value.filter(|value| !value.is_null()))
    }

    /// Resets the option; subscribers are told as if it were gone.
    fn delete(&self, world: &mut World, record: Record) -> Result<(), OperationError> {
        let now = world.now();
        let gone = Record::new(record.key.clone(), record.meta, Body::Struct(Value::Null)).deleted(now);
        let key = record.place().1.to_owned();
        let change = Change::ResetConfig { key, told: Box::new(gone) };
        world.apply(change).map_err(|refused| OperationError::Other(refused.to_string()))
    }
}

fn set(world: &mut World, key: &str, value: Option<Value>) -> Result<(), OperationError> {
    let change = Change::Config { key: key.to_owned(), value };
    match world.apply(change) {
        Err(ChangeError::Config(Refused::Type { .. })) => {
            Err(OperationError::other("received invalid value in \"Value\""))
        }
        Err(refused) => {
            apply(world, Change::AwaitRestart { key: key.to_owned() })?;
            Err(OperationError::Other(refused.to_string()))
        }
        Ok(()) => Ok(()),
    }
}
