//! The journal over the control plane.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{Running, common};

#[test]
fn what_clients_asked_is_told() {
    let running = Running::new();
    common::ask(running.api, "GET", "/api/v1/ping", &[("Authorization", "Bearer geheimnis")], "");
    common::ask(running.api, "POST", "/api/v1/dns/clear", &[], r#"{"why":"test"}"#);
    let page = running.get("/journal");
    assert_eq!((&page["dropped"], &page["total"]), (&json!(0), &json!(2)));
    let [ping, clear] = &page["entries"].as_array().expect("entries")[..] else { panic!("two") };
    assert_eq!(
        [&ping["seq"], &ping["kind"], &ping["method"], &ping["path"], &ping["answer"]["status"]],
        [&json!(1), &json!("http"), &json!("GET"), &json!("/api/v1/ping"), &json!(200)]
    );
    assert!(!page.to_string().contains("geheimnis"));
    assert_eq!(clear["body"]["text"], r#"{"why":"test"}"#);
    assert_eq!(&running.get("/journal/2"), clear);
    for (query, expected) in [
        ("", 2),
        ("?method=post", 1),
        ("?path=ping", 1),
        ("?path=/api/*", 2),
        ("?status=200&kind=http", 2),
        ("?status=404", 0),
        ("?since=1", 1),
        ("?body=%7B%22why%22:%22test%22%7D", 1),
        ("?body=why", 1),
        ("?kind=websocket", 0),
    ] {
        assert_eq!(running.get(&format!("/journal/count{query}"))["count"], expected, "{query}");
        let page = running.get(&format!("/journal{query}"));
        assert_eq!(page["entries"].as_array().map(Vec::len), Some(expected), "{query}");
    }
    assert_eq!(running.ask("DELETE", "/journal", Value::Null).0, 204);
    assert_eq!(running.get("/journal/count")["count"], 0);
    assert_eq!(running.ask("GET", "/journal/2", Value::Null).0, 404);
}

#[test]
fn a_wait_in_vain_says_what_came_nearest() {
    let running = Running::new();
    common::ask(running.api, "GET", "/api/v1/dns/clear", &[], "");
    let expected = json!({ "method": "POST", "path": "dns/clear" });
    let (status, problem) =
        running.ask("POST", "/journal/wait", json!({ "match": expected, "timeout": "10ms" }));
    assert_eq!(status, 408);
    let misses = json!([{
        "seq": 1,
        "distance": 2,
        "differences": [{ "what": "method", "expected": "POST", "got": "GET" }],
    }]);
    assert_eq!(problem["near_misses"], misses);
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("method: expected POST, got GET")));
    let (status, told) = running.ask("POST", "/journal/near-misses", expected.clone());
    assert_eq!((status, told), (200, misses));
    common::ask(running.api, "POST", "/api/v1/dns/clear", &[], "");
    let (status, counted) = running.ask("POST", "/journal/wait", json!({ "match": expected }));
    assert_eq!((status, counted), (200, json!({ "count": 1 })));
}

#[test]
fn a_wait_ends_with_the_request() {
    let running = Running::new();
    let control = running.control;
    let waiting = std::thread::spawn(move || {
        let body = r#"{ "match": { "path": "ping" }, "timeout": "1m" }"#;
        common::ask(control, "POST", "/journal/wait", &[("Content-Type", "application/json")], body)
    });
    common::ask(running.api, "GET", "/api/v1/ping", &[], "");
    let answer = waiting.join().expect("an answer");
    assert_eq!((answer.status(), answer.text()), (200, r#"{"count":1}"#));
}

#[test]
fn exports_are_downloads_of_their_types() {
    let running = Running::new();
    common::ask(running.api, "GET", "/api/v1/ping", &[], "");
    let answer = common::ask(running.control, "GET", "/journal.har?path=ping", &[], "");
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    let archive: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(archive["log"]["entries"].as_array().map(Vec::len), Some(1));
    for path in ["/journal.curl", "/journal/1/curl"] {
        let answer = common::ask(running.control, "GET", path, &[], "");
        assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"), "{path}");
        let line = answer.text();
        assert!(
            line.starts_with("curl ") && line.contains(&format!("http://{}/api/v1/ping", running.api)),
            "{line}"
        );
    }
}

#[test]
fn what_is_asked_wrongly_is_said() {
    let running = Running::new();
    for (method, target, body, status, at) in [
        ("GET", "/journal?kinds=http", Value::Null, 400, "/kinds"),
        ("GET", "/journal?kind=htp", Value::Null, 400, "/kind"),
        ("GET", "/journal?since=-1", Value::Null, 400, "/since"),
        ("POST", "/journal/wait", json!({ "match": { "methode": "GET" } }), 400, "/match/methode"),
        ("POST", "/journal/wait", json!({ "timeout": "5 minutes" }), 400, "/timeout"),
        ("POST", "/journal/wait", json!({ "timeout": "1h" }), 400, "/timeout"),
        ("POST", "/journal/near-misses", json!({ "status": "200" }), 400, "/status"),
    ] {
        let (refused, problem) = running.ask(method, target, body);
        assert_eq!((refused, &problem["at"]), (status, &json!(at)), "{target}: {problem}");
    }
    for target in ["/journal/0", "/journal/99", "/journal/x", "/journal/-1/curl"] {
        assert_eq!(running.ask("GET", target, Value::Null).0, 404, "{target}");
    }
    common::ask(running.api, "GET", "/api/v1/ping", &[], "");
}

#[test]
fn a_restart_keeps_it() {
    let mut running = Running::new();
    common::ask(running.api, "GET", "/api/v1/ping", &[], "");
    let simulator = running.simulator.as_mut().expect("it runs");
    running.runtime.block_on(simulator.restart()).expect("it comes back");
    common::ask(running.api, "GET", "/api/v1/ping", &[], "");
    let page = running.get("/journal");
    let kinds: Vec<&str> = page["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["http", "note", "http"]);
}

#[test]
fn a_request_that_waits_is_seen_and_so_is_its_end() {
    let scenario =
        "extends: home-office\nclock: running\nfaults: [{ when: { path: ping }, effect: { delay: 1h } }]\n";
    let scenario = portmaster_simulator::Scenario::parse("test", scenario).expect("a scenario");
    let mut running = Running::with(portmaster_simulator::Simulator::builder().world(scenario));
    let stream = running.runtime.block_on(async {
        let mut stream = tokio::net::TcpStream::connect(running.api).await.expect("a simulator");
        stream.write_all(b"GET /api/v1/ping HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        stream
    });
    let outcome = |running: &Running| running.get("/journal")["entries"][0]["outcome"].clone();
    while outcome(&running).is_null() {
        std::thread::yield_now();
    }
    assert_eq!(outcome(&running), "waiting");
    let simulator = running.simulator.as_mut().expect("it runs");
    running.runtime.block_on(simulator.restart()).expect("it comes back");
    assert_eq!(outcome(&running), "broken");
    drop(stream);
}
