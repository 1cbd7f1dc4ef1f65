//! A soak of the database websocket: clients that subscribe, cancel, write and vanish, for ten minutes or as many
//! seconds as the first argument says. Prints memory and missed changes each half minute, and fails when the simulator
//! stops answering.
//!
//! `cargo run --release -p portmaster-simulator --example soak -- 600`

#![allow(clippy::print_stdout, reason = "a program for a person at a terminal")]

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use portmaster_simulator::{ClockMode, Simulator};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const CLIENTS: u64 = 200;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(600);
    let end = Instant::now() + Duration::from_secs(seconds);
    let builder = Simulator::builder().clock(ClockMode::Running(1)).dev_mode(true);
    let simulator = builder.start().await.expect("the simulator starts");
    let url = format!("ws://{}/api/database/v1", simulator.addr());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let url = url.clone();
            tokio::spawn(async move {
                let mut chance = ChaCha8Rng::seed_from_u64(number);
                let mut visits = 0_u64;
                while Instant::now() < end {
                    visit(&url, number, &mut chance).await;
                    visits += 1;
                }
                visits
            })
        })
        .collect();
    while Instant::now() < end {
        sleep(Duration::from_secs(30).min(end - Instant::now())).await;
        println!("{} KiB resident, {} changes missed", resident(), simulator.dropped_pushes());
    }
    let mut visits = 0;
    for client in clients {
        visits += client.await.expect("every client is answered");
    }
    println!("{visits} visits of {CLIENTS} clients; all were answered");
}

/// One visit: some operations, then a polite end, or none at all.
async fn visit(url: &str, number: u64, chance: &mut ChaCha8Rng) {
    let (mut socket, _) = connect_async(url).await.expect("an upgrade");
    for operation in 0..chance.random_range(1..40_u32) {
        let key = format!("core:soak/{}", chance.random_range(0..50_u32));
        let text = match chance.random_range(0..6_u32) {
            0 => format!("{operation}|qsub|query core:soak/"),
            1 => format!("{operation}|cancel"),
            2 => format!("{operation}|delete|{key}"),
            3 => format!("{operation}|get|{key}"),
            _ => format!("{operation}|create|{key}|J{{\"by\":{number},\"n\":{operation}}}"),
        };
        socket.send(Message::text(text)).await.expect("sent");
        sleep(Duration::from_millis(chance.random_range(0..20))).await;
    }
    // A vanishing client leaves without a word and without reading what waits for it.
    if chance.random_range(0..3_u32) == 0 {
        return;
    }
    socket.send(Message::text("last|get|core:status/versions")).await.expect("sent");
    let answered = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.into_data().starts_with(b"last|") {
                return true;
            }
        }
        false
    };
    assert!(timeout(PATIENCE, answered).await.expect("an answer in time"), "the stream ended");
    let _ = socket.close(None).await;
}

/// This process's resident memory, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
