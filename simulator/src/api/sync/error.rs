//! Why something is not exported or imported, with the cores' words and statuses (core-2.2 §6.10).

use hyper::StatusCode;
use portmaster_fixtures::Defect;

use crate::{
    api::Reply,
    world::{World, change::ChangeError, config::Refused, crash},
};

/// An error of an export or an import.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SyncError {
    /// The request for an export cannot be read.
    #[error("export failed: failed to parse export request: {0}")]
    ExportRequest(String),
    /// It does not say what to export.
    #[error("missing parameters")]
    Missing,
    /// It does not say which one setting to export.
    #[error("missing or malformed parameters")]
    Malformed,
    /// The document cannot be written in the form that is asked for.
    #[error("{}", crate::api::dsd::INCOMPATIBLE)]
    Form,
    /// There is no such profile.
    #[error("import/export target does not exist: failed to find profile: database entry not found")]
    NoTarget,
    /// Nothing is set.
    #[error("cannot export unchanged setting")]
    Unchanged,
    /// There is no such option.
    #[error("setting not found: configuration option \"{0}\" does not exist")]
    Unknown(String),
    /// The request for an import says nothing to import.
    #[error("invalid import request")]
    Nothing,
    /// The request for an import cannot be read or may not be done.
    #[error("invalid import request: {0}")]
    Request(String),
    /// The document is of another kind.
    #[error("the supplied export cannot be imported here")]
    Mismatch,
    /// An option does not take its value.
    #[error("invalid setting value: {0}")]
    Value(String),
    /// An option's value crashes the core.
    #[error("{0}")]
    Crash(String),
    /// The one setting is for all programs only.
    #[error("cannot be set per app")]
    NotPerApp,
    /// One of the settings is for all programs only.
    #[error("cannot be set per app: export contains settings that cannot be set per app")]
    SomeNotPerApp,
    /// The document's profile is none.
    #[error("invalid profile data: {0}")]
    ProfileData(String),
    /// What was imported could not be kept.
    #[error("import failed: {0}")]
    Import(String),
    /// The document was changed after it was written.
    #[error("failed to verify checksum: checksum does not match")]
    Checksum,
    /// The document's checksum is none.
    #[error("failed to verify checksum: checksum does not match: {0}")]
    NoChecksum(String),
}

impl SyncError {
    /// The statuses of all of them, beside 500.
    pub(super) const STATUSES: &'static [u16] = &[410, 412, 422];

    /// The error of a value that an option does not take; `among` others it is told with its key.
    pub(super) fn refused(refused: Refused, among: Option<&str>, world: &World) -> Self {
        if matches!(refused, Refused::Incomparable { .. }) && world.behaviour.has(Defect::ImportCrashes) {
            return Self::Crash(crash::words(world.dev_mode()));
        }
        Self::Value(match among {
            Some(key) => format!("configuration value for {key} is invalid: {refused}"),
            None => refused.to_string(),
        })
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::ExportRequest(_) | Self::Missing | Self::Malformed | Self::Form => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Import(_) | Self::Checksum | Self::NoChecksum(_) | Self::Crash(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::NoTarget | Self::Unchanged | Self::NotPerApp | Self::SomeNotPerApp => StatusCode::GONE,
            Self::Unknown(_) | Self::Mismatch => StatusCode::PRECONDITION_FAILED,
            Self::Nothing | Self::Request(_) | Self::Value(_) | Self::ProfileData(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        }
    }
}

impl From<SyncError> for Reply {
    fn from(error: SyncError) -> Self {
        Self::error(error.status(), error.to_string())
    }
}

impl From<ChangeError> for SyncError {
    fn from(refused: ChangeError) -> Self {
        Self::Import(refused.to_string())
    }
}
