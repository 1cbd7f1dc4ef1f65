//! Simulators that go on beside the one that they came from.

use portmaster_simulator::Simulator;
use serde_json::{Value, json};

use super::{Running, common};

fn address(fork: &Value, member: &str) -> std::net::SocketAddr {
    let url = fork[member].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
    url.parse().expect("an address")
}

fn gateways(address: std::net::SocketAddr) -> String {
    common::ask(address, "GET", "/api/v1/network/gateways", &[], "").text().to_owned()
}

#[test]
fn a_fork_goes_on_for_itself_and_ends_with_its_parent() {
    let mut running = Running::new();
    running.ask("POST", "/changes", json!({ "network": { "gateways": ["10.0.0.1"] } }));
    running.ask("POST", "/snapshots", json!({}));
    running.ask("POST", "/changes", json!({ "network": { "gateways": ["10.0.0.2"] } }));
    let (status, now) = running.ask("POST", "/forks", json!({}));
    assert_eq!(status, 201, "{now}");
    let (_, then) = running.ask("POST", "/forks", json!({ "snapshot": "1" }));
    assert_eq!(running.get("/forks"), json!([now, then]));
    let [of_now, of_then] = [&now, &then].map(|fork| address(fork, "api"));
    assert_eq!((gateways(of_now).as_str(), gateways(of_then).as_str()), ("[\"10.0.0.2\"]", "[\"10.0.0.1\"]"));
    let control = address(&now, "control");
    let body = r#"{"network":{"gateways":[]}}"#;
    assert_eq!(common::ask(control, "POST", "/changes", &[], body).status(), 200);
    assert_eq!((gateways(of_now).as_str(), gateways(running.api).as_str()), ("[]", "[\"10.0.0.2\"]"));
    assert_eq!(running.ask("DELETE", "/forks/2", Value::Null).0, 204);
    assert!(std::net::TcpStream::connect(of_then).is_err(), "its port is free");
    assert_eq!(running.ask("DELETE", "/forks/2", Value::Null).0, 404);
    let simulator = running.simulator.take().expect("it runs");
    running.runtime.block_on(simulator.stop());
    let gone = (0..2000).any(|_| {
        std::thread::yield_now();
        std::net::TcpStream::connect(of_now).is_err() && std::net::TcpStream::connect(control).is_err()
    });
    assert!(gone, "a fork ends with its parent");
}

#[test]
fn there_are_so_many_forks_and_no_more_those_of_forks_included() {
    let running = Running::new();
    let (_, first) = running.ask("POST", "/forks", json!({}));
    let child = address(&first, "control");
    for _ in 0..7 {
        assert_eq!(running.ask("POST", "/forks", json!({})).0, 201);
        assert_eq!(common::ask(child, "POST", "/forks", &[], "{}").status(), 201);
    }
    assert_eq!(common::ask(child, "POST", "/forks", &[], "{}").status(), 201);
    let (status, problem) = running.ask("POST", "/forks", json!({}));
    assert_eq!((status, &problem["detail"]), (409, &json!("there are 16 forks already; end one first")));
    assert_eq!(running.ask("DELETE", "/forks/1", Value::Null).0, 204);
    assert_eq!(running.ask("POST", "/forks", json!({})).0, 201, "its forks went with it");
}

#[test]
fn a_fork_keeps_to_where_its_parent_may_listen_and_to_its_token() {
    let running = Running::with(Simulator::builder().control_token("t0ken"));
    let bearer = [("Authorization", "Bearer t0ken")];
    for (body, text) in [
        (r#"{"listen":"0.0.0.0:0"}"#, "not a loopback address"),
        (r#"{"listen":"nowhere"}"#, "is no address"),
        (r#"{"listen":"127.0.0.1"}"#, "is no address"),
        (r#"{"snapshot":"7"}"#, "there is no snapshot"),
    ] {
        let answer = common::ask(running.control, "POST", "/forks", &bearer, body);
        assert_eq!(answer.status(), 409, "{body}");
        assert!(answer.text().contains(text), "{}", answer.text());
    }
    let occupied = format!("{{\"listen\":\"{}\"}}", running.api);
    assert_eq!(common::ask(running.control, "POST", "/forks", &bearer, &occupied).status(), 409);
    let answer = common::ask(running.control, "POST", "/forks", &bearer, "{}");
    let fork: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let control = address(&fork, "control");
    assert_eq!(common::ask(control, "GET", "/health", &[], "").status(), 401);
    assert_eq!(common::ask(control, "GET", "/health", &bearer, "").status(), 200);
}
