//! `profile/*`: pictures of profiles, and profiles that become one (core-2.2 §6.6).

use hyper::{StatusCode, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::{Call, Handler, Raw as RawReply, Reply, dsd};
use crate::limits;
use crate::{
    go::{
        mime,
        structure::{Structure, Type},
    },
    world::{
        Change, Profile, World,
        profiles::{Fingerprint, LOCAL, derived_id},
    },
};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("profile/icon", put_icon).saying(&[400]),
    Handler::new(r"profile/icon/{id:[a-f0-9]*\.[a-z]{3,4}}", icon),
    Handler::new("profile/merge", merge),
];

/// The pictures that are taken, by media type, and their names' endings.
const PICTURES: &[(&str, &str)] = &[
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/jpg", "jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/tiff", "tiff"),
    ("image/webp", "webp"),
];

/// Why a picture is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PictureError {
    /// It has a type that is no picture's.
    #[error("unsupported image format")]
    Unsupported,
    /// It is too big.
    #[error("icon too big")]
    TooBig,
}

/// The media type of a kept picture, by its name.
pub(super) fn media_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    PICTURES.iter().find(|(_, known)| *known == ending).map(|(media, _)| *media)
}

/// Keeps a picture; its name follows from its bytes. Whether they are a picture is not looked at.
pub(super) fn keep(world: &mut World, media: &str, content: Vec<u8>) -> Result<String, PictureError> {
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (_, ending) = PICTURES.iter().find(|(known, _)| *known == media).ok_or(PictureError::Unsupported)?;
    keep_as(world, ending, content)
}

/// Keeps a picture of which the ending of its name is known.
pub(super) fn keep_as(world: &mut World, ending: &str, content: Vec<u8>) -> Result<String, PictureError> {
    let known = ending == "jpeg" || PICTURES.iter().any(|(_, known)| *known == ending);
    if !known {
        return Err(PictureError::Unsupported);
    }
    if content.len() > limits::PICTURE {
        return Err(PictureError::TooBig);
    }
    let mut name = String::new();
    for byte in Sha1::digest(&content) {
        name.push_str(&format!("{byte:02x}"));
    }
    let name = format!("{name}.{ending}");
    // Keeping bytes cannot be refused.
    _ = world.apply(Change::SaveIcon { name: name.clone(), content: content.into() });
    Ok(name)
}

#[derive(Serialize)]
struct Kept {
    filename: String,
}

fn put_icon(world: &mut World, call: &Call) -> Reply {
    let bad = |text: &str| Reply::error(StatusCode::BAD_REQUEST, text);
    if call.body().is_empty() {
        return bad("no content");
    }
    let media = content_type(call);
    if media.is_empty() {
        return bad("no content type");
    }
    match keep(world, media, call.body().to_vec()) {
        Ok(filename) => call.structured(&Kept { filename }),
        Err(error @ PictureError::Unsupported) => bad(&error.to_string()),
        Err(error @ PictureError::TooBig) => Reply::failure(error.to_string()),
    }
}

fn content_type(call: &Call) -> &str {
    call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn icon(world: &mut World, call: &Call) -> Reply {
    let name = call.part("id");
    match world.icons.get(name) {
        Some(content) => RawReply::new(mime::of(name), content.to_vec()).into(),
        None => Reply::failure(world.missing_file(&["databases", "icons", name])),
    }
}

/// Which profiles are to become one.
#[derive(Debug, Deserialize)]
struct Merge {
    name: String,
    to: String,
    from: Option<Vec<String>>,
}

const MERGE: Structure = Structure {
    holder: "mergeProfilesRequest",
    name: "profile.mergeProfilesRequest",
    fields: &[("name", Type::Text("string")), ("to", Type::Text("string")), ("from", Type::Strings)],
};

#[derive(Serialize)]
struct Merged {
    new: String,
}

fn merge(world: &mut World, call: &Call) -> Reply {
    match merged(world, call) {
        Ok(new) => call.structured(&Merged { new }),
        Err(error) => Reply::failure(error),
    }
}

fn merged(world: &mut World, call: &Call) -> Result<String, String> {
    let request: Merge = dsd::read(call.body(), content_type(call), &MERGE)
        .and_then(|members| serde_json::from_value(members.into()).map_err(|error| error.to_string()))
        .map_err(|error| format!("failed to parse request: {error}"))?;
    let from = request.from.unwrap_or_default();
    // Whichever of them is missing, cores name the one that they are merged into.
    let find = |key: &String| {
        let found = world.profiles.get(key).cloned();
        found.ok_or_else(|| format!("failed to get profile {}: database entry not found", request.to))
    };
    let primary = find(&request.to)?;
    let secondaries: Vec<Profile> = from.iter().map(find).collect::<Result<_, _>>()?;
    if secondaries.is_empty() {
        let text = "must supply both a primary and at least one secondary profile for merging";
        return Err(format!("failed to merge profiles: {text}"));
    }
    let profile = together(&request.name, primary, &secondaries, world.now().as_second());
    let new = profile.key();
    let failed = |refused: crate::world::change::ChangeError| format!("failed to merge profiles: {refused}");
    world
        .apply(Change::SaveProfile { key: new.clone(), profile: Box::new(profile), by_client: false })
        .map_err(failed)?;
    for old in std::iter::once(request.to).chain(from).filter(|old| *old != new) {
        world.apply(Change::DeleteProfile { key: old, heir: Some(new.clone()) }).map_err(failed)?;
    }
    Ok(new)
}

/// One profile of several: the settings are the first one's, the fingerprints all of theirs.
fn together(name: &str, primary: Profile, secondaries: &[Profile], now: i64) -> Profile {
    let mut prints: Vec<Fingerprint> = primary.prints().to_vec();
    for secondary in secondaries {
        for print in secondary.prints() {
            let known = prints.iter().any(|one| {
                (&one.r#type, &one.key, &one.operation, &one.value)
                    == (&print.r#type, &print.key, &print.operation, &print.value)
            });
            if !known {
                let merged_from =
                    if print.merged_from.is_empty() { secondary.key() } else { print.merged_from.clone() };
                prints.push(Fingerprint { merged_from, ..print.clone() });
            }
        }
    }
    let icons: Vec<_> = std::iter::once(&primary)
        .chain(secondaries)
        .flat_map(|profile| profile.icons.iter().flatten().cloned())
        .collect();
    Profile {
        id: derived_id(&prints),
        source: LOCAL.to_owned(),
        name: if name.is_empty() { primary.name.clone() } else { name.to_owned() },
        icons: (!icons.is_empty()).then_some(icons),
        fingerprints: Some(prints),
        last_edited: now,
        created: now,
        ..primary
    }
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Method, http::HeaderValue};
    use jiff::SignedDuration;
    use portmaster_fixtures::{Contract, Permission, Scenario, scenario::ClockMode};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        api::Format,
        netquery::{Kind, Request, Retention, Store},
        world::{Options, session::Token},
    };

    fn profile(name: &str, paths: &[String]) -> Profile {
        let prints: Vec<_> = paths.iter().map(|path| Fingerprint::path(path)).collect();
        Profile {
            id: derived_id(&prints),
            source: LOCAL.to_owned(),
            name: name.to_owned(),
            fingerprints: Some(prints),
            ..Profile::default()
        }
    }

    fn call(content_type: &'static str, body: String) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Call {
            method: Method::POST,
            path: Vec::new(),
            query: String::new(),
            headers,
            body: Some(body.into()),
            token: Token { read: Permission::User, write: Permission::User },
            format: Format::default(),
        }
    }

    /// A world in which programs live, and its connection database.
    fn lively() -> (World, Store) {
        let scenario = Scenario::load("home-office").unwrap();
        let options = Options {
            contract: Some(Contract::V2_2),
            clock: Some(ClockMode::Manual),
            config: [("history/enable".to_owned(), json!(true))].into(),
            ..Options::default()
        };
        let mut world = World::new(scenario, options).unwrap();
        let store = Store::begun(&mut world).unwrap();
        (world, store)
    }

    fn advance(world: &mut World, store: &Store, minutes: i64) {
        world.clock.advance(SignedDuration::from_mins(minutes));
        world.run_due();
        store.record(&world.take_events(), world.connections.ever()).unwrap();
    }

    fn key_of(world: &World, name: &str) -> String {
        world.profiles.iter().find(|one| one.profile.name == name).unwrap().key.clone()
    }

    /// The profiles and their names in the connection database, the history with it.
    fn in_tables(world: &World, store: &Store) -> Vec<(String, String)> {
        let body = br#"{"select":["profile","profile_name"],"groupBy":["profile","profile_name"],"databases":["main","history"]}"#;
        let retention = Retention::default();
        let request = Request {
            kind: Kind::Query,
            body: Some(body),
            now: world.now(),
            dev_mode: false,
            retention: &retention,
        };
        let answer: Value = serde_json::from_slice(&store.answer(&request).body).unwrap();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let all = answer["results"].as_array().unwrap().iter();
        all.map(|row| (text(row, "profile"), text(row, "profile_name"))).collect()
    }

    #[test]
    fn what_merged_programs_do_and_did_is_the_new_profiles() {
        let (mut world, store) = lively();
        let [element, steam] = ["Element", "Steam"].map(|name| key_of(&world, name));
        let before = world.state()["connections"]["active"].clone();
        let body = json!({ "name": "Talk and play", "to": element, "from": [steam] });
        let new = merged(&mut world, &call("", body.to_string())).unwrap();
        assert_eq!(world.state()["connections"]["active"], before);
        for minutes in [0, 1, 20] {
            advance(&mut world, &store, minutes);
            for (profile, name) in in_tables(&world, &store) {
                assert!(
                    world.profiles.get(&profile).is_some(),
                    "{name} is of {profile} after {minutes} minutes"
                );
                assert_eq!(profile == new, name == "Talk and play", "{profile}: {name}");
            }
            assert!(world.connections.values().any(|one| one.shared.profile == new));
            assert_eq!(world.processes(&new).len(), 2);
            assert!(world.layered_profile(&new).is_some() && world.layered_profile(&element).is_none());
        }
    }

    #[test]
    fn a_program_whose_profile_was_deleted_gets_another() {
        let (mut world, store) = lively();
        let key = key_of(&world, "Firefox");
        assert!(!world.profiles.get(&key).unwrap().settings().is_empty());
        world.apply(Change::DeleteProfile { key: key.clone(), heir: None }).unwrap();
        assert!(world.profiles.get(&key).is_none());
        advance(&mut world, &store, 5);
        let new = world.profiles.get(&key).unwrap();
        assert_eq!((new.name.as_str(), new.settings().len()), ("Firefox", 0));
    }

    #[test]
    fn merged_profiles_are_one() {
        let scenario = Scenario::load("recorded").unwrap();
        let mut world = World::new(scenario, Options::default()).unwrap();
        let (firefox, wget) = (
            "local/PTLvMHjWMa8vdpt5E5MvEBvnxd3rDa8fyZZaQFBf7cqP8y",
            "local/PTYTasWVPvU922wGHtWUG8SSkSyejUB9nuZChx2sMLpe5J",
        );
        let mut ask = |content_type, body| merged(&mut world, &call(content_type, body));
        assert_eq!(
            ask("text/yaml", format!("name: M\nto: {firefox}\nfrom: [local/nope]\n")),
            Err(format!("failed to get profile {firefox}: database entry not found"))
        );
        assert_eq!(
            ask("", format!(r#"{{"name":"M","to":"{firefox}"}}"#)),
            Err("failed to merge profiles: must supply both a primary and at least one secondary profile for merging"
                .to_owned())
        );
        assert!(ask("garbage", "{}".to_owned()).unwrap_err().starts_with("failed to parse request: dsd: "));
        let new = ask("application/json", format!(r#"{{"name":"M","to":"{firefox}","from":["{wget}"]}}"#));
        assert_eq!(new.as_deref(), Ok("local/PTcUbXqM99nVC8zUhyp55CxrTUQ7Wmj1Zxhpa3bXciEVyo"));
        assert!(world.profiles.get(firefox).is_none() && world.profiles.get(wget).is_none());
        let whole = world.profiles.get(&new.unwrap()).unwrap();
        assert_eq!((whole.name.as_str(), whole.settings()["spn/use"].as_bool()), ("M", Some(true)));
    }

    #[test]
    fn pictures_are_named_by_their_bytes() {
        let mut world = World::new(Scenario::default(), Options::default()).unwrap();
        let name = keep(&mut world, "IMAGE/PNG; x=y", b"garbage".to_vec());
        assert_eq!(name.as_deref(), Ok("78c67c126575c20c6b468447355e9bd20d221202.png"));
        assert_eq!(world.icons[&name.unwrap()].as_ref(), b"garbage");
        assert_eq!(keep(&mut world, "image/bmp", b"x".to_vec()), Err(PictureError::Unsupported));
        assert_eq!(keep(&mut world, "image/gif", vec![0; limits::PICTURE + 1]), Err(PictureError::TooBig));
    }

    proptest! {
        #[test]
        fn merging_keeps_every_fingerprint_once(
            first in proptest::collection::vec("/[a-e]", 1..4),
            others in proptest::collection::vec(proptest::collection::vec("/[a-h]", 1..4), 1..4),
        ) {
            let primary = profile("first", &first);
            let secondaries: Vec<_> = others.iter().map(|paths| profile("other", paths)).collect();
            let whole = together("all", primary.clone(), &secondaries, 7);
            let kept: Vec<&str> = whole.prints().iter().map(|print| print.value.as_str()).collect();
            for path in others.iter().flatten().chain(&first) {
                prop_assert!(kept.contains(&path.as_str()));
            }
            for path in others.iter().flatten().filter(|path| !first.contains(path)) {
                prop_assert_eq!(kept.iter().filter(|one| *one == path).count(), 1);
            }
            prop_assert_eq!(&whole.prints()[..first.len()], primary.prints());
            let marked = whole.prints()[first.len()..].iter().all(|print| print.merged_from.starts_with("local/PT"));
            prop_assert!(marked);
            prop_assert_eq!(whole.id, derived_id(whole.fingerprints.as_deref().unwrap()));
        }
    }
}
