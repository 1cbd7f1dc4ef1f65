//! An HTTP Archive, asked again of a fork.

use portmaster_simulator::{ClockMode, Simulator};
use serde_json::{Value, json};

use super::{Running, common};

fn archive(entries: Value) -> Value {
    json!({ "log": { "version": "1.2", "entries": entries } })
}

fn entry(method: &str, target: &str, status: u16) -> Value {
    json!({
        "request": { "method": method, "url": format!("http://127.0.0.1:817{target}"), "headers": [
            { "name": ":authority", "value": "a" }, { "name": "Host", "value": "a" }, { "name": "Accept", "value": "*/*" },
        ] },
        "response": { "status": status },
    })
}

#[test]
fn what_a_journal_has_is_answered_again_as_it_was() {
    let running = Running::new();
    for (method, path, body) in [
        ("GET", "/api/v1/ping", ""),
        ("GET", "/api/v1/nope", ""),
        ("HEAD", "/api/v1/network/gateways", ""),
        ("POST", "/api/v1/netquery/query", r#"{"pageSize":2}"#),
    ] {
        common::ask(running.api, method, path, &[("Content-Type", "application/json")], body);
    }
    let told = running.get("/journal.har");
    let before = running.get("/fingerprint");
    let (status, found) = running.ask("POST", "/journal.har", told);
    assert_eq!(status, 200, "{found}");
    let found = found.as_array().expect("a list").clone();
    assert_eq!(found.len(), 4);
    for one in &found {
        assert_eq!(one["recorded"], one["answered"], "{one}");
        assert!(one["why"].is_null(), "{one}");
    }
    assert_eq!(found[0]["endpoint"], "GET ping");
    // Neither the world nor the journal is another for it.
    assert_eq!(running.get("/fingerprint"), before);
    assert_eq!(running.get("/journal/count")["count"], 4);
    assert_eq!(running.get("/forks"), json!([]));
}

#[test]
fn what_a_request_nearly_met_is_told() {
    let running = Running::with(Simulator::builder().dev_mode(true).clock(ClockMode::Frozen));
    let rule = json!({ "when": { "request": { "method": "POST", "path": "dns/clear" } },
        "then": [{ "change": { "network": { "online": "limited" } } }] });
    assert_eq!(running.ask("POST", "/rules", rule).0, 201);
    let fault = json!({ "when": { "path": "ping" }, "effect": { "status": 503 } });
    assert_eq!(running.ask("POST", "/faults", fault).0, 201);
    let entries = json!([
        entry("POST", "/api/v1/dns/claer", 200),
        entry("POST", "/api/v1/dns/clear?x=1", 200),
        entry("GET", "/api/v1/ping", 200),
        entry("GET", "/index.html", 200),
    ]);
    let (status, found) = running.ask("POST", "/journal.har", archive(entries));
    assert_eq!(status, 200, "{found}");
    let nearly = &found[0]["nearly"];
    assert_eq!(
        (&found[0]["answered"], &nearly[0]["what"]),
        (&json!(404), &json!("POST dns/clear")),
        "{found}"
    );
    assert_eq!(nearly[0]["differences"][0]["what"], "path");
    assert!(nearly.as_array().expect("a list").iter().any(|near| near["what"] == "rules/0"), "{nearly}");
    assert_eq!((&found[1]["endpoint"], &found[1]["acted"]), (&json!("POST dns/clear"), &json!(["rules/0"])));
    assert_eq!((&found[2]["answered"], &found[2]["acted"]), (&json!(503), &json!(["faults/0"])));
    assert_eq!(found[3]["why"], "it is no request of the API");
    assert_eq!(running.get("/state/network/online"), "online");
}

#[test]
fn a_key_stands_in_for_hidden_ones() {
    let running = Running::with(Simulator::builder().api_key("sesame-key?read=user&write=user"));
    let told = archive(json!([entry("GET", "/api/v1/network/gateways", 200)]));
    for (query, expected) in [("", 401), ("?key=sesame-key", 200)] {
        let (_, found) = running.ask("POST", &format!("/journal.har{query}"), told.clone());
        assert_eq!(found[0]["answered"], expected, "{found}");
    }
}

#[test]
fn what_is_no_archive_is_refused_with_its_place() {
    let running = Running::new();
    for (body, at) in [
        (json!({}), "/log/entries"),
        (json!([]), "/log/entries"),
        (archive(json!([{ "request": { "method": "GET" } }])), "/log/entries/0/request/url"),
        (archive(json!([7])), "/log/entries/0/request/method"),
    ] {
        let (status, problem) = running.ask("POST", "/journal.har", body);
        assert_eq!((status, &problem["at"]), (400, &json!(at)), "{problem}");
    }
}
