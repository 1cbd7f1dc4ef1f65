//! Profiles: the settings of programs, and the special ones (websocket §5.3).

mod fingerprint;
mod record;
mod setup;

use portmaster_fixtures::{Behaviour, ProfileIds, RecordForm};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use fingerprint::{Fingerprint, derived_id};

use super::{Config, config::Refused, settings};

/// The source of the profiles of this device.
pub const LOCAL: &str = "local";

/// The key of the profile that shows the settings of all programs.
pub const GLOBAL: &str = "special/global-config";

/// A program's settings, with members in the order of the wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Profile {
    /// The id, unique within the source.
    #[serde(rename = "ID")]
    pub id: String,
    /// `local` or `special`.
    pub source: String,
    /// The name.
    pub name: String,
    /// A sentence about the program.
    pub description: String,
    /// What is to be warned of.
    pub warning: String,
    /// When the warning last changed.
    pub warning_last_updated: WrittenTime,
    /// The program's web page.
    pub homepage: String,
    /// Not used by newer cores.
    pub icon: String,
    /// Not used by newer cores.
    pub icon_type: String,
    /// Its icons.
    pub icons: Option<Vec<Icon>>,
    /// Not used by newer cores.
    pub linked_path: String,
    /// The path that is shown.
    pub presentation_path: String,
    /// Whether the path of the program is what is shown.
    pub use_presentation_path: bool,
    /// How the program is recognised.
    pub fingerprints: Option<Vec<Fingerprint>>,
    /// A level of older cores.
    pub security_level: i64,
    /// The settings, nested.
    pub config: Option<Map<String, Value>>,
    /// When a person last changed it, Unix seconds; 0 is never.
    pub last_edited: i64,
    /// When it was made, Unix seconds; 0 is not known.
    pub created: i64,
    /// Whether it is the core's own.
    pub internal: bool,
}

/// A time as it was written, RFC 3339; Go's first instant if it never was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WrittenTime(pub String);

impl Default for WrittenTime {
    fn default() -> Self {
        Self("0001-01-01T00:00:00Z".to_owned())
    }
}

/// An icon of a profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Icon {
    /// `path`, `database`, `api` or empty.
    pub r#type: String,
    /// Where it is: a path, a record's key, or a file's name.
    pub value: String,
    /// `user`, `import`, `core` or `ui`.
    pub source: String,
}

impl Profile {
    /// `<source>/<id>`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.source, self.id)
    }

    /// The fingerprints; none if there is no list.
    pub fn prints(&self) -> &[Fingerprint] {
        self.fingerprints.as_deref().unwrap_or_default()
    }

    /// The settings by option key.
    pub fn settings(&self) -> settings::Flat {
        self.config.as_ref().map(settings::flatten).unwrap_or_default()
    }

    /// Replaces the settings.
    pub fn set_settings(&mut self, flat: settings::Flat) {
        self.config = Some(settings::nest(flat));
    }

    /// The members that a profile has in a contract, in the order of the wire (websocket §5.3, §9).
    pub fn members(&self, behaviour: &Behaviour) -> Map<String, Value> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(self) else { return Map::new() };
        match behaviour.record_form {
            RecordForm::Early => {
                members.shift_remove("Icons");
                let prints = members.get_mut("Fingerprints").and_then(Value::as_array_mut);
                for print in prints.into_iter().flatten().filter_map(Value::as_object_mut) {
                    print.shift_remove("MergedFrom");
                }
            }
            RecordForm::Late => _ = members.shift_remove("SecurityLevel"),
        }
        members
    }

    /// The profile as a core keeps what it is given: without settings that nobody knows.
    ///
    /// # Errors
    /// When a fingerprint is none or an option does not take its value.
    pub fn checked(mut self, config: &Config, behaviour: &Behaviour) -> Result<Self, Rejected> {
        if self.presentation_path.is_empty() {
            self.presentation_path.clone_from(&self.linked_path);
        }
        if behaviour.profile_ids == ProfileIds::Enforced {
            self.prints().iter().try_for_each(Fingerprint::check)?;
        }
        if self.config.is_some() {
            let mut known = self.settings();
            known.retain(|key, _| config.option(key).is_some());
            let bad: Vec<Refused> =
                known.iter().filter_map(|(key, value)| config.read(key, value.clone()).err()).collect();
            let count = bad.len();
            if let Some(first) = bad.into_iter().next() {
                return Err(Rejected::Settings { count, first });
            }
            self.set_settings(known);
        }
        Ok(self)
    }
}

/// Why a profile is not taken (websocket §5.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A fingerprint is none.
    #[error("invalid fingerprint: {0}")]
    Fingerprint(String),
    /// Options do not take their values.
    #[error("failed to create config perspective: encountered {count} errors, first was: {first}")]
    Settings {
        /// How many.
        count: usize,
        /// The first.
        first: Refused,
    },
}

/// A profile as the database keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The profile.
    pub profile: Profile,
    /// `<source>/<id>`, as it was written.
    pub key: String,
    /// When the record was made, Unix seconds.
    pub created: i64,
    /// When the record was last changed, Unix seconds.
    pub modified: i64,
}

/// All profiles, in the order in which they were first written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    stored: Vec<Stored>,
}

impl Profiles {
    /// A profile by `<source>/<id>`.
    pub fn get(&self, key: &str) -> Option<&Profile> {
        self.stored(key).map(|stored| &stored.profile)
    }

    /// A profile's record by `<source>/<id>`.
    pub fn stored(&self, key: &str) -> Option<&Stored> {
        self.stored.iter().find(|stored| stored.key == key)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Stored> {
        self.stored.iter()
    }

    /// Writes a profile under a key, new or over the one that is there; its record is made `now`, Unix seconds.
    pub(super) fn put(&mut self, key: String, profile: Profile, now: i64) {
        match self.stored.iter_mut().find(|stored| stored.key == key) {
            Some(stored) => {
                stored.profile = profile;
                // Every write makes the record anew (websocket §2.5).
                stored.created = now;
                stored.modified = now;
            }
            None => self.stored.push(Stored { profile, key, created: now, modified: now }),
        }
    }

    /// Deletes a profile; whether it was there.
    pub(super) fn delete(&mut self, key: &str) -> bool {
        let before = self.stored.len();
        self.stored.retain(|stored| stored.key != key);
        self.stored.len() < before
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::{Contract, Scenario};
    use serde_json::json;

    use super::*;
    use crate::world::{Change, Event, Options, World};

    fn world(contract: Contract) -> World {
        let options = Options { contract: Some(contract), ..Options::default() };
        World::new(Scenario::default(), options).unwrap()
    }

    fn save(world: &mut World, profile: Profile, by_client: bool) -> Result<(), String> {
        let change = Change::SaveProfile { key: profile.key(), profile: Box::new(profile), by_client };
        world.apply(change).map_err(|refused| refused.to_string())
    }

    fn named(id: &str, config: Value) -> Profile {
        Profile {
            id: id.to_owned(),
            source: LOCAL.to_owned(),
            config: config.as_object().cloned(),
            fingerprints: Some(vec![Fingerprint::path("/tmp/zz1")]),
            ..Profile::default()
        }
    }

    #[test]
    fn members_are_the_contracts() {
        let names = |contract: Contract| {
            named("x", json!({})).members(contract.behaviour()).keys().cloned().collect::<Vec<_>>()
        };
        let late = names(Contract::V2_2);
        assert!(late.contains(&"Icons".to_owned()) && !late.contains(&"SecurityLevel".to_owned()));
        let early = names(Contract::V1_0);
        let place = early.iter().position(|name| name == "SecurityLevel").unwrap();
        assert_eq!((&*early[place - 1], &*early[place + 1]), ("Fingerprints", "Config"));
        assert!(!early.contains(&"Icons".to_owned()));
    }

    #[test]
    fn settings_that_nobody_knows_are_dropped_and_bad_ones_refused() {
        let mut world = world(Contract::V2_2);
        let config =
            json!({"filter": {"nope": 1, "blockP2P": true}, "nosuch": {"a": 1}, "core": {"devMode": true}});
        save(&mut world, named("x", config), false).unwrap();
        let kept = world.profiles.get("local/x").unwrap().config.clone();
        assert_eq!(
            kept.map(Value::Object),
            Some(json!({"core": {"devMode": true}, "filter": {"blockP2P": true}}))
        );
        assert_eq!(
            save(&mut world, named("y", json!({"filter": {"blockP2P": "x", "defaultAction": "bad"}})), false),
            Err("failed to create config perspective: encountered 2 errors, first was: validation of filter/blockP2P \
                 failed: expected type bool, got type string"
                .to_owned())
        );
        assert!(world.profiles.get("local/y").is_none());
    }

    #[test]
    fn what_clients_write_moves_to_the_id_of_its_fingerprints() {
        const DERIVED: &str = "local/PTLB7jij2iyhopxMqY9wLdmVgHKGQuV9bXtohaQYUyf362";
        for (contract, by_client, moves) in
            [(Contract::V2_2, true, true), (Contract::V2_2, false, false), (Contract::V1_6, true, false)]
        {
            let mut world = world(contract);
            world.take_events();
            save(&mut world, named("x", json!({})), by_client).unwrap();
            assert_eq!(world.profiles.get(DERIVED).is_some(), moves, "{contract}");
            assert_eq!(world.profiles.get("local/x").is_none(), moves, "{contract}");
            let events = world.take_events();
            assert_eq!(events.len(), if moves { 4 } else { 1 });
            assert!(matches!(&events[0], Event::Record(record) if record.key == "core:profiles/local/x"));
        }
    }

    #[test]
    fn the_global_profile_follows_the_configuration() {
        let mut world = world(Contract::V2_2);
        let action =
            |world: &World| world.profiles.get(GLOBAL).unwrap().settings()["filter/defaultAction"].clone();
        assert_eq!(action(&world), "permit");
        let change = Change::Config { key: "filter/defaultAction".to_owned(), value: Some("ask".into()) };
        world.apply(change).unwrap();
        assert_eq!(action(&world), "ask");
        assert!(!world.profiles.get(GLOBAL).unwrap().settings().contains_key("core/devMode"));
    }
}
