//! What is fuzzed, and how: the same for all threads.

use std::{sync::atomic::AtomicU32, time::Duration};

use portmaster_fixtures::{Behaviour, Contract};

use super::{host::Own, scope::Scope};
use crate::{
    keeper::Keeper,
    suite::{Keys, Mode},
    target::Address,
};

/// The target: somebody else's, or simulators of our own.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// Somebody else's, and how it was found.
    Foreign(Address, Mode),
    /// Simulators, a fresh one whenever one is needed.
    Own(Own),
}

impl Target {
    /// Its name in files.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Foreign(address, _) => address.to_string(),
            Self::Own(_) => "embedded simulator".to_owned(),
        }
    }
}

/// What is fuzzed, and how.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) target: Target,
    /// Whether somebody else's target is a simulator that was started for this campaign.
    pub(super) started: bool,
    /// The target that the first one is compared with.
    pub(super) beside: Option<Target>,
    /// Who watches somebody else's target.
    pub(super) keeper: Option<Keeper>,
    pub(super) contract: Contract,
    /// Whether simulators of our own are without the defects of its cores.
    pub(super) healthy: bool,
    /// The contract's behaviour.
    pub(super) behaviour: &'static Behaviour,
    /// Whether that is the target's.
    pub(super) strict: bool,
    pub(super) scope: Scope,
    pub(super) keys: Keys,
    pub(super) seed: u64,
    /// How long an answer may take.
    pub(super) limit: Duration,
    /// How often one of two targets was waited for in vain when the other was done.
    pub(super) vain: AtomicU32,
}

impl Subject {
    /// How the target of an epoch is set up. Simulators take turns, mostly asking for authentication.
    pub(super) fn mode(&self, epoch: u64) -> Mode {
        match &self.target {
            Target::Foreign(_, mode) => *mode,
            Target::Own(_) => match epoch % 5 {
                2 => Mode::Granted,
                4 => Mode::Development,
                _ => Mode::Guarded,
            },
        }
    }
}
