//! A world as it is at an instant, to be put back later.

mod file;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use portmaster_fixtures::{Contract, Scenario, scenario::StartAt};

use crate::{
    netquery::{self, Tables},
    world::{Options, SetupError, World},
};

pub use file::SnapshotError;
pub(crate) use file::VERSION;

/// What a world was made from, and is made from again when it is reset.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// What was said over it.
    pub(crate) options: Options,
    /// Whether it was to begin when it was made. The options then say when that was, so that a reset leads back there.
    pub(crate) present: bool,
}

impl Origin {
    /// What a world is made from that is to begin now, if it says so.
    pub(crate) fn new(scenario: Scenario, options: Options) -> Self {
        let present = match options.start {
            Some(start) => start == StartAt::Now,
            None => scenario.begins_now(),
        };
        Self { scenario, options, present }.anew()
    }

    /// The same for a world that begins once more: at the present, if it is to.
    pub(crate) fn anew(mut self) -> Self {
        if self.present {
            let second = Timestamp::now().as_second();
            self.options.start = Timestamp::from_second(second).ok().map(StartAt::At);
        }
        self
    }

    /// Makes the world.
    ///
    /// # Errors
    /// When the scenario contradicts itself or names an option that the contract does not have.
    pub(crate) fn world(&self) -> Result<World, SetupError> {
        World::new(self.scenario.clone(), self.options.clone())
    }
}

/// A whole world at an instant: its clock, its chance, everything that it knows and everything that is still to come. It is
/// put back with [`Simulator::restore`](crate::Simulator::restore). Clones share what they hold.
///
/// It holds secrets, too, if the world has some: API keys, and digests of session cookies. They are what its user wrote
/// into the scenario or the configuration, and the world would not be the same without them.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    world: World,
    connections: netquery::Kept,
    /// The same as it is saved, once somebody wanted it.
    tables: OnceLock<Tables>,
    origin: Arc<Origin>,
}

impl Snapshot {
    /// Keeps a world with its connection database. What listeners were not told yet is not kept.
    pub(crate) fn new(mut world: World, connections: netquery::Kept, origin: Arc<Origin>) -> Self {
        world.settle();
        Self(Arc::new(Kept { world, connections, tables: OnceLock::new(), origin }))
    }

    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    pub(crate) fn kept(&self) -> &netquery::Kept {
        &self.0.connections
    }

    pub(crate) fn tables(&self) -> &Tables {
        self.0.tables.get_or_init(|| self.0.connections.tables(self.0.world.behaviour))
    }

    pub(crate) fn origin(&self) -> &Arc<Origin> {
        &self.0.origin
    }

    /// The instant of the world.
    pub fn now(&self) -> Timestamp {
        self.0.world.now()
    }

    /// The name of the scenario that the world was made from.
    pub fn scenario(&self) -> &str {
        &self.0.origin.scenario.name
    }

    /// The contract that the world honours.
    pub fn contract(&self) -> Contract {
        self.0.world.contract
    }

    /// The number that all chance of the world comes from.
    pub fn seed(&self) -> u64 {
        self.0.world.chance.seed()
    }
}
