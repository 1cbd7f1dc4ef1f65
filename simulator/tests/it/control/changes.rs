//! Changes in the words of timelines.

use std::{collections::BTreeMap, time::Duration};

use portmaster_fixtures::scenario::Scenario;
use portmaster_simulator::{ClockMode, Simulator};
use serde_json::{Value, json};

use super::{Running, common};

#[test]
fn a_change_is_seen_by_the_api_at_once() {
    let running = Running::new();
    let (status, applied) =
        running.ask("POST", "/changes", json!({ "network": { "gateways": ["10.9.8.7"] } }));
    assert_eq!((status, &applied["applied"]), (200, &json!(true)), "{applied}");
    let answer = common::ask(running.api, "GET", "/api/v1/network/gateways", &[], "");
    assert_eq!(answer.text(), "[\"10.9.8.7\"]");
    let (_, applied) = running.ask("POST", "/changes", json!({ "connections": { "open": 3 } }));
    assert!(applied["events"].as_u64().is_some_and(|events| events >= 3), "{applied}");
}

#[test]
fn a_verdict_says_whether_a_connection_was_allowed_by_whatever_door_it_comes() {
    let row = |id: &str, verdict: u8| json!({ "id": id, "verdict": verdict, "profile_name": "Firefox" });
    let change = |id: &str, verdict| json!({ "connections": { "open": [row(id, verdict)] } });
    let unsaid = json!({ "id": "unsaid", "verdict": 3, "allowed": null });
    let against = json!({ "id": "against", "verdict": 4, "allowed": true });
    let scenario = json!({
        "name": "verdicts",
        "extends": "home-office",
        "connections": [row("drop", 4), row("tunnel", 6), row("failed", 7), unsaid, against],
        "timeline": [{ "at": "10s", "change": change("later", 3) }]
    });
    let scenario = Scenario::parse("verdicts.yaml", &scenario.to_string()).expect("a scenario");
    let running = Running::with(Simulator::builder().world(scenario).clock(ClockMode::Manual).dev_mode(true));
    running.simulator().advance(Duration::from_secs(20));
    for (id, verdict) in [("block", 3), ("split", 8)] {
        assert_eq!(running.ask("POST", "/changes", change(id, verdict)).0, 200);
    }
    let query = json!({ "select": ["id", "allowed"] }).to_string();
    let answer = common::ask(running.api, "POST", "/api/v1/netquery/query", &[], &query);
    let rows: Value = serde_json::from_str(answer.text()).expect("JSON");
    let rows = rows["results"].as_array().expect("rows").iter();
    let told: BTreeMap<_, _> =
        rows.map(|row| (row["id"].as_str().unwrap(), row["allowed"].clone())).collect();
    let expected = json!({
        "drop": false, "tunnel": true, "failed": false, "unsaid": null, "against": true, "later": false,
        "block": false, "split": true
    });
    assert_eq!(json!(told), expected);
}

#[test]
fn what_is_wrong_with_a_change_is_said_exactly() {
    let running = Running::new();
    let before = running.get("/state");
    for (body, status, at, text) in [
        (json!(""), 400, Value::Null, "the body is empty"),
        (json!("{"), 400, Value::Null, "the body is not JSON: EOF"),
        (json!([]), 400, json!(""), "expected a map, found a list"),
        (
            json!({ "netwerk": {} }),
            400,
            json!("/netwerk"),
            "netwerk: there is no such member, expected config, core",
        ),
        (json!({ "network": { "onlin": 1 } }), 400, json!("/network/onlin"), "did you mean \"online\"?"),
        (
            json!({ "network": { "online": "onlin" } }),
            400,
            json!("/network/online"),
            "\"onlin\" is not one of unknown, offline",
        ),
        (
            json!({ "network": { "gateways": ["10.0.0.300"] } }),
            400,
            json!("/network/gateways/0"),
            "is not an IP address",
        ),
        (
            json!({ "config": { "spn/enabled": true } }),
            409,
            json!("/config/spn~1enabled"),
            "did you mean \"spn/enable\"?",
        ),
        (json!({ "config": { "spn/enable": 3 } }), 409, json!("/config/spn~1enable"), "expected type bool"),
        (json!({}), 409, json!(""), "nothing changes"),
        (
            json!({ "network": { "online": "offline" }, "spn": { "hubs": { "leave": ["Avoir"] } } }),
            409,
            json!("/spn/hubs/leave/0"),
            "did you mean \"Avior\"?",
        ),
    ] {
        let (refused, problem) = running.ask("POST", "/changes", body.clone());
        assert_eq!(refused, status, "{body}: {problem}");
        assert_eq!(problem["at"], at, "{body}: {problem}");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.contains(text), "{body}: {detail}");
    }
    assert_eq!(running.get("/state"), before, "a refused change changes nothing");
}

#[test]
fn every_mistake_is_said() {
    let running = Running::new();
    let body = json!({ "netwerk": {}, "network": { "online": 3 }, "resume": "yes" });
    let (_, problem) = running.ask("POST", "/changes", body);
    let all: Vec<&str> =
        problem["mistakes"].as_array().expect("a list").iter().filter_map(|one| one["at"].as_str()).collect();
    assert_eq!(all, ["/netwerk", "/network/online", "/resume"], "{problem}");
}

#[test]
fn all_of_a_change_happens_or_nothing() {
    let running = Running::new();
    let before = running.get("/state");
    assert_eq!(running.ask("POST", "/changes", json!({ "pause": { "duration": "5m" } })).0, 200);
    let paused = running.get("/state");
    // Found only when the network has changed already and connections are open.
    let body = json!({
        "network": { "online": "offline" },
        "connections": { "open": 2 },
        "pause": { "duration": "5m", "only_spn": true },
    });
    let (status, problem) = running.ask("POST", "/changes", body);
    assert_eq!(status, 409, "{problem}");
    assert_ne!(paused, before);
    assert_eq!(running.get("/state"), paused, "{problem}");
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_is_read() {
    let running = Running::new();
    let request =
        "POST /changes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n";
    let answer = common::raw(running.control, request.as_bytes());
    assert_eq!(answer.status(), 413);
    assert!(answer.text().contains("at most 1048576 bytes"), "{}", answer.text());
}

#[test]
fn nobody_waits_while_very_many_connections_open() {
    let running = Running::new();
    // What is not optimised takes ten times as long.
    let many = if cfg!(debug_assertions) { 30_000 } else { 300_000 };
    let answered = std::thread::scope(|scope| {
        let opened =
            scope.spawn(|| running.ask("POST", "/changes", json!({ "connections": { "open": many } })));
        let mut answered = 0;
        while !opened.is_finished() {
            assert_eq!(common::ask(running.api, "GET", "/api/v1/ping", &[], "").status(), 200);
            answered += 1;
        }
        assert_eq!(opened.join().expect("an answer").0, 200);
        answered
    });
    // How fast the machine is says nothing: who waits for all of them gets one or two answers.
    assert!(answered >= 10, "{answered} pings were answered meanwhile");
}
