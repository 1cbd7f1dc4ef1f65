//! The state of a simulated core. Pure and synchronous: no clock but its own, no chance but its seed, no I/O.

mod access;
pub mod broadcasts;
pub mod chance;
pub mod change;
pub mod clock;
pub mod config;
pub mod connections;
pub mod crash;
pub mod dns;
mod due;
pub mod event;
pub mod faults;
pub mod generate;
pub mod geo;
pub mod keys;
mod mistakes;
pub mod modules;
#[cfg(test)]
mod nonsense;
pub mod notifications;
mod pattern;
pub mod pause;
pub mod platform;
mod portal;
pub mod profiles;
mod profiling;
mod prompt;
pub mod protocol;
pub mod record;
pub mod records;
mod references;
pub mod rules;
mod saved;
mod script;
mod scripted;
pub mod session;
pub mod settings;
mod setup;
pub mod spn;
pub mod state;
pub mod timeline;
pub mod values;
pub mod versions;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use portmaster_fixtures::{Behaviour, Contract, scenario};
use serde::{Deserialize, Serialize};

use crate::mutants::Mutants;

pub use chance::Chance;
pub use change::{Change, ChangeError};
pub use clock::Clock;
pub use config::Config;
pub use connections::{Connection, Connections, Traffic};
pub use dns::Dns;
pub use due::Moved;
pub use event::{Event, Lifecycle};
pub use faults::{Blow, Faults};
pub use modules::Modules;
pub use notifications::{Notification, Notifications};
pub use pattern::Pattern;
pub use pause::Pause;
pub use profiles::{Profile, Profiles};
pub use record::{Body, Meta, Record};
pub use records::Records;
pub use references::Dangling;
pub(crate) use rules::is_part;
pub use rules::{Asked, Reactions};
pub use script::Unfit;
pub use session::Sessions;
pub use setup::{Options, SetupError};
pub use spn::Spn;
pub use timeline::Timeline;

/// Everything that a core knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// The contract that this core honours.
    pub contract: Contract,
    /// The contract's behaviour.
    #[serde(skip, default = "unread")]
    pub behaviour: &'static Behaviour,
    /// Deliberate misbehaviours. They are the simulator's and are not saved.
    #[serde(skip)]
    pub mutants: Mutants,
    /// The only clock.
    pub clock: Clock,
    /// The only source of chance.
    pub chance: Chance,
    /// Configuration.
    pub config: Config,
    /// What the core says of itself.
    pub core: scenario::Core,
    /// The program that asks.
    pub client: scenario::Client,
    /// The device's network.
    pub network: scenario::Network,
    /// Resolvers and cached answers.
    pub dns: Dns,
    /// The privacy network.
    pub spn: Spn,
    /// Programs with their profiles, in the order of the scenario.
    pub apps: Vec<scenario::App>,
    /// The settings of programs.
    pub profiles: Profiles,
    /// Pictures for profiles, by file name.
    #[serde(with = "saved::files")]
    pub icons: BTreeMap<String, Arc<[u8]>>,
    /// Files that were downloaded.
    pub resources: Vec<scenario::Resource>,
    /// What the programs have connected to.
    pub connections: Connections,
    /// The user interfaces that the scenario brings along.
    pub ui: Option<BTreeMap<String, scenario::Bundle>>,
    /// The pause that goes on, if one does.
    pub pause: Option<Pause>,
    /// Sessions of granted programs.
    pub sessions: Sessions,
    /// How many prompts for access there were.
    prompts: u64,
    /// Connections that wait for a person's answer.
    #[serde(with = "saved::pairs")]
    waiting: prompt::Waiting,
    /// What the core has to say, expired or not.
    #[serde(with = "notifications::kept")]
    pub notifications: Notifications,
    /// When broadcasts were dismissed, by id; nothing where there is no such note.
    pub broadcasts: Option<BTreeMap<String, Timestamp>>,
    /// What programs that live are about to do.
    #[serde(default)]
    life: generate::Life,
    #[serde(skip)]
    ways: spn::Ways,
    /// What happens by itself.
    pub timeline: Timeline,
    /// What happens because something else does.
    pub reactions: Reactions,
    /// What goes wrong between the core and its callers.
    pub faults: Faults,
    /// The end of the CPU profile that runs.
    cpu_profile_until: Option<Timestamp>,
    /// The records of `core:` and `cache:`.
    pub records: Records,
    /// The states of the core's modules.
    pub modules: Modules,
    /// How often each profile that is in use was revised, by `<source>/<id>`.
    pub revisions: BTreeMap<String, u64>,
    /// The security level that was chosen, where there is one; 0 for none.
    pub security_level: i64,
    /// When the privacy network's status last changed.
    spn_status_changed: Timestamp,
    going_down: bool,
    /// Whether somebody watches, and is to be told of changes.
    #[serde(skip)]
    pub watched: bool,
    /// Whether nobody listens to records, so that those that only tell of something need not be made.
    #[serde(skip)]
    pub deaf: bool,
    #[serde(skip)]
    events: Vec<Event>,
    /// What subscribers are told late, by its instant and its order.
    #[serde(with = "saved::pairs")]
    late: BTreeMap<(Timestamp, usize), Event>,
}

/// What stands for the behaviour until it is known whose it is.
fn unread() -> &'static Behaviour {
    Contract::default().behaviour()
}

impl World {
    /// Whether the contract's defects are left out.
    pub fn is_healthy(&self) -> bool {
        std::ptr::eq(self.behaviour, self.contract.healthy_behaviour())
    }

    /// Makes what is not saved of a world that was read.
    pub fn revive(&mut self, healthy: bool) {
        self.behaviour = if healthy { self.contract.healthy_behaviour() } else { self.contract.behaviour() };
        self.config.revive(self.contract);
    }

    /// The world's present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether Development Mode is on.
    pub fn dev_mode(&self) -> bool {
        self.config.dev_mode()
    }

    /// Whether the privacy network is switched on.
    pub fn spn_enabled(&self) -> bool {
        self.config.flag("spn/enable")
    }

    /// The version that the core gives itself.
    pub fn version(&self) -> &str {
        self.core.version.as_deref().unwrap_or(&self.behaviour.version)
    }

    /// The app that asks, if the scenario says so.
    pub fn caller(&self) -> Option<&scenario::App> {
        self.app(self.client.app.as_deref()?)
    }

    /// The app of a name.
    pub(crate) fn app(&self, name: &str) -> Option<&scenario::App> {
        self.apps.iter().find(|app| app.name == name)
    }

    /// Whether the core goes down.
    pub fn is_going_down(&self) -> bool {
        self.going_down
    }

    /// Whether the map of the privacy network was ever made, be it withdrawn since.
    pub fn map_was_made(&self) -> bool {
        self.spn.was_on
    }

    /// Takes what happened since the last time, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Forgets what is of the present process: how late it is outside, and what listeners were not told yet.
    pub fn settle(&mut self) {
        self.clock.rebase(std::time::Duration::ZERO);
        self.events.clear();
        (self.watched, self.deaf) = (false, false);
    }

    /// Notes that something happened.
    fn emit(&mut self, event: Event) {
        let event = if self.faults.is_empty() { Some(event) } else { self.struck(event) };
        self.events.extend(event);
    }
}
