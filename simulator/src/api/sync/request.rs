//! What an export or an import is asked: by the query if there is one, else by a JSON body.

use hyper::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{checksum, error::SyncError};
use crate::{
    api::{Call, dsd},
    go::{
        decode::{At, DecodeError, Soft, members},
        escape,
        read::Raw,
        structure::{Structure, Type},
    },
};

/// What to export.
#[derive(Debug, Default)]
pub(super) struct ExportRequest {
    /// `global` or a profile's key.
    pub(super) from: String,
    /// The settings; all of them if empty.
    pub(super) keys: Vec<String>,
    /// The profile.
    pub(super) id: String,
}

impl ExportRequest {
    /// Reads a request.
    pub(super) fn read(call: &Call) -> Result<Self, SyncError> {
        let pairs = escape::pairs(&call.query);
        if !pairs.is_empty() {
            return Ok(Self {
                from: call.parameter("from").unwrap_or_default(),
                keys: pairs.into_iter().filter(|(name, _)| name == "key").map(|(_, value)| value).collect(),
                id: call.parameter("id").unwrap_or_default(),
            });
        }
        let read = || -> Result<Self, String> {
            let raw = Raw::checked(call.body())?;
            Self::decode(raw).map_err(|error| error.to_string())
        };
        read().map_err(SyncError::ExportRequest)
    }

    fn decode(raw: Raw<'_>) -> Result<Self, DecodeError> {
        let (mut request, mut keys, mut soft) = (Self::default(), None, Soft::default());
        let names = &["from", "keys", "id"];
        members(raw, At::TOP, "sync.ExportRequest", names, &mut soft, |name, value, soft| {
            let at = At::member("ExportRequest", name);
            match name {
                "from" => soft.string(value, at, "string", &mut request.from),
                "keys" => soft.strings(value, at, ("[]string", "string"), &mut keys),
                _ => soft.string(value, at, "string", &mut request.id),
            }
            Ok(())
        })?;
        request.keys = keys.unwrap_or_default();
        soft.unless(request)
    }
}

/// What to import, and how.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ImportRequest {
    /// `global` or a profile's key.
    pub(super) target: String,
    /// Whether nothing is to be changed.
    pub(super) validate_only: bool,
    /// Whether what is not in the document is to be reset.
    pub(super) reset: bool,
    /// Whether settings that nobody knows are passed over.
    pub(super) allow_unknown: bool,
    /// Whether profiles may be replaced.
    #[serde(rename = "allowReplaceProfiles")]
    pub(super) allow_replace: bool,
    export: Option<Map<String, Value>>,
    raw_export: String,
    raw_mime: String,
}

/// What an endpoint imports.
#[derive(Debug)]
pub(super) struct Kind {
    /// The request that holds a document.
    pub(super) request: &'static Structure,
    /// The document.
    pub(super) document: &'static Structure,
    /// What the document says that it is.
    pub(super) word: &'static str,
    /// Whether the body of a request is read by its Content-Type; else it is JSON.
    pub(super) is_labelled: bool,
}

/// What all requests for an import say.
pub(super) const BASE: Structure = Structure {
    holder: "ImportRequest",
    name: "sync.ImportRequest",
    fields: &[
        ("target", Type::Text("string")),
        ("validateOnly", Type::Bool),
        ("rawExport", Type::Text("string")),
        ("rawMime", Type::Text("string")),
    ],
};

impl ImportRequest {
    /// Reads a request and the document in it.
    pub(super) fn read(call: &Call, kind: &Kind) -> Result<(Self, Map<String, Value>), SyncError> {
        let mut request = Self::parse(call, kind)?;
        let document = match (request.export.take(), request.raw_export.is_empty()) {
            (Some(_), false) => {
                return Err(SyncError::Request("both Export and RawExport are defined".to_owned()));
            }
            (Some(export), true) => export,
            (None, false) => request.document(kind.document)?,
            (None, true) => return Err(SyncError::Nothing),
        };
        if document.get("type").and_then(Value::as_str) != Some(kind.word) {
            return Err(SyncError::Mismatch);
        }
        Ok((request, document))
    }

    fn parse(call: &Call, kind: &Kind) -> Result<Self, SyncError> {
        let content_type =
            call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !escape::pairs(&call.query).is_empty() {
            let given = |name: &str| call.parameter(name).is_some();
            return Ok(Self {
                target: call.parameter("to").unwrap_or_default(),
                validate_only: given("validate"),
                reset: given("reset"),
                allow_unknown: given("allowUnknown"),
                allow_replace: given("allowReplace"),
                export: None,
                raw_export: String::from_utf8_lossy(call.body()).into_owned(),
                raw_mime: content_type.to_owned(),
            });
        }
        let members = if kind.is_labelled {
            dsd::read(call.body(), content_type, kind.request)
        } else {
            kind.request.read(call.body())
        };
        members
            .and_then(|members| {
                serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
            })
            .map_err(|error| SyncError::Request(format!("failed to parse import request: {error}")))
    }

    /// The document that came as text, once its checksum is verified.
    fn document(&self, structure: &Structure) -> Result<Map<String, Value>, SyncError> {
        let unreadable = |error: String| SyncError::Request(format!("failed to parse export: {error}"));
        let bytes = self.raw_export.as_bytes();
        let document = dsd::read(bytes, &self.raw_mime, structure).map_err(unreadable)?;
        match dsd::form(&self.raw_mime).as_str() {
            "" | "json" => checksum::verify_json(Raw::checked(bytes).map_err(unreadable)?)?,
            "yaml" | "yml" => checksum::verify_yaml(&self.raw_export)?,
            _ => {}
        }
        Ok(document)
    }
}
