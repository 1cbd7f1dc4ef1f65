//! What time it is, how it goes, and moving it on.

use portmaster_simulator::Simulator;
use serde_json::{Value, json};

use super::{Running, common};

#[test]
fn the_clock_goes_as_it_is_told_and_shows_the_same_instant() {
    let running = Running::new();
    for mode in ["manual", "frozen"] {
        let (status, clock) = running.ask("PATCH", "/clock", json!({ "mode": mode }));
        assert_eq!(
            (status, &clock["mode"], &clock["now"]),
            (200, &json!(mode), &json!("2026-03-16T09:30:00Z"))
        );
    }
    assert_eq!(running.ask("PATCH", "/clock", json!({ "mode": "x1000000" })).0, 200);
    let later = (0..1000).any(|_| running.get("/clock")["now"] != "2026-03-16T09:30:00Z");
    assert!(later, "a running clock runs");
    for (mode, text) in
        [("fast", "expected frozen, manual, running"), ("x0", "expected frozen"), ("x1000001", "1000000")]
    {
        let (status, problem) = running.ask("PATCH", "/clock", json!({ "mode": mode }));
        assert_eq!((status, &problem["at"]), (400, &json!("/mode")), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(text)), "{problem}");
    }
}

#[test]
fn the_clock_is_moved_by_to_and_until() {
    let running = Running::with(Simulator::builder().scenario("captive-portal").dev_mode(true));
    let (_, clock) = running.ask("PATCH", "/clock", json!({ "mode": "manual" }));
    let start = clock["start"].as_str().expect("an instant").to_owned();
    let (_, moved) = running.ask("POST", "/clock/advance", json!({ "by": "30s" }));
    assert_eq!(moved["reached"], true);
    assert_ne!(moved["now"], json!(start));
    let (status, moved) = running.ask(
        "POST",
        "/clock/advance",
        json!({ "until": { "path": "network.online", "equals": "online" }, "limit": "1h" }),
    );
    assert_eq!((status, &moved["reached"]), (200, &json!(true)), "{moved}");
    assert_eq!(running.get("/state/network/online"), "online");
    let (_, again) = running.ask("POST", "/clock/advance", json!({ "to": moved["now"] }));
    assert_eq!(again["now"], moved["now"]);
    let (_, over) = running.ask(
        "POST",
        "/clock/advance",
        json!({ "until": { "path": "network.online", "equals": "offline" }, "limit": "1m" }),
    );
    assert_eq!(over["reached"], false);
    assert_ne!(over["now"], moved["now"], "the clock is at the limit");
}

#[test]
fn what_the_clock_does_not_do_is_said() {
    let running = Running::new();
    for (body, status, at, text) in [
        (json!({ "to": "2020-01-01T00:00:00Z" }), 409, "/to", "time does not go back"),
        (json!({}), 400, "", "one of the members by, to or until is missing"),
        (json!({ "to": "2500-01-01T00:00:00Z" }), 409, "", "too far away"),
        (json!({ "to": "tomorrow" }), 400, "/to", "is not an instant such as"),
        (
            json!({ "by": "9999999999h" }),
            409,
            "/by",
            "\"9999999999h\" is too long, expected at most a hundred years",
        ),
        (json!({ "by": "100000000000000000000h" }), 409, "/by", "is too long"),
        (json!({ "by": "2 minutes" }), 400, "/by", "expected one such as 90s"),
        (
            json!({ "until": { "path": "netwerk.online", "equals": 1 } }),
            409,
            "/until/path",
            "did you mean \"network\"?",
        ),
        (
            json!({ "until": { "path": "network.online" } }),
            409,
            "/until",
            "expected equals, not, above or below",
        ),
    ] {
        let (refused, problem) = running.ask("POST", "/clock/advance", body.clone());
        assert_eq!(refused, status, "{body}: {problem}");
        assert_eq!(problem["at"].as_str().unwrap_or_default(), at, "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(text)), "{problem}");
    }
    assert_eq!(running.get("/clock")["now"], "2026-03-16T09:30:00Z");
}

#[test]
fn clocks_are_moved_one_after_the_other() {
    let running = Running::new();
    let start = running.get("/clock")["now"].as_str().and_then(|now| now.parse::<jiff::Timestamp>().ok());
    let control = running.control;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = common::ask(control, "POST", "/clock/advance", &[], r#"{ "by": "1m" }"#);
                assert_eq!(answer.status(), 200, "{}", answer.text());
            });
        }
    });
    let now = running.get("/clock")["now"].as_str().and_then(|now| now.parse::<jiff::Timestamp>().ok());
    let minutes = start.zip(now).map(|(start, now)| now.duration_since(start).as_secs() / 60);
    assert_eq!(minutes, Some(8));
}

#[test]
fn others_are_served_while_the_clock_is_moved_and_nothing_goes_on_for_a_client_that_is_gone() {
    let scenario = "timeline: [{ every: 1ms, change: { core: { starting: true } } }]";
    let running = Running::new();
    let answer =
        common::ask(running.control, "PUT", "/scenario", &[("Content-Type", "application/yaml")], scenario);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    // Some three thousand million things happen on the way.
    let body = json!({ "by": "876000h" }).to_string();
    let request = format!(
        "POST /clock/advance HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = std::net::TcpStream::connect(running.control).expect("a connection");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("a request");
    let start = running.get("/clock")["start"].clone();
    while running.get("/clock")["now"] == start {}
    assert_eq!(common::ask(running.api, "GET", "/api/v1/ping", &[], "").text(), "Pong.\n");
    drop(stream);
    let mut last = Value::Null;
    let stands = (0..10_000).any(|_| {
        let now = running.get("/clock")["now"].clone();
        std::mem::replace(&mut last, now.clone()) == now
    });
    assert!(stands, "the clock stops for a client that is gone");
}
