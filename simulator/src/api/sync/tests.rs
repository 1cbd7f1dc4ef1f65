//! Exports and imports together, in the world of core 2.2.0's recordings.

use hyper::{
    HeaderMap, Method,
    header::{ACCEPT, CONTENT_TYPE},
    http::HeaderValue,
};
use portmaster_fixtures::{Contract, Scenario};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::HANDLERS;
use crate::{
    api::{Call, Failure, Raw, Reply},
    world::{
        Change, Options, Profile, World,
        profiles::{Fingerprint, LOCAL, derived_id},
        settings,
    },
};

/// Firefox in the recorded world.
const FIREFOX: &str = "local/PTLvMHjWMa8vdpt5E5MvEBvnxd3rDa8fyZZaQFBf7cqP8y";

fn world() -> World {
    let scenario = Scenario::load("recorded-account").expect("a scenario");
    let options = Options { contract: Some(Contract::V2_2), ..Options::default() };
    World::new(scenario, options).expect("a world")
}

/// Asks an endpoint; `form` is what is accepted or, with a body, what the body is.
fn ask(world: &mut World, path: &str, query: &str, form: &'static str, body: Option<&str>) -> String {
    let handler =
        HANDLERS.iter().find(|handler| handler.path == format!("sync/{path}")).expect("an endpoint");
    let mut headers = HeaderMap::new();
    let header = if body.is_some() { CONTENT_TYPE } else { ACCEPT };
    headers.insert(header, HeaderValue::from_static(form));
    let call = Call {
        method: if body.is_some() { Method::POST } else { Method::GET },
        query: query.to_owned(),
        headers,
        body: body.map(|body| body.to_owned().into()),
        ..Call::plain()
    };
    match (handler.run)(world, &call) {
        Reply::Struct(bytes) => String::from_utf8(bytes.into()).expect("a text"),
        Reply::Raw(Raw { body, .. }) => String::from_utf8(body).expect("a text"),
        Reply::Failure(Failure { status, text }) => format!("{} {text}", status.as_u16()),
        other => panic!("{other:?}"),
    }
}

fn export(world: &mut World, path: &str, query: &str, form: &'static str) -> String {
    ask(world, &format!("{path}/export"), query, form, None)
}

fn import(world: &mut World, path: &str, query: &str, body: &str) -> String {
    ask(world, &format!("{path}/import"), query, "application/json", Some(body))
}

#[test]
fn exports_are_as_recorded() {
    let mut world = world();
    let profile = format!("id={FIREFOX}");
    let mut shown = String::new();
    for (path, query) in [
        ("profile", profile.as_str()),
        ("settings", "from=global"),
        ("single-setting", "from=global&key=spn/enable"),
    ] {
        for form in ["application/json", "text/yaml"] {
            shown += &export(&mut world, path, query, form);
            shown += "---\n";
        }
    }
    for recorded in
        ["ZwrWNmsfiZU66taGCKAb798T6Nu2WEqq83mqK2be1u3cpo", "Zwo2UdgV81KkVk1Wg7g8bsuqTkBo5zG49ZzTnr3sEBLKjZ"]
    {
        assert!(shown.contains(recorded), "{shown}");
    }
    insta::with_settings!({ snapshot_path => "../../../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("exports", shown);
    });
}

#[test]
fn what_cannot_be_exported_is_said() {
    let mut world = world();
    for (path, query, text) in [
        ("settings", "", "500 export failed: failed to parse export request: unexpected end of JSON input"),
        ("settings", "x=1", "500 missing parameters"),
        ("single-setting", "from=global", "500 missing or malformed parameters"),
        ("settings", "from=global&key=core/devMode", "410 cannot export unchanged setting"),
        (
            "profile",
            "id=local/nope",
            "410 import/export target does not exist: failed to find profile: database entry not found",
        ),
        (
            "single-setting",
            "from=global&key=nope",
            "412 setting not found: configuration option \"nope\" does not exist",
        ),
    ] {
        assert_eq!(export(&mut world, path, query, ""), text, "{path} {query}");
    }
    let query = format!("id={FIREFOX}");
    let text = "500 dsd: format is incompatible with operation";
    assert_eq!(export(&mut world, "profile", &query, "application/cbor"), text);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let mut world = world();
    let before = world.profiles.get(FIREFOX).cloned();
    let print = json!([{"type": "path", "operation": "equals", "value": "/opt/x"}]);
    for (path, request, text) in [
        ("settings", json!({}), "422 invalid import request"),
        (
            "settings",
            json!({"export": {"type": "settings"}, "rawExport": "x"}),
            "422 invalid import request: both Export and RawExport are defined",
        ),
        (
            "settings",
            json!({"export": {"type": "profile"}}),
            "412 the supplied export cannot be imported here",
        ),
        (
            "settings",
            json!({"target": FIREFOX, "export": {"type": "settings", "config": {"core": {"devMode": true}}}}),
            "410 cannot be set per app: export contains settings that cannot be set per app",
        ),
        (
            "settings",
            json!({"target": "global", "export": {"type": "settings", "config": {"nope": 1}}}),
            "422 invalid import request: the export contains unknown settings",
        ),
        (
            "settings",
            json!({"target": "global", "rawExport": "{\"type\":\"settings\",\"_jess-checksum\":\"Zw\"}"}),
            "500 failed to verify checksum: checksum does not match: failed to parse labeled hash: failed to parse digest: \
             container: not enough data to return",
        ),
        (
            "single-setting",
            json!({"target": FIREFOX, "export": {"type": "single-setting", "id": "core/devMode", "value": true}}),
            "410 cannot be set per app",
        ),
        (
            "single-setting",
            json!({"target": "global", "export": {"type": "single-setting", "id": "filter/defaultAction", "value": "x"}}),
            "422 invalid setting value: validation of filter/defaultAction failed: value is not allowed",
        ),
        (
            "profile",
            json!({"export": {"type": "profile", "name": "X"}}),
            "422 invalid profile data: the export contains no fingerprints",
        ),
        (
            "profile",
            json!({"export": {"type": "profile", "name": "X", "id": "y", "fingerprints": print}}),
            "422 invalid profile data: the export profile ID does not match the fingerprints, remove to ignore",
        ),
        (
            "profile",
            json!({"export": {"type": "profile", "name": "X", "fingerprints": print, "iconData": "garbage"}}),
            "500 import failed: icon data is invalid: missing data prefix",
        ),
    ] {
        assert_eq!(import(&mut world, path, "", &request.to_string()), text, "{path} {request}");
    }
    assert_eq!(world.profiles.get(FIREFOX).cloned(), before);
    assert!(!world.config.values().contains_key("core/devMode"));
}

#[test]
fn imports_act_unless_they_only_validate() {
    let mut world = world();
    let setting = |value: &str| {
        json!({"type": "single-setting", "id": "filter/defaultAction", "value": value}).to_string()
    };
    let answer = r#"{"restartRequired":false,"replacesExisting":true,"containsUnknown":false}"#;
    let action = |world: &World| {
        world.profiles.get(FIREFOX).map(|profile| profile.settings()["filter/defaultAction"].clone())
    };
    assert_eq!(
        import(&mut world, "single-setting", &format!("to={FIREFOX}&validate"), &setting("ask")),
        answer
    );
    assert_eq!(action(&world), Some(json!("permit")));
    world.take_events();
    assert_eq!(import(&mut world, "single-setting", &format!("to={FIREFOX}"), &setting("ask")), answer);
    assert_eq!(action(&world), Some(json!("ask")));
    assert!(format!("{:?}", world.take_events()).contains(FIREFOX));

    let listen =
        json!({"type": "settings", "config": {"core": {"listenAddress": "127.0.0.1:9999"}}}).to_string();
    assert_eq!(
        import(&mut world, "settings", "to=global&reset", &listen),
        r#"{"restartRequired":true,"replacesExisting":false,"containsUnknown":false}"#
    );
    assert_eq!(world.config.values().len(), 1);
    assert_eq!(world.config.text("core/listenAddress"), "127.0.0.1:9999");
}

#[test]
fn profiles_are_replaced_only_when_that_is_allowed() {
    let mut world = world();
    let document = export(&mut world, "profile", &format!("id={FIREFOX}"), "");
    let refused = import(&mut world, "profile", "x", &document);
    assert!(refused.starts_with("422 invalid import request: "), "{refused}");
    let answer =
        r#"{"restartRequired":false,"replacesExisting":true,"containsUnknown":false,"replacesProfiles":[]}"#;
    assert_eq!(import(&mut world, "profile", "allowReplace", &document), answer);
    assert_eq!(export(&mut world, "profile", &format!("id={FIREFOX}"), ""), document);

    let both = json!({
        "type": "profile",
        "name": "Both",
        "fingerprints": [
            {"type": "path", "operation": "equals", "value": "/usr/lib/firefox/firefox"},
            {"type": "path", "operation": "equals", "value": "/opt/x"},
        ],
    });
    let answer = import(&mut world, "profile", "allowReplace", &both.to_string());
    assert!(answer.contains(&format!("\"replacesProfiles\":[\"{FIREFOX}\"]")), "{answer}");
    assert!(world.profiles.get(FIREFOX).is_none());
}

#[test]
fn pictures_travel_with_profiles() {
    let mut world = world();
    let document = json!({
        "type": "profile",
        "name": "X",
        "iconData": "data:image/png;base64,AAEC",
        "fingerprints": [{"type": "path", "operation": "equals", "value": "/opt/x"}],
    });
    import(&mut world, "profile", "x", &document.to_string());
    let key = format!("{LOCAL}/{}", derived_id(&[Fingerprint::path("/opt/x")]));
    let exported: Value =
        serde_json::from_str(&export(&mut world, "profile", &format!("id={key}"), "")).unwrap();
    assert_eq!(exported["iconData"], document["iconData"]);
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let text = || "[ -~äß\n]{0,40}";
    let settings = (
        prop::option::of(prop::sample::select(vec!["permit", "block", "ask"])),
        prop::option::of(any::<bool>()),
        prop::option::of(prop::collection::vec("[+-] [a-z]{1,40}\\.example", 0..6)),
    );
    (
        text(),
        text(),
        prop::collection::btree_set("/[ -~]{0,30}", 1..4),
        settings,
        1..4_000_000_000_i64,
        any::<bool>(),
    )
        .prop_map(|(name, description, paths, (action, p2p, endpoints), seconds, shown)| {
            let prints: Vec<_> = paths.iter().map(|path| Fingerprint::path(path)).collect();
            let first = paths.into_iter().next().unwrap_or_default();
            let mut flat = settings::Flat::new();
            flat.extend(action.map(|action| ("filter/defaultAction".to_owned(), action.into())));
            flat.extend(p2p.map(|on| ("filter/blockP2P".to_owned(), on.into())));
            flat.extend(endpoints.map(|list| ("filter/endpoints".to_owned(), list.into())));
            Profile {
                id: derived_id(&prints),
                source: LOCAL.to_owned(),
                name,
                description,
                presentation_path: first,
                use_presentation_path: shown,
                fingerprints: Some(prints),
                config: Some(settings::nest(flat)),
                last_edited: seconds,
                created: seconds / 2 + 1,
                ..Profile::default()
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_and_imported_is_the_same(profile in any_profile(), yaml in any::<bool>()) {
        let (mut here, mut there) = (world(), world());
        let key = profile.key();
        here.apply(Change::SaveProfile { key: key.clone(), profile: Box::new(profile.clone()), by_client: false }).unwrap();
        let form = if yaml { "application/yaml" } else { "application/json" };
        let query = format!("id={key}");
        let document = export(&mut here, "profile", &query, form);
        let answer = ask(&mut there, "profile/import", "to=x", form, Some(&document));
        prop_assert!(answer.starts_with('{'), "{answer}\n{document}");
        prop_assert_eq!(there.profiles.get(&key), Some(&profile), "{}", document);
        prop_assert_eq!(export(&mut there, "profile", &query, form), document);
    }
}
