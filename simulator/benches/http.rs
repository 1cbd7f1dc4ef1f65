//! Requests a second over 64 connections on loopback, as shares of what a bare hyper server reaches in the same run with
//! the same bytes; every GET of the catalogue; then start-up time and idle memory of the release binary.
//!
//! `cargo bench --workspace --bench http`. With `CHECK=1` it fails where a share is more than a fifth below the one that
//! docs/speed.md has.

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

mod load;

use std::{
    convert::Infallible,
    net::SocketAddr,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use load::{CONNECTIONS, ROUND, ROUNDS, median, requests_a_second};
use portmaster_simulator::{Contract, Simulator};
use tokio::{net::TcpListener, runtime::Runtime};

/// Where the shares that were reached once are written down.
const WRITTEN: &str = include_str!("../../docs/speed.md");
/// The key that is sent.
const KEY: &str = "bench-key";

/// Something that is asked, and what it is compared with.
struct Case {
    name: &'static str,
    address: SocketAddr,
    request: String,
    status: u16,
    /// The bare server that sends as many bytes.
    bare: SocketAddr,
}

fn main() -> ExitCode {
    let server = Runtime::new().expect("a runtime");
    let client = Runtime::new().expect("a runtime");
    let simulator = server.block_on(async {
        let builder =
            Simulator::builder().contract(Contract::Docs).api_key("bench-key?read=admin&write=admin");
        builder.start().await.expect("home-office starts")
    });
    let recording = server.block_on(async {
        let builder = Simulator::builder().contract(Contract::Docs).journal(10_000);
        builder.start().await.expect("home-office starts")
    });
    let case = |name, address, path: &str, key: bool, status| {
        let request = asking(path, key);
        let body = body(address, &request);
        Case { name, address, request, status, bare: server.block_on(bare(body)) }
    };
    let (api, journal) = (simulator.addr(), recording.addr());
    let cases = [
        case("ping", api, "ping", false, 200),
        case("ping, recorded in the journal", journal, "ping", false, 200),
        case("network/gateways, with a key", api, "network/gateways", true, 200),
        case("config/options, with a key", api, "config/options", true, 200),
        case("endpoints", api, "endpoints", false, 200),
        case("a refusal: 401", api, "network/gateways", false, 401),
    ];
    // Rounds take turns, so that a noisy neighbour slows all alike.
    let mut rates = vec![(Vec::new(), Vec::new(), Vec::new()); cases.len()];
    for round in 0..=ROUNDS {
        for (case, (ours, theirs, shares)) in cases.iter().zip(&mut rates) {
            let bare = client.block_on(requests_a_second(case.bare, &asking("ping", false), 200, ROUND / 2));
            let own = client.block_on(requests_a_second(case.address, &case.request, case.status, ROUND / 2));
            if round > 0 {
                ours.push(own);
                theirs.push(bare);
                shares.push(own / bare);
            }
        }
    }
    println!(
        "{CONNECTIONS} connections, median of {ROUNDS} rounds: a second, of bare hyper with the same bytes, share"
    );
    let mut fallen = false;
    for (case, (ours, theirs, shares)) in cases.iter().zip(rates) {
        let share = median(shares);
        let written = written(case.name);
        let falls = share < 0.8 * written;
        fallen |= falls;
        let beside = if falls { format!("  more than a fifth below {written}") } else { String::new() };
        println!("{:>9.0}/s {:>9.0}/s  {share:.2}  {}{beside}", median(ours), median(theirs), case.name);
    }
    println!("\nevery GET without parts in its path, slowest first");
    let paths =
        Contract::Docs.endpoints().iter().filter(|one| one.read_method == "GET" && !one.path.contains('{'));
    let mut every: Vec<(f64, &str)> = paths
        .filter_map(|one| {
            let request = asking(&one.path, true);
            let status = status(api, &request)?;
            let rate = requests_a_second(api, &request, status, ROUND / 4);
            (status == 200).then(|| (client.block_on(rate), one.path.as_str()))
        })
        .collect();
    every.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (rate, path) in every {
        println!("{rate:>9.0}/s  {path}");
    }
    drop((simulator, recording));
    for threads in [1, 2] {
        let share = share_of_ping(threads, &client);
        println!("ping, served by so many threads: {threads}, share {share:.2}");
    }
    server.block_on(many_in_one_process());
    start_and_memory();
    ExitCode::from(u8::from(fallen && std::env::var_os("CHECK").is_some()))
}

/// A request for an endpoint.
fn asking(path: &str, key: bool) -> String {
    let key = if key { format!("Authorization: Bearer {KEY}\r\n") } else { String::new() };
    format!("GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\n{key}\r\n")
}

/// The share that docs/speed.md has for a case.
fn written(name: &str) -> f64 {
    let row = WRITTEN.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let share = row.and_then(|row| row.split('|').nth(4)?.trim().parse().ok());
    share.unwrap_or_else(|| panic!("docs/speed.md has no row with a share for {name}"))
}

/// What a request is answered, whole.
fn whole(address: SocketAddr, request: &str) -> Option<Vec<u8>> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let closing = request.replacen("Host: x", "Host: x\r\nConnection: close", 1);
    stream.write_all(closing.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(answer)
}

/// The body of an answer.
fn body(address: SocketAddr, request: &str) -> Bytes {
    let answer = whole(address, request).expect("an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    Bytes::copy_from_slice(&answer[end..])
}

/// The status of an answer that has a length.
fn status(address: SocketAddr, request: &str) -> Option<u16> {
    let answer = whole(address, request)?;
    let head = String::from_utf8_lossy(&answer[..answer.len().min(2048)]).to_lowercase();
    let has_length = head.contains("content-length:") || head.contains(" 204 ");
    has_length.then(|| head.split(' ').nth(1)?.parse().ok()).flatten()
}

/// A server that answers a constant.
async fn bare(body: Bytes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a TCP stream");
            let body = body.clone();
            tokio::spawn(async move {
                let service = service_fn(|_| {
                    let answer = Response::new(Full::new(body.clone()));
                    async { Ok::<_, Infallible>(answer) }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// The share of a ping where so many threads serve it.
fn share_of_ping(threads: usize, client: &Runtime) -> f64 {
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let server = server.expect("a runtime");
    let simulator =
        server.block_on(Simulator::builder().contract(Contract::Docs).start()).expect("home-office starts");
    let bare = server.block_on(bare(Bytes::from_static(b"Pong.\n")));
    let rate = |address| client.block_on(requests_a_second(address, &asking("ping", false), 200, ROUND / 2));
    median((0..ROUNDS).map(|_| 1.0 / rate(bare) * rate(simulator.addr())).collect())
}

/// What forks, snapshots and many simulators in one process cost.
async fn many_in_one_process() {
    let start = || Simulator::builder().start();
    let one = start().await.expect("home-office starts");
    let (mut snapshots, mut forks) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let began = Instant::now();
        let snapshot = one.snapshot().expect("a snapshot");
        snapshots.push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        let fork = Simulator::builder().snapshot(snapshot).start().await.expect("a fork");
        forks.push(began.elapsed().as_secs_f64() * 1e3);
        drop(fork);
    }
    println!("a snapshot of home-office: {:.2} ms (asked 1)", median(snapshots));
    println!("a simulator that begins with it: {:.2} ms (asked 1)", median(forks));
    let (before, began) = (resident("self"), Instant::now());
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(start().await.expect("one more"));
    }
    let (took, held) = (began.elapsed().as_secs_f64(), resident("self") - before);
    println!("100 simulators in one process: {took:.2} s (asked 0.5), {held:.0} MiB (asked 400)");
}

/// Resident memory of a process, MiB.
fn resident(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Starts the binary: time to the first answer, and resident memory when idle.
fn start_and_memory() {
    let mut times = Vec::new();
    let mut memory = f64::NAN;
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
        memory = resident(&child.id().to_string());
        let _ = child.kill();
        let _ = child.wait();
    }
    times.sort();
    println!("start to first answer: {:.1} ms (asked 8)", times[times.len() / 2].as_secs_f64() * 1e3);
    println!("idle memory: {memory:.1} MiB resident (asked 14)");
}

fn ping(address: &str) -> std::io::Result<()> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.ends_with("Pong.\n") { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}
