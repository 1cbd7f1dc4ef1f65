//! `sync/profile/import`, and pictures in documents.

use base64::{Engine, prelude::BASE64_STANDARD};
use portmaster_fixtures::Defect;
use serde::Serialize;

use super::{
    document::{self, Whole, typed},
    error::SyncError,
    import::{Outcome, Sorted, refuse_unknown, sort},
    request::ImportRequest,
};
use crate::{
    api::{
        Call, Reply,
        profile::{self as pictures, PictureError},
    },
    go::{
        data_url::{self, DataUrl},
        time,
    },
    world::{
        Change, Profile, World,
        profiles::{Fingerprint, Icon, LOCAL, Rejected, derived_id},
        settings,
    },
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileOutcome {
    #[serde(flatten)]
    outcome: Outcome,
    replaces_profiles: Vec<String>,
}

pub(super) fn import(world: &mut World, call: &Call) -> Reply {
    match import_profile(world, call) {
        Ok(outcome) => call.structured(&outcome),
        Err(error) => error.into(),
    }
}

fn import_profile(world: &mut World, call: &Call) -> Result<ProfileOutcome, SyncError> {
    let (request, document) = ImportRequest::read(call, &document::PROFILE)?;
    let document: Whole = typed(document)?;
    if !["", LOCAL].contains(&document.source.as_str()) {
        return Err(SyncError::Mismatch);
    }
    let Sorted { known, unknown } = sort(world, settings::flatten(&document.config), true)?;
    let claimed = document.id.clone();
    // In the cores the key that is looked for has no source where the document has none.
    let unnamed = document.source.is_empty() && !world.behaviour.has(Defect::ImportMissesSource);
    let source = if unnamed { LOCAL } else { document.source.as_str() };
    let existing_key = |id: &str| format!("{source}/{id}");
    let mut prints: Vec<Fingerprint> = document.fingerprints.into_iter().map(Fingerprint::from).collect();
    let id = checked_id(world, &mut prints, &claimed)?;
    let replaces_existing = world.profiles.get(&existing_key(&id)).is_some();
    let replaces_profiles = sharing(world, &prints, &id);
    let outcome = ProfileOutcome {
        outcome: Outcome { restart_required: false, replaces_existing, contains_unknown: unknown },
        replaces_profiles,
    };
    if request.validate_only {
        return Ok(outcome);
    }
    refuse_unknown(&request, unknown)?;
    if (replaces_existing || !outcome.replaces_profiles.is_empty()) && !request.allow_replace {
        return Err(SyncError::Request("the import replaces existing profiles".to_owned()));
    }
    // The document was read before: its instants are some.
    let seconds = |text: String| time::unix_seconds(&text).ok();
    let icons = keep_icon(world, &document.icon_data)?;
    let now = world.now().as_second();
    let profile = Profile {
        id,
        source: LOCAL.to_owned(),
        name: document.name,
        description: document.description,
        homepage: document.homepage,
        icons,
        presentation_path: document.presentation_path,
        use_presentation_path: document.use_presentation_path,
        fingerprints: Some(prints),
        config: Some(settings::nest(known)),
        last_edited: document.last_edited.and_then(seconds).unwrap_or(0),
        created: document.created.and_then(seconds).unwrap_or(now),
        internal: document.internal,
        ..Profile::default()
    };
    for key in &outcome.replaces_profiles {
        world.apply(Change::DeleteProfile { key: key.clone(), heir: None })?;
    }
    world.apply(Change::SaveProfile { key: profile.key(), profile: Box::new(profile), by_client: false })?;
    Ok(outcome)
}

/// The id of the profile in a document that claims to have one.
fn checked_id(world: &World, prints: &mut Vec<Fingerprint>, claimed: &str) -> Result<String, SyncError> {
    if prints.is_empty() {
        return Err(SyncError::ProfileData("the export contains no fingerprints".to_owned()));
    }
    let mut sorted = prints.clone();
    sorted.sort();
    sorted.dedup();
    if sorted.len() < prints.len() {
        if world.behaviour.has(Defect::DoubledFingerprintsRefused) {
            sorted.resize_with(prints.len(), Fingerprint::default);
        } else {
            prints.clone_from(&sorted);
        }
    }
    for print in &sorted {
        print.check().map_err(|error| {
            let error = match error {
                Rejected::Fingerprint(reason) => reason,
                other => other.to_string(),
            };
            SyncError::ProfileData(format!("the export contains invalid fingerprints: {error}"))
        })?;
    }
    let id = derived_id(prints);
    if !claimed.is_empty() && claimed != id {
        let text = "the export profile ID does not match the fingerprints, remove to ignore";
        return Err(SyncError::ProfileData(text.to_owned()));
    }
    Ok(id)
}

/// The other profiles of this device that have one of the fingerprints.
fn sharing(world: &World, prints: &[Fingerprint], id: &str) -> Vec<String> {
    let same = |a: &Fingerprint, b: &Fingerprint| {
        (&a.r#type, &a.key, &a.operation, &a.value) == (&b.r#type, &b.key, &b.operation, &b.value)
    };
    world
        .profiles
        .iter()
        .filter(|stored| stored.profile.source == LOCAL && stored.profile.id != id)
        .filter(|stored| {
            stored.profile.prints().iter().any(|one| prints.iter().any(|other| same(one, other)))
        })
        .map(|stored| stored.key.clone())
        .collect()
}

/// The picture of a profile as a `data:` URL, if it has one that is kept here.
pub(super) fn icon_data(world: &World, profile: &Profile) -> String {
    let icons = profile.icons.iter().flatten().filter(|icon| icon.r#type == "api");
    let kept =
        icons.filter_map(|icon| Some((pictures::media_type(&icon.value)?, world.icons.get(&icon.value)?)));
    kept.map(|(media, bytes)| format!("data:{media};base64,{}", BASE64_STANDARD.encode(bytes)))
        .next()
        .unwrap_or_default()
}

/// Keeps the picture of a document. Its type is what stands after the slash, which must be the ending of a picture's name.
fn keep_icon(world: &mut World, data: &str) -> Result<Option<Vec<Icon>>, SyncError> {
    if data.is_empty() {
        return Ok(None);
    }
    let DataUrl { subtype, content } =
        data_url::parse(data).map_err(|error| SyncError::Import(format!("icon data is invalid: {error}")))?;
    let name = pictures::keep_as(world, &subtype.to_ascii_lowercase(), content).map_err(|error| {
        let reason = match error {
            PictureError::Unsupported => "unsupported icon format".to_owned(),
            other => other.to_string(),
        };
        SyncError::Import(format!("icon is invalid: {reason}"))
    })?;
    Ok(Some(vec![Icon { r#type: "api".to_owned(), value: name, source: "import".to_owned() }]))
}
