//! A world from a scenario.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::{
    Contract,
    scenario::{self, CacheEntry, ClockMode, FilterLists, RowsFile, Scenario, SpnStatus, StartAt},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Body, Chance, Clock, Config, Connections, Dns, Event, Faults, Meta, Profiles, Reactions, Record, Records,
    Sessions, Spn, Timeline, World,
    config::Refused,
    dns::{Cached, Resolver},
    generate, geo,
    profiles::LOCAL,
    references::Dangling,
    spn::SpnError,
};

use crate::{
    go::json as gojson,
    mutants::{MutantError, Mutants},
    ordered::ordered,
};

/// What a command line or a test says about a world, over what its scenario says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The contract; the scenario's, or else `docs`, if absent.
    pub contract: Option<Contract>,
    /// The seed; the scenario's if absent.
    pub seed: Option<u64>,
    /// The version that the core gives itself; the scenario's, or else the contract's, if absent.
    pub core_version: Option<String>,
    /// The first instant; the scenario's if absent.
    #[serde(default)]
    pub start: Option<StartAt>,
    /// The clock's pace; the scenario's if absent.
    pub clock: Option<ClockMode>,
    /// The clock's pace where neither says one.
    pub usual_clock: Option<ClockMode>,
    /// Whether the contract's defects are left out.
    pub healthy: bool,
    /// Values of options, by key.
    pub config: BTreeMap<String, Value>,
    /// Entries that are added to `core/apiKeys`.
    pub api_keys: Vec<String>,
    /// The names of deliberate misbehaviours.
    pub mutants: Vec<String>,
}

/// Why a scenario makes no world.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// An option is unknown or does not take its value.
    #[error("config: {0}")]
    Config(#[from] Refused),
    /// A cached answer names a resolver that is not there.
    #[error("dns.cache: \"{domain}\" is from resolver \"{resolver}\", expected one of {known}")]
    Resolver {
        /// The cached domain.
        domain: String,
        /// The name that nobody has.
        resolver: String,
        /// The names that there are.
        known: String,
    },
    /// The world begins too early or too late.
    #[error("start: {start}, expected an instant from {} to {}", Clock::EARLIEST, Clock::LATEST, start = .0)]
    Start(Timestamp),
    /// The version is none.
    #[error("core.version: \"{0}\", expected 1 to 64 printable characters of ASCII")]
    Version(String),
    /// The client is a program that is not there.
    #[error("client.app: there is no app \"{0}\" in this scenario")]
    Client(String),
    /// The map of the privacy network is none.
    #[error(transparent)]
    Spn(#[from] SpnError),
    /// The recipe for connections cannot be followed.
    #[error("connections.generate: {0}")]
    Generate(#[from] generate::GenerateError),
    /// The scenario's text was parsed without reading the file that it names.
    #[error("connections.file: {0} was not read")]
    RowsNotRead(String),
    /// A deliberate misbehaviour cannot be had.
    #[error(transparent)]
    Mutant(#[from] MutantError),
    /// The timeline, the rules or the faults name something that is not there, or say what cannot be.
    #[error("{}", .0.first().map(Dangling::to_string).unwrap_or_default())]
    Dangling(Vec<Dangling>),
}

/// Whether a core can call itself so: the text is part of headers.
fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

impl World {
    /// Makes the world that a scenario describes.
    ///
    /// # Errors
    /// When the scenario contradicts itself or names an option that the contract does not have.
    pub fn new(scenario: Scenario, options: Options) -> Result<Self, SetupError> {
        let contract = options.contract.or(scenario.contract).unwrap_or_default();
        let behaviour = if options.healthy { contract.healthy_behaviour() } else { contract.behaviour() };
        let mutants = Mutants::of(&options.mutants, contract, options.healthy)?;
        let behaviour = mutants.behaviour(behaviour);
        let start = match options.start {
            Some(StartAt::At(instant)) => instant,
            // The present is not known in here: who makes a world says which instant it is.
            _ => scenario.written_start(),
        };
        if !(Clock::EARLIEST..=Clock::LATEST).contains(&start) {
            return Err(SetupError::Start(start));
        }
        let scenario = scenario.beginning(start);
        let mut core = scenario.core;
        core.version = options.core_version.or(core.version);
        if let Some(version) = core.version.as_ref().filter(|one| !is_version(one)) {
            return Err(SetupError::Version(version.clone()));
        }
        let here = geo::known(&scenario.network.location);
        let seed = options.seed.unwrap_or(scenario.seed);
        let spn = Spn::new(scenario.spn, seed, start, here)?;
        let mut world = Self {
            contract,
            behaviour,
            clock: Clock::new(
                options.clock.or(scenario.clock).or(options.usual_clock).unwrap_or_default(),
                start,
            ),
            chance: Chance::new(seed),
            config: Config::new(contract, mutants.clone()),
            mutants,
            core,
            client: scenario.client,
            network: scenario.network,
            dns: Dns { states: scenario.dns.resolvers, cache: BTreeMap::new() },
            spn,
            apps: scenario.apps,
            profiles: Profiles::default(),
            icons: BTreeMap::new(),
            resources: scenario.resources,
            connections: Connections::default(),
            ui: scenario.ui,
            pause: None,
            sessions: Sessions::default(),
            prompts: 0,
            waiting: BTreeMap::new(),
            notifications: BTreeMap::new(),
            broadcasts: behaviour.broadcasts_noted.then(BTreeMap::new),
            life: generate::Life::default(),
            ways: super::spn::Ways::default(),
            timeline: Timeline::default(),
            reactions: Reactions::default(),
            faults: Faults::default(),
            cpu_profile_until: None,
            records: Records::default(),
            modules: super::modules::all(),
            revisions: BTreeMap::new(),
            security_level: 0,
            spn_status_changed: start,
            going_down: false,
            watched: false,
            deaf: false,
            events: Vec::new(),
            late: BTreeMap::new(),
        };
        if let Some(app) = &world.client.app
            && !world.apps.iter().any(|one| one.name == *app)
        {
            return Err(SetupError::Client(app.clone()));
        }
        world.configure(scenario.config, options.config, options.api_keys, start)?;
        world.profiles = Profiles::begin(&world, start);
        world.notify_all(scenario.notifications);
        world.tell_portal();
        for failure in scenario.modules {
            world.fail(failure);
        }
        world.fill_cache(scenario.dns.cache)?;
        world.connect(scenario.connections)?;
        world.break_off();
        world.fill_records(scenario.filter_lists.as_ref());
        if world.spn_enabled() && world.spn_status() != SpnStatus::Connected {
            world.tell_spn();
        }
        world.spn.was_on = world.spn_enabled();
        let mut dangling = world.dangling_resolvers(&scenario.timeline, &scenario.rules);
        dangling.extend(world.dangling(&scenario.timeline, &scenario.rules, &scenario.faults));
        if !dangling.is_empty() {
            return Err(SetupError::Dangling(dangling));
        }
        world.timeline = Timeline::new(scenario.timeline, seed, start);
        world.reactions = Reactions::new(scenario.rules, seed);
        world.faults = Faults::new(scenario.faults, seed, start);
        world.run_due();
        // Nobody listens yet; what was measured waits for its database, which asks for the connections.
        world.events.retain(|event| matches!(event, Event::Measured(_) | Event::Made(_)));
        Ok(world)
    }

    /// Sets options: the scenario's, where the contract has them, then the caller's, which must exist.
    fn configure(
        &mut self,
        scenario: BTreeMap<String, Value>,
        given: BTreeMap<String, Value>,
        api_keys: Vec<String>,
        now: Timestamp,
    ) -> Result<(), SetupError> {
        for (key, value) in scenario {
            if !self.is_of_another_contract(&key) {
                let value = self.config.migrated(&key, value);
                self.config.set(&key, Some(value), now)?;
            }
        }
        for (key, value) in given {
            let value = self.config.migrated(&key, value);
            self.config.set(&key, Some(value), now)?;
        }
        if !api_keys.is_empty() {
            let present = self.config.list("core/apiKeys").into_iter().map(str::to_owned);
            let all = present.chain(api_keys).map(Value::String).collect();
            self.config.set("core/apiKeys", Some(Value::Array(all)), now)?;
        }
        Ok(())
    }

    fn fill_cache(&mut self, entries: Vec<CacheEntry>) -> Result<(), SetupError> {
        let resolvers = self.resolvers();
        for entry in entries {
            // One that is configured no more is told by its URL.
            let former = Resolver::configured(&entry.resolver, &self.behaviour.value_checks);
            let present = resolvers.iter().find(|one| one.is_called(&entry.resolver));
            let Some(resolver) = present.or(former.as_ref()) else {
                let mut known: Vec<String> = resolvers.iter().map(Resolver::label).collect();
                known.dedup();
                let known = known.join(", ");
                return Err(SetupError::Resolver { domain: entry.domain, resolver: entry.resolver, known });
            };
            let stored = self.now() - SignedDuration::from_secs(i64::from(entry.age));
            let key = format!("{}{}", entry.domain, entry.kind);
            self.dns.cache.insert(key, Cached { entry, stored, resolver: resolver.clone() });
        }
        Ok(())
    }

    /// Opens the scenario's connections.
    fn connect(&mut self, connections: scenario::Connections) -> Result<(), SetupError> {
        let file = match connections {
            scenario::Connections::Listed(rows) => RowsFile { rows, bandwidth: Vec::new() },
            scenario::Connections::Rows(file) => file,
            scenario::Connections::Generated(recipe) => return Ok(self.generate(&recipe.generate)?),
            scenario::Connections::File(from) => return Err(SetupError::RowsNotRead(from.file)),
        };
        let now = self.now();
        for row in file.rows {
            let row = self.filled(row);
            self.connections.insert(row, now);
        }
        self.emit(Event::Measured(file.bandwidth));
        Ok(())
    }

    /// Writes the records that a core has right after its start (websocket §5.2).
    fn fill_records(&mut self, lists: Option<&FilterLists>) {
        let meta = Meta::made(self.now());
        if let Some(lists) = lists {
            let text = Body::json(gojson::to_vec(lists));
            self.keep(Record::new("cache:intel/filterlists/index", meta, text));
        }
        if self.behaviour.websocket.full_versions {
            self.keep(Record::new(
                "core:migrations/profile",
                meta,
                Body::Text { format: 1, data: "1".into() },
            ));
        }
        self.keep_versions(meta);
        // The profiles of programs that run are in use.
        let active = self.connections.values().filter(|row| row.live && row.active);
        let active = active.map(|row| row.shared.profile.clone());
        let running = self.apps.iter().filter(|app| !app.processes.is_empty());
        let running = running.map(|app| format!("{LOCAL}/{}", self.profile_id(app)));
        self.revisions = ordered(active.chain(running).map(|profile| (profile, 1)));
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::scenario::BUILT_IN;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_built_in_scenario_is_a_world_in_every_contract() {
        for (name, _) in BUILT_IN {
            for contract in Contract::ALL {
                let scenario = Scenario::load(name).unwrap();
                assert_eq!(scenario.name, *name);
                let options = Options { contract: Some(contract), ..Options::default() };
                World::new(scenario, options).unwrap_or_else(|error| panic!("{name}, {contract}: {error}"));
            }
        }
    }

    #[test]
    fn modules_are_in_trouble_from_the_start() {
        let text = "extends: home-office\ncontract: v2.2\nmodules:\n  \
                    - { module: Resolver, id: 'r:x', title: T, message: M, severity: warning }\n";
        assert_eq!(scenario::check(text), []);
        let world = World::new(Scenario::parse("test", text).unwrap(), Options::default()).unwrap();
        assert_eq!(world.state()["modules"], json!({ "r:x": { "module": "Resolver", "title": "T" } }));
        let Body::Struct(status) = world.system_status().body else { panic!("a structure") };
        assert_eq!(status["WorstState"]["Type"], "warning");
        assert_eq!(world.notification("r:x").map(|one| (one.kind, one.message.as_str())), Some((1, "M")));
    }

    #[test]
    fn the_home_office_is_connected() {
        let world = World::new(Scenario::load("home-office").unwrap(), Options::default()).unwrap();
        assert_eq!(world.spn_status(), SpnStatus::Connected);
        assert_eq!(world.map("main").map(|map| map.hubs.len()), Some(60));
        assert_eq!(world.sessions().len(), 5);
        assert_eq!((world.resolvers().len(), world.apps.len()), (6, 12));
        assert!(world.dns.cache.len() >= 20 && world.notifications().count() >= 3);
        assert_eq!(world.caller().map(|app| app.name.as_str()), Some("Curl"));
    }
}
