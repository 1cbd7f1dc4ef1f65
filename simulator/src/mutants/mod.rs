//! Deliberate misbehaviours (`fixtures/mutants`), compiled once and asked where they bear on something: by the keys,
//! the routes, the way in and out of HTTP, the queries over connections and the frames of the database websocket.
//! Where there are none, each of these asks an empty `Option`.

mod frames;
mod http;
mod json;
mod process;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portmaster_fixtures::{
    Behaviour, Contract, Endpoint, Mutant, UnknownMutant,
    mutant::{Comparison, EndpointPatch, Rewrite},
    read_value,
};
use regex::bytes::Regex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::process::Death;
pub(crate) use self::{
    frames::{Ear, Mouth},
    http::Edited,
    process::{Process, Sway},
};

/// Why mutants cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MutantError {
    /// There is none of that name.
    #[error(transparent)]
    Unknown(#[from] UnknownMutant),
    /// The contract cannot have it.
    #[error("the mutant \"{id}\" is none of the contract {contract}, only of {only}")]
    Unsuited {
        /// The mutant.
        id: &'static str,
        /// The contract.
        contract: Contract,
        /// The contracts that can have it.
        only: String,
    },
}

/// The misbehaviours of one simulator. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Mutants(Option<Arc<Compiled>>);

/// Every endpoint beside the path that its catalogue gives it.
pub(crate) type Catalogue = [(&'static str, &'static Endpoint)];

/// All that the chosen mutants do together.
#[derive(Debug, Default)]
struct Compiled {
    behaviour: Option<&'static Behaviour>,
    endpoints: Option<&'static Catalogue>,
    entries: Vec<Replacement>,
    compare: Comparison,
    requests: Vec<http::RequestEdit>,
    answers: Vec<http::AnswerEdit>,
    queries: Vec<json::Edit>,
    heard: Vec<frames::Edit>,
    said: Vec<frames::Edit>,
    process: Vec<process::Mishap>,
}

/// A regular expression and what stands in the place of what it matches.
#[derive(Debug)]
struct Replacement(Regex, String);

impl Replacement {
    fn new(rewrite: &Rewrite) -> Self {
        Self(regex(&rewrite.pattern), rewrite.with.clone())
    }

    fn apply(&self, text: &[u8]) -> Vec<u8> {
        self.0.replace_all(text, self.1.as_bytes()).into_owned()
    }
}

/// A regular expression of our own data.
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("fixtures/mutants: {error}"))
}

type Chosen = (Vec<String>, Contract, bool);

impl Mutants {
    /// The mutants of these names on a contract, without its defects or with them. What they change of the contract's
    /// data lives as long as the program; so that it is made only once, equal choices are the same.
    ///
    /// # Errors
    /// When there is no such mutant, or the contract cannot have it.
    pub(crate) fn of(ids: &[String], contract: Contract, healthy: bool) -> Result<Self, MutantError> {
        static KNOWN: Mutex<BTreeMap<Chosen, Mutants>> = Mutex::new(BTreeMap::new());
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            let mutant = Mutant::named(id)?;
            if !mutant.suits(contract) {
                let only: Vec<_> =
                    Contract::ALL.into_iter().filter(|one| mutant.suits(*one)).map(Contract::name).collect();
                return Err(MutantError::Unsuited { id: &mutant.id, contract, only: only.join(", ") });
            }
            all.push(mutant);
        }
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen = (ids.to_vec(), contract, healthy);
        let made = || Self(Some(Arc::new(Compiled::new(&all, contract, healthy))));
        Ok(known.entry(chosen).or_insert_with(made).clone())
    }

    /// Whether there are none.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The contract's behaviour as it is shown.
    pub(crate) fn behaviour(&self, right: &'static Behaviour) -> &'static Behaviour {
        self.0.as_ref().and_then(|all| all.behaviour).unwrap_or(right)
    }

    /// The endpoints in the place of the contract's, if they are others.
    pub(crate) fn endpoints(&self) -> Option<&'static Catalogue> {
        self.0.as_ref()?.endpoints
    }

    /// What an entry of `core/apiKeys` is read as.
    pub(crate) fn key_entry(&self, entry: &str) -> String {
        let Some(all) = &self.0 else { return entry.to_owned() };
        let read = all.entries.iter().fold(entry.as_bytes().to_vec(), |text, one| one.apply(&text));
        String::from_utf8_lossy(&read).into_owned()
    }

    /// How presented keys are compared.
    pub(crate) fn comparison(&self) -> Comparison {
        self.0.as_ref().map(|all| all.compare).unwrap_or_default()
    }

    /// What a query over connections is taken for.
    pub(crate) fn query(&self, body: Vec<u8>) -> Vec<u8> {
        match &self.0 {
            Some(all) if !all.queries.is_empty() => json::edit_text(&all.queries, &body).unwrap_or(body),
            _ => body,
        }
    }

    /// What hears the clients of the database websocket, if something is amiss.
    pub(crate) fn ear(&self) -> Option<Ear> {
        let all = self.0.as_ref().filter(|all| !all.heard.is_empty())?;
        Some(Ear::new(Arc::clone(all)))
    }

    /// What speaks to a client of the database websocket, if something is amiss.
    pub(crate) fn mouth(&self) -> Option<Mouth> {
        let all = self.0.as_ref().filter(|all| !all.said.is_empty())?;
        Some(Mouth::new(Arc::clone(all)))
    }

    /// How long they have nobody listen at first.
    pub(crate) fn process_delay(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |all| process::delay(&all.process))
    }

    /// What befalls the process that has them.
    pub(crate) fn process(&self) -> Process {
        let all = self.0.as_ref().filter(|all| !all.process.is_empty());
        all.map(|all| Process::new(Arc::clone(all))).unwrap_or_default()
    }
}

impl Compiled {
    fn new(all: &[&'static Mutant], contract: Contract, healthy: bool) -> Self {
        let mut compiled = Self::default();
        let right = if healthy { contract.healthy_behaviour() } else { contract.behaviour() };
        let patches: Vec<&Value> =
            all.iter().map(|one| &one.behaviour).filter(|patch| !patch.is_null()).collect();
        if !patches.is_empty() {
            compiled.behaviour = Some(Box::leak(Box::new(patched(right, &patches))));
        }
        if all.iter().any(|one| !one.endpoints.is_empty()) {
            let patches: Vec<_> = all.iter().flat_map(|one| &one.endpoints).collect();
            let mutated = |one: &'static Endpoint| -> (&str, &Endpoint) {
                (&one.path, Box::leak(Box::new(mutated_endpoint(one, &patches))))
            };
            let endpoints: Vec<_> = contract.endpoints().iter().map(mutated).collect();
            compiled.endpoints = Some(Vec::leak(endpoints));
        }
        for one in all {
            compiled.entries.extend(one.keys.entries.iter().map(Replacement::new));
            if one.keys.compare != Comparison::Exact {
                compiled.compare = one.keys.compare;
            }
            compiled.requests.extend(one.requests.iter().map(http::RequestEdit::new));
            compiled.answers.extend(one.answers.iter().map(http::AnswerEdit::new));
            compiled.queries.extend(one.queries.iter().map(json::Edit::new));
            compiled.heard.extend(one.heard.iter().map(frames::Edit::new));
            compiled.said.extend(one.said.iter().map(frames::Edit::new));
            compiled.process.extend(one.process.iter().map(process::Mishap::new));
        }
        compiled
    }
}

/// An entry of a contract's catalogue as the mutants would have it.
fn mutated_endpoint(right: &Endpoint, patches: &[&EndpointPatch]) -> Endpoint {
    let mut endpoint = right.clone();
    for patch in patches.iter().filter(|one| regex(&one.path).is_match(right.path.as_bytes())) {
        if !patch.patch.is_null() {
            endpoint = patched(&endpoint, &[&patch.patch]);
        }
        if !patch.replace.is_empty() {
            endpoint.path = endpoint.path.replace(&patch.replace, &patch.with);
        }
    }
    endpoint
}

/// A value after merge patches. They are our own data: one that does not fit is found by the tests.
fn patched<T: Serialize + DeserializeOwned>(value: &T, patches: &[&Value]) -> T {
    let mut tree = serde_json::to_value(value).expect("our own types become JSON");
    for patch in patches {
        json::merge(&mut tree, patch);
    }
    read_value(&tree).unwrap_or_else(|error| panic!("fixtures/mutants: a patch: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_compiles_on_each_of_its_contracts() {
        for mutant in Mutant::all() {
            for contract in Contract::ALL.into_iter().filter(|one| mutant.suits(*one)) {
                for healthy in [false, true] {
                    Mutants::of(std::slice::from_ref(&mutant.id), contract, healthy).unwrap();
                }
            }
        }
    }

    #[test]
    fn every_patch_changes_something() {
        for mutant in Mutant::all() {
            for contract in Contract::ALL.into_iter().filter(|one| mutant.suits(*one)) {
                let compiled = Compiled::new(&[mutant], contract, true);
                if !mutant.behaviour.is_null() {
                    let right = serde_json::to_value(contract.healthy_behaviour()).unwrap();
                    assert_ne!(
                        serde_json::to_value(compiled.behaviour.unwrap()).unwrap(),
                        right,
                        "{}",
                        mutant.id
                    );
                }
                for patch in &mutant.endpoints {
                    let changed = |one: &Endpoint| {
                        let other = mutated_endpoint(one, &[patch]);
                        serde_json::to_value(one).unwrap() != serde_json::to_value(other).unwrap()
                    };
                    assert!(contract.endpoints().iter().any(changed), "{contract}: {}: {patch:?}", mutant.id);
                }
            }
        }
    }

    #[test]
    fn nothing_is_changed_without_mutants() {
        let none = Mutants::of(&[], Contract::Docs, true).unwrap();
        assert!(none.0.is_none() && none.ear().is_none() && none.mouth().is_none());
        assert_eq!(none.key_entry("k?read=user"), "k?read=user");
    }
}
