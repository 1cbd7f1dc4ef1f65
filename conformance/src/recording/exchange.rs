//! An exchange as a recording has it, and the setup of the target that answered.

use std::collections::BTreeMap;

use portmaster_fixtures::Contract;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::stand_in::stand_in;
use crate::{
    contrast::{Answered, Bytes, Comparison, Headers},
    suite::{Keys, Tier},
};

/// How the target was set up. Members that say nothing about it are not kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The contract that the target honours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contract: Option<String>,
    /// Whether it is in Development Mode.
    #[serde(default)]
    pub(crate) dev_mode: bool,
    /// What its external authenticator does: none, grant or deny.
    #[serde(default = "no_authenticator")]
    pub(crate) external_auth: String,
    /// Which API keys it has.
    #[serde(default)]
    pub(crate) keys: SetupKeys,
    /// The world that it stands for, or the file of one beside the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scenario: Option<String>,
    /// Options that differ from the scenario's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) config: BTreeMap<String, Value>,
    /// Whether a simulator leaves the contract's defects out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) healthy: bool,
    /// A simulator's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    /// How a simulator's clock goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<String>,
    /// Why the target was a fresh one: what follows changes it, and nothing else may see that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fresh: Option<String>,
}

impl Setup {
    /// A target of a contract with these keys.
    pub(crate) fn like(contract: Contract, dev_mode: bool, keys: &Keys) -> Self {
        let (contract, external_auth) = (Some(contract.to_string()), no_authenticator());
        Self { contract, dev_mode, external_auth, keys: SetupKeys::of(keys), ..Self::default() }
    }
}

fn no_authenticator() -> String {
    "none".to_owned()
}

/// The API keys of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SetupKeys {
    /// `standard`, one of each tier; any other name, none.
    Named(String),
    /// These, as they stand in `core/apiKeys`.
    Listed(Vec<String>),
}

impl SetupKeys {
    /// A stand-in for each of these keys.
    pub(crate) fn standing_for(keys: &Keys) -> Self {
        let known = Tier::ALL.iter().filter(|&&tier| keys.get(tier).is_some());
        Self::Listed(known.map(|&tier| format!("{}{}", stand_in(tier), tier.permissions())).collect())
    }

    /// These very keys, so that whatever tells them, or a checksum of them, tells the same.
    pub(crate) fn of(keys: &Keys) -> Self {
        let known = Tier::ALL.iter().filter_map(|&tier| keys.get(tier));
        Self::Listed(known.map(|key| format!("{}{}", key.secret(), key.tier.permissions())).collect())
    }
}

impl Default for SetupKeys {
    fn default() -> Self {
        Self::Named("standard".to_owned())
    }
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The method.
    #[serde(default = "no_method")]
    pub(crate) method: String,
    /// The request target. Every character stands for one byte on the wire, as in headers.
    #[serde(default)]
    pub(crate) target: String,
    /// Header lines in order; a name that came more than once has a list.
    #[serde(default, deserialize_with = "maybe_map")]
    pub(crate) headers: Map<String, Value>,
    /// The body, as it went out.
    #[serde(default)]
    pub(crate) body: Option<Bytes>,
    /// The whole request, where it is none that a client could build from the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<Bytes>,
    /// Whether the `Host` header is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_host: bool,
}

fn no_method() -> String {
    "RAW".to_owned()
}

fn maybe_map<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Asked {
    /// What belongs together: the method and the path, without the query.
    pub(crate) fn endpoint(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }

    /// The header lines in order.
    pub(crate) fn header_lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().flat_map(|(name, values)| {
            let values = match values {
                Value::Array(several) => several.as_slice(),
                one => std::slice::from_ref(one),
            };
            values.iter().map(move |value| (name.as_str(), value.as_str().unwrap_or_default()))
        })
    }
}

/// One exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Exchange {
    /// Its name, unique within the recording.
    pub(crate) id: String,
    /// The target's setup.
    pub(crate) setup: Setup,
    /// The request.
    pub(crate) request: Asked,
    /// The answer.
    pub(crate) response: Answered,
    /// Where the target listened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_on: Option<String>,
    /// Whether the body's values matter even where only its structure is compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) exact: bool,
    /// Whether the body is another one every time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) volatile: bool,
    /// Whether it only leads to the next, and does not count itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) context: bool,
    /// Whether the recording has no headers of the answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) headers_unrecorded: bool,
    /// Whether the recording has no body of the answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) body_unrecorded: bool,
}

impl Exchange {
    /// What came against the answer that was recorded, in which `expected` may have been adapted to the target.
    pub(crate) fn comparison<'a>(&self, expected: &'a Answered, got: &'a Answered) -> Comparison<'a> {
        Comparison {
            headers: if self.headers_unrecorded { Headers::None } else { Headers::Known },
            body: !self.body_unrecorded,
            exact: self.exact,
            volatile: self.volatile,
            ..Comparison::of(expected, got)
        }
    }

    /// One recorded answer against another.
    pub(crate) fn against<'a>(&'a self, other: &'a Self) -> Comparison<'a> {
        let mut both = self.comparison(&self.response, &other.response);
        if other.headers_unrecorded {
            both.headers = Headers::None;
        }
        both.body &= !other.body_unrecorded;
        both
    }

    /// Whether the target stops after it: an accepted restart or shutdown.
    pub(crate) fn ends_target(&self) -> bool {
        let path = self.request.target.as_str();
        self.response.status == 200
            && !matches!(self.request.method.as_str(), "OPTIONS" | "GET" | "HEAD" | "RAW")
            && (path.ends_with("/core/restart") || path.ends_with("/core/shutdown"))
    }
}
