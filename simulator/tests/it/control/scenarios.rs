//! Other worlds in the place of the one that runs, and its beginning.

use portmaster_simulator::{Contract, Simulator};
use serde_json::{Value, json};

use super::{Running, common};

#[test]
fn a_scenario_is_loaded_by_name_with_a_seed_and_a_contract() {
    let running = Running::new();
    let (status, now) =
        running.ask("PUT", "/scenario", json!({ "name": "captive-portal", "seed": 99, "contract": "v2.2" }));
    assert_eq!(status, 200, "{now}");
    assert_eq!(
        (&now["name"], &now["seed"], &now["contract"]),
        (&json!("captive-portal"), &json!(99), &json!("v2.2"))
    );
    assert_eq!(running.get("/scenario"), now);
    assert_eq!(running.get("/state/network/online"), "portal");
    assert_eq!(running.simulator().about().contract, Contract::V2_2);
    // What the simulator was started with holds there too.
    let answer = common::ask(running.api, "GET", "/api/v1/network/gateways", &[], "");
    assert_eq!(answer.status(), 200, "development mode stays");
    let (_, back) = running.ask("PUT", "/scenario", json!({ "name": "home-office" }));
    assert_eq!((&back["seed"], &back["contract"]), (&json!(1), &json!("docs")));
}

#[test]
fn a_world_begins_at_another_instant() {
    let running = Running::new();
    let load =
        |start: &str| running.ask("PUT", "/scenario", json!({ "name": "home-office", "start": start }));
    let (status, told) = load("2030-01-01T00:00:00Z");
    assert_eq!((status, &told["start"]), (200, &json!("2030-01-01T00:00:00Z")), "{told}");
    let profile = common::ask(running.api, "GET", "/api/v1/spn/account/user/profile", &[], "");
    assert!(profile.text().contains("2030-01-27T14:30:00Z"), "{}", profile.text());
    let (status, now) = load("now");
    let start: jiff::Timestamp = now["start"].as_str().unwrap_or_default().parse().expect("an instant");
    let late = jiff::Timestamp::now().as_second() - start.as_second();
    assert!(status == 200 && (0..600).contains(&late), "{now}");
    let (_, again) = running.ask("POST", "/reset", Value::Null);
    assert_eq!(again["start"], now["start"], "a reset leads back to the same beginning");
    assert_eq!(load("scenario").1["start"], "2026-03-16T09:30:00Z");
    let (status, problem) = load("tomorrow");
    assert_eq!(status, 400, "{problem}");
    assert!(problem.to_string().contains("now or scenario"), "{problem}");
    let yaml = "extends: home-office\nstart: now\n";
    let answer =
        common::ask(running.control, "PUT", "/scenario", &[("Content-Type", "application/yaml")], yaml);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_ne!(running.get("/scenario")["start"], "2026-03-16T09:30:00Z");
}

#[test]
fn a_scenario_of_ones_own_is_loaded_as_json_or_yaml() {
    let running = Running::new();
    let scenario =
        json!({ "scenario": { "name": "mine", "extends": "home-office", "network": { "online": "semi" } } });
    assert_eq!(running.ask("PUT", "/scenario", scenario).0, 200);
    assert_eq!(running.get("/scenario")["name"], "mine");
    assert_eq!(running.get("/state/network/online"), "semi");
    assert!(
        running.get("/state/apps").as_array().is_some_and(|apps| !apps.is_empty()),
        "what it extends is there"
    );
    let yaml = "name: yours\nnetwork: { online: limited }\n";
    let answer =
        common::ask(running.control, "PUT", "/scenario", &[("Content-Type", "application/yaml")], yaml);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(running.get("/state/network/online"), "limited");
}

#[test]
fn what_is_no_scenario_is_said_with_line_and_member_and_changes_nothing() {
    let running = Running::new();
    let before = running.get("/state");
    for (body, status, at, text) in [
        (json!({ "name": "home-ofice" }), 404, "", "did you mean \"home-office\"?"),
        (json!({ "name": "/etc/passwd" }), 404, "", "there is no scenario"),
        (json!({ "scenario": { "sede": 1 } }), 400, "/scenario/sede", "did you mean \"seed\"?"),
        (json!({ "scenario": { "extends": "/etc/passwd" } }), 409, "/extends", "there is no scenario"),
        (json!({ "scenario": { "connections": { "file": "/etc/passwd" } } }), 409, "", "was not read"),
        (json!({ "scenario": { "config": { "no/such": 1 } } }), 409, "", "option \"no/such\" does not exist"),
        (
            json!({ "scenario": { "timeline": [{ "at": "1s", "change": { "spn": { "home": "Nowhere" } } }] } }),
            409,
            "/timeline/0/change/spn/home",
            "there is no hub \"Nowhere\"",
        ),
        (json!({ "nam": "x" }), 400, "/nam", "no such member"),
        (json!({}), 400, "", ""),
    ] {
        let (refused, problem) = running.ask("PUT", "/scenario", body.clone());
        assert_eq!(refused, status, "{body}: {problem}");
        assert_eq!(problem["at"].as_str().unwrap_or_default(), at, "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(text)), "{body}: {problem}");
    }
    for (yaml, line, at) in [("name: x\nsede: 1\n", 2, "/sede"), ("name: [\n", 1, ""), ("a: *b\n", 1, "")] {
        let answer = common::ask(running.control, "PUT", "/scenario", &[("Content-Type", "text/yaml")], yaml);
        let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((answer.status(), problem["at"].as_str()), (400, Some(at)), "{yaml}: {problem}");
        assert!(problem["line"].as_u64().is_some_and(|told| told >= line), "{yaml}: {problem}");
    }
    assert_eq!(running.get("/state"), before);
}

#[test]
fn reset_brings_everything_back_in_one_call() {
    let running = Running::with(Simulator::builder().scenario("captive-portal").dev_mode(true));
    let before = (running.get("/state"), running.get("/clock"), running.get("/timeline"));
    assert_eq!(before.1["mode"], running.get("/clock")["mode"]);
    running.ask("PATCH", "/clock", json!({ "mode": "manual" }));
    running.ask("POST", "/clock/advance", json!({ "by": "10m" }));
    running.ask(
        "POST",
        "/changes",
        json!({ "config": { "spn/enable": true }, "connections": { "close": "all" } }),
    );
    assert_ne!(running.get("/state"), before.0);
    let (status, scenario) = running.ask("POST", "/reset", Value::Null);
    assert_eq!((status, &scenario["name"]), (200, &json!("captive-portal")));
    assert_eq!(running.get("/state"), before.0);
    assert_eq!(running.get("/timeline"), before.2);
    assert_eq!(running.get("/clock")["start"], before.1["start"]);
}

#[test]
fn the_timeline_says_what_is_to_come_in_its_order() {
    let running = Running::new();
    let timeline = json!([
        { "at": "2m", "change": { "network": { "online": "offline" } } },
        { "every": "50s", "until": "5m", "change": { "connections": { "open": 1 } } },
    ]);
    let scenario = json!({ "scenario": {
        "extends": "home-office", "start": "2026-01-01T00:00:00Z", "clock": "manual", "timeline": timeline,
    } });
    assert_eq!(running.ask("PUT", "/scenario", scenario).0, 200);
    let seen = running.get("/timeline");
    assert_eq!(
        seen,
        json!([
            {
                "index": 1, "next": "2026-01-01T00:00:50Z", "every": "50s", "until": "2026-01-01T00:05:00Z",
                "change": seen[0]["change"],
            },
            { "index": 0, "next": "2026-01-01T00:02:00Z", "change": seen[1]["change"] },
        ])
    );
    assert_eq!(seen[1]["change"]["network"]["online"], "offline");
    running.ask("POST", "/clock/advance", json!({ "by": "130s" }));
    let left = running.get("/timeline");
    assert_eq!((&left[0]["next"], left.as_array().map(Vec::len)), (&json!("2026-01-01T00:02:30Z"), Some(1)));
}
