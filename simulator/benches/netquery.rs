//! How long queries take, at a thousand to a million live connections.
//!
//! ```text
//! cargo bench -p portmaster-simulator --bench netquery                  # the database itself, all sizes
//! cargo bench -p portmaster-simulator --bench netquery -- 100000        # one size
//! cargo bench -p portmaster-simulator --bench netquery -- --http 100000 # a simulator asked over HTTP
//! cargo bench -p portmaster-simulator --bench netquery -- --live 100000 # the database itself while others write
//! ```
//! Times are processor time where Linux tells it, so that other work on the machine does not count: of the thread that
//! asks the database, or of the simulator's whole process. W1 to W6 are the workloads of netquery §10.

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::{
    Contract,
    scenario::{App, ConnectionRow},
};
use portmaster_simulator::{
    generate::{Generated, Maker, Recipe, connections},
    netquery::{Kind, Request, Retention, Store},
};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const START: &str = "2026-06-01T12:00:00Z";
const SIZES: [u32; 5] = [1_000, 10_000, 100_000, 300_000, 1_000_000];
const APPS: [&str; 10] = [
    "Firefox", "Thunderbird", "Signal", "Spotify", "curl", "Chromium", "Slack", "Steam", "PackageKit",
    "Backup",
];

/// A workload: its name, its endpoint, its request.
const WORKLOADS: [(&str, Kind, &str, &str); 9] = [
    ("W1 group profile count", Kind::Query, "query", W1),
    ("W2 group domain top 20", Kind::Query, "query", W2),
    ("W3 select * verdict p25", Kind::Query, "query", r#"{"query":{"verdict":2},"pageSize":25}"#),
    (
        "W3b same, order started",
        Kind::Query,
        "query",
        r#"{"query":{"verdict":2},"pageSize":25,"orderBy":[{"field":"started","desc":true},"id"]}"#,
    ),
    (
        "W4 text search page 100",
        Kind::Query,
        "query",
        r#"{"textSearch":{"fields":["domain","as_owner","path"],"value":"example"},"pageSize":100}"#,
    ),
    ("W4b text search count", Kind::Query, "query", W4B),
    ("W5 chart active", Kind::ActiveChart, "charts/connection-active", "{}"),
    (
        "W5b chart one profile",
        Kind::ActiveChart,
        "charts/connection-active",
        r#"{"query":{"profile":"local/app-0"}}"#,
    ),
    ("W6 batch W1+W2+W4b", Kind::Batch, "query/batch", ""),
];
const W1: &str = r#"{"select":["profile",{"$count":{"field":"*","as":"n"}}],"groupBy":["profile"]}"#;
const W2: &str = r#"{"select":["domain",{"$count":{"field":"*","as":"n"}}],"groupBy":["domain"],"orderBy":[{"field":"n","desc":true}],"pageSize":20}"#;
const W4B: &str = r#"{"select":[{"$count":{"field":"*","as":"n"}}],"textSearch":{"fields":["domain","as_owner","path"],"value":"fire"}}"#;

fn body(text: &str) -> String {
    if text.is_empty() { format!("{{\"a\":{W1},\"b\":{W2},\"c\":{W4B}}}") } else { text.to_owned() }
}

fn main() -> Result<()> {
    // `cargo bench` adds --bench, `cargo test --benches` does not: then there is nothing to measure.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut sizes: Vec<u32> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    let wants = |word: &str| arguments.iter().any(|argument| argument == word);
    let mut out = std::io::stdout();
    if wants("--live") {
        return sizes.into_iter().try_for_each(|size| beside_writes(&mut out, size));
    }
    let http = wants("--http");
    writeln!(out, "| rows | workload | reps | min ms | median ms | p90 ms | CPU ms/request | body bytes |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for size in sizes {
        if http { over_http(&mut out, size)? } else { directly(&mut out, size)? }
    }
    Ok(())
}

fn report(
    out: &mut impl Write,
    size: u32,
    name: &str,
    cpu: impl Fn() -> Duration,
    mut ask: impl FnMut() -> Result<usize>,
) -> Result<()> {
    ask()?;
    let begin = Instant::now();
    let cpu_before = cpu();
    let mut times = Vec::new();
    let mut bytes = 0;
    while times.len() < 5 || (times.len() < 40 && begin.elapsed() < Duration::from_secs(8)) {
        let before = Instant::now();
        bytes = ask()?;
        times.push(before.elapsed());
    }
    let cpu = (cpu() - cpu_before) / u32::try_from(times.len())?;
    times.sort();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let [min, median, p90] =
        [0, times.len() / 2, times.len() * 9 / 10].map(|index| milliseconds(times[index]));
    writeln!(
        out,
        "| {size} | {name} | {} | {min:.2} | {median:.2} | {p90:.2} | {:.2} | {bytes} |",
        times.len(),
        milliseconds(cpu)
    )?;
    Ok(())
}

fn recipe(apps: &[App]) -> Result<Recipe<'_>> {
    let start: Timestamp = START.parse()?;
    Ok(Recipe {
        makers: apps.iter().map(|app| Maker::new(app, app.profile_id(), app.name.clone(), false)).collect(),
        start,
        over: SignedDuration::from_mins(10),
        tunnels: Default::default(),
        local: Vec::new(),
        ports: 0,
        began: start - SignedDuration::from_mins(15),
        history: false,
        hashed_ids: false,
        lives: false,
    })
}

/// Connections with ids of their own: ports go round, and of those that come again a world keeps the last.
fn made<'a>(
    recipe: &'a Recipe<'a>,
    size: u32,
    rng: &'a mut ChaCha20Rng,
) -> impl Iterator<Item = Generated> + 'a {
    connections(recipe, size, rng).zip(0_u32..).map(|(mut one, number)| {
        one.row.id.push_str(&format!("-{number}"));
        one.bandwidth.iter_mut().for_each(|sample| sample.conn_id.clone_from(&one.row.id));
        one
    })
}

/// Asks the database in this thread.
fn directly(out: &mut impl Write, size: u32) -> Result<()> {
    let apps = apps();
    let recipe = recipe(&apps)?;
    let begin = Instant::now();
    let created = Store::new(Contract::V2_2.behaviour())?;
    drop(created);
    let creation = begin.elapsed();
    let store = Store::new(Contract::V2_2.behaviour())?;
    let cpu = thread_cpu();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for one in made(&recipe, size, &mut rng) {
        std::hint::black_box(one);
    }
    let generation = thread_cpu() - cpu;
    let cpu = thread_cpu();
    let begin = Instant::now();
    let mut samples = Vec::new();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    store.load_rows(made(&recipe, size, &mut rng).map(|one| {
        samples.extend(one.bandwidth);
        one.row
    }))?;
    store.measure(&samples)?;
    writeln!(
        out,
        "<!-- {size} rows: empty store {creation:.1?}; generating {generation:.2?} CPU; generating and loading {:.2?} \
         CPU, {:.2?} wall; resident {} -->",
        thread_cpu() - cpu,
        begin.elapsed(),
        resident("self")
    )?;
    let retention = Retention::default();
    for (name, kind, _, text) in WORKLOADS {
        let body = body(text);
        let request = Request {
            kind,
            body: Some(body.as_bytes()),
            now: recipe.start,
            dev_mode: false,
            retention: &retention,
        };
        report(out, size, name, thread_cpu, || {
            let answer = store.answer(&request);
            if answer.status == 200 {
                Ok(answer.body.len())
            } else {
                Err(format!("status {}", answer.status).into())
            }
        })?;
    }
    writeln!(out, "<!-- {size} rows: resident {} after the queries -->", resident("self"))?;
    Ok(())
}

/// How many are answered in a second of this thread's processor time, first alone and then while another thread writes new
/// connections.
fn beside_writes(out: &mut impl Write, size: u32) -> Result<()> {
    const A_SECOND: u32 = 10_000;
    const AT_ONCE: u32 = 100;
    let apps = apps();
    let recipe = recipe(&apps)?;
    let store = Store::new(Contract::V2_2.behaviour())?;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    store.load_rows(made(&recipe, size, &mut rng).map(|one| one.row))?;
    let retention = Retention::default();
    let rates = || -> Result<Vec<f64>> {
        let rate = |(_, kind, _, text): &(&str, Kind, &str, &str)| {
            let body = body(text);
            let (begin, cpu) = (Instant::now(), thread_cpu());
            let mut count = 0.0;
            while begin.elapsed() < Duration::from_secs(1) {
                let body = body.as_bytes();
                let answer = store.answer(&Request {
                    kind: *kind,
                    body: Some(body),
                    now: recipe.start,
                    dev_mode: false,
                    retention: &retention,
                });
                if answer.status != 200 {
                    return Err(format!("status {}", answer.status).into());
                }
                count += 1.0;
            }
            Ok(count / (thread_cpu() - cpu).as_secs_f64())
        };
        WORKLOADS.iter().map(rate).collect()
    };
    let alone = rates()?;
    let done = AtomicBool::new(false);
    let (beside, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut rng = ChaCha20Rng::seed_from_u64(2);
            let mut rows = connections(&recipe, u32::MAX, &mut rng).map(|one| one.row).zip(0_u64..);
            let (begin, cpu) = (Instant::now(), thread_cpu());
            let mut written = 0;
            while !done.load(Relaxed) {
                let portion = rows.by_ref().take(AT_ONCE as usize);
                let portion =
                    portion.map(|(row, number)| ConnectionRow { id: format!("new-{number}"), ..row });
                if store.load_rows(portion).is_err() {
                    return (0.0, Duration::ZERO);
                }
                written += AT_ONCE;
                let due = Duration::from_secs(1) * written / A_SECOND;
                std::thread::sleep(due.saturating_sub(begin.elapsed()));
            }
            (f64::from(written) / begin.elapsed().as_secs_f64(), (thread_cpu() - cpu) / written)
        });
        let beside = rates();
        done.store(true, Relaxed);
        (beside, writer.join().unwrap_or_default())
    });
    let (written, each) = written;
    writeln!(out, "<!-- to generate and write a connection takes {each:.1?} of CPU -->")?;
    writeln!(out, "| rows | workload | a second | beside {written:.0} new connections a second | share |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for ((name, ..), (alone, beside)) in WORKLOADS.iter().zip(alone.iter().zip(beside?)) {
        writeln!(out, "| {size} | {name} | {alone:.1} | {beside:.1} | {:.2} |", beside / alone)?;
    }
    Ok(())
}

fn apps() -> Vec<App> {
    APPS.iter()
        .enumerate()
        .map(|(index, name)| App {
            name: (*name).to_owned(),
            path: format!("/usr/lib/{0}/{0}", name.to_lowercase()),
            id: Some(format!("app-{index}")),
            ..App::default()
        })
        .collect()
}

/// Asks a simulator over HTTP.
fn over_http(out: &mut impl Write, size: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let scenario = folder.path().join("many.yaml");
    let apps: String = apps()
        .iter()
        .map(|app| {
            format!(
                "  - {{ name: {}, path: {}, id: {} }}\n",
                app.name,
                app.path,
                app.id.as_deref().unwrap_or("")
            )
        })
        .collect();
    fs::write(
        &scenario,
        format!(
            "name: many\nstart: {START}\napps:\n{apps}connections: {{ generate: {{ count: {size}, over: 10m }} }}\n"
        ),
    )?;
    let begin = Instant::now();
    let mut server = Server::start(&scenario)?;
    let process = server.child.id().to_string();
    writeln!(
        out,
        "<!-- {size} rows: ready after {:.2?} wall, {:.2?} CPU; resident {} -->",
        begin.elapsed(),
        process_cpu(&process),
        resident(&process)
    )?;
    for (name, _, path, text) in WORKLOADS {
        let body = body(text);
        let process = &process;
        report(out, size, name, || process_cpu(process), || server.post(path, &body))?;
    }
    writeln!(out, "<!-- {size} rows: resident {} after the queries -->", resident(&process))?;
    Ok(())
}

/// A simulator that runs, and a connection to it.
struct Server {
    child: Child,
    stream: BufReader<TcpStream>,
}

impl Server {
    fn start(scenario: &std::path::Path) -> Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"))
            .args([
                "--listen", "127.0.0.1:0", "--ready", "json", "--contract", "v2.2", "--seed", "1",
                "--scenario",
            ])
            .arg(scenario)
            .args(["--api-key", "bench-0123456789abcdef?read=user&write=user"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        let address =
            ready["api"].as_str().and_then(|url| url.strip_prefix("http://")).ok_or("no address")?;
        let stream = BufReader::new(TcpStream::connect(address)?);
        Ok(Self { child, stream })
    }

    fn post(&mut self, path: &str, body: &str) -> Result<usize> {
        // In one piece: the other side would wait for more of a part.
        let request = format!(
            "POST /api/v1/netquery/{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer bench-0123456789abcdef\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.contains(" 200 ") {
            return Err(line.into());
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok(length)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time that this thread has run, from Linux.
fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// The time that all threads of a process have run; in hundredths of a second, so it takes many requests to tell.
fn process_cpu(process: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ');
    Duration::from_millis(
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10,
    )
}

/// What a process has in memory, and how much of that is mapped files.
fn resident(process: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let fields = ["VmRSS:", "RssFile:"].map(|field| {
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or("unknown");
        line.trim().to_owned()
    });
    format!("{} ({} of it files)", fields[0], fields[1])
}
