//! What is fuzzed, and how: the same for all threads.

use std::time::Duration;

use portmaster_fixtures::{Contract, Rules, Scenario};
use portmaster_simulator::{ExternalAuth, Simulator};

use super::scope::Scope;
use crate::{
    keeper::Keeper,
    suite::{Embedded, Keys, Mode, Tier},
    target::Address,
};

/// The target is not there any more, or never was.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Gone(pub(super) String);

/// The target: somebody else's, or simulators of our own.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// Somebody else's, and how it was found.
    Foreign(Address, Mode),
    /// Simulators, a fresh one whenever one is needed.
    Own(Box<Own>),
}

/// Simulators of our own.
#[derive(Clone, Debug)]
pub(super) struct Own {
    contract: Contract,
    healthy: bool,
    seed: u64,
    world: Scenario,
}

impl Own {
    /// Simulators of a contract, with the defects of its core or without.
    pub(super) fn new(contract: Contract, healthy: bool, seed: u64) -> Result<Self, String> {
        let world = Scenario::parse("fuzz/world.yaml", include_str!("world.yaml"))
            .map_err(|fault| fault.to_string())?;
        Ok(Self { contract, healthy, seed, world })
    }

    /// Starts one.
    pub(super) async fn start(&self, mode: Mode) -> Result<Simulator, Gone> {
        let mut builder = Simulator::builder()
            .world(self.world.clone())
            .contract(self.contract)
            .healthy(self.healthy)
            .seed(self.seed)
            .dev_mode(mode == Mode::Development)
            .external_auth(if mode == Mode::Granted { ExternalAuth::Grant } else { ExternalAuth::Deny });
        for tier in Tier::ALL {
            if let Some(key) = Embedded::keys().get(tier) {
                builder = builder.api_key(format!("{}{}", key.secret(), tier.permissions()));
            }
        }
        builder.start().await.map_err(|fault| Gone(format!("the embedded simulator did not start: {fault}")))
    }

    /// Whether it is without defects.
    pub(super) fn healthy(&self) -> bool {
        self.healthy
    }
}

/// What is fuzzed, and how.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) target: Target,
    /// Who watches somebody else's target.
    pub(super) keeper: Option<Keeper>,
    pub(super) contract: Contract,
    /// The contract's rules.
    pub(super) rules: &'static Rules,
    /// Whether these rules are the target's.
    pub(super) strict: bool,
    pub(super) scope: Scope,
    pub(super) keys: Keys,
    pub(super) seed: u64,
    /// How long an answer may take.
    pub(super) limit: Duration,
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
