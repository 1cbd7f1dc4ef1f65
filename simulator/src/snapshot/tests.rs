use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{BUILT_IN, Connections},
};

use super::{Origin, Snapshot, SnapshotError};
use crate::{
    limits,
    netquery::Store,
    world::{Options, World, session::Token},
};

/// A world in which something has happened, with its connection database.
fn world(name: &str, contract: Contract) -> Snapshot {
    let options = Options {
        contract: Some(contract),
        api_keys: vec!["key?read=admin&expires=2027-01-01T00:00:00Z".to_owned()],
        ..Options::default()
    };
    let mut scenario = Scenario::load(name).expect("it is built in");
    if let Connections::Generated(recipe) = &mut scenario.connections {
        recipe.generate.count = recipe.generate.count.min(300);
    }
    let origin = Origin::new(scenario, options);
    let mut world = origin.world().expect("a world");
    let netquery = Store::begun(&mut world).expect("a database");
    world.clock.advance(SignedDuration::from_mins(3));
    world.run_due();
    world.begin_session(Token::ITSELF);
    world.ask_for_access();
    world.begin_cpu_profile(Duration::from_secs(60));
    netquery.record(&world.take_events(), world.connections.ever()).expect("a database");
    Snapshot::new(world, netquery.kept().expect("a database"), Arc::new(origin))
}

/// Everything that a world knows, as the compiler sees it.
fn shown(world: &World) -> String {
    format!("{world:?}")
}

#[test]
fn a_world_that_is_read_is_the_same() {
    for (at, (name, _)) in BUILT_IN.iter().enumerate() {
        // One scenario is looked at in all contracts, the others take turns.
        for contract in Contract::ALL.into_iter().cycle().skip(at).take(if *name == "home-office" {
            Contract::ALL.len()
        } else {
            1
        }) {
            let kept = world(name, contract);
            let saved = kept.to_json();
            let read =
                Snapshot::from_json(&saved).unwrap_or_else(|error| panic!("{name}, {contract}: {error}"));
            let (left, right) = (shown(read.world()), shown(kept.world()));
            let differs = left.bytes().zip(right.bytes()).position(|(a, b)| a != b);
            let around =
                differs.map(|at| [&left, &right].map(|text| text.get(at.saturating_sub(300)..at + 200)));
            assert!(left == right, "{name}, {contract}: {around:#?}");
            assert!(read.tables() == kept.tables(), "{name}, {contract}");
            assert!(read.to_json() == saved, "{name}, {contract}");
            assert_eq!(read.fingerprint(), kept.fingerprint());
        }
    }
}

#[test]
fn whatever_is_changed_in_a_file_is_found() {
    let saved = world("home-office", Contract::V2_2).to_json();
    let error = |text: &str| Snapshot::from_json(text).map(|_| ()).expect_err("a damaged file");
    let with = |from: &str, to: &str| {
        assert!(saved.contains(from), "{from}");
        error(&saved.replacen(from, to, 1))
    };
    assert_eq!(with("\"version\":1", "\"version\":2"), SnapshotError::Version { found: 2 });
    assert!(matches!(with("\"healthy\":false", "\"healthy\":true"), SnapshotError::Changed { .. }));
    assert!(matches!(with("\"seed\":", "\"seed\":1"), SnapshotError::Changed { .. }));
    for (from, to, says) in [
        ("simulator snapshot", "simulator", "no snapshot: its format is \"portmaster-simulator\", expected "),
        (
            "\"clock\":{\"mode\":",
            "\"clock\":{\"mode\":1,\"was\":",
            "state.world.clock.mode: found integer `1`, ",
        ),
        (
            "\"clock\":{",
            "\"clock\":{\"odd\":1,",
            "state.world.clock.odd: unknown field `odd`, expected one of ",
        ),
        (
            "\"scenario\":{",
            "\"scenario\":{\"odd\":1,",
            "origin.scenario.odd: unknown field `odd`, expected one of ",
        ),
        ("\"live\":[[", "\"live\":[[7,", "live[0]: 38 columns, expected 37"),
        ("\"live\":[[\"", "\"live\":[[0,\"", "live[0]: 38 columns, expected 37"),
    ] {
        let told = with(from, to).to_string();
        assert!(told.starts_with(says), "{told}");
    }
    let many = format!("\"scenario\":{{\"odd\":[{}1],", "1,".repeat(limits::SNAPSHOT_SCENARIO));
    let told = with("\"scenario\":{", &many).to_string();
    assert_eq!(told, "origin.scenario: expected at most 4000000 values");
    assert!(matches!(error("{}"), SnapshotError::Other(_)));
    assert!(matches!(error(""), SnapshotError::Other(_)));
    assert!(matches!(error(&saved[..saved.len() / 2]), SnapshotError::Other(_)));
    assert_eq!(error(&"[".repeat(1_000_000)), SnapshotError::TooDeep);
    // Spaces are no change.
    let value: serde_json::Value = serde_json::from_str(&saved).expect("JSON");
    let spaced = serde_json::to_string_pretty(&value).expect("JSON");
    assert!(Snapshot::from_json(&spaced).is_ok_and(|read| read.to_json() == saved));
}
