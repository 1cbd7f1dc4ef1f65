//! Records of the database as endpoints answer them: the value's members, then `_meta`.

use jiff::Timestamp;
use serde::Serialize;

/// A record's own data (websocket §3.1). Unix seconds; 0 is unset.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Meta {
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) expires: i64,
    pub(super) deleted: i64,
    pub(super) key: String,
}

impl Meta {
    /// A record that was made and last changed at one instant.
    pub(super) fn made(key: String, at: Timestamp) -> Self {
        Self { created: at.as_second(), modified: at.as_second(), key, ..Self::default() }
    }
}
