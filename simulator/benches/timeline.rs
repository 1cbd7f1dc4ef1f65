//! What a timeline costs those who ask meanwhile: pings a second over 64 connections while 10,000 changes a second happen by
//! themselves, as a share of what the same simulator reaches in the same run while its clock stands still. And what it takes to
//! move the clock of a world in which programs live on by a day.
//!
//! `cargo bench -p portmaster-simulator --bench timeline`

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

mod load;

use std::time::{Duration, Instant};

use load::{CONNECTIONS, ROUND, ROUNDS, median, requests_a_second};
use portmaster_simulator::{ClockMode, Scenario, Simulator};
use tokio::runtime::Runtime;

/// Changes a second.
const CHANGES: f64 = 10_000.0;
const PING: &str = "GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n";

/// Ten changes of all kinds but of connections, each of which comes every millisecond.
const OF_ALL_KINDS: [&str; 10] = [
    "network: { online: limited }",
    "network: { online: online }",
    "config: { core/expertiseLevel: developer }",
    "dns: { resolvers: { Quad9: { failing: true } } }",
    "dns: { clear: true }",
    "spn: { hubs: { degrade: [{ hub: Avior, latency_ms: 90, states: [failing] }] } }",
    "notifications: { add: [{ id: told, title: Told }] }",
    "modules: { fail: [{ module: Resolver, id: r, title: R }] }",
    "core: { self_check: passed }, network: { online: online }",
    "pause: { duration: 5s }",
];

fn main() {
    measure("changes of all kinds", &OF_ALL_KINDS);
    a_day();
}

/// Moves home-office on by a day, of which nobody hears or asks.
fn a_day() {
    let runtime = Runtime::new().expect("a runtime");
    let simulator =
        runtime.block_on(Simulator::builder().clock(ClockMode::Manual).start()).expect("a simulator");
    let days = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        simulator.advance(Duration::from_secs(86_400));
        began.elapsed().as_secs_f64()
    });
    println!("a day of home-office at once: {:.2} s; median of {ROUNDS} days", median(days.collect()));
}

fn measure(name: &str, changes: &[&str; 10]) {
    let entries: String =
        changes.iter().map(|change| format!("  - {{ every: 1ms, change: {{ {change} }} }}\n")).collect();
    let text = format!("extends: home-office\ncontract: v2.2\ntimeline:\n{entries}");
    let scenario = Scenario::parse("bench", &text).expect("a scenario");
    let server = Runtime::new().expect("a runtime");
    let client = Runtime::new().expect("a runtime");
    let simulator = server.block_on(Simulator::builder().world(scenario).start()).expect("a simulator");
    let (mut idle, mut busy, mut happened) = (Vec::new(), Vec::new(), Vec::new());
    // Rounds take turns, so that a noisy neighbour slows both alike.
    for round in 0..=ROUNDS {
        simulator.set_clock(ClockMode::Frozen);
        let still = client.block_on(requests_a_second(simulator.addr(), PING, 200, ROUND));
        let (began, start) = (Instant::now(), simulator.now());
        simulator.set_clock(ClockMode::Running(1));
        let moving = client.block_on(requests_a_second(simulator.addr(), PING, 200, ROUND));
        // A world that does not keep up shows an earlier instant than the clock of the machine.
        let passed = simulator.now().duration_since(start).as_secs_f64();
        if round > 0 {
            idle.push(still);
            busy.push(moving);
            happened.push(CHANGES * passed / began.elapsed().as_secs_f64());
        }
    }
    let [idle, busy, happened] = [idle, busy, happened].map(median);
    println!("{name}: {happened:.0} a second; median of {ROUNDS} rounds, {CONNECTIONS} connections");
    println!("{idle:>9.0} pings/s  1.00  the clock stands still");
    println!("{busy:>9.0} pings/s  {:.2}  the clock runs", busy / idle);
}
