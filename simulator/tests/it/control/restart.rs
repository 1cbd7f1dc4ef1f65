//! The control plane while the core goes down and comes back.

use serde_json::json;

use super::{Running, common};

#[test]
fn the_control_plane_outlives_a_restart_and_ends_with_the_simulator() {
    let mut running = Running::new();
    running.ask("POST", "/changes", json!({ "network": { "online": "offline" } }));
    assert_eq!(running.get("/state/network/online"), "offline");
    let mut simulator = running.simulator.take().expect("it runs");
    running.runtime.block_on(simulator.restart()).expect("it begins anew");
    assert_eq!(simulator.addr(), running.api);
    assert_eq!(running.get("/state/network/online"), "online", "a restart begins anew");
    running.ask("POST", "/changes", json!({ "network": { "gateways": [] } }));
    assert_eq!(common::ask(running.api, "GET", "/api/v1/network/gateways", &[], "").text(), "[]");
    drop(simulator);
    let gone = (0..200).any(|_| {
        std::thread::yield_now();
        std::net::TcpStream::connect(running.control).is_err()
    });
    assert!(gone, "nobody listens any more");
}
