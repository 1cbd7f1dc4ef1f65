//! How binding a check is, what it does to its target, and what it cannot do without.

use std::fmt;

use portmaster_fixtures::Permission;
use serde::{Deserialize, Serialize};

use crate::target::Tier;

/// Every tag that a check can be selected by: those of families, and the class of a check.
pub const TAGS: [&str; 9] =
    ["http", "security", "data", "websocket", "finding", "read", "writes", "disruptive", "final"];

/// How binding the checked sentence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// The published page says so. A violation fails.
    Must,
    /// The page is silent and every observed core does so. A violation fails.
    Should,
    /// Worth knowing. A violation warns.
    Info,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Info => "INFO",
        })
    }
}

/// What a check does to its target. Ordered: more harm is greater, and runs later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing that lasts.
    Read,
    /// It changes something harmless.
    Writes,
    /// It stops, logs out, clears or triggers something.
    Disruptive,
    /// It stops the target for good: disruptive, and the last of all.
    Final,
}

impl Class {
    /// The name in lists and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Writes => "writes",
            Self::Disruptive => "disruptive",
            Self::Final => "final",
        }
    }
}

/// What a check cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A key of that tier.
    Key(Tier),
    /// Any way to act with that permission.
    Rights(Permission),
    /// A target that asks for authentication: Development Mode off.
    Guarded,
    /// A target in Development Mode.
    Development,
    /// A target whose external authenticator grants this program everything.
    Granted,
    /// A target whose configuration the suite decides.
    Embedded,
}
