//! `sync/*/export`.

use hyper::{
    Method,
    header::{ACCEPT, CONTENT_TYPE},
    http::HeaderValue,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    GLOBAL, checksum,
    document::{Settings, Single, TIMES, Whole},
    error::SyncError,
    profile::icon_data,
    request::ExportRequest,
};
use crate::{
    api::{Call, Raw, Reply, format::Format},
    go::yaml,
    world::{World, settings},
};

pub(super) fn settings(world: &mut World, call: &Call) -> Reply {
    let export = || -> Result<Reply, SyncError> {
        let request = ExportRequest::read(call)?;
        if request.from.is_empty() {
            return Err(SyncError::Missing);
        }
        let mut flat = set(world, &request.from)?;
        flat.retain(|key, _| request.keys.is_empty() || request.keys.contains(key));
        if flat.is_empty() {
            return Err(SyncError::Unchanged);
        }
        write(call, &Settings { r#type: Settings::TYPE.to_owned(), config: settings::nest(flat) })
    };
    export().unwrap_or_else(Reply::from)
}

pub(super) fn single(world: &mut World, call: &Call) -> Reply {
    let export = || -> Result<Reply, SyncError> {
        let request = ExportRequest::read(call)?;
        let [key] = request.keys.as_slice() else { return Err(SyncError::Malformed) };
        if request.from.is_empty() {
            return Err(SyncError::Malformed);
        }
        if world.config.option(key).is_none() {
            return Err(SyncError::Unknown(key.clone()));
        }
        let value = set(world, &request.from)?.remove(key).ok_or(SyncError::Unchanged)?;
        write(call, &Single { r#type: Single::TYPE.to_owned(), id: key.clone(), value })
    };
    export().unwrap_or_else(Reply::from)
}

pub(super) fn profile(world: &mut World, call: &Call) -> Reply {
    let export = || -> Result<Reply, SyncError> {
        let request = ExportRequest::read(call)?;
        if request.id.is_empty() {
            return Err(SyncError::Missing);
        }
        let profile = world.profiles.get(&request.id).ok_or(SyncError::NoTarget)?;
        write(call, &Whole::of(profile, icon_data(world, profile)))
    };
    export().unwrap_or_else(Reply::from)
}

/// What is set for all programs, or by a profile.
fn set(world: &World, from: &str) -> Result<settings::Flat, SyncError> {
    match from {
        GLOBAL => Ok(world.config.values().clone()),
        key => world.profiles.get(key).map(|profile| profile.settings()).ok_or(SyncError::NoTarget),
    }
}

/// Writes a document as JSON or YAML, whichever is asked for.
fn write(call: &Call, document: &impl Serialize) -> Result<Reply, SyncError> {
    let document = match serde_json::to_value(document) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let accept = call.headers.get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    let (content_type, text) = match Format::accepted(&String::from_utf8_lossy(accept)) {
        Format::Json => ("application/json", checksum::signed_json(&document)),
        Format::Yaml => ("application/yaml", checksum::signed_yaml(&yaml::document(&document, TIMES))),
        Format::Cbor | Format::MsgPack | Format::Unacceptable => return Err(SyncError::Form),
    };
    let value = HeaderValue::from_static(content_type);
    if call.method == Method::HEAD {
        // The type is set before it is known that nobody wants the body.
        return Ok(Reply::With(CONTENT_TYPE, value, Box::new(Reply::Data(text.into()))));
    }
    let reply = Raw { headers: Vec::new(), told: true, ..Raw::new(content_type, text) };
    Ok(reply.with(CONTENT_TYPE, value).into())
}
