//! Worlds taken out and put back, begun anew, and changed for others, as clients see it.

use std::time::Duration;

use portmaster_simulator::{
    AdvanceError, Change, ClockMode, Contract, Options, Scenario, Simulator, Snapshot, StateMatch,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::{Answer, PATIENCE, Socket, ask};

async fn start(script: &str) -> Simulator {
    let text = format!("name: test\nextends: home-office\ncontract: v2.2\nclock: manual\n{script}\n");
    let scenario = Scenario::parse("test", &text).expect("a scenario");
    Simulator::builder().world(scenario).dev_mode(true).start().await.expect("a scenario that starts")
}

fn change(simulator: &Simulator, change: Value) {
    let change: Change = serde_json::from_value(change).expect("a change");
    simulator.change(&change).expect("a change that is taken");
}

fn state(path: &str, equals: Value) -> StateMatch {
    StateMatch { path: path.to_owned(), equals: Some(equals), ..StateMatch::default() }
}

async fn asked(
    simulator: &Simulator,
    method: &'static str,
    target: &'static str,
    body: &'static str,
) -> Answer {
    let address = simulator.addr();
    let asking = tokio::task::spawn_blocking(move || ask(address, method, target, &[], body));
    asking.await.expect("a client")
}

/// What of a world is looked at: its state, and the answers of the connection database, in their own order.
async fn looked_at(simulator: &Simulator) -> Vec<String> {
    let mut seen = vec![format!("{} {}", simulator.now(), simulator.state())];
    for (target, body) in [
        ("/api/v1/netquery/query", r#"{"databases":["main","history"]}"#),
        (
            "/api/v1/netquery/query",
            r#"{"select":["profile",{"$count":{"field":"*","as":"n"}}],"groupBy":["profile"]}"#,
        ),
        ("/api/v1/netquery/charts/bandwidth", "{}"),
        ("/api/v1/netquery/charts/connection-active", "{}"),
    ] {
        let answer = asked(simulator, "POST", target, body).await;
        assert_eq!(answer.status(), 200, "{target}: {}", answer.text());
        seen.push(answer.text().to_owned());
    }
    seen.push(asked(simulator, "GET", "/api/v1/debug/core", "").await.text().to_owned());
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_goes_on_from_where_it_was_put_back_to() {
    let simulator =
        start("timeline: [{ every: 20s, jitter: 5s, change: { connections: { open: 3, close: 1 } } }]").await;
    simulator.advance(Duration::from_secs(90));
    let kept = simulator.snapshot().expect("a snapshot");
    let before = looked_at(&simulator).await;
    let go_on = async || {
        simulator.advance(Duration::from_secs(120));
        change(
            &simulator,
            json!({ "config": { "filter/defaultAction": "block" }, "connections": { "open": 2 } }),
        );
        let cleared =
            asked(&simulator, "POST", "/api/v1/netquery/history/clear", r#"{"profileIDs":[]}"#).await;
        assert_eq!(cleared.status(), 200, "{}", cleared.text());
        change(&simulator, json!({ "notifications": { "add": [{ "id": "told" }] } }));
        looked_at(&simulator).await
    };
    let first = go_on().await;
    assert_ne!(first, before);
    for _ in 0..2 {
        simulator.restore(&kept).expect("put back");
        assert_eq!(looked_at(&simulator).await, before);
        assert_eq!(go_on().await, first);
    }
    let fork = Simulator::builder().snapshot(kept).start().await.expect("another simulator");
    assert_eq!(looked_at(&fork).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_begins_anew() {
    let simulator = start("timeline: [{ every: 20s, change: { connections: { open: 3 } } }]").await;
    let begun = looked_at(&simulator).await;
    simulator.advance(Duration::from_secs(90));
    change(&simulator, json!({ "network": { "online": "offline" }, "config": { "core/devMode": null } }));
    simulator.set_clock(ClockMode::Frozen);
    simulator.reset().expect("a world that began before begins again");
    assert_eq!(looked_at(&simulator).await, begun);
    assert_eq!(simulator.about().clock, ClockMode::Manual);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_world_may_honour_another_contract() {
    let simulator = start("").await;
    let before = simulator.snapshot().expect("a snapshot");
    let options = Options { contract: Some(Contract::V1_0), ..Options::default() };
    let load = |name: &str| simulator.load(Scenario::load(name).expect("it is built in"), options.clone());
    load("spn-off").expect("a world");
    assert_eq!(
        (simulator.about().contract, simulator.about().scenario.as_str()),
        (Contract::V1_0, "spn-off")
    );
    // Only 2.x has this one; and only there answers have this header.
    assert_eq!(asked(&simulator, "GET", "/api/v1/updates/state", "").await.status(), 404);
    let told = asked(&simulator, "GET", "/api/v1/ping", "").await;
    simulator.restore(&before).expect("put back");
    assert_eq!(simulator.about().contract, Contract::V2_2);
    assert_ne!(asked(&simulator, "GET", "/api/v1/ping", "").await.head, told.head);
    assert_eq!(simulator.reset().map(|()| simulator.about().scenario).expect("begun anew"), "test");
    let wrong = Scenario::parse("wrong", "name: wrong\nclient: { app: Nobody }").expect("a scenario");
    let refused = simulator.load(wrong, Options::default()).map_err(|error| error.to_string());
    assert_eq!(refused, Err("wrong: client.app: there is no app \"Nobody\" in this scenario".to_owned()));
    assert_eq!(simulator.about().scenario, "test");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_may_be_nested_as_deep_as_clients_send_them() {
    let simulator = start("").await;
    let mut socket = Socket::open(&simulator, None).await;
    let nested = format!("{}7{}", "[".repeat(490), "]".repeat(490));
    let message = format!(
        "1|create|notifications:all/deep|J{{\"EventID\":\"deep\",\"Title\":\"T\",\"EventData\":{nested}}}"
    );
    socket.send(message).await;
    assert_eq!(socket.next().await, "1|success");
    let kept = simulator.snapshot().expect("a snapshot");
    let read = Snapshot::from_json(&kept.to_json()).expect("what was just written");
    assert_eq!(read.fingerprint(), kept.fingerprint());
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_stay_and_are_told_what_is_different() {
    let simulator = start("").await;
    let mut socket = Socket::open(&simulator, None).await;
    for database in ["config", "core", "notifications", "network", "runtime", "map"] {
        socket.send(format!("{database}|sub|query {database}:")).await;
    }
    socket.send("core|create|core:test/kept|J{\"n\":1}").await;
    let now = "end|get|config:core/devMode";
    socket.told(now, "end|").await;
    let before = simulator.snapshot().expect("a snapshot");
    change(
        &simulator,
        json!({
            "config": { "spn/enable": false },
            "notifications": { "add": [{ "id": "told" }] },
            "connections": { "open": 1, "close": 1 },
        }),
    );
    socket.told(now, "end|").await;
    simulator.restore(&before).expect("put back");
    let told = socket.told(now, "end|").await;
    let heads: Vec<String> = told
        .iter()
        .map(|text| text.splitn(4, '|').skip(1).take(2).collect::<Vec<_>>().join(" "))
        .map(|head| head.split_once("tree/").map_or(head.clone(), |(kind, _)| format!("{kind}tree")))
        .map(|head| head.split_once("/local/").map_or(head.clone(), |(kind, _)| kind.to_owned()))
        .map(|head| head.split_once("data/").map_or(head.clone(), |(kind, _)| format!("{kind}data")))
        .map(|head| head.split_once("main/").map_or(head.clone(), |(kind, _)| format!("{kind}main")))
        .collect();
    let expected = [
        "new config:spn/enable", "upd map:main", "del network:tree", "new network:tree",
        "del notifications:all/told", "new runtime:spn/status", "new runtime:netquery/data",
    ];
    let databases: Vec<&str> = heads.iter().filter_map(|head| head.split([' ', ':']).nth(1)).collect();
    assert!(databases.is_sorted(), "{heads:?}");
    // With the privacy network all its tunnels end.
    let mut sorted = heads.clone();
    sorted.sort();
    sorted.dedup();
    let mut wanted = expected.map(str::to_owned);
    wanted.sort();
    assert_eq!(sorted, wanted, "{heads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_looks_again() {
    let simulator =
        start("rules: [{ when: { request: { path: ping } }, then: [{ fault: { delay: 10m } }] }]").await;
    let kept = simulator.snapshot().expect("a snapshot");
    let address = simulator.addr();
    let waiting = || tokio::task::spawn_blocking(move || ask(address, "GET", "/api/v1/ping", &[], ""));
    let (by_hand, put_back, frozen) = (waiting(), waiting(), waiting());
    // They wait for ten minutes of a clock that stands still: every one of these lets some of them go on.
    let until_done = async |one: tokio::task::JoinHandle<Answer>, go: &dyn Fn()| {
        let mut one = one;
        loop {
            go();
            if let Ok(answer) = timeout(Duration::from_millis(50), &mut one).await {
                return answer.expect("a client").status();
            }
        }
    };
    let minutes = || _ = simulator.advance(Duration::from_secs(60));
    assert_eq!(timeout(PATIENCE, until_done(by_hand, &minutes)).await, Ok(200));
    let back = || simulator.restore(&kept).expect("put back");
    assert_eq!(timeout(PATIENCE, until_done(put_back, &back)).await, Ok(200));
    let freeze = || simulator.set_clock(ClockMode::Frozen);
    assert_eq!(timeout(PATIENCE, until_done(frozen, &freeze)).await, Ok(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_goes_where_it_is_told() {
    let simulator = start("timeline: [{ at: 2m, change: { network: { online: offline } } }]").await;
    let begin = simulator.now();
    let minute = jiff::SignedDuration::from_mins(1);
    assert_eq!(simulator.advance_to(begin + minute), Ok(begin + minute));
    assert_eq!(simulator.advance_to(begin), Err(AdvanceError::Past { now: begin + minute, asked: begin }));
    let offline = state("network.online", json!("offline"));
    assert_eq!(simulator.advance_until(&offline, Duration::from_secs(3600)), Ok(begin + minute * 2));
    assert_eq!(simulator.advance_until(&offline, Duration::ZERO), Ok(begin + minute * 2));
    let never = state("network.online", json!("portal"));
    let limit = begin + minute * 12;
    assert_eq!(
        simulator.advance_until(&never, Duration::from_secs(600)),
        Err(AdvanceError::Limit { path: "network.online".to_owned(), limit })
    );
    assert_eq!(simulator.now(), limit);
    simulator.set_clock(ClockMode::Running(1_000_000));
    let passing = async {
        while simulator.now() < limit + minute {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, passing).await.expect("a clock that runs");
    simulator.set_clock(ClockMode::Frozen);
    let stands = simulator.now();
    assert_eq!(simulator.now(), stands);
}
