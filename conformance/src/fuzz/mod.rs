//! Fuzzing: cases drawn from a catalogue and the grammars, oracles that know the contract and no defect, and failures made
//! small and kept.
//!
//! A [`Campaign`] draws numbered cases from its seed. Cases come in epochs; each has a simulator of its own, unless the
//! target is somebody else's, so that what comes out depends on seed and number alone. What fails is made smaller as
//! long as it fails, tried once more, and kept as a [`Failure`], one for each cause.

mod bodies;
mod bucket;
mod campaign;
mod case;
mod catalogue;
mod dialogue;
mod expectations;
mod failure;
mod finding;
mod judge;
mod lane;
mod report;
mod scope;
mod shrink;
mod strategy;
mod subject;

use std::time::Duration;

use portmaster_fixtures::{Contract, Endpoint};

use crate::{
    shard::Shard,
    suite::{Allowed, Embedded, Keys, Mode, Tier},
    target::Address,
};
use subject::{Own, Subject, Target};

pub use case::{Ask, Bytes, Case, Sent, Step, Talk, Who};
pub use failure::{About, BadFailure, Failure, schema};
pub use finding::Oracle;
pub use report::{Heading, write_jsonl, write_text};
pub use scope::Nothing;

/// What is fuzzed.
#[derive(Debug)]
pub struct Settings {
    /// Somebody else's target and how it was found; without one simulators are started.
    pub target: Option<(Address, Mode)>,
    /// The contract.
    pub contract: Contract,
    /// Whether simulators are without the defects of the contract's cores.
    pub healthy: bool,
    /// A list of endpoints in the contract's place; the contract is then not known.
    pub endpoints: Option<&'static [Endpoint]>,
    /// The keys of somebody else's target.
    pub keys: Keys,
    /// What may be done to somebody else's target.
    pub allowed: Allowed,
    /// Patterns of what is asked; all if empty.
    pub only: Vec<String>,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// How long an answer may take.
    pub limit: Duration,
}

/// Why a campaign cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// Nothing is selected.
    #[error(transparent)]
    Nothing(#[from] Nothing),
    /// The world of our own simulators cannot be read.
    #[error("the world to fuzz in: {0}")]
    World(String),
}

/// How long a campaign goes on.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So many cases, of all shards together.
    Cases(u64),
    /// So long.
    For(Duration),
}

/// How far a campaign is; to be looked at, and to be stopped, while it goes on.
#[derive(Debug, Default)]
pub struct Progress(campaign::Progress);

impl Progress {
    /// How many cases were tried, and how many of them failed.
    pub fn counts(&self) -> (u64, u64) {
        use std::sync::atomic::Ordering::Relaxed;
        (self.0.cases.load(Relaxed), self.0.failing.load(Relaxed))
    }

    /// Ends the campaign soon.
    pub fn stop(&self) {
        self.0.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// What came of a campaign.
#[derive(Clone, Debug)]
pub struct Summary {
    /// How many cases were tried.
    pub cases: u64,
    /// How many requests and messages they had.
    pub sent: u64,
    /// A number that depends on the status and the length of every answer: two runs with the same are most likely equal.
    pub digest: u64,
    /// How long it took, without making failures small.
    pub took: Duration,
    /// What failed, and failed again: one a cause.
    pub failures: Vec<Failure>,
    /// What failed and did not fail again.
    pub unconfirmed: Vec<Unconfirmed>,
    /// Why it ended early, if the target went.
    pub gone: Option<String>,
    /// Whether it was stopped.
    pub interrupted: bool,
}

/// What failed and did not fail again.
#[derive(Clone, Debug)]
pub struct Unconfirmed {
    /// Which oracle objected.
    pub oracle: Oracle,
    /// The endpoint's name.
    pub endpoint: String,
    /// What came.
    pub got: String,
    /// How often.
    pub seen: u64,
}

/// A campaign.
#[derive(Debug)]
pub struct Campaign {
    subject: Subject,
}

impl Campaign {
    /// Prepares one.
    ///
    /// # Errors
    /// When a pattern selects nothing.
    pub fn new(settings: Settings) -> Result<Self, FuzzError> {
        let Settings { target, contract, healthy, endpoints, keys, allowed, only, seed, limit } = settings;
        let foreign = target.is_some();
        let (keys, allowed) = if foreign { (keys, allowed) } else { (Embedded::keys(), Allowed::ALL) };
        let tiers: Vec<Tier> = Tier::ALL.into_iter().filter(|tier| keys.get(*tier).is_some()).collect();
        let listed = endpoints.unwrap_or_else(|| contract.endpoints());
        let scope = scope::Scope::new(contract, listed, tiers, allowed, foreign, only)?;
        let target = match target {
            Some((address, mode)) => Target::Foreign(address, mode),
            None => Target::Own(Box::new(Own::new(contract, healthy, seed).map_err(FuzzError::World)?)),
        };
        let rules = if healthy { contract.healthy_rules() } else { contract.rules() };
        let subject =
            Subject { target, contract, rules, strict: endpoints.is_none(), scope, keys, seed, limit };
        Ok(Self { subject })
    }

    /// How many threads suit the target.
    pub fn threads(&self) -> usize {
        campaign::threads(match &self.subject.target {
            Target::Foreign(address, _) => Some(address),
            Target::Own(_) => None,
        })
    }

    /// Carries it out. On simulators of our own what comes out is the same for the same seed and number of cases,
    /// whatever the number of threads.
    pub fn run(&self, until: Until, shard: Shard, threads: usize, progress: &Progress) -> Summary {
        let until = match until {
            Until::Cases(cases) => campaign::Until::Cases(cases),
            Until::For(span) => campaign::Until::For(span),
        };
        let outcome = campaign::run(&self.subject, until, shard, threads, &progress.0);
        let failures = bucket::sort(outcome.small, &outcome.places);
        Summary {
            cases: outcome.cases,
            sent: outcome.sent,
            digest: outcome.digest,
            took: outcome.took,
            failures: failures.into_iter().map(|bucket| Failure::new(&self.subject, bucket)).collect(),
            unconfirmed: outcome
                .unconfirmed
                .into_iter()
                .map(|sort| Unconfirmed {
                    oracle: sort.finding.oracle,
                    endpoint: sort.finding.endpoint,
                    got: self.subject.keys.redact(&sort.finding.got),
                    seen: sort.seen,
                })
                .collect(),
            gone: outcome.gone,
            interrupted: outcome.interrupted,
        }
    }

    /// Sends a failure's case again: which oracle objects, to which step, and to what.
    ///
    /// # Errors
    /// When the target does not answer.
    pub async fn replay(&self, failure: &Failure) -> Result<Option<(Oracle, usize, String)>, String> {
        let mode = match &self.subject.target {
            Target::Foreign(_, mode) => *mode,
            Target::Own(_) => failure.mode().unwrap_or(Mode::Guarded),
        };
        let gone = |fault: lane::Gone| fault.0;
        let mut lane = lane::Lane::open(&self.subject, mode).await.map_err(gone)?;
        let objection = lane.run(&failure.steps).await.map_err(gone)?;
        Ok(objection.map(|one| (one.finding.oracle, one.step, self.subject.keys.redact(&one.finding.got))))
    }
}
