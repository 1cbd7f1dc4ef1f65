//! `core:` and `cache:`: records as clients wrote them, profiles among them, and what the core itself keeps there.

use std::sync::Arc;

use bytes::Bytes;
use portmaster_fixtures::{ProfileForm, StoredFormats};
use serde_json::{Map, Value};

use super::{
    Database, Found, OperationError,
    payload::{self, Payload},
    structure::{Structure, Type},
};
use crate::{
    api,
    go::json,
    world::{
        Body, Change, Meta, Profile, Record, World,
        records::{self, TOKEN},
    },
};

/// One of the two stores.
pub(super) struct Store {
    name: &'static str,
    pick: fn(&World) -> &records::Store,
    /// What is not kept there but known otherwise, of the keys that begin like this.
    known: fn(&World, &str) -> Vec<Record>,
    /// Whether a record is there that no client may see.
    hides: fn(&World, &str) -> bool,
}

/// `core:`
pub(super) const CORE: Store = Store {
    name: "core",
    pick: |world| &world.records.core,
    known: known_in_core,
    hides: |world, key| TOKEN.strip_prefix("core:") == Some(key) && world.hides_token(),
};
/// `cache:`
pub(super) const CACHE: Store =
    Store { name: "cache", pick: |world| &world.records.cache, known: known_in_cache, hides: |_, _| false };

/// Where profiles are.
const PROFILES: &str = "core:profiles/";

/// A structure as the store keeps it, so that conditions reach into it.
fn as_text(record: Record) -> Record {
    match &record.body {
        Body::Struct(value) => Record::new(record.key, record.meta, Body::json(json::to_vec(value))),
        Body::Text { .. } => record,
    }
}

fn known_in_core(world: &World, prefix: &str) -> Vec<Record> {
    // A profile is long, and most who look for keys look for others.
    let near = |key: &str| match prefix.strip_prefix("profiles/") {
        Some(rest) => key.starts_with(rest),
        None => "profiles/".starts_with(prefix),
    };
    let profiles = world.profiles.iter().filter(|stored| near(&stored.key));
    let profiles = profiles.filter_map(|stored| world.profile_record(&stored.key));
    let mut known: Vec<Record> = profiles.map(as_text).collect();
    if let Some(account) = world.account_record() {
        if world.hides_token() {
            known.push(Record::of(TOKEN, account.meta, Value::Object(Map::new())).hidden());
        }
        known.push(account);
    }
    let dismissed = world.broadcasts.iter().flatten();
    if let Some(last) = dismissed.clone().map(|(_, at)| at).max() {
        let states: Map<String, Value> =
            dismissed.map(|(id, read)| (id.clone(), serde_json::json!({ "Read": read }))).collect();
        let value = serde_json::json!({ "States": states });
        known.push(Record::of(records::BROADCASTS, Meta::made(*last), value));
    }
    known.retain(|record| record.place().1.starts_with(prefix));
    known
}

fn known_in_cache(world: &World, prefix: &str) -> Vec<Record> {
    let known = world.dns.cache.iter().map(|(query, cached)| api::name_record(cached, query));
    known.filter(|record| record.place().1.starts_with(prefix)).collect()
}

impl Database for Store {
    fn get(&self, world: &mut World, key: &str) -> Result<Arc<Record>, OperationError> {
        if let Some(record) = (self.pick)(world).get(key, world.now()) {
            return Ok(Arc::clone(record));
        }
        let known = (self.known)(world, key).into_iter().find(|record| record.place().1 == key);
        known.map(Arc::new).ok_or(OperationError::NotFound)
    }

    fn list(&self, world: &World, prefix: &str) -> Result<Found, OperationError> {
        let kept = (self.pick)(world).list(prefix, world.behaviour.websocket.sorted_by_key, world.now());
        let mut known = (self.known)(world, prefix);
        // What a client wrote over it is there once.
        known.retain(|one| (self.pick)(world).get(one.place().1, world.now()).is_none());
        Ok(kept.iter().map(|record| Record::clone(record)).chain(known).collect::<Vec<_>>().into())
    }

    fn write(&self, world: &mut World, key: &str, payload: &Payload) -> Result<(), OperationError> {
        if (self.hides)(world, key) {
            return Err(OperationError::Denied);
        }
        let behaviour = &world.behaviour.websocket;
        let full = format!("{}:{key}", self.name);
        let meta = Meta::made(world.now());
        if full.starts_with(PROFILES) {
            return save_profile(world, &full, payload);
        }
        payload::storable(payload.format, behaviour.stored).map_err(OperationError::Other)?;
        if key.is_empty() && !behaviour.empty_key {
            return Err(OperationError::other("key required"));
        }
        // The payload is a part of a buffer that would stay with it.
        let data = Bytes::copy_from_slice(&payload.data);
        let body = match (payload.format, behaviour.stored) {
            (0, StoredFormats::Any) => Body::json(data),
            (format, _) => Body::Text { format, data },
        };
        apply(world, Change::Record(Box::new(Record::new(full, meta, body))))
    }

    fn write_back(&self, world: &mut World, record: Record) -> Result<(), OperationError> {
        if record.key.starts_with(PROFILES)
            && let Body::Text { format, data } = &record.body
        {
            let payload = Payload { format: *format, data: data.clone() };
            return save_profile(world, &record.key, &payload);
        }
        apply(world, Change::Record(Box::new(as_text(record))))
    }

    fn delete(&self, world: &mut World, record: Record) -> Result<(), OperationError> {
        if let Some(key) = record.key.strip_prefix(PROFILES) {
            return apply(world, Change::DeleteProfile { key: key.to_owned(), heir: None });
        }
        apply(world, Change::Forget { record: Box::new(record) })
    }
}

/// Saves a profile that a client wrote.
fn save_profile(world: &mut World, full: &str, payload: &Payload) -> Result<(), OperationError> {
    let behaviour = &world.behaviour.websocket;
    let members = read_profile(behaviour.profiles, payload, behaviour.other_formats)?;
    let profile: Profile = serde_json::from_value(Value::Object(members))
        .map_err(|error| OperationError::Other(error.to_string()))?;
    let key = full.strip_prefix(PROFILES).unwrap_or_default().to_owned();
    apply(world, Change::SaveProfile { key, profile: Box::new(profile), by_client: true })
}

/// Applies a change, with its refusal as the operation's error.
pub(super) fn apply(world: &mut World, change: Change) -> Result<(), OperationError> {
    world.apply(change).map_err(|refused| OperationError::Other(refused.to_string()))
}

const ICON: Structure = Structure {
    holder: "Icon",
    name: "binmeta.Icon",
    fields: &[
        ("Type", Type::Text("binmeta.IconType")),
        ("Value", Type::Text("string")),
        ("Source", Type::Text("binmeta.IconSource")),
    ],
};

const FINGERPRINT: Structure = Structure {
    holder: "Fingerprint",
    name: "profile.Fingerprint",
    fields: &[
        ("Type", Type::Text("string")),
        ("Key", Type::Text("string")),
        ("Operation", Type::Text("string")),
        ("Value", Type::Text("string")),
        ("MergedFrom", Type::Text("string")),
    ],
};

/// Early cores have no more than its beginning.
const EARLY_FINGERPRINT: Structure = Structure { fields: FINGERPRINT.fields.split_at(4).0, ..FINGERPRINT };

const EARLY_PROFILE: Structure = Structure {
    holder: "Profile",
    name: "profile.Profile",
    fields: &[
        ("ID", Type::Text("string")),
        ("Source", Type::Text("profile.profileSource")),
        ("Name", Type::Text("string")),
        ("Description", Type::Text("string")),
        ("Warning", Type::Text("string")),
        ("WarningLastUpdated", Type::Time),
        ("Homepage", Type::Text("string")),
        ("Icon", Type::Text("string")),
        ("IconType", Type::Text("profile.iconType")),
        ("LinkedPath", Type::Text("string")),
        ("PresentationPath", Type::Text("string")),
        ("UsePresentationPath", Type::Bool),
        ("Fingerprints", Type::List("[]profile.Fingerprint", &EARLY_FINGERPRINT)),
        ("SecurityLevel", Type::Byte("uint8")),
        ("Config", Type::Object),
        ("LastEdited", Type::Int("int64")),
        ("Created", Type::Int("int64")),
        ("Internal", Type::Bool),
    ],
};

const PROFILE: Structure = Structure {
    holder: "Profile",
    name: "profile.Profile",
    fields: &[
        ("ID", Type::Text("string")),
        ("Source", Type::Text("profile.ProfileSource")),
        ("Name", Type::Text("string")),
        ("Description", Type::Text("string")),
        ("Warning", Type::Text("string")),
        ("WarningLastUpdated", Type::Time),
        ("Homepage", Type::Text("string")),
        ("Icon", Type::Text("string")),
        ("IconType", Type::Text("binmeta.IconType")),
        ("Icons", Type::List("[]binmeta.Icon", &ICON)),
        ("LinkedPath", Type::Text("string")),
        ("PresentationPath", Type::Text("string")),
        ("UsePresentationPath", Type::Bool),
        ("Fingerprints", Type::List("[]profile.Fingerprint", &FINGERPRINT)),
        ("Config", Type::Object),
        ("LastEdited", Type::Int("int64")),
        ("Created", Type::Int("int64")),
        ("Internal", Type::Bool),
    ],
};

fn read_profile(
    form: ProfileForm,
    payload: &Payload,
    others: bool,
) -> Result<Map<String, Value>, OperationError> {
    let structure = if form == ProfileForm::SecurityLevel { &EARLY_PROFILE } else { &PROFILE };
    unwrap(structure, "*profile.Profile", payload, others)
}

/// Reads a payload into a structure, with the core's words when that fails.
pub(super) fn unwrap(
    structure: &Structure,
    name: &str,
    payload: &Payload,
    others: bool,
) -> Result<Map<String, Value>, OperationError> {
    payload
        .read(structure, others)
        .map_err(|error| OperationError::Other(format!("failed to unwrap {name}: {error}")))
}
