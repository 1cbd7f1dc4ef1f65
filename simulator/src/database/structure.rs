//! Go's structures behind some records: reading them from JSON, and setting their members (websocket §2.8).

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    go::{
        decode::{At, Fault, Soft, members},
        json as gojson,
        read::{Kind, Raw},
        sjson,
    },
    limits::{self, Work},
    world::{Body, Record},
};

/// A Go structure.
#[derive(Debug)]
pub(super) struct Structure {
    /// Its name in messages about members, for example `Profile`.
    pub(super) holder: &'static str,
    /// Its name in messages about the whole, for example `profile.Profile`.
    pub(super) name: &'static str,
    /// Its members in the wire's order.
    pub(super) fields: &'static [(&'static str, Type)],
}

/// The type of a member.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    /// A text; the type's name.
    Text(&'static str),
    /// True or false.
    Bool,
    /// A whole number; the type's name.
    Int(&'static str),
    /// Bytes, a text in base64.
    Bytes,
    /// Anything.
    Any,
    /// An object of anything, or null.
    Object,
    /// An instant.
    Time,
    /// A list of structures, or null; the type's name.
    List(&'static str, &'static Structure),
    /// A member that never shows; the type's name.
    Hidden(&'static str),
}

impl Structure {
    /// The structure with nothing set.
    fn zero(&self) -> Map<String, Value> {
        self.fields
            .iter()
            .filter_map(|(name, kind)| {
                let value = match kind {
                    Type::Text(_) | Type::Bytes => json!(""),
                    Type::Bool => json!(false),
                    Type::Int(_) => json!(0),
                    Type::Any | Type::Object | Type::List(..) => Value::Null,
                    Type::Time => json!("0001-01-01T00:00:00Z"),
                    Type::Hidden(_) => return None,
                };
                Some(((*name).to_owned(), value))
            })
            .collect()
    }

    /// Reads the structure: unknown members are dropped, missing ones are zero.
    ///
    /// # Errors
    /// The words of Go's `encoding/json`.
    pub(super) fn read(&self, document: &[u8]) -> Result<Map<String, Value>, String> {
        let raw = Raw::checked(document)?;
        let mut soft = Soft::default();
        let value = self.fill(raw, At::TOP, &mut soft).map_err(|fault| fault.to_string())?;
        soft.unless(value).map_err(|fault| fault.to_string())
    }

    fn fill(&self, raw: Raw<'_>, at: At<'_>, soft: &mut Soft) -> Result<Map<String, Value>, Fault> {
        let mut out = self.zero();
        let names: Vec<&'static str> = self.fields.iter().map(|(name, _)| *name).collect();
        members(raw, at, self.name, &names, soft, |name, value, soft| {
            let at = At::member(self.holder, name);
            let kind = self.fields.iter().find(|(one, _)| *one == name).map(|(_, kind)| *kind);
            let Some(place) = out.get_mut(name) else { return Ok(()) };
            match kind {
                Some(Type::Text(wanted)) => {
                    let mut text = place.as_str().unwrap_or_default().to_owned();
                    soft.string(value, at, wanted, &mut text);
                    *place = text.into();
                }
                Some(Type::Bool) => {
                    let mut flag = place.as_bool().unwrap_or_default();
                    soft.bool(value, at, &mut flag);
                    *place = flag.into();
                }
                Some(Type::Int(wanted)) => match value.kind() {
                    Kind::Number => match value.literal().parse::<i64>() {
                        Ok(number) => *place = number.into(),
                        Err(_) => soft.wrong(at, value, wanted),
                    },
                    Kind::Null => {}
                    _ => soft.wrong(at, value, wanted),
                },
                Some(Type::Bytes) => match value.kind() {
                    Kind::String => {
                        let text = value.string();
                        if let Err(fault) = STANDARD.decode(&text) {
                            let at = match fault {
                                DecodeError::InvalidByte(at, _)
                                | DecodeError::InvalidLastSymbol { offset: at, .. } => at,
                                _ => text.len(),
                            };
                            return Err(Fault::Text(format!("illegal base64 data at input byte {at}")));
                        }
                        *place = text.into();
                    }
                    Kind::Null => {}
                    _ => soft.wrong(at, value, "[]uint8"),
                },
                Some(Type::Any) => *place = plain(value),
                Some(Type::Object) => match value.kind() {
                    Kind::Object | Kind::Null => *place = plain(value),
                    _ => soft.wrong(at, value, "map[string]interface {}"),
                },
                Some(Type::Time) => match value.kind() {
                    Kind::String => *place = value.string().into(),
                    Kind::Null => {}
                    _ => soft.wrong(at, value, "time.Time"),
                },
                Some(Type::List(wanted, structure)) => match value.kind() {
                    Kind::Array => {
                        let mut list = Vec::new();
                        for element in value.elements() {
                            list.push(Value::Object(structure.fill(element, at, soft)?));
                        }
                        *place = list.into();
                    }
                    Kind::Null => *place = Value::Null,
                    _ => soft.wrong(at, value, wanted),
                },
                Some(Type::Hidden(_)) | None => {}
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Sets a member, as Go's reflection would let a client.
    fn set(&self, into: &mut Map<String, Value>, name: &str, value: Value) -> Result<(), String> {
        let Some((_, kind)) = self.fields.iter().find(|(one, _)| *one == name) else {
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
            (Type::Object, _) => "map",
            (Type::Time, _) => "struct",
            // The real core goes down here.
            (Type::List(..) | Type::Bytes, _) => "slice",
        };
        Err(format!("tried to set field {name} ({wanted}) to a {given} value"))
    }
}

/// A JSON value with its objects' members sorted, as Go's maps are written.
pub(super) fn plain(raw: Raw<'_>) -> Value {
    match raw.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => raw.is_true().into(),
        Kind::Number => {
            let literal = raw.literal();
            match literal.parse::<f64>() {
                Ok(float) => serde_json::from_str(&gojson::float(float)).unwrap_or_default(),
                Err(_) => Value::Null,
            }
        }
        Kind::String => raw.string().into(),
        Kind::Array => raw.elements().map(plain).collect(),
        Kind::Object => {
            let sorted: std::collections::BTreeMap<String, Value> =
                raw.members().map(|(name, value)| (name, plain(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
    }
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
                structure.set(&mut members, &name, plain(raw))?;
                Body::Struct(Value::Object(members))
            }
            (Body::Text { format: b'J', data }, _) => Body::json(set_path(&data, &name, raw, &work)?),
            (Body::Struct(value), None) => {
                let data = set_path(&gojson::to_vec(&value), &name, raw, &work)?;
                Body::Struct(serde_json::from_slice(&data).map_err(|fault| fault.to_string())?)
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
