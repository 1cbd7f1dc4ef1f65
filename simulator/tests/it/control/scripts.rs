//! Rules and faults that come and go.

use serde_json::{Value, json};

use super::{Running, common};

fn ping(running: &Running) -> u16 {
    common::ask(running.api, "GET", "/api/v1/ping", &[], "").status()
}

#[test]
fn a_fault_is_added_strikes_and_is_taken_away() {
    let running = Running::new();
    assert_eq!(running.get("/faults"), json!([]));
    let fault = json!({ "when": { "path": "ping", "count": 2.0 }, "effect": { "status": 503.0 } });
    assert_eq!(running.ask("POST", "/faults", fault.clone()), (201, json!({ "index": 0 })));
    assert_eq!((ping(&running), ping(&running), ping(&running)), (503, 503, 200), "twice, as told");
    let told = running.get("/faults");
    assert_eq!((&told[0]["when"]["path"], &told[0]["effect"]["status"]), (&json!("ping"), &json!(503)));
    let (status, all) = running.ask("PUT", "/faults", told.clone());
    assert_eq!((status, &all), (200, &told), "what is read can be written back");
    assert_eq!(ping(&running), 503, "and counts anew");
    assert_eq!(running.ask("DELETE", "/faults/0", Value::Null).0, 204);
    assert_eq!(ping(&running), 200);
    let (status, problem) = running.ask("DELETE", "/faults/0", Value::Null);
    assert_eq!((status, &problem["detail"]), (404, &json!("there is no fault 0; there are 0 faults")));
    running.ask("POST", "/faults", fault);
    assert_eq!(running.ask("POST", "/reset", Value::Null).0, 200);
    assert_eq!(running.get("/faults"), json!([]), "a reset brings back those of the scenario");
}

#[test]
fn a_rule_acts_from_when_it_is_added() {
    let running = Running::new();
    let rule = json!({
        "when": { "request": { "path": "ping" } },
        "then": [{ "change": { "network": { "online": "limited" } } }, { "answer": { "status": 418, "body": "tea" } }],
    });
    assert_eq!(running.ask("POST", "/rules", rule.clone()).0, 201);
    assert_eq!(ping(&running), 418);
    assert_eq!(running.get("/state/network/online"), "limited");
    let other = json!({
        "when": { "state": { "path": "network.online", "equals": "offline" } },
        "then": [{ "change": { "notifications": { "add": [{ "id": "gone" }] } } }],
    });
    assert_eq!(running.ask("PUT", "/rules", json!([other])).0, 200);
    assert_eq!(ping(&running), 200);
    running.ask("POST", "/changes", json!({ "network": { "online": "offline" } }));
    running.get("/state/notifications/gone");
    assert_eq!(running.get("/rules").as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_wrong_with_rules_and_faults_is_said_where_it_is() {
    let running = Running::new();
    for (method, path, body, status, at, text) in [
        (
            "POST",
            "/rules",
            json!({ "then": [] }),
            409,
            "/when",
            "expected request, websocket, change or state",
        ),
        (
            "PUT",
            "/rules",
            json!([{ "when": { "request": { "path": "pong" } }, "then": [{ "change": { "restart": true } }] }]),
            409,
            "/0/when/request/path",
            "did you mean \"ping\"?",
        ),
        ("POST", "/rules", json!({ "wen": {} }), 400, "/wen", "did you mean \"when\"?"),
        ("POST", "/faults", json!({}), 409, "/effect", "nothing happens"),
        ("POST", "/faults", json!({ "effect": { "status": 1000 } }), 400, "/effect/status", "599"),
        (
            "POST",
            "/faults",
            json!({ "effect": { "delay": "9999999h" } }),
            409,
            "/effect/delay",
            "effect.delay: \"9999999h\" is",
        ),
        ("PUT", "/faults", json!({}), 400, "", "expected a list, found a map"),
        (
            "PUT",
            "/faults",
            json!([{ "effect": { "reset": true } }, { "effect": { "drop": true } }]),
            409,
            "/1/effect/drop",
            "only a message of the websocket is dropped",
        ),
        ("DELETE", "/rules/x", Value::Null, 404, "", "there is no rule x"),
    ] {
        let (refused, problem) = running.ask(method, path, body.clone());
        assert_eq!(refused, status, "{body}: {problem}");
        assert_eq!(problem["at"].as_str().unwrap_or_default(), at, "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(text)), "{body}: {problem}");
    }
    assert_eq!((running.get("/rules"), running.get("/faults")), (json!([]), json!([])));
}

#[test]
fn there_are_so_many_and_no_more() {
    let running = Running::new();
    let fault = json!({ "effect": { "status": 503 } });
    assert_eq!(running.ask("PUT", "/faults", vec![fault.clone(); 1000]).0, 200);
    assert_eq!(running.ask("POST", "/faults", fault.clone()).0, 409);
    assert_eq!(running.ask("PUT", "/faults", vec![fault; 1001]).0, 409);
}
