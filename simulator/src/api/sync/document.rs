//! The documents: settings, one setting, a profile. Members in the order that YAML shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    error::SyncError,
    request::{BASE, Kind},
};
use crate::{
    go::structure::{Structure, Type},
    world::profiles::{Fingerprint, Profile, derived_id},
};

/// The members that are instants.
pub(super) const TIMES: &[&str] = &["lastEdited", "created"];

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
#[derive(Debug, Default, Serialize)]
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
    pub(super) last_edited: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
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
        let instant = |seconds: i64| {
            Timestamp::from_second(seconds).ok().filter(|_| seconds != 0).map(|at| at.to_string())
        };
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

/// The requests and documents of imports, as the cores' own structures.
pub(super) const SETTINGS: Kind = Kind {
    request: &Structure {
        holder: "SettingsImportRequest",
        name: "sync.SettingsImportRequest",
        fields: &[
            ("ImportRequest", Type::Embedded(&BASE)),
            ("reset", Type::Bool),
            ("allowUnknown", Type::Bool),
            ("export", Type::One(&SETTINGS_EXPORT)),
        ],
    },
    document: &SETTINGS_EXPORT,
    word: Settings::TYPE,
    is_labelled: false,
};

const SETTINGS_EXPORT: Structure = Structure {
    holder: "SettingsExport",
    name: "sync.SettingsExport",
    fields: &[("type", Type::Text("sync.Type")), ("config", Type::Object)],
};

/// One setting.
pub(super) const SINGLE: Kind = Kind {
    request: &Structure {
        holder: "SingleSettingImportRequest",
        name: "sync.SingleSettingImportRequest",
        fields: &[("ImportRequest", Type::Embedded(&BASE)), ("export", Type::One(&SINGLE_EXPORT))],
    },
    document: &SINGLE_EXPORT,
    word: Single::TYPE,
    is_labelled: true,
};

const SINGLE_EXPORT: Structure = Structure {
    holder: "SingleSettingExport",
    name: "sync.SingleSettingExport",
    fields: &[("type", Type::Text("sync.Type")), ("id", Type::Text("string")), ("value", Type::Any)],
};

/// A profile.
pub(super) const PROFILE: Kind = Kind {
    request: &Structure {
        holder: "ProfileImportRequest",
        name: "sync.ProfileImportRequest",
        fields: &[
            ("ImportRequest", Type::Embedded(&BASE)),
            ("allowUnknown", Type::Bool),
            ("reset", Type::Bool),
            ("allowReplaceProfiles", Type::Bool),
            ("export", Type::One(&PROFILE_EXPORT)),
        ],
    },
    document: &PROFILE_EXPORT,
    word: Whole::TYPE,
    is_labelled: false,
};

const PROFILE_EXPORT: Structure = Structure {
    holder: "ProfileExport",
    name: "sync.ProfileExport",
    fields: &[
        ("type", Type::Text("sync.Type")),
        ("id", Type::Text("string")),
        ("source", Type::Text("profile.ProfileSource")),
        ("name", Type::Text("string")),
        ("description", Type::Text("string")),
        ("homepage", Type::Text("string")),
        ("iconData", Type::Text("string")),
        ("presPath", Type::Text("string")),
        ("usePresPath", Type::Bool),
        ("fingerprints", Type::List("[]sync.ProfileFingerprint", &FINGERPRINT)),
        ("config", Type::Object),
        ("lastEdited", Type::Time),
        ("created", Type::Time),
        ("internal", Type::Bool),
    ],
};

const FINGERPRINT: Structure = Structure {
    holder: "ProfileFingerprint",
    name: "sync.ProfileFingerprint",
    fields: &[
        ("type", Type::Text("string")),
        ("key", Type::Text("string")),
        ("operation", Type::Text("string")),
        ("value", Type::Text("string")),
        ("mergedFrom", Type::Text("string")),
    ],
};

/// A document with its members in their types. What is null, and an instant that nobody wrote, is as if it were absent.
pub(super) fn typed<T: DeserializeOwned>(mut document: Map<String, Value>) -> Result<T, SyncError> {
    let unset = Value::from("0001-01-01T00:00:00Z");
    document.retain(|name, value| !value.is_null() && (!TIMES.contains(&name.as_str()) || *value != unset));
    serde_json::from_value(Value::Object(document))
        .map_err(|error| SyncError::Request(format!("failed to parse export: {error}")))
}

/// A single setting's document, in which null is a value.
pub(super) fn single(mut document: Map<String, Value>) -> Single {
    let text =
        |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let value = document.remove("value").unwrap_or_default();
    Single { r#type: text(document.remove("type")), id: text(document.remove("id")), value }
}
