//! The load that benchmarks put on a server, and what is made of the figures.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How many connections ask at once.
pub(crate) const CONNECTIONS: usize = 64;
/// How often everything is measured, beside a first time that does not count.
pub(crate) const ROUNDS: usize = 7;
/// How long a measurement takes.
pub(crate) const ROUND: Duration = Duration::from_millis(700);

/// How many requests a second are answered with a status, while every connection waits for each of its answers.
pub(crate) async fn requests_a_second(
    address: SocketAddr,
    request: &str,
    status: u16,
    round: Duration,
) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stop, count, request) = (Arc::clone(&stop), Arc::clone(&count), request.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("a TCP stream");
            let mut buffer = vec![0; 64 << 10];
            while !stop.load(Ordering::Relaxed) {
                stream.write_all(request.as_bytes()).await.expect("a server that listens");
                let whole = answer(&mut stream, &mut buffer, status).await;
                assert!(whole, "not a whole answer with status {status} to {request}");
                count.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let began = Instant::now();
    tokio::time::sleep(round).await;
    stop.store(true, Ordering::Relaxed);
    let rate = count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    for task in tasks {
        task.await.expect("a client");
    }
    rate
}

/// Reads an answer with a length to its end; whether it has the status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8], status: u16) -> bool {
    let mut read = 0;
    let (head, length) = loop {
        match stream.read(&mut buffer[read..]).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => read += count,
        }
        if let Some(end) = memchr::memmem::find(&buffer[..read], b"\r\n\r\n") {
            break (end + 4, length(&buffer[..end]));
        }
    };
    let right = buffer.starts_with(format!("HTTP/1.1 {status} ").as_bytes());
    let mut left = (head + length).saturating_sub(read);
    while left > 0 {
        let most = left.min(buffer.len());
        match stream.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => left -= count,
        }
    }
    right
}

/// The Content-Length of a head.
fn length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let is_it = |line: &&[u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let value = head.split(|byte| *byte == b'\n').find(is_it).map(|line| line[NAME.len()..].trim_ascii());
    value.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0)
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
