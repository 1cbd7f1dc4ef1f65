//! Profiles as records of the database, and their layers.

use portmaster_fixtures::scenario::ConnectionRow;
use serde_json::{Value, json};

use crate::world::{Meta, Record, World};

impl World {
    /// A profile as the record `core:profiles/<source>/<id>`, in the contract's form.
    pub fn profile_record(&self, key: &str) -> Option<Record> {
        let stored = self.profiles.stored(key)?;
        let value = Value::Object(stored.profile.members(self.behaviour));
        let meta = Meta { created: stored.created, modified: stored.modified, ..Meta::default() };
        Some(Record::of(format!("core:profiles/{key}"), meta, value))
    }

    /// The layers of a profile that is in use, and how often they were revised.
    pub fn layered_profile(&self, key: &str) -> Option<Record> {
        let revision = self.revisions.get(key)?;
        let value = json!({ "LayerIDs": [key], "RevisionCounter": revision });
        Some(Record::of(format!("runtime:layeredProfile/{key}"), Meta::default(), value))
    }

    /// A connection of a program began: it has a profile, which is in use from now on as long as it lasts.
    pub(in crate::world) fn activate(&mut self, row: &ConnectionRow) {
        if row.live {
            self.meet(&row.profile);
        }
        if row.live && row.active {
            self.use_profile(&row.profile);
        }
    }

    /// A profile is in use from now on, which is told.
    pub(in crate::world) fn use_profile(&mut self, key: &str) {
        if !self.revisions.contains_key(key) {
            self.revisions.insert(key.to_owned(), 1);
            self.tell_of(|world| world.layered_profile(key));
        }
    }

    /// Counts a revision of a profile that is in use, and tells of it.
    pub(in crate::world) fn revise(&mut self, key: &str) {
        let Some(revision) = self.revisions.get_mut(key) else { return };
        *revision += 1;
        self.tell_of(|world| world.layered_profile(key));
    }
}
