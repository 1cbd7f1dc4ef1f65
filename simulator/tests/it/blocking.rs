//! Clients that block the only thread of a test are answered.

use std::net::TcpListener;

use portmaster_simulator::Simulator;

use crate::common::ask;

#[test]
fn a_plain_test_needs_no_runtime() {
    let simulator = Simulator::start_blocking().expect("a simulator");
    assert_eq!(ask(simulator.addr(), "GET", "/api/v1/ping", &[], "").text(), "Pong.\n");
    let address = simulator.addr();
    drop(simulator);
    // Whoever drops it has its port back.
    TcpListener::bind(address).expect("a free port");
}

#[tokio::test]
async fn a_test_with_one_thread_may_block_it() {
    let mut simulator = Simulator::start().await.expect("a simulator");
    assert_eq!(ask(simulator.addr(), "GET", "/api/v1/ping", &[], "").text(), "Pong.\n");
    simulator.restart().await.expect("it comes back");
    assert_eq!(ask(simulator.addr(), "GET", "/api/v1/ping", &[], "").text(), "Pong.\n");
    let within = Simulator::builder().scenario("fresh-install").start_blocking().expect("a simulator");
    assert_eq!(ask(within.addr(), "GET", "/api/v1/ping", &[], "").text(), "Pong.\n");
    simulator.stop().await;
}
