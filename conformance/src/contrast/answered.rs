//! An answer as it is compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bytes::Bytes;
use crate::target::Response;

/// The cookie of a session.
pub(crate) const SESSION: &str = "Portmaster-API-Token";

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// The status.
    pub(crate) status: u16,
    /// Headers by their names in lower case.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// The body, or its beginning.
    #[serde(default)]
    pub(crate) body: Option<Bytes>,
    /// Set where the recording has only the body's beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_truncated: Option<Value>,
}

impl From<&Response> for Answered {
    fn from(response: &Response) -> Self {
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &response.headers {
            headers.entry(name.to_ascii_lowercase()).or_default().push(value.clone());
        }
        let body = Some(Bytes(response.body.clone()));
        Self { status: response.status, headers, body, body_truncated: None }
    }
}

impl Answered {
    /// The body's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.body.as_ref().map(|body| body.0.as_slice()).unwrap_or_default()
    }

    /// Whether the status says that the request succeeded.
    pub(crate) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
