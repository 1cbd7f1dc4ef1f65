//! A day in the life of the home office in half a minute: its clock runs 2,880 times as fast as outside, programs connect and
//! disconnect every few seconds, the network goes and comes back every hour. Prints the memory every two hours of the
//! world, and fails when the day takes longer than a minute or the memory grows.
//!
//! `cargo run --release -p portmaster-simulator --example day`

#![allow(clippy::print_stdout, reason = "a program for a person at a terminal")]

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use portmaster_simulator::{ClockMode, Scenario, Simulator};

/// How much faster the world's clock goes.
const FACTOR: u32 = 2_880;

/// How much memory may grow from the second quarter of the day to its end. The first hours fill what is kept of each day.
const GROWTH: f64 = 1.1;

#[tokio::main]
async fn main() {
    let scenario = Scenario::parse("day", include_str!("../tests/it/day.yaml")).expect("a scenario");
    let builder = Simulator::builder().world(scenario).clock(ClockMode::Running(FACTOR));
    let simulator = builder.start().await.expect("a simulator");
    let (began, start) = (Instant::now(), simulator.now());
    let mut memory = Vec::new();
    for hours in (2..=24).step_by(2) {
        while simulator.now() < start + SignedDuration::from_hours(hours) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        memory.push(resident());
        println!(
            "{hours:>2} h  {:>5.1} s  {:>6} KiB resident  {}",
            began.elapsed().as_secs_f64(),
            resident(),
            simulator.state()["connections"]
        );
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(60), "the day took {took:?}");
    let (earlier, last) = (memory[memory.len() / 2 - 1], memory[memory.len() - 1]);
    assert!(last as f64 <= earlier as f64 * GROWTH, "memory grew from {earlier} to {last} KiB");
}

/// This process's resident memory, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
