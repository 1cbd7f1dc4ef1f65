//! Requests a second over 64 connections on loopback, as shares of what a bare hyper server reaches in the same run;
//! then start-up time and idle memory of the release binary.
//!
//! `cargo bench -p portmaster-simulator --bench http`

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

mod load;

use std::{
    convert::Infallible,
    net::SocketAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use load::{CONNECTIONS, ROUNDS, median, requests_a_second};
use portmaster_simulator::{Contract, Simulator};
use tokio::{net::TcpListener, runtime::Runtime};

fn main() {
    let server = Runtime::new().expect("a runtime");
    let client = Runtime::new().expect("a runtime");
    let bare = server.block_on(bare());
    let simulator = server.block_on(async {
        let builder = Simulator::builder().contract(Contract::Docs).api_key("bench-key?read=user");
        builder.start().await.expect("home-office starts")
    });
    let recording = server.block_on(async {
        let builder = Simulator::builder().contract(Contract::Docs).journal(10_000);
        builder.start().await.expect("home-office starts")
    });
    let cases = [
        ("bare hyper, a constant", bare, "GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("GET /api/v1/ping", simulator.addr(), "GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"),
        (
            "GET /api/v1/ping, recorded in the journal",
            recording.addr(),
            "GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n",
        ),
        (
            "GET /api/v1/network/gateways, with a key",
            simulator.addr(),
            "GET /api/v1/network/gateways HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bench-key\r\n\r\n",
        ),
    ];
    // Rounds take turns, so that a noisy neighbour slows all alike.
    let mut rates = vec![Vec::new(); cases.len()];
    for round in 0..=ROUNDS {
        for (at, (_, address, request)) in cases.iter().enumerate() {
            let rate = client.block_on(requests_a_second(*address, request));
            if round > 0 {
                rates[at].push(rate);
            }
        }
    }
    let rates: Vec<f64> = rates.into_iter().map(median).collect();
    println!("{CONNECTIONS} connections, median of {ROUNDS} rounds");
    for ((name, ..), rate) in cases.iter().zip(&rates) {
        println!("{:>9.0}/s  {:.2}  {name}", rate, rate / rates[0]);
    }
    println!("with a journal, of the rate without: {:.3}", rates[2] / rates[1]);
    drop((simulator, recording));
    start_and_memory();
}

/// A server that answers a constant, with the simulator's settings.
async fn bare() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a TCP stream");
            tokio::spawn(async move {
                let service = service_fn(|_| async {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"Pong.\n"))))
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// Starts the binary: time to the first answer, and resident memory when idle.
fn start_and_memory() {
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..9 {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"))
            .args(["--listen", "127.0.0.1:48817", "--ready", "json"])
            .stdout(Stdio::null())
            .spawn()
            .expect("the simulator's binary");
        while ping("127.0.0.1:48817").is_err() {
            std::thread::sleep(Duration::from_micros(200));
            assert!(began.elapsed() < Duration::from_secs(10), "it does not answer");
        }
        times.push(began.elapsed());
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let resident = status.lines().find(|line| line.starts_with("VmRSS"));
        memory = resident.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(memory);
        let _ = child.kill();
        let _ = child.wait();
    }
    times.sort();
    println!("start to first answer: {:.1} ms (median of 9)", times[times.len() / 2].as_secs_f64() * 1e3);
    println!("idle memory: {:.1} MiB resident", memory as f64 / 1024.0);
}

fn ping(address: &str) -> std::io::Result<()> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.ends_with("Pong.\n") { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}
