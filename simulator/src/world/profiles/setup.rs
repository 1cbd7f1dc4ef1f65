//! The profiles that a world begins with: those of its apps, and the ones that every core has.

use jiff::Timestamp;
use portmaster_fixtures::{
    ProfileIds,
    scenario::{self, App},
};

use super::{Fingerprint, LOCAL, Profile, Profiles, derived_id};
use crate::{
    ordered::ordered,
    world::{World, settings},
};

/// A profile of the core's own: id, name, description, whether it shows the core's path, its settings.
struct BuiltIn {
    id: &'static str,
    name: &'static str,
    about: &'static str,
    is_core: bool,
    settings: &'static [(&'static str, Setting)],
}

/// The value of a built-in setting.
enum Setting {
    No,
    Text(&'static str),
    List(&'static [&'static str]),
}

/// What the programs of a core may do: everything, and nobody but this network may call them.
const OF_CORE: &[(&str, Setting)] = &[
    ("filter/blockInbound", Setting::No),
    ("filter/blockInternet", Setting::No),
    ("filter/blockLAN", Setting::No),
    ("filter/blockLocal", Setting::No),
    ("filter/blockP2P", Setting::No),
    ("filter/defaultAction", Setting::Text("permit")),
    ("filter/endpoints", Setting::List(&["+ *"])),
    ("filter/serviceEndpoints", Setting::List(&["+ Localhost", "+ LAN", "- *"])),
];

/// The profiles that a core makes for itself when it starts.
const BUILT_IN: &[BuiltIn] = &[BuiltIn {
    id: "_portmaster",
    name: "Portmaster Core Service",
    about: "The service that filters and resolves for all other programs. Its own settings change nothing.",
    is_core: true,
    settings: OF_CORE,
}];

impl Profiles {
    /// The profiles of a world at its start.
    pub(in crate::world) fn begin(world: &World, start: Timestamp) -> Self {
        let mut profiles = Self::default();
        let mut put = |profile: Profile| profiles.put(profile.key(), profile, start.as_second());
        for one in BUILT_IN {
            put(built_in(one, world, start));
        }
        for app in &world.apps {
            put(Profile::of_app(app, world));
        }
        put(world.global_profile(start));
        profiles
    }
}

fn built_in(one: &BuiltIn, world: &World, start: Timestamp) -> Profile {
    let settings = one.settings.iter().map(|(key, value)| {
        let value = match value {
            // Older cores have a number there: no network in which it acts.
            Setting::No => world.config.option(key).map_or(false.into(), |option| {
                if option.default_value.is_number() { 0.into() } else { false.into() }
            }),
            Setting::Text(text) => (*text).into(),
            Setting::List(list) => list.iter().copied().collect(),
        };
        ((*key).to_owned(), value)
    });
    Profile {
        id: one.id.to_owned(),
        source: LOCAL.to_owned(),
        name: one.name.to_owned(),
        description: one.about.to_owned(),
        presentation_path: if one.is_core { world.core_path().to_owned() } else { String::new() },
        fingerprints: Some(Vec::new()),
        config: Some(settings::nest(ordered(settings))),
        created: world.core.installed.unwrap_or(start).as_second(),
        internal: true,
        ..Profile::default()
    }
}

impl Profile {
    /// An app's settings as the scenario has them: nothing is checked, as nothing is when a core loads what it stored.
    pub(in crate::world) fn of_app(app: &App, world: &World) -> Self {
        Self {
            id: world.own_id(app),
            source: LOCAL.to_owned(),
            name: app.name.clone(),
            description: app.description.clone(),
            homepage: app.homepage.clone(),
            presentation_path: app.path.clone(),
            fingerprints: Some(vec![Fingerprint::path(&app.path)]),
            config: Some(settings::nest(app.config.clone())),
            last_edited: app.edited.map_or(0, Timestamp::as_second),
            created: app.created.unwrap_or(world.now()).as_second(),
            ..Self::default()
        }
    }
}

impl World {
    /// The id of an app's profile: of the one that is its own, or else of one that recognises it.
    pub fn profile_id(&self, app: &App) -> String {
        let own = self.own_id(app);
        if self.profiles.get(&format!("{LOCAL}/{own}")).is_some() {
            return own;
        }
        let print = Fingerprint::path(&app.path);
        let recognises = |one: &Fingerprint| {
            (&one.r#type, &one.operation, &one.value) == (&print.r#type, &print.operation, &print.value)
        };
        let all = self.profiles.iter().map(|stored| &stored.profile);
        let other =
            all.filter(|profile| profile.source == LOCAL).find(|one| one.prints().iter().any(recognises));
        other.map_or(own, |other| other.id.clone())
    }

    /// A program that has no profile any more gets a new one with its next connection.
    pub(in crate::world) fn meet(&mut self, key: &str) {
        if self.profiles.get(key).is_some() {
            return;
        }
        let app = self.apps.iter().find(|app| format!("{LOCAL}/{}", self.own_id(app)) == key);
        let Some(app) = app else { return };
        let profile = Profile {
            description: String::new(),
            homepage: String::new(),
            config: Some(settings::nest(settings::Flat::default())),
            last_edited: 0,
            created: self.now().as_second(),
            ..Profile::of_app(app, self)
        };
        self.store(key.to_owned(), profile);
    }

    /// The id that an app's profile has at first: what the scenario says, or what the contract makes of it.
    fn own_id(&self, app: &App) -> String {
        match self.behaviour.profile_ids {
            ProfileIds::Derived | ProfileIds::Enforced if app.id.is_none() => {
                derived_id(&[Fingerprint::path(&app.path)])
            }
            _ => app.profile_id(),
        }
    }

    /// The profile that shows what is set for all programs, as of an instant.
    pub fn global_profile(&self, now: Timestamp) -> Profile {
        let value = |key: &str| self.config.value(key).cloned().unwrap_or_default();
        let settings =
            self.config.per_app().into_iter().map(|option| (option.key.clone(), value(&option.key)));
        Profile {
            id: "global-config".to_owned(),
            source: "special".to_owned(),
            name: "Global Configuration".to_owned(),
            config: Some(settings::nest(ordered(settings))),
            created: now.as_second(),
            internal: true,
            ..Profile::default()
        }
    }

    /// The running processes of a profile, with the program that they run.
    pub fn processes(&self, key: &str) -> Vec<(&App, &scenario::Process)> {
        let apps = self.apps.iter().filter(|app| format!("{LOCAL}/{}", self.profile_id(app)) == key);
        apps.flat_map(|app| app.processes.iter().map(move |process| (app, process))).collect()
    }
}
