//! The documents: settings, one setting, a profile. Members in the order that YAML shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::SyncFault;
use crate::world::profiles::{Fingerprint, Profile, derived_id};

/// Several settings.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// `settings`.
    pub(super) r#type: String,
    /// The settings, nested.
    pub(super) config: Map<String, Value>,
}

impl Settings {
    pub(super) const TYPE: &'static str = "settings";
}

/// One setting.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Single {
    /// `single-setting`.
    pub(super) r#type: String,
    /// The option's key.
    pub(super) id: String,
    /// Its value.
    pub(super) value: Value,
}

impl Single {
    pub(super) const TYPE: &'static str = "single-setting";
}

/// A profile.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Whole {
    /// `profile`.
    pub(super) r#type: String,
    /// The id that follows from the fingerprints.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) source: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) homepage: String,
    /// A picture as a `data:` URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) icon_data: String,
    #[serde(rename = "presPath", skip_serializing_if = "String::is_empty")]
    pub(super) presentation_path: String,
    #[serde(rename = "usePresPath", skip_serializing_if = "std::ops::Not::not")]
    pub(super) use_presentation_path: bool,
    pub(super) fingerprints: Vec<Print>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) config: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_edited: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) internal: bool,
}

/// A fingerprint.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Print {
    r#type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    key: String,
    operation: String,
    value: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    merged_from: String,
}

impl Whole {
    pub(super) const TYPE: &'static str = "profile";

    /// The document of a profile, with its picture.
    pub(super) fn of(profile: &Profile, icon_data: String) -> Self {
        let instant = |seconds: i64| Timestamp::from_second(seconds).ok().filter(|_| seconds != 0);
        Self {
            r#type: Self::TYPE.to_owned(),
            id: derived_id(profile.prints()),
            source: profile.source.clone(),
            name: profile.name.clone(),
            description: profile.description.clone(),
            homepage: profile.homepage.clone(),
            icon_data,
            presentation_path: profile.presentation_path.clone(),
            use_presentation_path: profile.use_presentation_path,
            fingerprints: profile.prints().iter().map(Print::of).collect(),
            config: profile.config.clone().unwrap_or_default(),
            last_edited: instant(profile.last_edited),
            created: instant(profile.created),
            internal: profile.internal,
        }
    }
}

impl Print {
    fn of(print: &Fingerprint) -> Self {
        let Fingerprint { r#type, key, operation, value, merged_from } = print.clone();
        Self { r#type, key, operation, value, merged_from }
    }
}

impl From<Print> for Fingerprint {
    fn from(print: Print) -> Self {
        let Print { r#type, key, operation, value, merged_from } = print;
        Self { r#type, key, operation, value, merged_from }
    }
}

/// Reads a document of one kind.
pub(super) fn typed<T: serde::de::DeserializeOwned>(document: Value, wanted: &str) -> Result<T, SyncFault> {
    if document.get("type").and_then(Value::as_str) != Some(wanted) {
        return Err(SyncFault::Mismatch);
    }
    serde_json::from_value(document)
        .map_err(|fault| SyncFault::Request(format!("failed to parse export: {fault}")))
}
