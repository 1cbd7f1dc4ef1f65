//! Rules and faults, byte for byte.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::common::ask;
use portmaster_simulator::{ClockMode, Scenario, Simulator};

async fn start(script: &str) -> Simulator {
    let scenario = Scenario::parse("test", &format!("extends: home-office\n{script}\n")).expect("a scenario");
    let builder = Simulator::builder().world(scenario).dev_mode(true);
    builder.start().await.expect("a scenario that starts")
}

/// What comes until the connection ends, and how it ends.
fn all(address: SocketAddr, target: &str) -> (String, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(address).expect("a simulator that listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a TCP stream");
    let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:817\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a simulator that reads");
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).err().map(|error| error.kind());
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

/// Asks in a thread of its own.
async fn asked(
    simulator: &Simulator,
    method: &'static str,
    target: &'static str,
    body: &'static str,
) -> (u16, String) {
    let address = simulator.addr();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = ask(address, method, target, &[], body);
        (answer.status(), answer.text().to_owned())
    });
    answer.await.expect("an answer")
}

async fn seen(simulator: &Simulator, target: &'static str) -> (String, Option<ErrorKind>) {
    let address = simulator.addr();
    tokio::task::spawn_blocking(move || all(address, target)).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_no_end() {
    let simulator = start("faults: [{ when: { path: ping, count: 1 }, effect: { reset: true } }]").await;
    assert_eq!(seen(&simulator, "/api/v1/ping").await, (String::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(asked(&simulator, "GET", "/api/v1/ping", "").await, (200, "Pong.\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_promises_more_than_comes() {
    let simulator = start("faults: [{ when: { path: 'network/*' }, effect: { truncate: 7 } }]").await;
    let (answer, _) = seen(&simulator, "/api/v1/network/gateways").await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body.len(), 7, "{answer}");
    assert!(!head.contains("Content-Length: 7\r\n") && head.contains("Content-Length: "), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_malformed_but_complete() {
    let simulator =
        start("faults: [{ when: { path: network/gateways }, effect: { malformed_json: true } }]").await;
    let (status, body) = asked(&simulator, "GET", "/api/v1/network/gateways", "").await;
    assert_eq!(status, 200);
    assert!(body.starts_with('[') && serde_json::from_str::<serde_json::Value>(&body).is_err(), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_takes_its_time() {
    let simulator = start("clock: x10\nfaults: [{ when: { path: ping }, effect: { slow: 2 } }]").await;
    let began = Instant::now();
    assert_eq!(asked(&simulator, "GET", "/api/v1/ping", "").await, (200, "Pong.\n".to_owned()));
    // Six bytes, two a second, at ten times the pace: a byte every 50 ms.
    assert!(began.elapsed() >= Duration::from_millis(240), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_of_work_that_was_done_and_a_delayed_one_is_not() {
    for (effect, done) in [("late", true), ("delay", false)] {
        let script =
            format!("clock: manual\nfaults: [{{ when: {{ path: dns/clear }}, effect: {{ {effect}: 5s }} }}]");
        let simulator = start(&script).await;
        let cached = |simulator: &Simulator| simulator.state()["dns"]["cached"].as_u64().expect("a number");
        let address = simulator.addr();
        let waiting = tokio::task::spawn_blocking(move || ask(address, "POST", "/api/v1/dns/clear", &[], ""));
        // The request is in once it waits for the clock; others are answered meanwhile.
        for _ in 0..50 {
            assert_eq!(asked(&simulator, "GET", "/api/v1/ping", "").await.0, 200);
        }
        if done {
            while cached(&simulator) > 0 {
                tokio::task::yield_now().await;
            }
        }
        assert!(!waiting.is_finished());
        assert_eq!(cached(&simulator) == 0, done, "{effect}");
        while !waiting.is_finished() {
            simulator.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
        assert!(waiting.await.expect("an answer").text().starts_with("cleared 26"));
        assert_eq!(cached(&simulator), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_answer_in_the_place_of_endpoints() {
    let simulator = start(
        "rules:
  - when: { request: { method: POST, path: netquery/query, body: { json: { select: [x] } } } }
    then: [{ answer: { status: 418, headers: { X-Why: teapot }, body: { a: 1 } } }]
    times: 1",
    )
    .await;
    let body = r#"{"select":["x"],"pageSize":1}"#;
    assert_eq!(
        asked(&simulator, "POST", "/api/v1/netquery/query", body).await,
        (418, "{\"a\":1}".to_owned())
    );
    assert_ne!(asked(&simulator, "POST", "/api/v1/netquery/query", body).await.0, 418);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_set_each_other_off_and_stop() {
    let simulator = start(
        "clock: manual
rules:
  - when: { request: { path: dns/clear } }
    then: [{ change: { network: { online: limited } } }, { after: 10s, change: { network: { online: online } } }]
  - when: { state: { path: network.online, equals: limited } }
    then: [{ change: { spn: { status: failed } } }]
  - when: { change: 'spn/status' }
    then: [{ change: { spn: { status: failed } } }, { change: { config: { spn/enable: false } } }]",
    )
    .await;
    let state = |path: [&str; 2]| simulator.state()[path[0]][path[1]].clone();
    assert_eq!(asked(&simulator, "POST", "/api/v1/dns/clear", "").await.0, 200);
    assert_eq!(
        (state(["network", "online"]), state(["spn", "status"])),
        ("limited".into(), "disabled".into())
    );
    simulator.advance(Duration::from_secs(10));
    assert_eq!(state(["network", "online"]), "online");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_not_let_in_set_nothing_off() {
    let script = "rules: [{ when: { request: { path: dns/clear } }, then: [{ change: { network: { online: offline } } }] }]";
    let scenario = Scenario::parse("test", &format!("extends: home-office\n{script}\n")).expect("a scenario");
    let simulator = Simulator::builder().world(scenario).start().await.expect("a scenario that starts");
    assert_ne!(asked(&simulator, "POST", "/api/v1/dns/clear", "").await.0, 200);
    assert_eq!(simulator.state()["network"]["online"], "online");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_by_hand_are_checked() {
    let simulator = Simulator::builder().clock(ClockMode::Frozen).start().await.expect("home-office starts");
    let change = |text: &str| simulator.change(&serde_json::from_str(text).expect("a change"));
    assert_eq!(change(r#"{ "network": { "online": "offline" } }"#), Ok(()));
    assert_eq!(simulator.state()["network"]["online"], "offline");
    let refused = change(r#"{ "connections": { "open": { "count": 1, "apps": ["Firefix"] } } }"#);
    let refused = refused.expect_err("nobody has that name").to_string();
    assert!(refused.ends_with("did you mean \"Firefox\"?"), "{refused}");
}
