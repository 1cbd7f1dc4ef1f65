//! The simulator that is attacked, in a process of its own, and how it fares.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use portmaster_simulator::EVENTS;

use super::peer::{PATIENCE, Peer};

/// The argument that makes this program the subject.
pub(crate) const SUBJECT: &str = "--subject";

/// How long a client stays that sends no more, or reads nothing.
const STAY: Duration = Duration::from_millis(300);

/// How long is waited between two pings.
const PAUSE: Duration = Duration::from_millis(2);

/// A simulator that is attacked.
pub(crate) struct Subject {
    process: Child,
    api: SocketAddr,
    control: SocketAddr,
    folder: tempfile::TempDir,
}

/// Serves until its standard input ends, with everything open.
pub(crate) fn serve(ui: Option<String>) -> ExitCode {
    // As the program does.
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(EVENTS).enable_all().build();
    let runtime = runtime.expect("threads");
    let simulator = runtime.block_on(async {
        let builder = super::peer::attacked();
        let builder = match ui {
            Some(ui) => builder.ui(ui),
            None => builder,
        };
        builder.start().await.expect("the simulator starts")
    });
    let control = simulator.control_url().unwrap_or_default().trim_start_matches("http://").to_owned();
    println!("{} {control}", simulator.addr());
    let _ = io::stdin().read_to_end(&mut Vec::new());
    drop(simulator);
    runtime.shutdown_timeout(Duration::from_secs(1));
    ExitCode::SUCCESS
}

impl Subject {
    pub(crate) fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ui = folder.path().join("ui.zip");
        super::grammars::bundle(&ui, [("index.html".to_owned(), b"hello".to_vec())])?;
        let mut process = Command::new(std::env::current_exe()?)
            .args([SUBJECT.as_ref(), ui.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let mut addresses = line.split_whitespace().filter_map(|word| word.parse().ok());
        match (addresses.next(), addresses.next()) {
            (Some(api), Some(control)) => Ok(Self { process, api, control, folder }),
            _ => Err(io::Error::other(format!("it said {line:?}"))),
        }
    }

    /// A client that attacks it.
    pub(crate) fn peer(&self) -> Peer {
        let ui = self.folder.path().join("ui.zip");
        Peer { api: self.api, control: self.control, ui, stay: STAY }
    }

    /// The most memory that was ever resident, KiB. 0 where nobody tells.
    pub(crate) fn peak(&self) -> u64 {
        let status = Path::new("/proc").join(self.process.id().to_string()).join("status");
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let ended = self.process.try_wait().ok().flatten();
        ended.map(|status| format!("it ended: {status}"))
    }

    /// Begins to ping it.
    pub(crate) fn meter(&self) -> Meter {
        let stop = Arc::new(AtomicBool::new(false));
        let (api, told) = (self.api, Arc::clone(&stop));
        Meter { stop, thread: thread::spawn(move || pings(api, &told)) }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long pings took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pings {
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
}

/// Another client, that pings all the time.
pub(crate) struct Meter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Vec<Duration>>>,
}

impl Meter {
    /// The time that 99 of 100 pings took at most, and the longest.
    pub(crate) fn stop(self) -> Result<Pings, String> {
        self.stop.store(true, Ordering::Relaxed);
        let pings = self.thread.join().map_err(|_| "the pinging client died".to_owned())?;
        let mut pings = pings.map_err(|error| error.to_string())?;
        pings.sort();
        let at = |place: usize| pings.get(place).copied().unwrap_or_default();
        let last = pings.len().saturating_sub(1);
        Ok(Pings { p99: at(last * 99 / 100), longest: at(last) })
    }
}

fn pings(api: SocketAddr, stop: &AtomicBool) -> io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(api)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut took = Vec::new();
    // Some, however short the attack was.
    while !stop.load(Ordering::Relaxed) || took.len() < 20 {
        let begun = Instant::now();
        stream.write_all(b"GET /api/v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while !answer.ends_with(b"Pong.\n") && !answer.ends_with(b"Pong.") {
            match stream.read(&mut piece)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => answer.extend_from_slice(&piece[..length]),
            }
        }
        took.push(begun.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(took)
}
