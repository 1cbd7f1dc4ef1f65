//! The states of the core's modules, and what is told of the whole (websocket §5.5).

use std::collections::BTreeMap;

use jiff::Timestamp;
use portmaster_fixtures::{
    SystemStatus,
    scenario::{FailureSeverity, ModuleFailure, NotificationType, SpnStatus},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Meta, Notification, Record, World, notifications::Action};
use crate::ordered::ordered;

/// How bad a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Good to know.
    Hint,
    /// Something is not right.
    Warning,
    /// Something is broken.
    Error,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A state of a module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleState {
    /// Its id, which is also its notification's.
    pub id: String,
    /// Its title.
    pub name: String,
    /// What it means.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
    /// Since when.
    pub time: Timestamp,
    /// What belongs to it.
    pub data: Value,
}

impl ModuleState {
    fn json(&self) -> Value {
        json!({
            "ID": self.id, "Name": self.name, "Message": self.message, "Type": self.severity.word(),
            "Time": self.time, "Data": self.data,
        })
    }
}

/// The modules that always show, and their states.
pub type Modules = BTreeMap<String, Vec<ModuleState>>;

/// The modules of a core.
pub(super) fn all() -> Modules {
    let names = [
        "Binary Updater", "Broadcasts", "Captain", "Control", "CustomList", "FilterLists", "Intel Updater",
        "NameServer", "Notifications", "Profile", "Resolver",
    ];
    ordered(names.map(|name| (name.to_owned(), Vec::new())))
}

/// A part of an early core.
struct Subsystem {
    id: &'static str,
    name: &'static str,
    about: &'static str,
    /// The option that switches it; empty for none.
    toggle: &'static str,
    modules: &'static [&'static str],
}

const SUBSYSTEMS: &[Subsystem] = &[
    Subsystem {
        id: "core",
        name: "Core",
        about: "What everything else stands on.",
        toggle: "",
        modules: &["core", "base", "profiles"],
    },
    Subsystem {
        id: "dns",
        name: "Secure DNS",
        about: "Asks nameservers over encrypted connections.",
        toggle: "",
        modules: &["nameserver", "resolver"],
    },
    Subsystem {
        id: "filter",
        name: "Privacy Filter",
        about: "Blocks connections by rules and lists.",
        toggle: "",
        modules: &["filter", "interception"],
    },
    Subsystem {
        id: "spn",
        name: "SPN",
        about: "Routes connections through the privacy network.",
        toggle: "spn/enable",
        modules: &["captain", "crew"],
    },
];

impl Subsystem {
    /// The part and the name in it of a module by the name that newer cores have for it. What early cores did not have is the
    /// core's own matter.
    fn module(name: &str) -> (&'static Self, &'static str) {
        let mut all =
            SUBSYSTEMS.iter().flat_map(|part| part.modules.iter().map(move |module| (part, *module)));
        let first = (&SUBSYSTEMS[0], SUBSYSTEMS[0].modules[0]);
        all.find(|(_, module)| module.eq_ignore_ascii_case(name)).unwrap_or(first)
    }

    fn of(module: &str) -> &'static Self {
        Self::module(module).0
    }
}

impl World {
    /// A module comes into a state, or leaves it with `None`. The status and the state's notification follow.
    pub(super) fn set_state(&mut self, module: &str, id: &str, state: Option<ModuleState>) {
        let states = self.modules.entry(module.to_owned()).or_default();
        let was_there = states.iter().any(|one| one.id == id);
        states.retain(|one| one.id != id);
        let is_there = state.is_some();
        states.extend(state);
        if was_there || is_there {
            self.tell_status();
            if let Some(of) = self.has_subsystems().then(|| Subsystem::of(module)) {
                self.tell_of(|world| Some(world.subsystem(of)));
            }
        }
    }

    /// A module gets into trouble, and the person is told.
    pub(super) fn fail(&mut self, told: ModuleFailure) {
        let now = self.now();
        let (severity, kind) = match told.severity {
            FailureSeverity::Hint => (Severity::Hint, NotificationType::Info),
            FailureSeverity::Warning => (Severity::Warning, NotificationType::Warning),
            FailureSeverity::Error => (Severity::Error, NotificationType::Error),
        };
        let mut notification = Notification {
            kind: kind.number(),
            title: told.title.clone(),
            message: told.message.clone(),
            ..Notification::new(told.id.clone(), now)
        };
        if !self.has_subsystems() {
            // Newer cores say where to ask for help, and nothing else (websocket §5.6).
            notification.show_on_system =
                severity != Severity::Hint && self.config.flag("core/useSystemNotifications");
            notification.available_actions = Some(vec![Action {
                text: "Get Help".to_owned(),
                kind: "open-url".to_owned(),
                payload: "https://safing.io/support/".into(),
                ..Action::default()
            }]);
        }
        self.notify(notification);
        let state = ModuleState {
            id: told.id.clone(),
            name: told.title,
            message: told.message,
            severity,
            time: now,
            data: Value::Null,
        };
        self.set_state(&told.module, &told.id, Some(state));
    }

    /// The trouble of this id is over.
    pub(super) fn recover(&mut self, id: &str) {
        self.dismiss(id);
        let troubled: Vec<String> = self
            .modules
            .iter()
            .filter(|(_, states)| states.iter().any(|state| state.id == id))
            .map(|(module, _)| module.clone())
            .collect();
        for module in troubled {
            self.set_state(&module, id, None);
        }
    }

    /// Tells of the system's status.
    pub(super) fn tell_status(&mut self) {
        self.tell_of(|world| Some(world.system_status()));
    }

    /// `runtime:system/status`
    pub fn system_status(&self) -> Record {
        let portal = self.portal().unwrap_or_default();
        let portal = json!({
            "URL": portal.url,
            "Domain": portal.domain,
            "IP": portal.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        });
        let online = self.network.online.number();
        let value = match self.behaviour.websocket.system_status {
            SystemStatus::SecurityLevels => json!({
                "ActiveSecurityLevel": self.security_level.max(1),
                "SelectedSecurityLevel": self.security_level,
                "ThreatMitigationLevel": 1,
                "OnlineStatus": online,
                "CaptivePortal": portal,
            }),
            SystemStatus::Modules => {
                let modules: Vec<Value> =
                    self.modules.iter().map(|(name, states)| module(name, states)).collect();
                json!({
                    "OnlineStatus": online, "CaptivePortal": portal, "Modules": modules,
                    "WorstState": self.worst_state(),
                })
            }
        };
        Record::of("runtime:system/status", Meta::default(), value)
    }

    fn worst_state(&self) -> Value {
        let all =
            self.modules.iter().flat_map(|(name, states)| states.iter().map(move |state| (name, state)));
        // Of equally bad ones the first.
        let worst = all.rev().max_by_key(|(_, state)| state.severity);
        let mut out = Map::new();
        out.insert("Module".to_owned(), worst.as_ref().map_or("", |(name, _)| name.as_str()).into());
        let state = worst.map_or_else(
            || {
                json!({
                    "ID": "", "Name": "", "Message": "", "Type": "", "Time": "0001-01-01T00:00:00Z", "Data": null
                })
            },
            |(_, state)| state.json(),
        );
        out.extend(state.as_object().cloned().unwrap_or_default());
        out.into()
    }

    /// `runtime:spn/status`
    pub fn spn_status_record(&self) -> Record {
        let status = self.spn_status();
        let home = self.home_hub().filter(|_| status == SpnStatus::Connected);
        let mut value = Map::new();
        let mut put = |name: &str, member: Value| value.insert(name.to_owned(), member);
        put("Status", status.word().into());
        put("HomeHubID", home.map_or("", |hub| hub.id.as_str()).into());
        put("HomeHubName", home.map_or("", |hub| hub.name.as_str()).into());
        put("ConnectedIP", home.and_then(|hub| hub.ipv4).map(|ip| ip.to_string()).unwrap_or_default().into());
        put("ConnectedTransport", home.map_or("", |_| "tcp:17").into());
        if self.behaviour.websocket.home_country {
            let country = home.map(|hub| super::geo::place(self.behaviour.country_form, &hub.country));
            put("ConnectedCountry", country.and_then(|place| place.get("Country").cloned()).into());
        }
        put("ConnectedSince", home.map(|_| self.spn_connected_since().to_string()).into());
        let meta = Meta { created: self.clock.start().as_second(), ..Meta::made(self.spn_status_changed) };
        Record::of("runtime:spn/status", meta, Value::Object(value))
    }

    /// `runtime:subsystems/<id>`, which only early cores have.
    pub fn subsystems(&self) -> Vec<Record> {
        let all = SUBSYSTEMS.iter().filter(|_| self.has_subsystems());
        all.map(|one| self.subsystem(one)).collect()
    }

    /// An option was written: the part of an early core that it switches on and off is told of.
    pub(super) fn tell_switched(&mut self, option: &str) {
        let part = SUBSYSTEMS.iter().find(|part| part.toggle == option).filter(|_| self.has_subsystems());
        if let Some(part) = part {
            self.tell_of(|world| Some(world.subsystem(part)));
        }
    }

    fn has_subsystems(&self) -> bool {
        self.behaviour.websocket.system_status == SystemStatus::SecurityLevels
    }

    fn subsystem(&self, part: &'static Subsystem) -> Record {
        let &Subsystem { id, name, about, toggle, modules } = part;
        let enabled = toggle.is_empty() || self.config.flag(toggle);
        let mut worst = 0;
        let modules: Vec<Value> = modules
            .iter()
            .map(|module| {
                let states = self.modules.iter().filter(|(name, _)| Subsystem::module(name).1 == *module);
                let state = states.flat_map(|(_, states)| states).rev().max_by_key(|state| state.severity);
                let failure = state.map_or(0, |state| state.severity as u8 + 1);
                worst = worst.max(failure);
                json!({
                    "Name": module, "Enabled": enabled, "Status": if enabled { 4 } else { 2 },
                    "FailureStatus": failure, "FailureID": state.map_or("", |state| &state.id),
                    "FailureMsg": state.map_or("", |state| {
                        if state.message.is_empty() { &state.name } else { &state.message }
                    }),
                })
            })
            .collect();
        let value = json!({
            "ID": id, "Name": name, "Description": about, "Modules": modules, "FailureStatus": worst,
            "ToggleOptionKey": toggle, "ExpertiseLevel": 0, "ReleaseLevel": 0, "ConfigKeySpace": format!("config:{id}/"),
        });
        Record::of(format!("runtime:subsystems/{id}"), Meta::default(), value)
    }

    /// `runtime:core/updates/state`, which only some cores have.
    pub fn updates_state(&self) -> Option<Record> {
        let value = json!({
            "ID": "ready",
            "Details": null,
            "Updates": {
                "LastCheckAt": null, "LastCheckError": "", "PendingDownload": null, "LastDownloadAt": null,
                "LastDownloadError": "", "LastDownload": null, "LastSuccessAt": null,
            },
        });
        let there = self.behaviour.websocket.updates_state;
        there.then(|| Record::of("runtime:core/updates/state", Meta::default(), value))
    }

    /// What follows from a pause that began or ended: the module's state, and its notification.
    pub(super) fn tell_pause(&mut self) {
        const ID: &str = "control:paused";
        let Some(pause) = self.pause.clone() else {
            self.dismiss(ID);
            self.set_state("Control", ID, None);
            return;
        };
        let data =
            json!({ "Interception": !pause.only_spn, "SPN": self.spn_enabled(), "TillTime": pause.until });
        let what = if pause.only_spn { "SPN" } else { "Portmaster" };
        let name = format!("{what} paused");
        let message = format!("{name} until {}", pause.until.strftime("%H:%M:%S"));
        let now = self.now();
        let notification = Notification {
            kind: u8::from(!pause.only_spn),
            title: name.clone(),
            message: message.clone(),
            event_data: data.clone(),
            available_actions: Some(vec![Action {
                text: "Resume".to_owned(),
                kind: "call-webhook".to_owned(),
                payload: json!({
                    "Method": "", "URL": "control/resume", "Payload": null, "ResultAction": "display"
                }),
                ..Default::default()
            }]),
            ..Notification::new(ID.to_owned(), now)
        };
        self.notify(notification);
        let severity = if pause.only_spn { Severity::Hint } else { Severity::Warning };
        let state = ModuleState { id: ID.to_owned(), name, message, severity, time: now, data };
        self.set_state("Control", ID, Some(state));
    }

    /// Whether the privacy network is on and nobody is logged in.
    pub(in crate::world) fn lacks_login(&self) -> bool {
        self.spn_enabled() && self.account().is_none_or(|account| !account.token)
    }

    fn is_connecting(&self) -> bool {
        matches!(self.spn_status(), SpnStatus::Connecting | SpnStatus::Failed)
    }

    /// The privacy network was switched on: that it tries to connect is told once more than what comes of it (websocket §5.9).
    pub(super) fn tell_connecting(&mut self) {
        if self.is_connecting() {
            self.spn_status_changed = self.now();
            self.tell_captain(&CONNECTING, true);
            self.tell_of(|world| Some(world.spn_status_record()));
        }
    }

    /// What follows from an option that switches the privacy network, or from a login: its status, and what the person is told.
    /// That a connection is being made is told first, and stays told where it fails (websocket §5.9).
    pub(super) fn tell_spn(&mut self) {
        self.spn_status_changed = self.now();
        self.spn.was_on |= self.spn_enabled();
        let connecting = self.is_connecting();
        if connecting {
            self.tell_captain(&CONNECTING, true);
        }
        self.tell_of(|world| Some(world.spn_status_record()));
        self.tell_captain(&CONNECTING, connecting);
        self.tell_captain(&NOT_LOGGED_IN, self.lacks_login());
    }

    /// A state of the privacy network's module begins or ends, and its notification with it.
    fn tell_captain(&mut self, told: &Captain, holds: bool) {
        let is_told = self.modules.get(CAPTAIN).is_some_and(|all| all.iter().any(|one| one.id == told.id));
        if is_told == holds {
            return;
        }
        let now = self.now();
        let state = ModuleState {
            id: told.id.to_owned(),
            name: told.title.to_owned(),
            message: told.message.to_owned(),
            severity: told.severity,
            time: now,
            data: Value::Null,
        };
        self.set_state(CAPTAIN, told.id, holds.then_some(state));
        if !holds {
            return self.dismiss(told.id);
        }
        let leads = |page: &str| Action {
            text: "Login".to_owned(),
            kind: "open-page".to_owned(),
            payload: page.into(),
            ..Action::default()
        };
        let is_warning = told.severity == Severity::Warning;
        self.notify(Notification {
            kind: is_warning.into(),
            title: told.title.to_owned(),
            message: told.message.to_owned(),
            show_on_system: is_warning && self.config.flag("core/useSystemNotifications"),
            available_actions: told.page.map(|page| vec![leads(page)]),
            ..Notification::new(told.id.to_owned(), now)
        });
    }
}

/// The module that connects to the privacy network.
const CAPTAIN: &str = "Captain";

/// What that module tells of itself.
struct Captain {
    id: &'static str,
    title: &'static str,
    message: &'static str,
    severity: Severity,
    /// Where in a user interface the person is led.
    page: Option<&'static str>,
}

const CONNECTING: Captain = Captain {
    id: "spn:establishing-home-hub",
    title: "Connecting to SPN...",
    message: "A connection to the privacy network is being made.",
    severity: Severity::Hint,
    page: None,
};

const NOT_LOGGED_IN: Captain = Captain {
    id: "spn:not-logged-in",
    title: "SPN Login Required",
    message: "Log in to use the privacy network.",
    severity: Severity::Warning,
    page: Some("spn"),
};

fn module(name: &str, states: &[ModuleState]) -> Value {
    let states = if states.is_empty() { Value::Null } else { states.iter().map(ModuleState::json).collect() };
    json!({ "Module": name, "States": states })
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::{Contract, Scenario};

    use super::*;
    use crate::world::Options;

    #[test]
    fn late_cores_offer_help_in_trouble_and_nothing_else() {
        let options = Options { contract: Some(Contract::V2_2), ..Options::default() };
        let mut world = World::new(Scenario::load("fresh-install").unwrap(), options).unwrap();
        for (severity, shows) in [("hint", false), ("warning", true), ("error", true)] {
            let fail = format!(
                "modules: {{ fail: [{{ module: Resolver, id: x, title: X, severity: {severity} }}] }}"
            );
            world.change(&serde_saphyr::from_str(&fail).unwrap()).unwrap();
            let told = world.notification_record("x").unwrap();
            let told: Value = serde_json::from_slice(told.text().unwrap()).unwrap();
            let help = json!([{
                "ID": "", "Text": "Get Help", "Type": "open-url", "Payload": "https://safing.io/support/", "Visibility": "",
            }]);
            assert_eq!(told["AvailableActions"], help);
            assert_eq!(told["ShowOnSystem"], shows, "{severity}");
        }
    }

    #[test]
    fn early_cores_tell_trouble_in_subsystems() {
        for contract in [Contract::V1_0, Contract::Docs] {
            let options = Options { contract: Some(contract), ..Options::default() };
            let mut world = World::new(Scenario::load("home-office").unwrap(), options).unwrap();
            let failures = |world: &World| -> Vec<(u64, String)> {
                let told = |record: &Record| serde_json::from_slice(record.text().unwrap()).unwrap();
                let all: Vec<Value> = world.subsystems().iter().map(told).collect();
                let modules = all.iter().flat_map(|one| one["Modules"].as_array().unwrap());
                let troubled = modules.filter(|module| module["FailureStatus"] != 0);
                let told = troubled.map(|module| {
                    let text = |name: &str| module[name].as_str().unwrap().to_owned();
                    (
                        module["FailureStatus"].as_u64().unwrap(),
                        text("FailureID") + ": " + &text("FailureMsg"),
                    )
                });
                told.collect()
            };
            let before = failures(&world);
            world.take_events();
            let fail = "modules: { fail: [{ module: Resolver, id: 'resolver:lost', title: Lost, message: No answer, severity: error }] }";
            world.change(&serde_saphyr::from_str(fail).unwrap()).unwrap();
            let pushed = world.take_events().into_iter().any(|event| {
                matches!(event, crate::world::Event::Record(record) if record.key.starts_with("runtime:subsystems/"))
            });
            assert!(pushed, "{contract}");
            let new: Vec<_> = failures(&world).into_iter().filter(|one| !before.contains(one)).collect();
            assert_eq!(new, [(3, "resolver:lost: No answer".to_owned())], "{contract}");
        }
    }
}
