//! Setting members of records: those of Go's structures as its reflection does it, and paths of JSON texts (websocket §2.8).

use serde_json::{Map, Value};

pub(super) use crate::go::structure::{Structure, Type, plain};
use crate::{
    go::{
        json as gojson,
        read::{Kind, Raw},
        sjson,
    },
    limits::{self, Work},
    world::{Body, Record},
};

/// Sets a member, as Go's reflection would let a client.
fn set(structure: &Structure, into: &mut Map<String, Value>, name: &str, value: Value) -> Result<(), String> {
    let Some((_, kind)) = structure.fields.iter().find(|(one, _)| *one == name) else {
        return Err("struct field does not exist".to_owned());
    };
    let given = match &value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    };
    let wanted = match (kind, &value) {
        (Type::Hidden(kind), _) => {
            return Err(format!("field <{kind} Value> or struct is immutable"));
        }
        (Type::Text(_), Value::String(_)) | (Type::Bool, Value::Bool(_)) | (Type::Any, _) => {
            into.insert(name.to_owned(), value);
            return Ok(());
        }
        (Type::Text(_), _) => "string",
        (Type::Bool, _) => "bool",
        (Type::Int(kind), _) => kind,
        (Type::Byte(_), _) => "uint8",
        (Type::Object | Type::Texts | Type::Named(..), _) => "map",
        (Type::Time | Type::Embedded(_), _) => "struct",
        (Type::One(_), _) => "ptr",
        (Type::Kind(kind), _) => kind,
        // The real core goes down here.
        (Type::List(..) | Type::Bytes | Type::Strings, _) => "slice",
    };
    Err(format!("tried to set field {name} ({wanted}) to a {given} value"))
}

/// Sets the members that a payload names. The first that cannot be set ends it.
pub(super) fn set_members(
    record: Record,
    structure: Option<&Structure>,
    payload: &[u8],
) -> Result<Record, String> {
    let payload = payload.trim_ascii_start();
    match payload.first() {
        Some(b'{') => {}
        Some(b'[') if sjson::members(payload).next().is_some() => {
            return Err("keys must be strings".to_owned());
        }
        Some(b'"' | b'0'..=b'9' | b'-' | b'+' | b'n' | b't' | b'f' | b'i' | b'I' | b'N') => {
            return Err("values must be in a map".to_owned());
        }
        _ => return Err("could not find any valid values".to_owned()),
    }
    let mut any = false;
    let work = Work::new(limits::MESSAGE_WORK);
    let mut body = record.body.clone();
    for (name, value) in sjson::members(payload) {
        any = true;
        let name = sjson::unquoted(&payload[name]);
        let Ok(raw) = Raw::checked(&payload[value]) else { continue };
        body = match (body, structure) {
            (Body::Struct(Value::Object(mut members)), Some(structure)) => {
                set(structure, &mut members, &name, plain(raw))?;
                Body::Struct(Value::Object(members))
            }
            (Body::Text { format: b'J', data }, _) => Body::json(set_path(&data, &name, raw, &work)?),
            (Body::Struct(value), None) => {
                let data = set_path(&gojson::to_vec(&value), &name, raw, &work)?;
                Body::Struct(serde_json::from_slice(&data).map_err(|error| error.to_string())?)
            }
            // The real core goes down here.
            (Body::Text { .. } | Body::Struct(_), _) => {
                return Err("could not dump model, wrapped object format mismatch".to_owned());
            }
        };
    }
    if !any {
        return Err("could not find any valid values".to_owned());
    }
    let mut changed = Record::new(record.key, record.meta, body);
    changed.hidden = record.hidden;
    Ok(changed)
}

/// Sets a path of a JSON text; text, number and truth value only take the place of their like.
fn set_path(data: &[u8], path: &str, raw: Raw<'_>, work: &Work) -> Result<Vec<u8>, String> {
    let present = sjson::get(data, path, work);
    let (given, written) = match raw.kind() {
        Kind::String => ("string", gojson::to_vec(&raw.string())),
        // Through a float and in plain decimals.
        Kind::Number => {
            let float: f64 = raw.literal().parse().unwrap_or_default();
            ("float64", float.to_string().into_bytes())
        }
        Kind::Bool => ("bool", gojson::to_vec(&raw.is_true())),
        Kind::Null | Kind::Array | Kind::Object => ("", gojson::to_vec(&plain(raw))),
    };
    if let Some(present) = present {
        let own = match present.first() {
            Some(b'"') => "String",
            Some(b't') => "True",
            Some(b'f') => "False",
            Some(b'n') => "Null",
            Some(b'{' | b'[') => "JSON",
            _ => "Number",
        };
        let same = match given {
            "string" => own == "String",
            "float64" => own == "Number",
            "bool" => matches!(own, "True" | "False"),
            _ => true,
        };
        if !same {
            return Err(format!("tried to set field {path} ({own}) to a {given} value"));
        }
    }
    sjson::set(data, path, &written, work)
}
