//! Everything that changes the world, and how.

use std::{collections::BTreeMap, sync::Arc};

use portmaster_fixtures::ProfileIds;
use serde_json::Value;

use super::{
    Event, Lifecycle, Notification, Pause, World,
    config::Refused,
    profiles::{GLOBAL, LOCAL, Profile, Rejected, derived_id},
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
    },
    /// Keeps a picture.
    SaveIcon {
        /// Its file name.
        name: String,
        /// Its bytes.
        content: Arc<[u8]>,
    },
    /// Empties the DNS cache.
    ClearDnsCache,
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
    /// The privacy network starts anew.
    ReinitSpn,
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
}

impl World {
    /// Applies a change; what it brought about is waiting in [`World::take_events`].
    ///
    /// # Errors
    /// When a value or a profile is refused. The world is then as it was.
    pub fn apply(&mut self, change: Change) -> Result<(), ChangeError> {
        match change {
            Change::Config { key, value } => {
                let now = self.now();
                self.config.set(&key, value, now)?;
                let global = self.global_profile(now);
                self.store(GLOBAL.to_owned(), global);
            }
            Change::SaveProfile { key, profile, by_client } => {
                let profile = profile.checked(&self.config, self.rules)?;
                self.store(key.clone(), profile.clone());
                if by_client && self.rules.profile_ids == ProfileIds::Enforced {
                    self.rename(key, profile);
                }
            }
            Change::DeleteProfile { key } => self.forget(key),
            Change::SaveIcon { name, content } => _ = self.icons.insert(name, content),
            Change::ClearDnsCache => self.dns.cache.clear(),
            Change::LogIn { username } => self.log_in(username),
            Change::LogOut { purge } => self.log_out(purge),
            Change::RefreshAccount => self.refresh_account(),
            Change::ReinitSpn => self.reinit_spn(),
            Change::Notify(notification) => self.notify(*notification),
            Change::DismissBroadcast { id } => {
                let now = self.now();
                self.broadcasts.get_or_insert_default().insert(id, now);
            }
            Change::ForgetBroadcasts => self.broadcasts = Some(BTreeMap::new()),
            Change::Lifecycle(lifecycle) => self.emit(Event::Lifecycle(lifecycle)),
            Change::Pause(pause) => self.pause = Some(pause),
            Change::Resume => self.pause = None,
            Change::ReloadUi => self.emit(Event::ReloadUi),
        }
        Ok(())
    }

    /// Moves a profile to the id that follows from its fingerprints, unless another is there (websocket §5.3).
    fn rename(&mut self, key: String, mut profile: Profile) {
        let id = derived_id(profile.prints());
        let target = format!("{}/{id}", key.rsplit_once('/').map_or(LOCAL, |(source, _)| source));
        if profile.prints().is_empty() || profile.id == id || key == target {
            return;
        }
        if self.profiles.get(&target).is_none() {
            profile.id = id;
            profile.last_edited = self.now().as_second();
            self.store(target, profile);
        }
        self.forget(key);
    }

    fn forget(&mut self, key: String) {
        if self.profiles.delete(&key) {
            self.emit(Event::ProfileDeleted { key });
        }
    }

    fn store(&mut self, key: String, profile: Profile) {
        let now = self.now().as_second();
        self.profiles.put(key.clone(), profile, now);
        self.emit(Event::ProfileSaved { key });
    }
}
