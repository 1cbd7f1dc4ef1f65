//! `sync/settings/import` and `sync/single-setting/import`.

use serde::Serialize;

use super::{
    GLOBAL,
    document::{self, Settings, Single, typed},
    error::SyncError,
    request::ImportRequest,
};
use crate::{
    api::{Call, Reply},
    world::{Change, Profile, World, profiles::LOCAL, settings},
};

/// What an import does, or would do.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) restart_required: bool,
    pub(super) replaces_existing: bool,
    pub(super) contains_unknown: bool,
}

/// Settings that were looked at.
pub(super) struct Sorted {
    /// Those that there are options for, with values in the options' types.
    pub(super) known: settings::Flat,
    /// Whether there are others.
    pub(super) unknown: bool,
}

/// Looks at settings before they are imported; `per_app` says whether they are for one program.
pub(super) fn sort(world: &World, flat: settings::Flat, per_app: bool) -> Result<Sorted, SyncError> {
    let mut sorted = Sorted { known: settings::Flat::new(), unknown: false };
    let mut some_not_per_app = false;
    for (key, value) in flat {
        if world.config.option(&key).is_none() {
            sorted.unknown = true;
            continue;
        }
        let value = world
            .config
            .read(&key, value)
            .map_err(|refused| SyncError::refused(refused, Some(&key), world))?;
        some_not_per_app |= per_app && !world.config.is_per_app(&key);
        sorted.known.insert(key, value);
    }
    if some_not_per_app { Err(SyncError::SomeNotPerApp) } else { Ok(sorted) }
}

/// What is said of settings that nobody knows when they are not allowed.
pub(super) fn refuse_unknown(request: &ImportRequest, unknown: bool) -> Result<(), SyncError> {
    if unknown && !request.allow_unknown {
        return Err(SyncError::Request("the export contains unknown settings".to_owned()));
    }
    Ok(())
}

pub(super) fn settings(world: &mut World, call: &Call) -> Reply {
    match import_settings(world, call) {
        Ok(outcome) => call.structured(&outcome),
        Err(error) => error.into(),
    }
}

fn import_settings(world: &mut World, call: &Call) -> Result<Outcome, SyncError> {
    let (request, document) = ImportRequest::read(call, &document::SETTINGS)?;
    let document: Settings = typed(document)?;
    let per_app = request.target != GLOBAL;
    let Sorted { known, unknown } = sort(world, settings::flatten(&document.config), per_app)?;
    let profile = if per_app { Some(target(world, &request.target)?) } else { None };
    // Real cores never say of several settings that they replace existing ones.
    let outcome = Outcome {
        restart_required: known.keys().any(|key| needs_restart(world, key)),
        replaces_existing: false,
        contains_unknown: unknown,
    };
    if request.validate_only {
        return Ok(outcome);
    }
    refuse_unknown(&request, unknown)?;
    match profile {
        Some(profile) => {
            let mut flat = if request.reset { settings::Flat::new() } else { profile.settings() };
            flat.extend(known);
            edit(world, request.target, profile, flat)?;
        }
        None => {
            let reset: Vec<String> = world.config.values().keys().cloned().collect();
            for key in reset.into_iter().filter(|key| request.reset && !known.contains_key(key)) {
                world.apply(Change::Config { key, value: None })?;
            }
            for (key, value) in known {
                world.apply(Change::Config { key, value: Some(value) })?;
            }
        }
    }
    Ok(outcome)
}

pub(super) fn single(world: &mut World, call: &Call) -> Reply {
    match import_single(world, call) {
        Ok(outcome) => call.structured(&outcome),
        Err(error) => error.into(),
    }
}

fn import_single(world: &mut World, call: &Call) -> Result<Outcome, SyncError> {
    let (request, document) = ImportRequest::read(call, &document::SINGLE)?;
    let Single { id: key, value, .. } = document::single(document);
    if world.config.option(&key).is_none() {
        return Err(SyncError::Unknown(key));
    }
    let value = world.config.read(&key, value).map_err(|refused| SyncError::refused(refused, None, world))?;
    if request.target == GLOBAL {
        let outcome = Outcome {
            restart_required: needs_restart(world, &key),
            replaces_existing: world.config.values().contains_key(&key),
            contains_unknown: false,
        };
        if !request.validate_only {
            world.apply(Change::Config { key, value: Some(value) })?;
        }
        return Ok(outcome);
    }
    if !world.config.is_per_app(&key) {
        return Err(SyncError::NotPerApp);
    }
    let profile = target(world, &request.target)?;
    let mut flat = profile.settings();
    let replaced = flat.insert(key, value);
    let is_local = profile.source == LOCAL;
    if !request.validate_only {
        edit(world, request.target, profile, flat)?;
    }
    // What the profile of all programs shows is nothing that it has.
    Ok(Outcome { replaces_existing: is_local && replaced.is_some(), ..Outcome::default() })
}

fn target(world: &World, key: &str) -> Result<Profile, SyncError> {
    world.profiles.get(key).cloned().ok_or(SyncError::NoTarget)
}

/// Gives a profile other settings.
fn edit(world: &mut World, key: String, mut profile: Profile, flat: settings::Flat) -> Result<(), SyncError> {
    profile.set_settings(flat);
    profile.last_edited = world.now().as_second();
    Ok(world.apply(Change::SaveProfile { key, profile: Box::new(profile), by_client: false })?)
}

fn needs_restart(world: &World, key: &str) -> bool {
    world.config.option(key).is_some_and(|option| option.requires_restart)
}
