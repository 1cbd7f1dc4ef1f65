//! Merge patches of the state.

use serde_json::{Value, json};

use super::{Running, common};

#[test]
fn what_is_patched_is_what_is_then_there() {
    let running = Running::new();
    for (path, patch, expected) in [
        ("connections/active", json!(3), json!(3)),
        ("network/online", json!("offline"), json!("offline")),
        ("network/gateways", json!(["10.0.0.1"]), json!(["10.0.0.1"])),
        ("network/location/country", json!("FR"), json!("FR")),
        ("config/spn/enable", json!(true), json!(true)),
        ("config/spn/enable", json!(null), json!(false)),
        ("core/starting", json!(true), json!(true)),
        ("dns/cached", json!(0), json!(0)),
        ("dns/failing", json!(["Cloudflare"]), json!(["Cloudflare"])),
        ("dns/failing", json!([]), json!([])),
        ("spn/account/state", json!("suspended"), json!("suspended")),
        ("spn/account", json!(null), json!(null)),
        ("notifications/mine", json!({ "title": "Mine" }), json!("")),
        (
            "modules/mine",
            json!({ "module": "Resolver", "title": "Broken" }),
            json!({ "module": "Resolver", "title": "Broken" }),
        ),
        ("updates/all/intel/index.dsd", json!("1.2.3"), json!("1.2.3")),
        ("pause", json!({ "duration": "5m" }), json!({ "only_spn": false, "until": "2026-03-16T09:35:00Z" })),
        ("pause/until", json!("2026-03-16T10:00:00Z"), json!("2026-03-16T10:00:00Z")),
        ("pause", json!(null), json!(null)),
    ] {
        let target = format!("/state/{path}");
        let (status, applied) = running.ask("PATCH", &target, patch.clone().to_string());
        assert_eq!((status, &applied["applied"]), (200, &json!(true)), "{path} {patch}: {applied}");
        if path != "notifications/mine" {
            assert_eq!(running.get(&target), expected, "{path} {patch}");
        }
    }
    running.get("/state/notifications/mine");
    for path in ["notifications/mine", "modules/mine"] {
        assert_eq!(running.ask("PATCH", &format!("/state/{path}"), "null").0, 200);
        assert_eq!(running.ask("GET", &format!("/state/{path}"), Value::Null).0, 404, "{path} is gone");
    }
}

#[test]
fn what_is_not_named_stays() {
    let running = Running::new();
    let before = running.get("/state");
    let patch = json!({ "network": { "location": { "country": "FR" } }, "config": { "core/expertiseLevel": "expert" } });
    let (status, applied) = running.ask("PATCH", "/state", patch);
    assert_eq!(status, 200, "{applied}");
    let mut expected = before;
    expected["network"]["location"]["country"] = json!("FR");
    expected["config"]["core/expertiseLevel"] = json!("expert");
    assert_eq!(running.get("/state"), expected);
    let answer = common::ask(
        running.control,
        "PATCH",
        "/state",
        &[("Content-Type", "application/merge-patch+json")],
        r#"{"network":{"online":"portal","captive_portal":{"url":"http://a.example/"}}}"#,
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    running.ask("PATCH", "/state/network/captive_portal/domain", json!("a.example").to_string());
    let portal = running.get("/state/network/captive_portal");
    assert_eq!((&portal["url"], &portal["domain"]), (&json!("http://a.example/"), &json!("a.example")));
}

#[test]
fn what_is_wrong_is_said_exactly_and_changes_nothing() {
    let running = Running::new();
    let print = running.get("/state");
    for (path, patch, status, at, text) in [
        ("", json!({ "netwerk": {} }), 400, "/netwerk", "did you mean \"network\"?"),
        ("", json!({ "network": { "onlin": 1 } }), 400, "/network/onlin", "did you mean \"online\"?"),
        ("", json!({ "network": { "online": "of" } }), 400, "/network/online", "not one of unknown, offline"),
        ("", json!({ "network": { "online": null } }), 400, "/network/online", "is not one of"),
        ("", json!({ "network": null }), 400, "/network", "expected a map, found nothing"),
        ("", json!({ "network": { "known": [] } }), 400, "/network/known", "no such member"),
        (
            "",
            json!({ "core": { "starting": "yes" } }),
            400,
            "/core/starting",
            "expected true or false, found \"yes\"",
        ),
        ("", json!({ "dns": { "cached": 7 } }), 400, "/dns/cached", "0"),
        ("", json!({ "apps": ["x"] }), 409, "/apps", "learned by a change"),
        ("", json!({ "spn": { "hubs": 3 } }), 400, "/spn/hubs", "no such member"),
        ("", json!([1]), 400, "", "expected a map, found a list"),
        (
            "",
            json!({ "config": { "spn/enabled": 1 } }),
            409,
            "/config/spn~1enabled",
            "did you mean \"spn/enable\"?",
        ),
        ("", json!({ "spn": { "home": "Avoir" } }), 409, "/spn/home", "did you mean \"Avior\"?"),
        (
            "",
            json!({ "dns": { "failing": ["Quad8"] } }),
            409,
            "/dns/resolvers/Quad8",
            "did you mean \"Quad9\"?",
        ),
        (
            "",
            json!({ "config": { "core/locale": "x" } }),
            409,
            "/config/core~1locale",
            "contract docs has no option",
        ),
        ("", json!({ "pause": {} }), 409, "/pause", "how long"),
        ("", json!({ "notifications": { "a": { "id": "b" } } }), 409, "/notifications/a/id", "another id"),
        ("/config/spn/enable", json!(3), 409, "", "expected type bool"),
        ("/network/online", json!("of"), 400, "", "not one of unknown, offline"),
        ("/network/location/latitude", json!("x"), 400, "", "expected a number, found \"x\""),
        ("/network/gateways/0", json!("10.0.0.1"), 400, "", "expected a list"),
        ("/connections/active", json!(99), 409, "", "more are opened by a change"),
        ("/netwerk", json!(1), 404, "", "did you mean \"network\"?"),
    ] {
        let (refused, problem) = running.ask("PATCH", &format!("/state{path}"), patch.to_string());
        assert_eq!(refused, status, "{path} {patch}: {problem}");
        assert_eq!(problem["at"].as_str().unwrap_or_default(), at, "{path} {patch}: {problem}");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.contains(text), "{path} {patch}: {detail}");
    }
    assert_eq!(running.get("/state"), print);
}

#[test]
fn a_patch_happens_as_a_whole_or_not_at_all() {
    let running = Running::new();
    running.ask("PATCH", "/state/pause", json!({ "duration": "5m" }));
    let before = running.get("/state");
    let patch = json!({
        "network": { "online": "offline" }, "connections": { "active": 1 },
        "pause": { "duration": "5m", "only_spn": true },
    });
    let (status, problem) = running.ask("PATCH", "/state", patch);
    assert_eq!(status, 409, "{problem}");
    assert_eq!(running.get("/state"), before);
}
