//! Worlds that are kept, put back, compared and taken elsewhere.

use serde_json::{Value, json};

use super::{Running, common};

#[test]
fn a_world_is_kept_and_put_back_to_the_last_bit() {
    let running = Running::new();
    let print = running.get("/fingerprint");
    let (status, kept) = running.ask("POST", "/snapshots", json!({ "name": "calm" }));
    assert_eq!(status, 201, "{kept}");
    assert_eq!((&kept["id"], &kept["name"]), (&json!("1"), &json!("calm")));
    assert_eq!(kept["fingerprint"], print["fingerprint"]);
    assert_eq!(kept["instant"], "2026-03-16T09:30:00Z");
    assert!(kept["bytes"].as_u64().is_some_and(|bytes| bytes > 1000), "{kept}");
    running.ask(
        "POST",
        "/changes",
        json!({ "network": { "online": "offline" }, "connections": { "close": "all" } }),
    );
    running.ask("PATCH", "/clock", json!({ "mode": "manual" }));
    running.ask("POST", "/clock/advance", json!({ "by": "1h" }));
    assert_ne!(running.get("/fingerprint"), print);
    assert_eq!(running.ask("POST", "/snapshots/1/restore", Value::Null).0, 200);
    assert_eq!(running.get("/fingerprint"), print);
    assert_eq!(running.get("/clock")["mode"], "frozen");
    assert_eq!(running.get("/snapshots"), json!([kept]));
    assert_eq!(running.ask("POST", "/reset", Value::Null).0, 200);
    assert_eq!(running.get("/snapshots"), json!([kept]), "a reset leaves snapshots");
    assert_eq!(running.ask("DELETE", "/snapshots/1", Value::Null).0, 204);
    assert_eq!(running.get("/snapshots"), json!([]));
    for (method, path) in [
        ("DELETE", "/snapshots/1"),
        ("POST", "/snapshots/1/restore"),
        ("GET", "/snapshots/1"),
        ("GET", "/snapshots/1/diff"),
    ] {
        let (status, problem) = running.ask(method, path, Value::Null);
        assert_eq!(
            (status, &problem["detail"]),
            (404, &json!("there is no snapshot \"1\"")),
            "{method} {path}"
        );
    }
}

#[test]
fn a_world_is_taken_from_one_simulator_to_another_as_a_file() {
    let (first, second) = (Running::new(), Running::new());
    first.ask(
        "POST",
        "/changes",
        json!({ "network": { "gateways": ["10.1.1.1"] }, "connections": { "open": 3 } }),
    );
    first.ask("POST", "/snapshots", json!({}));
    let file = common::ask(first.control, "GET", "/snapshots/1", &[], "");
    assert_eq!(file.header("Content-Type"), Some("application/json"));
    assert_eq!(file.header("Content-Disposition"), Some("attachment; filename=\"snapshot-1.json\""));
    let (status, kept) = second.ask("PUT", "/snapshots/from-there", file.text());
    assert_eq!((status, &kept["id"]), (201, &json!("from-there")), "{kept}");
    assert_eq!(second.ask("PUT", "/snapshots/from-there", file.text()).0, 200, "it replaces the earlier one");
    assert_eq!(second.ask("POST", "/snapshots/from-there/restore", Value::Null).0, 200);
    assert_eq!(second.get("/fingerprint"), first.get("/fingerprint"));
    let gateways = common::ask(second.api, "GET", "/api/v1/network/gateways", &[], "");
    assert_eq!(gateways.text(), "[\"10.1.1.1\"]");
    for (id, body) in [("x", "{}"), ("x", "no"), ("x", &file.text()[..500]), ("a%20b", file.text())] {
        assert_eq!(second.ask("PUT", &format!("/snapshots/{id}"), body).0, 400, "{id}");
    }
    assert_eq!(second.get("/snapshots").as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_different_is_said_by_path() {
    let running = Running::new();
    running.ask("POST", "/snapshots", json!({}));
    assert_eq!(running.get("/snapshots/1/diff"), json!([]));
    let change = json!({ "core": { "starting": true }, "notifications": { "add": [{ "id": "mine" }] } });
    running.ask("POST", "/changes", change);
    running.ask("POST", "/snapshots", json!({}));
    let expected = json!([
        { "path": "core/starting", "before": false, "after": true },
        { "path": "notifications/mine", "after": running.get("/state/notifications/mine") },
    ]);
    assert_eq!(running.get("/snapshots/1/diff?to=now"), expected);
    assert_eq!(running.get("/snapshots/1/diff?to=2"), expected);
    running.ask("POST", "/changes", json!({ "connections": { "close": 1 } }));
    let paths: Vec<Value> = running
        .get("/snapshots/2/diff")
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["path"].clone())
        .collect();
    assert_eq!(paths[0], "connections/active");
    assert!(
        paths.iter().any(|path| path
            .as_str()
            .is_some_and(|path| path.starts_with("rows/") && path.ends_with("/ended")))
    );
    assert_eq!(running.ask("GET", "/snapshots/1/diff?to=9", Value::Null).0, 404);
    let (status, problem) = running.ask("GET", "/snapshots/1/diff?too=2", Value::Null);
    assert_eq!((status, &problem["at"]), (400, &json!("/too")), "{problem}");
}

#[test]
fn so_many_are_kept_and_no_more() {
    let running = Running::new();
    for _ in 0..64 {
        assert_eq!(running.ask("POST", "/snapshots", json!({})).0, 201);
    }
    let (status, problem) = running.ask("POST", "/snapshots", json!({}));
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("64 snapshots")), "{problem}");
}
