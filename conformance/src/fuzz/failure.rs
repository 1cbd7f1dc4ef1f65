//! A failure as it is kept on disk: what to send, to what, and what an oracle objects to.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use portmaster_fixtures::Contract;
use serde::{Deserialize, Serialize};

use super::{
    bucket::Bucket,
    case::{Case, Step},
    finding::Oracle,
    subject::{Subject, Target},
};
use crate::{
    suite::Mode,
    target::{Address, curl_line},
};

/// The number of the file's schema.
const SCHEMA: u32 = 1;

/// A failure, one a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The number of the file's schema.
    pub schema: u32,
    /// Which oracle objects.
    pub oracle: Oracle,
    /// The names of the endpoints on which it was seen; or `websocket`, `pages`, `raw`.
    pub endpoints: Vec<String>,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
    /// What tells this cause from others.
    pub cause: String,
    /// The cause that it is likely to have in common with a failure that was told before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// How often the like was seen.
    pub seen: u64,
    /// The campaign's seed.
    pub seed: u64,
    /// The number of the case that was made small.
    pub case: u64,
    /// In how many steps it was made small.
    pub shrunk_in: usize,
    /// What it was found on.
    pub target: About,
    /// Which step fails, counted from 0.
    pub fails_at: usize,
    /// What to send.
    pub steps: Case,
    /// The requests as command lines, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curl: Vec<String>,
}

/// What a failure was found on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The contract.
    pub contract: Contract,
    /// `guarded`, `development` or `granted`.
    pub mode: String,
    /// Whether it was an embedded simulator without defects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub healthy: bool,
    /// Where it was, if it was no embedded simulator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the target was that it was compared with, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

/// The JSON Schema of a kept failure (draft 2020-12), a text.
pub const JSON_SCHEMA: &str = include_str!("../../schema/failure.schema.json");

/// A file that holds no failure.
#[derive(Debug, thiserror::Error)]
#[error("{} holds no failure: {why}", .file.display())]
pub struct BadFailure {
    file: PathBuf,
    why: String,
}

impl Failure {
    pub(super) fn new(subject: &Subject, bucket: Bucket) -> Self {
        let small = bucket.small;
        let hide = |text: &str| subject.keys.redact(text);
        let (healthy, url) = match &subject.target {
            Target::Own(own) => (own.healthy, None),
            Target::Foreign(_, _) if subject.started => (subject.healthy, None),
            Target::Foreign(address, _) => (false, Some(address.to_string())),
        };
        let beside = subject.beside.as_ref().map(Target::name);
        let shown = url.as_ref().or(beside.as_ref().filter(|_| subject.started));
        let address: Option<Address> = shown.map_or("http://127.0.0.1:817", String::as_str).parse().ok();
        let curl = |step: &Step| match step {
            Step::Ask(ask) => {
                let request = ask.request(&subject.keys, None);
                Some(subject.keys.redact_quoted(&curl_line(address.as_ref()?, &request)))
            }
            Step::Talk(_) | Step::Raw(_) | Step::Meet(_) => None,
        };
        Self {
            schema: SCHEMA,
            oracle: small.finding.oracle,
            endpoints: bucket.endpoints.into_iter().collect(),
            expected: hide(&small.finding.expected),
            got: hide(&small.finding.got),
            cause: hide(&bucket.cause),
            follows: bucket.follows.as_deref().map(hide),
            seen: bucket.seen,
            seed: subject.seed,
            case: small.number,
            shrunk_in: small.steps,
            target: About {
                contract: subject.contract,
                mode: small.mode.name().to_owned(),
                healthy,
                url,
                beside,
            },
            fails_at: small.step,
            curl: small.case.steps.iter().filter_map(curl).collect(),
            steps: small.case,
        }
    }

    /// The name of its file: the same for the same cause.
    pub fn file_name(&self) -> String {
        let place = match self.endpoints.as_slice() {
            [one] => one.as_str(),
            _ => "many",
        };
        let place: String = place.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let mut hasher = DefaultHasher::new();
        (self.oracle, &place, &self.cause, self.target.contract).hash(&mut hasher);
        format!("{}-{place}-{:08x}.json", self.oracle.name(), hasher.finish() >> 32)
    }

    /// The mode of the target that it was found on.
    pub(super) fn mode(&self) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.name() == self.target.mode)
    }

    /// Writes it into a folder, and answers where.
    pub fn keep(&self, folder: &Path) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join(self.file_name());
        let mut text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        text.push('\n');
        std::fs::write(&file, text)?;
        Ok(file)
    }

    /// Reads one.
    ///
    /// # Errors
    /// When there is no such file, or it is no failure.
    pub fn read(file: &Path) -> Result<Self, BadFailure> {
        let bad = |why: String| BadFailure { file: file.to_owned(), why };
        let text = portmaster_fixtures::scenario::file::text(file).map_err(|error| bad(error.to_string()))?;
        let failure: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if failure.schema != SCHEMA {
            return Err(bad(format!("its schema is {}, expected {SCHEMA}", failure.schema)));
        }
        if failure.mode().is_none() {
            return Err(bad(format!("its target's mode is \"{}\"", failure.target.mode)));
        }
        if failure.steps.steps.is_empty() {
            return Err(bad("it has no steps".to_owned()));
        }
        Ok(failure)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::schema::published;

    #[test]
    fn what_is_read_fits_the_schema_and_what_is_not_does_not() {
        let file = json!({
            "schema": 1, "oracle": "no-server-error", "endpoints": ["ping"], "expected": "a", "got": "b", "cause": "c",
            "seen": 1, "seed": 2, "case": 3, "shrunk_in": 4, "target": { "contract": "docs", "mode": "guarded" },
            "fails_at": 0,
            "steps": [
                { "ask": { "method": "GET", "target": "/", "who": { "basic": ["admin", 3] }, "body": { "base64": "/w==" } } },
                { "talk": { "frames": [{ "message": "1|get|core:x" }, { "fragments": ["ab", 2] }, { "close": 1000 }] } },
                { "raw": "GET" },
            ],
        });
        let schema = published::<Failure>("failure", "A failure that portmaster-conformance fuzz kept");
        let validator = jsonschema::validator_for(&schema).unwrap();
        let fits = |value: &Value| {
            (validator.is_valid(value), serde_json::from_value::<Failure>(value.clone()).is_ok())
        };
        assert_eq!(fits(&file), (true, true));
        for (place, wrong) in [
            ("/oracle", json!("luck")),
            ("/seen", json!(-1)),
            ("/target/contract", json!("v9")),
            ("/steps/0/ask/who", json!("king")),
            ("/steps/0/ask/body", json!({ "base64": 1 })),
            ("/steps/2", json!({ "shout": "GET" })),
        ] {
            let mut other = file.clone();
            *other.pointer_mut(place).unwrap() = wrong;
            assert_eq!(fits(&other), (false, false), "{place}");
        }
    }
}
