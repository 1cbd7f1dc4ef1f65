//! Scenarios and changes that make no sense: nothing panics, and a world that refuses a change is as it was.

use jiff::SignedDuration;
use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{BUILT_IN, Change, ClockMode},
};
use proptest::{collection, prelude::*, sample};
use serde_json::{Value, json};

use super::{Options, World};

/// Values that are seldom meant.
fn odd() -> impl Strategy<Value = Value> {
    let fixed = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(255),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e308),
        json!(-0.5),
        json!(""),
        json!("x"),
        json!("*"),
        json!("all"),
        json!("0s"),
        json!("876000h"),
        json!("x1000000"),
        json!("9999-12-31T23:59:59Z"),
        json!("-009999-01-01T00:00:00Z"),
        json!("0.0.0.0"),
        json!("::"),
        json!("Firefox"),
        json!("Avior"),
        json!("é\u{0}\u{10ffff}\n"),
        json!("local/x".repeat(2000)),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!([{}, {}]),
        json!({ "x": 1 }),
    ];
    prop_oneof![
        sample::select(fixed.to_vec()),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from)
    ]
}

/// Something done to a tree: what is at a place, counted as far as there are any, is replaced, removed or doubled.
type Deed = (prop::sample::Index, u8, Value);

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    collection::vec((any::<prop::sample::Index>(), 0_u8..4, odd()), 0..5)
}

fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Does something at the place of a number, which counts down on the way.
fn strike(tree: &mut Value, left: &mut usize, deed: u8, odd: &Value) {
    if *left == 0 {
        *left = usize::MAX;
        match (deed, tree) {
            (1, Value::Array(list)) => drop(list.pop()),
            (1, Value::Object(members)) => {
                drop(members.keys().next_back().cloned().and_then(|name| members.shift_remove(&name)))
            }
            (2, Value::Array(list)) => list.extend_from_within(..),
            (2, Value::Object(members)) => drop(members.insert("odd".to_owned(), odd.clone())),
            (3, Value::Object(members)) => {
                let name = members.keys().next_back().cloned();
                drop(name.and_then(|name| members.insert(name, odd.clone())));
            }
            (_, tree) => *tree = odd.clone(),
        }
        return;
    }
    *left -= 1;
    let inner: Vec<&mut Value> = match tree {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => return,
    };
    for one in inner {
        strike(one, left, deed, odd);
        if *left == usize::MAX {
            return;
        }
    }
}

fn struck(mut tree: Value, deeds: &[Deed]) -> Value {
    for (at, deed, odd) in deeds {
        let mut place = at.index(count(&tree));
        strike(&mut tree, &mut place, *deed, odd);
    }
    tree
}

/// A scenario in which everything happens.
fn everything() -> Value {
    json!({
        "extends": "home-office", "seed": 7, "clock": "manual", "start": "2026-01-05T08:30:00Z", "contract": "v2.2",
        "connections": { "generate": { "count": 20, "over": "1h", "apps": ["Firefox"] } },
        "client": { "app": "Firefox" },
        "timeline": [{ "at": "1s", "every": "7s", "until": "1m", "jitter": "1s", "change": change() }],
        "rules": [
            { "when": { "change": "network/*", "state": { "path": "spn.hubs", "above": 3 } },
              "then": [{ "after": "3s", "change": { "connections": { "open": 2 } } }, { "change": { "resume": true } }] },
            { "when": { "state": { "path": "connections.active", "above": 5 } },
              "then": [{ "change": { "connections": { "close": 3 } } }], "times": 2 },
        ],
        "faults": [{ "when": { "path": "netquery/*", "probability": 0.5, "from": "1s", "to": "9s" },
                     "effect": { "delay": { "min": "1ms", "max": "2ms" } } },
                   { "when": { "websocket": { "key": "config:*" } }, "effect": { "late": "3s" } }],
    })
}

/// A change of everything.
fn change() -> Value {
    json!({
        "config": { "spn/enable": true, "filter/defaultAction": "block" },
        "core": { "starting": false },
        "network": { "online": "limited", "gateways": ["10.0.0.1"], "captive_portal": { "url": "http://x.example/" } },
        "dns": { "clear": true, "resolvers": { "Quad9": { "failing": true } },
                 "cache": { "add": [{ "domain": "x.example.", "type": "A", "answer": ["A 192.0.2.1"], "resolver": "Quad9" }] } },
        "spn": { "status": "connected", "home": "New", "sessions": 3, "login": "accepted",
                 "hubs": { "leave": ["Avior"], "join": [{ "name": "New", "country": "DE",
                           "lanes": [{ "to": "Bellatrix", "latency_ms": 3.5, "capacity_mbit": 9 }] }],
                           "degrade": [{ "hub": "Bellatrix", "latency_ms": 900.5, "load": 7 }] } },
        "apps": { "add": [{ "name": "New", "path": "/new", "processes": [{ "pid": 7 }] }] },
        "notifications": { "add": [{ "id": "a", "expires": 7, "actions": [{ "id": "ok", "text": "OK" }] }], "remove": ["b"] },
        "modules": { "fail": [{ "module": "Resolver", "id": "r", "title": "R" }], "recover": ["q"] },
        "updates": { "download": [{ "name": "a/b.zip", "version": "1.0.0" }] },
        "connections": { "close": 1, "open": [{ "profile_name": "Firefox", "remote_ip": "192.0.2.9" }] },
        "pause": { "duration": "5s", "only_spn": false },
    })
}

/// Everything that a world knows, as the compiler sees it.
fn shown(world: &World) -> String {
    format!("{world:?}")
}

/// Lives in a world for a while.
fn live(world: &mut World) {
    for millis in [1, 1_000, 60_000, 3_600_000] {
        world.clock.advance(SignedDuration::from_millis(millis));
        // Not all that a scenario may ask for is looked at to its end.
        let target = world.now();
        world.move_towards(target, None, 200);
        world.strike("GET", "/api/v1/netquery/query");
        world.state();
        world.take_events();
    }
}

fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(cases), failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn what_is_made_odd_makes_sense_by_itself() {
    let scenario = Scenario::parse("whole", &everything().to_string()).expect("a scenario");
    let mut world = World::new(scenario, Options::default()).expect("a world");
    world.clock.advance(SignedDuration::from_secs(10));
    world.run_due();
    assert_eq!(world.map("main").and_then(|map| map.find("New")).map(|hub| hub.country.as_str()), Some("DE"));
    let told: Change =
        serde_json::from_value(json!({ "notifications": { "add": [{ "id": "b" }] } })).expect("a change");
    world.change(&told).expect("it is taken");
    let leaving = struck(change(), &[]);
    assert_eq!(leaving, change());
}

#[test]
fn worlds_begin_and_end_with_the_time() {
    for (start, is_one) in [
        ("-009999-01-02T02:00:00Z", false),
        ("0000-12-31T23:59:59Z", false),
        ("0001-01-01T00:00:00Z", true),
        ("9000-01-01T00:00:00Z", true),
        ("9999-12-30T21:59:59Z", false),
    ] {
        let text = everything().to_string().replace("2026-01-05T08:30:00Z", start);
        let scenario = Scenario::parse("start", &text).expect("a scenario");
        let world = World::new(scenario, Options::default());
        assert_eq!(world.is_ok(), is_one, "{start}");
        let Ok(mut world) = world else { continue };
        live(&mut world);
        world.clock.advance(SignedDuration::MAX);
        world.move_towards(world.now(), None, 200);
        world.begin_session(super::session::Token::ITSELF);
        world.ask_for_access();
        live(&mut world);
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn no_scenario_is_too_odd(deeds in deeds(), contract in sample::select(&Contract::ALL[..])) {
        let text = struck(everything(), &deeds).to_string();
        if let Ok(scenario) = Scenario::parse("odd", &text) {
            let options = Options { contract: Some(contract), clock: Some(ClockMode::Manual), ..Options::default() };
            if let Ok(mut world) = World::new(scenario, options) {
                live(&mut world);
            }
        }
    }

    #[test]
    fn no_text_is_too_odd(
        at in 0..BUILT_IN.len(), cut in any::<prop::sample::Index>(), length in 0_usize..40, put in ".{0,9}"
    ) {
        let mut text: Vec<char> = BUILT_IN[at].1.chars().collect();
        let from = cut.index(text.len());
        let to = (from + length).min(text.len());
        text.splice(from..to, put.chars());
        let text: String = text.into_iter().collect();
        let _ = Scenario::parse("odd", &text);
    }

    #[test]
    fn a_world_that_refuses_a_change_is_as_it_was(
        deeds in collection::vec(deeds(), 1..4), contract in sample::select(&Contract::ALL[..])
    ) {
        let scenario = Scenario::parse("base", "extends: home-office\nclock: manual\nconfig: { spn/enable: true }");
        let options = Options { contract: Some(contract), ..Options::default() };
        let mut world = World::new(scenario.expect("a scenario"), options).expect("a world");
        for deeds in deeds {
            let Ok(change) = serde_json::from_value::<Change>(struck(change(), &deeds)) else { continue };
            let before = shown(&world);
            match world.change(&change) {
                Err(_) => prop_assert!(shown(&world) == before),
                Ok(_) => live(&mut world),
            }
            let before = shown(&world);
            // What nobody looks at beforehand, as of a rule.
            if world.perform(&change).is_err() {
                prop_assert!(shown(&world) == before);
            }
        }
    }
}
