//! What can be read.

use serde_json::{Value, json};

use super::{Running, common};

#[test]
fn health_says_what_is_served_and_where() {
    let running = Running::new();
    let health = running.get("/health");
    assert_eq!(health["status"], "ok");
    assert_eq!(health["api"], format!("http://{}", running.api));
    assert_eq!(health["control"], format!("http://{}", running.control));
    assert_eq!(health["scenario"], "home-office");
    assert_eq!((&health["contract"], &health["seed"]), (&json!("docs"), &json!(1)));
    assert_eq!(health["now"], "2026-03-16T09:30:00Z");
    assert_eq!(health["dropped"]["pushes"], 0);
}

#[test]
fn the_state_is_read_whole_and_by_path() {
    let running = Running::new();
    let whole = running.get("/state");
    assert_eq!(whole, running.simulator().state());
    for (path, pointer) in [
        ("network", "/network"),
        ("network/online", "/network/online"),
        ("network/gateways/0", "/network/gateways/0"),
        ("config/spn/enable", "/config/spn~1enable"),
        ("config/spn%2Fenable", "/config/spn~1enable"),
        ("pause", "/pause"),
    ] {
        assert_eq!(Some(&running.get(&format!("/state/{path}"))), whole.pointer(pointer), "{path}");
    }
}

#[test]
fn a_state_that_is_not_there_is_named_with_the_nearest_that_is() {
    let running = Running::new();
    for (path, near) in [
        ("netwerk", "did you mean \"network\"?"),
        ("network/onlin", "did you mean \"online\"?"),
        ("config/spn/enabled", "did you mean \"spn/enable\"?"),
        ("network/gateways/77", "no state \"77\""),
        ("network/online/more", "no state \"more\""),
    ] {
        let (status, problem) = running.ask("GET", &format!("/state/{path}"), Value::Null);
        assert_eq!(status, 404, "{path}");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains(near)), "{path}: {problem}");
    }
}

#[test]
fn scenarios_are_listed_and_read_but_no_files() {
    let running = Running::new();
    let list = running.get("/scenarios");
    let about = list.as_array().expect("a list").iter().find(|one| one["name"] == "captive-portal");
    assert!(about.expect("it is there")["about"].as_str().expect("text").contains("hotel"));
    let answer = common::ask(running.control, "GET", "/scenarios/captive-portal", &[], "");
    assert_eq!(answer.header("Content-Type"), Some("text/yaml; charset=utf-8"));
    assert!(answer.text().contains("\nname: captive-portal\n"));
    for name in ["captive-portl", "Cargo.toml", "%2Fetc%2Fpasswd", "..%2F..%2FCargo.toml"] {
        let (status, problem) = running.ask("GET", &format!("/scenarios/{name}"), Value::Null);
        assert_eq!(status, 404, "{name}");
        assert!(problem["expected"].as_str().expect("text").contains("home-office"), "{problem}");
    }
}

#[test]
fn the_scenario_and_the_clock_are_those_that_run() {
    let running = Running::new();
    let scenario = running.get("/scenario");
    assert_eq!(scenario["name"], "home-office");
    assert_eq!(scenario["start"], "2026-03-16T09:30:00Z");
    assert!(scenario["about"].as_str().is_some_and(|about| !about.is_empty()));
    running.simulator().advance(std::time::Duration::from_secs(90));
    let clock = running.get("/clock");
    assert_eq!(
        clock,
        json!({ "now": "2026-03-16T09:31:30Z", "mode": "frozen", "start": "2026-03-16T09:30:00Z" })
    );
}

#[test]
fn answers_are_the_same_every_time_and_kept_by_nobody() {
    let running = Running::new();
    let [first, second] = [(); 2].map(|()| common::ask(running.control, "GET", "/state", &[], ""));
    assert_eq!((&first.head, &first.body), (&second.head, &second.body));
    assert_eq!(first.header("Cache-Control"), Some("no-store"));
    assert_eq!(first.header("Date"), None);
}
