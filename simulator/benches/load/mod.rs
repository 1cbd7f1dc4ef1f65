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
const ROUND: Duration = Duration::from_millis(700);

/// How many requests a second are answered with status 200, while every connection waits for each of its answers.
pub(crate) async fn requests_a_second(address: SocketAddr, request: &'static str) -> f64 {
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
                stream.write_all(request.as_bytes()).await.expect("a server that listens");
                // Every answer here fits one segment.
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

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
