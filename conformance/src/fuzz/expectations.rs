//! What the oracles know beside the contract, as data.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Deserializer, de::Error};

use crate::suite::matches;

/// How often an endpoint is drawn unless something else is said.
const WEIGHT: u32 = 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectations {
    errors: Vec<Expected>,
    volatile: Vec<Named>,
    types: Vec<Typed>,
    shapeless: Vec<Named>,
    waits: Vec<Named>,
    avoided: Vec<Named>,
    spoils: Vec<Named>,
    weights: Vec<Weighted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    endpoint: String,
    #[serde(default = "server_error")]
    status: u16,
    #[serde(deserialize_with = "pattern")]
    text: Regex,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    endpoint: String,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    endpoint: String,
    #[serde(rename = "type", deserialize_with = "pattern")]
    pattern: Regex,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighted {
    endpoint: String,
    weight: u32,
    #[serde(rename = "reason")]
    _reason: String,
}

fn server_error() -> u16 {
    500
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    Regex::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

static OURS: LazyLock<Expectations> = LazyLock::new(|| {
    let text = include_str!("expectations.yaml");
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("fuzz/expectations.yaml: {error}"))
});

impl Expectations {
    /// Our own file. A mistake in it is a defect of this crate, found by its tests.
    pub(super) fn get() -> &'static Self {
        &OURS
    }

    /// Whether a status of 500 or more with such a text is expected.
    pub(super) fn allows(&self, slug: &str, status: u16, text: &str) -> bool {
        let fits =
            |one: &Expected| one.status == status && matches(&one.endpoint, slug) && one.text.is_match(text);
        self.errors.iter().any(fits)
    }

    /// Whether answers may differ when the same is asked again.
    pub(super) fn is_volatile(&self, slug: &str) -> bool {
        named(&self.volatile, slug)
    }

    /// Whether an answer may have such a media type, whatever the catalogue says.
    pub(super) fn has_type(&self, slug: &str, media_type: &str) -> bool {
        self.types.iter().any(|one| matches(&one.endpoint, slug) && one.pattern.is_match(media_type))
    }

    /// Whether an answer is no JSON though its type says so.
    pub(super) fn is_shapeless(&self, slug: &str) -> bool {
        named(&self.shapeless, slug)
    }

    /// Whether the endpoint waits for a person.
    pub(super) fn waits(&self, slug: &str) -> bool {
        named(&self.waits, slug)
    }

    /// Whether somebody else's target is never asked this.
    pub(super) fn is_avoided(&self, slug: &str) -> bool {
        named(&self.avoided, slug)
    }

    /// Whether writing there changes what the oracles take for granted.
    pub(super) fn spoils(&self, slug: &str) -> bool {
        named(&self.spoils, slug)
    }

    /// How often the endpoint is drawn.
    pub(super) fn weight(&self, slug: &str) -> u32 {
        self.weights.iter().find(|one| matches(&one.endpoint, slug)).map_or(WEIGHT, |one| one.weight)
    }
}

fn named(all: &[Named], slug: &str) -> bool {
    all.iter().any(|one| matches(&one.endpoint, slug))
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;
    use crate::checks::sample;

    #[test]
    fn every_entry_names_an_endpoint_and_a_reason() {
        let ours = Expectations::get();
        let slugs: Vec<String> = Contract::ALL
            .iter()
            .flat_map(|contract| contract.endpoints())
            .map(|endpoint| sample::slug(&endpoint.path))
            .chain(["pages".to_owned()])
            .collect();
        let named = [&ours.volatile, &ours.shapeless, &ours.waits, &ours.avoided, &ours.spoils];
        let entries = named
            .into_iter()
            .flatten()
            .map(|one| (&one.endpoint, &one._reason))
            .chain(ours.errors.iter().map(|one| (&one.endpoint, &one._reason)))
            .chain(ours.types.iter().map(|one| (&one.endpoint, &one._reason)))
            .chain(ours.weights.iter().map(|one| (&one.endpoint, &one._reason)));
        for (endpoint, reason) in entries {
            assert!(slugs.iter().any(|slug| matches(endpoint, slug)), "{endpoint} names nothing");
            assert!(!reason.is_empty(), "{endpoint} has no reason");
        }
    }

    #[test]
    fn an_accident_is_never_expected() {
        for endpoint in Contract::ALL.iter().flat_map(|contract| contract.endpoints()) {
            let slug = sample::slug(&endpoint.path);
            for text in ["", "Internal Server Error.\n", "runtime error: index out of range"] {
                assert!(!Expectations::get().allows(&slug, 500, text), "{slug}: {text:?}");
            }
        }
    }
}
