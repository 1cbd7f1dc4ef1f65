//! Go's structures: reading them from JSON, with the words of `encoding/json` for what does not fit.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    decode::{At, DecodeError, Soft, members},
    json as gojson,
    read::{Kind, Raw},
    time,
};
use crate::ordered::ordered;

/// A Go structure.
#[derive(Debug)]
pub struct Structure {
    /// Its name in messages about members, for example `Profile`.
    pub holder: &'static str,
    /// Its name in messages about the whole, for example `profile.Profile`.
    pub name: &'static str,
    /// Its members in the wire's order.
    pub fields: &'static [(&'static str, Type)],
}

/// The type of a member.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// A text; the type's name.
    Text(&'static str),
    /// True or false.
    Bool,
    /// A whole number of 64 bits; the type's name.
    Int(&'static str),
    /// A whole number of 8 bits without a sign; the type's name.
    Byte(&'static str),
    /// Bytes, a text in base64.
    Bytes,
    /// Anything.
    Any,
    /// An object of anything, or null.
    Object,
    /// Texts by names, or null.
    Texts,
    /// A list of texts, or null.
    Strings,
    /// Something of which only Go's kind is known, for example `ptr`: it can be neither read nor set.
    Kind(&'static str),
    /// An instant.
    Time,
    /// A structure, or null.
    One(&'static Structure),
    /// The members of another structure as if they were this one's own; they are left out of the result by this name.
    Embedded(&'static Structure),
    /// A list of structures, or null; the type's name.
    List(&'static str, &'static Structure),
    /// Structures by names, or null; the type's name.
    Named(&'static str, &'static Structure),
    /// A member that never shows; the type's name.
    Hidden(&'static str),
}

impl Structure {
    /// The structure with nothing set.
    fn zero(&self) -> Map<String, Value> {
        let mut out = Map::new();
        for (name, kind) in self.fields {
            let value = match kind {
                Type::Text(_) | Type::Bytes => json!(""),
                Type::Bool => json!(false),
                Type::Int(_) | Type::Byte(_) => json!(0),
                Type::Any
                | Type::Object
                | Type::Texts
                | Type::Strings
                | Type::Kind(_)
                | Type::One(_)
                | Type::List(..)
                | Type::Named(..) => Value::Null,
                Type::Time => json!("0001-01-01T00:00:00Z"),
                Type::Embedded(inner) => {
                    out.extend(inner.zero());
                    continue;
                }
                Type::Hidden(_) => continue,
            };
            out.insert((*name).to_owned(), value);
        }
        out
    }

    /// Reads the structure: unknown members are dropped, missing ones are zero.
    ///
    /// # Errors
    /// The words of Go's `encoding/json`.
    pub fn read(&self, document: &[u8]) -> Result<Map<String, Value>, String> {
        self.decode(Raw::checked(document)?, Soft::default()).map_err(|error| error.to_string())
    }

    /// Reads the structure from a value. Where numbers and truths are taken for texts, embedded members do not take them.
    ///
    /// # Errors
    /// The words of Go's `encoding/json`.
    pub fn decode(&self, raw: Raw<'_>, mut soft: Soft) -> Result<Map<String, Value>, DecodeError> {
        let value = self.fill(raw, At::TOP, &mut soft)?;
        soft.unless(value)
    }

    /// Every member that a document may name, with the embedded structure that has it.
    pub(super) fn known(&self) -> Vec<(&'static str, Type, Option<&'static str>)> {
        let own = self.fields.iter().filter(|(_, kind)| !matches!(kind, Type::Embedded(_)));
        let mut known: Vec<_> = own.map(|(name, kind)| (*name, *kind, None)).collect();
        for (name, kind) in self.fields {
            if let Type::Embedded(inner) = kind {
                known.extend(inner.fields.iter().map(|(member, kind)| (*member, *kind, Some(*name))));
            }
        }
        known
    }

    fn fill(&self, raw: Raw<'_>, at: At<'_>, soft: &mut Soft) -> Result<Map<String, Value>, DecodeError> {
        let mut out = self.zero();
        let known = self.known();
        let names: Vec<&'static str> = known.iter().map(|(name, ..)| *name).collect();
        let above = at.path();
        members(raw, at, self.name, &names, soft, |name, value, soft| {
            let Some((_, kind, embedded)) = known.iter().find(|(one, ..)| *one == name) else {
                return Ok(());
            };
            let parent = match embedded {
                Some(inner) if above.is_empty() => (*inner).to_owned(),
                Some(inner) => format!("{above}.{inner}"),
                None => above.clone(),
            };
            let Some(place) = out.get_mut(name) else { return Ok(()) };
            let any_text = soft.any_text;
            soft.any_text = any_text && embedded.is_none();
            let filled = kind.fill(value, At::nested(self.holder, &parent, name), soft, place);
            soft.any_text = any_text;
            filled
        })?;
        Ok(out)
    }
}

impl Type {
    fn fill(self, value: Raw<'_>, at: At<'_>, soft: &mut Soft, place: &mut Value) -> Result<(), DecodeError> {
        match self {
            Self::Text(wanted) => {
                let mut text = place.as_str().unwrap_or_default().to_owned();
                soft.string(value, at, wanted, &mut text);
                *place = text.into();
            }
            Self::Bool => {
                let mut flag = place.as_bool().unwrap_or_default();
                soft.bool(value, at, &mut flag);
                *place = flag.into();
            }
            Self::Int(wanted) => soft.whole::<i64>(value, at, wanted, place),
            Self::Byte(wanted) => soft.whole::<u8>(value, at, wanted, place),
            Self::Bytes => match value.kind() {
                Kind::String => {
                    let text = value.string();
                    if let Err(error) = STANDARD.decode(&text) {
                        let at = match error {
                            base64::DecodeError::InvalidByte(at, _)
                            | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
                            // What is incomplete is told by where its four begin.
                            _ => text.len() / 4 * 4,
                        };
                        return Err(DecodeError::Text(format!("illegal base64 data at input byte {at}")));
                    }
                    *place = text.into();
                }
                Kind::Null => {}
                _ => soft.wrong(at, value, "[]uint8"),
            },
            Self::Any => *place = plain(value),
            Self::Object => match value.kind() {
                Kind::Object | Kind::Null => *place = plain(value),
                _ => soft.wrong(at, value, "map[string]interface {}"),
            },
            Self::Texts => match value.kind() {
                Kind::Object => {
                    let mut texts = std::collections::BTreeMap::new();
                    for (name, one) in value.members() {
                        let mut text = String::new();
                        soft.string(one, at, "string", &mut text);
                        texts.insert(name, Value::from(text));
                    }
                    *place = Value::Object(texts.into_iter().collect());
                }
                Kind::Null => *place = Value::Null,
                _ => soft.wrong(at, value, "map[string]string"),
            },
            Self::Strings => {
                let mut texts = None;
                soft.strings(value, at, ("[]string", "string"), &mut texts);
                *place = texts.into();
            }
            // It reads itself, so an error in it ends the reading.
            Self::Time => match value.kind() {
                Kind::String => {
                    let text = value.string();
                    time::stored_form(&text).map_err(DecodeError::Text)?;
                    *place = text.into();
                }
                Kind::Null => {}
                _ => {
                    return Err(DecodeError::Text(
                        "Time.UnmarshalJSON: input is not a JSON string".to_owned(),
                    ));
                }
            },
            Self::One(structure) => match value.kind() {
                Kind::Null => *place = Value::Null,
                Kind::Object => *place = structure.fill(value, at, soft)?.into(),
                _ => soft.wrong(at, value, structure.name),
            },
            Self::List(wanted, structure) => match value.kind() {
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
            Self::Named(wanted, structure) => match value.kind() {
                Kind::Object => {
                    let mut named = Map::new();
                    for (name, one) in value.members() {
                        let read = match one.kind() {
                            Kind::Null => Value::Null,
                            _ => structure.fill(one, at, soft)?.into(),
                        };
                        named.insert(name, read);
                    }
                    *place = named.into();
                }
                Kind::Null => *place = Value::Null,
                _ => soft.wrong(at, value, wanted),
            },
            Self::Embedded(_) | Self::Hidden(_) | Self::Kind(_) => {}
        }
        Ok(())
    }
}

/// A JSON value with its objects' members sorted, as Go's maps are written.
pub fn plain(raw: Raw<'_>) -> Value {
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
            let sorted = ordered(raw.members().map(|(name, value)| (name, plain(value))));
            Value::Object(sorted.into_iter().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: Structure = Structure {
        holder: "Inner",
        name: "main.Inner",
        fields: &[("name", Type::Text("string")), ("at", Type::Time), ("level", Type::Byte("main.Level"))],
    };

    const BASE: Structure =
        Structure { holder: "Base", name: "main.Base", fields: &[("target", Type::Text("string"))] };

    const OUTER: Structure = Structure {
        holder: "Outer",
        name: "main.Outer",
        fields: &[
            ("Base", Type::Embedded(&BASE)),
            ("one", Type::One(&INNER)),
            ("many", Type::List("[]main.Inner", &INNER)),
            ("named", Type::Named("map[string]*main.Inner", &INNER)),
            ("count", Type::Int("int64")),
            ("texts", Type::Texts),
        ],
    };

    /// The messages were observed with Go 1.26.
    #[test]
    fn errors_are_placed_as_go_places_them() {
        let field = |found: &str, path: &str, wanted: &str| {
            format!("json: cannot unmarshal {found} into Go struct field {path} of type {wanted}")
        };
        for (document, error) in [
            ("[]", "json: cannot unmarshal array into Go value of type main.Outer".to_owned()),
            (r#"{"target":1}"#, field("number", "Outer.Base.target", "string")),
            (r#"{"one":[]}"#, field("array", "Outer.one", "main.Inner")),
            (r#"{"ONE":{"NAME":1}}"#, field("number", "Inner.one.name", "string")),
            (r#"{"many":["x"]}"#, field("string", "Outer.many", "main.Inner")),
            (r#"{"many":{}}"#, field("object", "Outer.many", "[]main.Inner")),
            (r#"{"many":[{"name":1}]}"#, field("number", "Inner.many.name", "string")),
            (r#"{"named":{"x":[]}}"#, field("array", "Outer.named", "main.Inner")),
            (r#"{"named":{"x":{"name":true}}}"#, field("bool", "Inner.named.name", "string")),
            (r#"{"one":{"level":300}}"#, field("number 300", "Inner.one.level", "main.Level")),
            (r#"{"count":1.5,"target":1}"#, field("number 1.5", "Outer.count", "int64")),
            (r#"{"count":"x"}"#, field("string", "Outer.count", "int64")),
            (r#"{"texts":{"a":"x","b":1}}"#, field("number", "Outer.texts", "string")),
            (r#"{"texts":[]}"#, field("array", "Outer.texts", "map[string]string")),
            (r#"{"one":{"name":1,"at":1}}"#, "Time.UnmarshalJSON: input is not a JSON string".to_owned()),
            (
                r#"{"one":{"at":"2026-01-02"}}"#,
                "parsing time \"2026-01-02\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\""
                    .to_owned(),
            ),
        ] {
            assert_eq!(OUTER.read(document.as_bytes()), Err(error), "{document}");
        }
    }

    #[test]
    fn texts_of_yaml_may_look_like_something_else() {
        let read = |document: &str| OUTER.decode(Raw::checked(document.as_bytes()).unwrap(), Soft::of_yaml());
        let many = read(r#"{"many":[{"name":true},{"name":5}]}"#).unwrap();
        assert_eq!((&many["many"][0]["name"], &many["many"][1]["name"]), (&json!("true"), &json!("5")));
        assert!(read(r#"{"target":1}"#).is_err() && read(r#"{"many":[{"name":[]}]}"#).is_err());
    }

    #[test]
    fn what_is_missing_or_null_is_zero() {
        let read = OUTER.read(br#"{"target":null,"one":{"name":"x","nope":1},"many":[null]}"#).unwrap();
        let inner = |name: &str| json!({"name": name, "at": "0001-01-01T00:00:00Z", "level": 0});
        assert_eq!(
            Value::Object(read),
            json!({"target": "", "one": inner("x"), "many": [inner("")], "named": null, "count": 0, "texts": null})
        );
    }
}
