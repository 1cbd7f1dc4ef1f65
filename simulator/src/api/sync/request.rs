//! What an export or an import is asked: by the query if there is one, else by a JSON body.

use hyper::header::CONTENT_TYPE;
use serde_json::Value;

use super::{checksum, fault::SyncFault};
use crate::{
    api::{Call, dsd},
    go::{
        decode::{At, Fault, Soft, members},
        escape,
        read::{Kind, Raw},
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
    pub(super) fn read(call: &Call) -> Result<Self, SyncFault> {
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
            Self::decode(raw).map_err(|fault| fault.to_string())
        };
        read().map_err(SyncFault::ExportRequest)
    }

    fn decode(raw: Raw<'_>) -> Result<Self, Fault> {
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
#[derive(Debug, Default)]
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
    pub(super) allow_replace: bool,
    export: Option<Value>,
    raw_export: String,
    raw_mime: String,
}

/// How the body of an import without a query is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// As JSON, into a type of this name.
    Json(&'static str),
    /// By its Content-Type, into a type of this name.
    Labelled(&'static str),
}

impl ImportRequest {
    /// Reads a request and the document in it, a structure.
    pub(super) fn read(call: &Call, body: Body) -> Result<(Self, Value), SyncFault> {
        let mut request = Self::parse(call, body)?;
        let document = match (request.export.take(), request.raw_export.is_empty()) {
            (Some(_), false) => {
                return Err(SyncFault::Request("both Export and RawExport are defined".to_owned()));
            }
            (Some(export), true) => export,
            (None, false) => request.document()?,
            (None, true) => return Err(SyncFault::Nothing),
        };
        Ok((request, document))
    }

    fn parse(call: &Call, body: Body) -> Result<Self, SyncFault> {
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
        let parsed = match body {
            Body::Json(name) => Raw::checked(call.body())
                .and_then(|raw| Self::decode(raw, name).map_err(|fault| fault.to_string())),
            Body::Labelled(name) => dsd::read(call.body(), content_type, |raw| Self::decode(raw, name)),
        };
        parsed.map_err(|fault| SyncFault::Request(format!("failed to parse import request: {fault}")))
    }

    fn decode(raw: Raw<'_>, holder: &'static str) -> Result<Self, Fault> {
        let (mut request, mut soft) = (Self::default(), Soft::default());
        let names = &[
            "target",
            "validateOnly",
            "reset",
            "allowUnknown",
            "allowReplaceProfiles",
            "export",
            "rawExport",
            "rawMime",
        ];
        let wanted = holder;
        let holder = holder.strip_prefix("sync.").unwrap_or(holder);
        members(raw, At::TOP, wanted, names, &mut soft, |name, value, soft| {
            let at = At::member(holder, name);
            match name {
                "target" => soft.string(value, at, "string", &mut request.target),
                "validateOnly" => soft.bool(value, at, &mut request.validate_only),
                "reset" => soft.bool(value, at, &mut request.reset),
                "allowUnknown" => soft.bool(value, at, &mut request.allow_unknown),
                "allowReplaceProfiles" => soft.bool(value, at, &mut request.allow_replace),
                "rawExport" => soft.string(value, at, "string", &mut request.raw_export),
                "rawMime" => soft.string(value, at, "string", &mut request.raw_mime),
                _ => match value.kind() {
                    Kind::Object => request.export = serde_json::from_str(&value.literal()).ok(),
                    Kind::Null => request.export = None,
                    _ => soft.wrong(at, value, "sync.Export"),
                },
            }
            Ok(())
        })?;
        soft.unless(request)
    }

    /// The document that came as text, once its checksum is verified.
    fn document(&self) -> Result<Value, SyncFault> {
        let unreadable = |fault: String| SyncFault::Request(format!("failed to parse export: {fault}"));
        let bytes = self.raw_export.as_bytes();
        let text =
            dsd::read(bytes, &self.raw_mime, |raw| Ok(raw.literal().into_owned())).map_err(unreadable)?;
        let raw = Raw::checked(text.as_bytes()).map_err(unreadable)?;
        match dsd::form(&self.raw_mime).as_str() {
            "" | "json" => checksum::verify_json(raw)?,
            "yaml" | "yml" => checksum::verify_yaml(&self.raw_export)?,
            _ => {}
        }
        serde_json::from_str(&text).map_err(|fault| unreadable(fault.to_string()))
    }
}
