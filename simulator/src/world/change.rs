//! Everything that changes the world, and how.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use portmaster_fixtures::{
    ProfileIds,
    scenario::{
        App, CacheEntry, CoreChange, ModuleFailure, NetworkChange, ResolverState, Resource, SpnChange,
    },
};
use serde_json::{Value, json};

use super::{
    Body, Event, Lifecycle, Meta, Notification, Pause, Record, World,
    config::Refused,
    generate::Generated,
    profiles::{GLOBAL, Profile, Rejected, derived_id},
    records::{ACCOUNT, BROADCASTS, TOKEN},
    spn::{Standings, Ways},
};

/// A change of the world. Endpoints, timelines, the control plane and the websocket all speak in these.
#[derive(Clone, Debug)]
pub enum Change {
    /// Sets an option, or resets it to its default with `None`.
    Config {
        /// The option's key.
        key: String,
        /// The new value.
        value: Option<Value>,
    },
    /// Resets an option as a deletion of its record.
    ResetConfig {
        /// The option's key.
        key: String,
        /// What subscribers are told.
        told: Box<Record>,
    },
    /// A client tried to set an option to a value that it does not take: where it acts only after a restart, it now waits
    /// for one nevertheless (websocket §5.1).
    AwaitRestart {
        /// The option's key.
        key: String,
    },
    /// Writes a profile under a key, new or over the one that is there.
    SaveProfile {
        /// `<source>/<id>`.
        key: String,
        /// The profile.
        profile: Box<Profile>,
        /// Whether a client of the database wrote it. Where ids are enforced, it then moves to the id that follows from its
        /// fingerprints.
        by_client: bool,
    },
    /// Deletes a profile.
    DeleteProfile {
        /// `<source>/<id>`.
        key: String,
        /// The profile that it was merged into, if it was: what it has done is that one's.
        heir: Option<String>,
    },
    /// Keeps a picture.
    SaveIcon {
        /// Its file name.
        name: String,
        /// Its bytes.
        content: Arc<[u8]>,
    },
    /// The core says something else of itself.
    Core(CoreChange),
    /// The network that the device is in changes.
    Network(Box<NetworkChange>),
    /// Empties the DNS cache.
    ClearDnsCache {
        /// Only what clients wrote there.
        written: bool,
    },
    /// An event of a module, which those who listen for it hear.
    ModuleEvent {
        /// The module.
        module: &'static str,
        /// The event.
        event: &'static str,
    },
    /// An answer comes into the DNS cache.
    CacheAnswer(Box<CacheEntry>),
    /// Something is special about a resolver from now on.
    Resolver {
        /// Its name or its address.
        name: String,
        /// What.
        state: ResolverState,
    },
    /// The privacy network changes: its provider, its account, its map.
    Spn(Box<SpnChange>),
    /// The core gets to know a program.
    App(Box<App>),
    /// A module gets into trouble.
    ModuleFails(Box<ModuleFailure>),
    /// A module's trouble is over.
    ModuleRecovers {
        /// The state's id.
        id: String,
    },
    /// A file is downloaded, in the place of an earlier one of the same name.
    Download(Box<Resource>),
    /// Connections begin.
    Open(Vec<Generated>),
    /// Connections end, by their ids.
    Close(Vec<String>),
    /// A person logs in to the privacy network.
    LogIn {
        /// The user's name.
        username: String,
    },
    /// The person logs out of it.
    LogOut {
        /// Whether name and device go too.
        purge: bool,
    },
    /// The provider is asked for the account.
    RefreshAccount,
    /// The account's plan is over.
    PlanEnds,
    /// The privacy network starts anew.
    ReinitSpn,
    /// What is known of the hubs is said anew.
    SpnIntel {
        /// The ids of the hubs whose operators are trusted.
        trusted: BTreeSet<String>,
        /// The names of the map's regions. Which hubs are in them is not said.
        regions: Vec<String>,
    },
    /// The core, or the privacy network alone, rests.
    Pause(Pause),
    /// A pause ends.
    Resume,
    /// A notification is shown, in the place of an earlier one of the same event.
    Notify(Box<Notification>),
    /// A person dismissed a broadcast, which is noted.
    DismissBroadcast {
        /// The broadcast.
        id: String,
    },
    /// It is forgotten which broadcasts were dismissed.
    ForgetBroadcasts,
    /// A record of `core:` or `cache:` is kept, in the place of an earlier one.
    Record(Box<Record>),
    /// A record of `core:` or `cache:` goes, and what it told of.
    Forget {
        /// The record as it was.
        record: Box<Record>,
    },
    /// A person chooses an action of a notification.
    Respond {
        /// The event's id.
        event_id: String,
        /// `executed` if the action was carried out elsewhere.
        state: String,
        /// The action's id; empty for none.
        action: String,
    },
    /// A notification goes.
    Dismiss {
        /// The event's id.
        event_id: String,
    },
    /// Notifications whose time is over go.
    ExpireNotifications,
    /// Connections that have waited long enough for an answer are blocked.
    GiveUpWaiting,
    /// Connections go that ended long enough ago.
    ExpireConnections,
    /// A security level is chosen, where there is one.
    SecurityLevel(i64),
    /// The core goes down.
    Lifecycle(Lifecycle),
    /// The user interfaces are read from disk anew.
    ReloadUi,
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// An option does not take a value.
    #[error(transparent)]
    Config(#[from] Refused),
    /// A profile is none.
    #[error(transparent)]
    Profile(#[from] Rejected),
    /// A notification takes no answer, in the core's words.
    #[error("{0}")]
    Record(String),
    /// Something is named that is not there, or cannot happen now.
    #[error("{0}")]
    Script(String),
}

impl ChangeError {
    pub(super) fn script(error: impl std::fmt::Display) -> Self {
        Self::Script(error.to_string())
    }
}

impl Change {
    /// Whether ways through the privacy network may be no more after it.
    fn moves_tunnels(&self) -> bool {
        match self {
            Self::Config { key, .. } | Self::ResetConfig { key, .. } => key.starts_with("spn/"),
            Self::Network(network) => network.online.is_some(),
            Self::Record(record) | Self::Forget { record } => [ACCOUNT, TOKEN].contains(&&*record.key),
            Self::Spn(_)
            | Self::Pause(_)
            | Self::Resume
            | Self::ReinitSpn
            | Self::SpnIntel { .. }
            | Self::LogIn { .. }
            | Self::LogOut { .. }
            | Self::RefreshAccount
            | Self::PlanEnds => true,
            _ => false,
        }
    }
}

impl World {
    /// Applies a change and what rules make of it; what it brought about is waiting in [`World::take_events`].
    ///
    /// # Errors
    /// When a value or a profile is refused, or a name leads nowhere. The world is then as it was.
    pub fn apply(&mut self, change: Change) -> Result<(), ChangeError> {
        let idle = self.reactions.is_empty() && !self.watched;
        let topics = if idle { Vec::new() } else { change.topics() };
        let moves_tunnels = change.moves_tunnels();
        let before = (moves_tunnels && !self.deaf).then(|| match change {
            // It ended with its instant: how everything stood then is not known any more.
            Change::PlanEnds => Standings::new(),
            _ => self.standings(),
        });
        self.enact(change)?;
        if moves_tunnels {
            self.ways = Ways::default();
            self.cut_tunnels();
        }
        if let Some(before) = before {
            self.tell_standings(before);
        }
        if self.watched && !topics.is_empty() {
            self.events.push(Event::Changed(topics.clone()));
        }
        if !topics.is_empty() && !self.reactions.is_empty() {
            self.react_to_change(&topics);
        }
        Ok(())
    }

    fn enact(&mut self, change: Change) -> Result<(), ChangeError> {
        match change {
            Change::Config { key, value } => {
                self.configure_one(&key, value)?;
            }
            Change::ResetConfig { key, told } => {
                let now = self.now();
                self.config.set(&key, None, now)?;
                self.config.mark_pending(&key);
                self.tell(*told);
                self.follow_config(&key, now);
            }
            Change::AwaitRestart { key } => self.config.mark_pending(&key),
            Change::SaveProfile { key, profile, by_client } => {
                let profile = profile.checked(&self.config, self.behaviour)?;
                self.store(key.clone(), profile.clone());
                if by_client && self.behaviour.profile_ids == ProfileIds::Enforced {
                    self.rename(key, profile);
                }
            }
            Change::DeleteProfile { key, heir } => {
                self.forget(key.clone());
                if let Some(heir) = heir {
                    self.hand_over(&key, &heir);
                }
            }
            Change::SaveIcon { name, content } => _ = self.icons.insert(name, content),
            Change::Core(core) => self.change_core(&core),
            Change::Network(network) => {
                let spn = self.spn_status();
                let online = self.network.online;
                self.change_network(*network);
                self.tell_status();
                self.tell_portal();
                if self.network.online != online {
                    self.tell_module_event("netenv", "online status changed");
                }
                self.follow_online(spn);
            }
            Change::ClearDnsCache { written } => self.clear_answers(written),
            Change::ModuleEvent { module, event } => self.tell_event(module, event),
            Change::CacheAnswer(entry) => self.cache(*entry)?,
            Change::Resolver { name, state } => _ = self.dns.states.insert(name, state),
            Change::Spn(spn) => self.change_spn(*spn)?,
            Change::App(app) => self.learn(*app),
            Change::ModuleFails(failure) => self.fail(*failure),
            Change::ModuleRecovers { id } => self.recover(&id),
            Change::Download(resource) => self.download(*resource),
            Change::Open(rows) => self.open(rows),
            Change::Close(ids) => self.close(&ids),
            Change::LogIn { username } => {
                self.log_in(username);
                self.tell_account(None);
                self.tell_spn();
            }
            Change::LogOut { purge } => {
                let before = self.account_record();
                self.log_out(purge);
                self.tell_account(before);
                self.tell_spn();
            }
            Change::RefreshAccount => {
                self.refresh_account();
                self.tell_account(None);
            }
            Change::PlanEnds => self.end_plan(),
            Change::ReinitSpn => self.reinit_spn(),
            Change::SpnIntel { trusted, regions } => self.apply_intel(&trusted, regions),
            Change::Notify(notification) => self.notify(*notification),
            Change::DismissBroadcast { id } => {
                let now = self.now();
                self.supersede(BROADCASTS);
                self.broadcasts.get_or_insert_default().insert(id, now);
            }
            Change::ForgetBroadcasts => {
                self.supersede(BROADCASTS);
                self.broadcasts = Some(BTreeMap::new());
            }
            Change::Record(record) if !self.has_room(&record) => {
                return Err(ChangeError::Script(format!(
                    "records of more than {} bytes",
                    crate::limits::STORED
                )));
            }
            Change::Record(record) => self.keep(*record),
            Change::Forget { record } => self.drop_record(*record),
            Change::Respond { event_id, state, action } => {
                self.respond(&event_id, &state, action).map_err(ChangeError::Record)?;
            }
            Change::Dismiss { event_id } => self.dismiss(&event_id),
            Change::ExpireNotifications => self.expire_notifications(),
            Change::GiveUpWaiting => self.give_up_waiting(),
            Change::ExpireConnections => self.expire_connections(),
            Change::SecurityLevel(level) => {
                self.security_level = level;
                self.tell_status();
            }
            Change::Lifecycle(lifecycle) => self.go_down(lifecycle),
            Change::Pause(pause) => {
                self.pause = Some(pause);
                self.tell_pause();
            }
            Change::Resume => {
                self.pause = None;
                self.tell_pause();
            }
            Change::ReloadUi => self.emit(Event::ReloadUi),
        }
        Ok(())
    }

    /// Moves a profile to the id that follows from its fingerprints, unless another is there: then it stays. One without an id
    /// or a source stays, too (websocket §5.3).
    fn rename(&mut self, key: String, mut profile: Profile) {
        let id = derived_id(profile.prints());
        let target = format!("{}/{id}", profile.source);
        let is_nameless = profile.id.is_empty() || profile.source.is_empty();
        if profile.prints().is_empty()
            || is_nameless
            || profile.id == id
            || self.profiles.get(&target).is_some()
        {
            return;
        }
        profile.id = id;
        profile.last_edited = self.now().as_second();
        self.store(target.clone(), profile);
        self.forget(key.clone());
        self.hand_over(&key, &target);
    }

    /// Deletes a profile, and tells of it.
    fn forget(&mut self, key: String) {
        self.tell_of(|world| Some(world.profile_record(&key)?.deleted(world.now())));
        self.profiles.delete(&key);
    }

    /// What a profile has done that is gone is another's from now on (netquery §6).
    fn hand_over(&mut self, from: &str, to: &str) {
        let Some(name) = self.profiles.get(to).map(|profile| profile.name.clone()) else { return };
        for one in self.connections.hand_over(from, to, &name) {
            self.emit(Event::Stored(Arc::new(one)));
        }
        if self.revisions.remove(from).is_some() {
            self.use_profile(to);
        }
        self.emit(Event::HandedOver { from: from.to_owned(), to: to.to_owned(), name });
    }

    /// Sets an option, and tells of it and of what follows from it (websocket §5.9).
    fn configure_one(&mut self, key: &str, value: Option<Value>) -> Result<(), Refused> {
        let now = self.now();
        let given = value.clone();
        self.config.set(key, value, now)?;
        self.config.mark_pending(key);
        if key == "core/apiKeys" && given.is_some() && self.config.values().get(key) != given.as_ref() {
            // Expired keys went by themselves a moment later: first all, then those that are left.
            self.tell_of(|world| {
                let mut record = world.config.record(key)?;
                if let Body::Struct(Value::Object(members)) = &mut record.body {
                    members.insert("Value".to_owned(), given.unwrap_or_default());
                }
                Some(record)
            });
        }
        self.tell_of(|world| world.config.record(key));
        self.follow_config(key, now);
        Ok(())
    }

    /// What follows from an option that changed.
    fn follow_config(&mut self, key: &str, now: jiff::Timestamp) {
        self.tell_module_event("config", "config change");
        let global = self.global_profile(now);
        self.store(GLOBAL.to_owned(), global);
        self.tell_switched(key);
        if key == "spn/enable" {
            self.tell_connecting();
            self.tell_spn();
        }
    }

    /// The core goes down: its modules say so first.
    fn go_down(&mut self, how: Lifecycle) {
        self.going_down = true;
        let word = match how {
            Lifecycle::Restart => "restart",
            Lifecycle::Shutdown => "shutdown",
        };
        self.tell_event("core", word);
        self.emit(Event::Lifecycle(how));
    }

    /// Tells of an event of a module, where cores tell of all of them (websocket §5.5).
    fn tell_module_event(&mut self, module: &str, event: &str) {
        if self.behaviour.websocket.module_events {
            self.tell_event(module, event);
        }
    }

    fn tell_event(&mut self, module: &str, event: &str) {
        let key = format!("runtime:modules/{module}/event/{event}");
        self.tell(Record::of(key, Meta::default(), json!({ "Data": null })));
    }

    /// Keeps a profile, and tells of it; its layers count a revision.
    pub(super) fn store(&mut self, key: String, profile: Profile) {
        let now = self.now().as_second();
        self.profiles.put(key.clone(), profile, now);
        self.tell_of(|world| world.profile_record(&key));
        self.revise(&key);
    }
}
