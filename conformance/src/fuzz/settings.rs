//! What a campaign is told.

use std::{ffi::OsString, time::Duration};

use portmaster_fixtures::{Contract, Endpoint};

use super::scope::Nothing;
use crate::{
    keeper::Keeper,
    suite::{Allowed, Keys, Mode},
    target::Address,
};

/// What is fuzzed.
#[derive(Debug)]
pub struct Settings {
    /// Somebody else's target and how it was found; without one simulators are started.
    pub target: Option<(Address, Mode)>,
    /// Whether that target is a simulator that was started for this campaign.
    pub started: bool,
    /// A second target, set up like the first: then nothing is judged, and what the two answer is compared.
    pub beside: Option<Beside>,
    /// Who watches that target, and starts it again if it is its own.
    pub keeper: Option<Keeper>,
    /// The contract.
    pub contract: Contract,
    /// What serves the simulators: this program, told to (`portmaster-conformance simulators`).
    pub simulators: Vec<OsString>,
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

/// A target to compare another one with. It has the same keys.
#[derive(Clone, Debug)]
pub enum Beside {
    /// Somebody else's.
    At(Address),
    /// Simulators, served by this command: a fresh one whenever the first target is.
    Simulators(Vec<OsString>),
}

/// Why a campaign cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// Nothing is selected.
    #[error(transparent)]
    Nothing(#[from] Nothing),
}

/// How long a campaign goes on.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So many cases, of all shards together.
    Cases(u64),
    /// So long.
    For(Duration),
}
