//! A soak of the database websocket: clients that subscribe, cancel, write and vanish, for ten minutes or as many
//! seconds as the first argument says; among them some that are up to no good. Prints memory and missed changes each half minute, and fails when the simulator
//! stops answering.
//!
//! `cargo run --release -p portmaster-simulator --example soak -- 600`

#![allow(clippy::print_stdout, reason = "a program for a person at a terminal")]

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use portmaster_simulator::{ClockMode, Simulator};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{sleep, timeout},
};
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
    let adversaries: Vec<_> = (0..ADVERSARIES.len())
        .map(|kind| {
            let (url, address) = (url.clone(), simulator.addr());
            tokio::spawn(async move {
                while Instant::now() < end {
                    // Whether it is answered, refused or thrown out is its own affair.
                    let _ = timeout(PATIENCE, attack(kind, &url, address)).await;
                    sleep(Duration::from_millis(200)).await;
                }
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
    for adversary in adversaries {
        adversary.await.expect("an adversary ends like others");
    }
    println!("{visits} visits of {CLIENTS} clients; all were answered");
}

/// What each adversary sends: messages to the database, or bytes in the place of a request.
const ADVERSARIES: [(&str, &str, usize, &str); 12] = [
    ("1|query|query core: where ", "(", 100_000, ""),
    ("1|query|query core:soak/ where ", "a.", 100_000, "b exists"),
    ("1|query|query core:soak/ where ", "*a", 5_000, "b exists"),
    ("1|insert|core:adversary|{\"", "a.", 20_000, "\":1}"),
    ("1|insert|core:adversary|{\"", "*a", 5_000, "b\":1}"),
    ("1|insert|core:adversary|{\"l.", "4", 9, "\":1}"),
    ("1|create|core:adversary|J", "[", 1_000_000, ""),
    ("1|create|core:adversary|J{\"l\":[],\"a\":\"", "x", 1 << 20, "\"}"),
    ("1|sub|query core:soak/ where n exists", " and n exists", 900, ""),
    ("GET /api/v1/", "a/", 100_000, " HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("GET /api/v1/ping HTTP/1.1\r\n", "X: y\r\n", 10_000, ""),
    ("\u{16}\u{3}\u{1}", "\0", 100, ""),
];

/// How often an adversary says the same before it reads nothing and goes.
const AGAIN: usize = 50;

async fn attack(kind: usize, url: &str, address: std::net::SocketAddr) -> Option<()> {
    let (before, piece, times, behind) = ADVERSARIES[kind];
    let text = format!("{before}{}{behind}", piece.repeat(times));
    if before.starts_with("1|") {
        let (mut socket, _) = connect_async(url).await.ok()?;
        for _ in 0..AGAIN {
            socket.send(Message::text(text.clone())).await.ok()?;
        }
    } else {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(text.as_bytes()).await.ok()?;
    }
    sleep(Duration::from_millis(200)).await;
    Some(())
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
