//! What a timeline costs those who ask meanwhile: pings a second over 64 connections while 10,000 changes a second happen by
//! themselves, as a share of what the same simulator reaches in the same run while its clock stands still.
//!
//! `cargo bench -p portmaster-simulator --bench timeline`

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use portmaster_simulator::{ClockMode, Scenario, Simulator};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(700);
/// Changes a second.
const CHANGES: f64 = 10_000.0;
const PING: &[u8] = b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n";

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
        let still = client.block_on(pings_a_second(simulator.addr()));
        let (began, start) = (Instant::now(), simulator.now());
        simulator.set_clock(ClockMode::Running(1));
        let moving = client.block_on(pings_a_second(simulator.addr()));
        // A world that does not keep up shows an earlier instant than the clock of the machine.
        let passed = simulator.now().duration_since(start).as_secs_f64();
        if round > 0 {
            idle.push(still);
            busy.push(moving);
            happened.push(CHANGES * passed / began.elapsed().as_secs_f64());
        }
    }
    let [idle, busy, happened] = [idle, busy, happened].map(|mut values| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    });
    println!("{name}: {happened:.0} a second; median of {ROUNDS} rounds, {CONNECTIONS} connections");
    println!("{idle:>9.0} pings/s  1.00  the clock stands still");
    println!("{busy:>9.0} pings/s  {:.2}  the clock runs", busy / idle);
}

async fn pings_a_second(address: SocketAddr) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("a TCP stream");
            let mut buffer = [0; 4096];
            while !stop.load(Ordering::Relaxed) {
                stream.write_all(PING).await.expect("a server that listens");
                // The answer fits one segment.
                let read = stream.read(&mut buffer).await.expect("an answer");
                assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "not a 200");
                count.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let began = Instant::now();
    tokio::time::sleep(ROUND).await;
    stop.store(true, Ordering::Relaxed);
    let rate = count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    for task in tasks {
        task.await.expect("a client");
    }
    rate
}
