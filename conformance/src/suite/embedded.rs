//! Simulators of the suite's own, each started when a check first asks for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use portmaster_fixtures::{Contract, Mutant, Scenario};
use portmaster_simulator::{Builder, ExternalAuth, Simulator, Snapshot};
use tokio::sync::OnceCell;

use super::place::Place;
use crate::target::{Address, BadAddress, Key, Keys, Tier};

/// A built-in scenario, read once: a run starts hundreds of simulators.
fn scenario(name: &'static str) -> Result<Scenario, String> {
    static READ: Mutex<BTreeMap<&str, Scenario>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = read.get(name) {
        return Ok(known.clone());
    }
    let scenario = Scenario::load(name).map_err(|error| error.to_string())?;
    Ok(read.entry(name).or_insert(scenario).clone())
}

/// The suite's own simulators, one a place. They end with it.
#[derive(Debug)]
pub(crate) struct Embedded {
    contract: Contract,
    healthy: bool,
    seed: u64,
    /// A deliberate misbehaviour.
    mutant: Option<&'static Mutant>,
    simulators: Places<Simulator>,
    /// The worlds as they were at their beginning, for those that begin in the same place. A fork costs a small part of what
    /// it costs to make a world, and a run wants hundreds.
    worlds: Arc<Places<Snapshot>>,
}

/// Something for each place that is asked for.
#[derive(Debug)]
struct Places<T> {
    main: OnceCell<T>,
    development: OnceCell<T>,
    granted: OnceCell<T>,
    bare: OnceCell<T>,
}

// Derived, it would ask it of what is in the cells.
impl<T> Default for Places<T> {
    fn default() -> Self {
        Self {
            main: OnceCell::new(),
            development: OnceCell::new(),
            granted: OnceCell::new(),
            bare: OnceCell::new(),
        }
    }
}

impl<T> Places<T> {
    fn of(&self, place: Place) -> &OnceCell<T> {
        match place {
            Place::Main => &self.main,
            Place::Development => &self.development,
            Place::Granted => &self.granted,
            Place::Bare => &self.bare,
        }
    }
}

impl Embedded {
    /// Simulators without defects.
    pub(crate) fn healthy(contract: Contract, seed: u64) -> Self {
        Self::new(contract, true, seed, None)
    }

    /// Simulators with the defects of their core.
    pub(crate) fn defective(contract: Contract, seed: u64) -> Self {
        Self::new(contract, false, seed, None)
    }

    /// Simulators without defects that have a mutant.
    pub(crate) fn mutated(contract: Contract, seed: u64, mutant: &'static Mutant) -> Self {
        Self::new(contract, true, seed, Some(mutant))
    }

    /// Whether they have one.
    pub(crate) fn has_mutant(&self) -> bool {
        self.mutant.is_some()
    }

    /// The same once more, in its first state.
    pub(crate) fn again(&self) -> Self {
        Self {
            worlds: Arc::clone(&self.worlds),
            ..Self::new(self.contract, self.healthy, self.seed, self.mutant)
        }
    }

    fn new(contract: Contract, healthy: bool, seed: u64, mutant: Option<&'static Mutant>) -> Self {
        Self { contract, healthy, seed, mutant, simulators: Places::default(), worlds: Arc::default() }
    }

    /// The keys that every embedded simulator has, one a tier. They open nothing else, and so are no secret.
    pub(crate) fn keys() -> Keys {
        let mut keys = Keys::default();
        for tier in Tier::ALL {
            keys.insert(Key::new(tier, format!("conformance-{}-2d7c41b8", tier.name())));
        }
        keys
    }

    /// Where the simulator of a place listens.
    pub(crate) async fn address(&self, place: Place) -> Result<Address, String> {
        let simulator = self.simulators.of(place).get_or_try_init(|| self.start(place)).await?;
        let address: Address = simulator.url().parse().map_err(|error: BadAddress| error.to_string())?;
        Ok(address.behind(simulator.dialer()))
    }

    async fn start(&self, place: Place) -> Result<Simulator, String> {
        let amiss = |error: &dyn std::fmt::Display| format!("the embedded simulator did not start: {error}");
        let auth = match place {
            Place::Main | Place::Bare => ExternalAuth::Deny,
            Place::Development => ExternalAuth::None,
            Place::Granted => ExternalAuth::Grant,
        };
        // The first one here makes the world, and lives in it.
        let mut first = None;
        let world = self.worlds.of(place).get_or_try_init(|| async {
            let simulator =
                self.recipe(place)?.external_auth(auth).start().await.map_err(|error| amiss(&error))?;
            let world = simulator.snapshot().map_err(|error| amiss(&error))?;
            first = Some(simulator);
            Ok::<_, String>(world)
        });
        let world = world.await?.clone();
        match first {
            Some(simulator) => Ok(simulator),
            None => {
                let fork = Simulator::builder().snapshot(world).external_auth(auth).start();
                fork.await.map_err(|error| amiss(&error))
            }
        }
    }

    /// What makes the world of a place.
    fn recipe(&self, place: Place) -> Result<Builder, String> {
        let mut builder = Simulator::builder()
            .contract(self.contract)
            .healthy(self.healthy)
            .world(scenario("home-office")?)
            .seed(self.seed);
        if let Some(mutant) = self.mutant {
            builder = builder.mutant(&mutant.id);
        }
        for tier in Tier::ALL {
            if let Some(key) = Self::keys().get(tier) {
                builder = builder.api_key(format!("{}{}", key.secret(), tier.permissions()));
            }
        }
        Ok(match place {
            Place::Main | Place::Granted => builder,
            Place::Development => builder.dev_mode(true),
            Place::Bare => builder.world(scenario("fresh-install")?),
        })
    }
}
