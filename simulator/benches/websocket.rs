//! What the database websocket costs: how long one write takes to reach 1,000 subscribers, how long 10,000 writes a second take to
//! reach the one of 1,000 that follows each, how many pipelined gets are answered in a second over 16 connections, and what an idle
//! connection weighs.
//!
//! `cargo bench --workspace --bench websocket`

#![allow(clippy::print_stdout, reason = "a program for a person at a terminal")]

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

const SUBSCRIBERS: usize = 1000;
const WRITES: usize = 20;
const PIPES: usize = 16;
const BATCH: usize = 200;
const SPAN: Duration = Duration::from_secs(3);
/// How many writes a busy world sees, `BATCH` of them a tick.
const CHANGES: usize = 50_000;
const TICK: Duration = Duration::from_millis(20);

fn main() {
    let (mut core, address) = start();
    Runtime::new().expect("a runtime").block_on(async {
        let before = resident(core.id());
        let mut subscribers = Vec::with_capacity(SUBSCRIBERS);
        for _ in 0..SUBSCRIBERS {
            let mut stream = open(address).await;
            send(&mut stream, "1|qsub|query core:bench/").await;
            receive(&mut stream).await;
            subscribers.push(stream);
        }
        let each = resident(core.id()).saturating_sub(before) / SUBSCRIBERS as u64;
        println!("memory of an idle connection with a subscription: {each} KiB (limit 64)");

        let mut writer = open(address).await;
        let mut worst = Duration::ZERO;
        for number in 0..WRITES {
            let began = Instant::now();
            send(&mut writer, &format!("1|create|core:bench/x|J{{\"n\":{number}}}")).await;
            for stream in &mut subscribers {
                receive(stream).await;
            }
            worst = worst.max(began.elapsed());
            receive(&mut writer).await;
        }
        println!(
            "one write to {SUBSCRIBERS} subscribers, slowest of {WRITES}: {:.1} ms (limit 50)",
            worst.as_secs_f64() * 1000.0
        );
        drop(subscribers);
        busy(address, core.id()).await;

        let began = Instant::now();
        let pipes: Vec<_> = (0..PIPES).map(|_| tokio::spawn(gets(address))).collect();
        let mut answered = 0;
        for pipe in pipes {
            answered += pipe.await.expect("a pipe ends well");
        }
        let rate = answered as f64 / began.elapsed().as_secs_f64();
        println!("pipelined gets over {PIPES} connections: {rate:.0} a second (limit 30000)");
    });
    let _ = core.kill();
    let _ = core.wait();
}

/// A busy world: so many writes a second, each of them followed by one of the subscribers.
async fn busy(address: SocketAddr, process: u32) {
    let before = resident(process);
    let began = Instant::now();
    let mut followers = Vec::with_capacity(SUBSCRIBERS);
    for number in 0..SUBSCRIBERS {
        let mut stream = open(address).await;
        send(&mut stream, &format!("1|qsub|query core:busy/{number:03}/")).await;
        receive(&mut stream).await;
        followers.push(tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            for _ in 0..CHANGES / SUBSCRIBERS {
                let told = receive(&mut stream).await;
                let from =
                    told.windows(5).position(|bytes| bytes == b"\"at\":").expect("when it was written") + 5;
                let digits: Vec<u8> = told[from..].iter().copied().take_while(u8::is_ascii_digit).collect();
                let at = String::from_utf8_lossy(&digits).parse().expect("microseconds");
                slowest = slowest.max(began.elapsed().saturating_sub(Duration::from_micros(at)));
            }
            slowest
        }));
    }
    let (mut answers, mut writer) = tokio::io::split(open(address).await);
    let reading =
        tokio::spawn(async move { while answers.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {} });
    let writing = Instant::now();
    let mut tick = tokio::time::interval(TICK);
    for batch in 0..CHANGES / BATCH {
        tick.tick().await;
        let writes: Vec<u8> = (batch * BATCH..(batch + 1) * BATCH)
            .flat_map(|change| {
                let (at, who) = (began.elapsed().as_micros(), change % SUBSCRIBERS);
                frame(&format!("1|create|core:busy/{who:03}/x|J{{\"at\":{at}}}"))
            })
            .collect();
        writer.write_all(&writes).await.expect("sent");
    }
    let rate = CHANGES as f64 / writing.elapsed().as_secs_f64();
    let mut slowest = Duration::ZERO;
    for follower in followers {
        slowest = slowest.max(follower.await.expect("every write comes"));
    }
    reading.abort();
    let grown = resident(process).saturating_sub(before) / 1024;
    println!(
        "{rate:.0} writes a second (asked 10000), each to one of {SUBSCRIBERS} subscribers: slowest of {CHANGES} {:.0} ms (limit 100), \
         {grown} MiB more",
        slowest.as_secs_f64() * 1000.0
    );
}

/// Starts the program in a process of its own, so that its memory is its own.
fn start() -> (Child, SocketAddr) {
    let mut core = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"))
        .args(["--listen", "127.0.0.1:0", "--ready", "json", "--dev-mode"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let out = core.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let after = line.split("http://").nth(1).expect("an address");
    let address = after.split('"').next().and_then(|text| text.parse().ok());
    (core, address.expect("address and port"))
}

/// Resident memory, KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

async fn open(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let request = "GET /api/database/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// A masked text frame of up to 125 bytes; the mask is all zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short text");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(&frame(text)).await.expect("sent");
}

async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let _ = stream.read_u8().await.expect("a frame");
    let length = match stream.read_u8().await.expect("a frame") {
        126 => stream.read_u16().await.expect("a frame").into(),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.expect("a frame");
    payload
}

/// Round trips of a span in batches.
async fn gets(address: SocketAddr) -> usize {
    let mut stream = open(address).await;
    let batch = frame("1|get|runtime:spn/status").repeat(BATCH);
    let mut answered = 0;
    let mut input = vec![0; 256 << 10];
    let began = Instant::now();
    while began.elapsed() < SPAN {
        stream.write_all(&batch).await.expect("sent");
        let (mut have, mut left) = (0, BATCH);
        while left > 0 {
            have += stream.read(&mut input[have..]).await.expect("answers");
            let mut at = 0;
            while let Some(end) = frame_end(&input[at..have]) {
                at += end;
                left -= 1;
            }
            input.copy_within(at..have, 0);
            have -= at;
        }
        answered += BATCH;
    }
    answered
}

fn frame_end(bytes: &[u8]) -> Option<usize> {
    let end = match *bytes.get(1)? {
        126 => 4 + usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        short => 2 + usize::from(short),
    };
    (bytes.len() >= end).then_some(end)
}
