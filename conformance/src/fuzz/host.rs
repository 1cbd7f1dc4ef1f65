//! Simulators of our own, in a process of their own: what ends or hangs one of them is a finding, and never the fuzzer's end.
//!
//! The process is this program again. It serves one simulator after the other, each as a line of its input asks, and says
//! where.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use portmaster_fixtures::{Contract, Scenario};
use portmaster_simulator::{ExternalAuth, Simulator, Snapshot};
use portmaster_wire::folder::Folder;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout},
    sync::mpsc,
    time::timeout,
};

use crate::{
    keeper::{Fall, Kind, Life, how, temporary},
    suite::{Embedded, Mode, Tier},
    target::{Address, Client, Request, SendError},
};

/// How long a simulator may take to be there.
const START: Duration = Duration::from_secs(30);
/// How long a process may take to end once it does not answer any more.
const END: Duration = Duration::from_secs(5);

/// The target is not there any more, or never was.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Gone(pub(super) String);

/// Simulators of our own.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// What serves them.
    pub(super) command: Vec<OsString>,
    pub(super) contract: Contract,
    /// Whether they are without the defects of its cores.
    pub(super) healthy: bool,
    pub(super) seed: u64,
}

impl Own {
    /// One that treats those without a key in that way.
    fn wanted(&self, mode: Mode) -> Wanted {
        let mode = mode.name().to_owned();
        Wanted { contract: self.contract, healthy: self.healthy, seed: self.seed, mode }
    }
}

/// Which simulator is served.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    contract: Contract,
    /// Whether it is without the defects of its core.
    healthy: bool,
    seed: u64,
    /// How it treats those without a key, by name.
    mode: String,
}

impl Wanted {
    fn is(&self, mode: Mode) -> bool {
        self.mode == mode.name()
    }

    fn auth(&self) -> ExternalAuth {
        if self.is(Mode::Granted) { ExternalAuth::Grant } else { ExternalAuth::Deny }
    }

    async fn start(&self, world: &Scenario, mutant: Option<&str>) -> io::Result<Simulator> {
        let mut builder = Simulator::builder()
            .world(world.clone())
            .contract(self.contract)
            .healthy(self.healthy)
            .seed(self.seed)
            .dev_mode(self.is(Mode::Development))
            .external_auth(self.auth());
        for tier in Tier::ALL {
            if let Some(key) = Embedded::keys().get(tier) {
                builder = builder.api_key(format!("{}{}", key.secret(), tier.permissions()));
            }
        }
        if let Some(mutant) = mutant {
            builder = builder.mutant(mutant);
        }
        builder.start().await.map_err(io::Error::other)
    }

    /// The same again, from the world as it began.
    async fn again(&self, begun: Snapshot) -> io::Result<Simulator> {
        let fork = Simulator::builder().snapshot(begun).external_auth(self.auth());
        fork.start().await.map_err(io::Error::other)
    }
}

/// Serves one simulator after the other until the input ends; the exit status. A misbehaviour is for tests.
pub fn serve(mutant: Option<&str>) -> io::Result<u8> {
    let (asked, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || io::stdin().lines().try_for_each(|line| asked.send(line)));
    let world = Scenario::parse("fuzz/world.yaml", include_str!("world.yaml")).map_err(io::Error::other)?;
    // All on one thread: whoever asks waits for nobody else's. On a runtime for one thread a simulator would begin one of its own.
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
        let mut served: Option<Simulator> = None;
        // A fork costs a small part of what it costs to make a world, and a campaign wants thousands.
        let mut begun: BTreeMap<String, Snapshot> = BTreeMap::new();
        loop {
            let death = async {
                match &served {
                    Some(simulator) => simulator.death().await,
                    None => std::future::pending().await,
                }
            };
            let line = tokio::select! {
                line = lines.recv() => line,
                death = death => {
                    io::stderr().write_all(death.trace.as_bytes())?;
                    return Ok(death.status);
                }
            };
            let Some(line) = line else { return Ok(0) };
            let line = line?;
            let wanted: Wanted = serde_json::from_str(&line)?;
            drop(served.take());
            let simulator = match begun.get(&line) {
                Some(begun) => wanted.again(begun.clone()).await?,
                None => {
                    let first = wanted.start(&world, mutant).await?;
                    begun.insert(line, first.snapshot().map_err(io::Error::other)?);
                    first
                }
            };
            let mut out = io::stdout().lock();
            writeln!(out, "{}", simulator.url())?;
            out.flush()?;
            served = Some(simulator);
        }
    })
}

/// Such a process, and the simulator in it.
#[derive(Debug)]
pub(super) struct Host {
    life: Life,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Where it may leave what it likes.
    _home: Folder,
}

impl Host {
    /// Starts a process for simulators.
    pub(super) fn begin(own: &Own) -> Result<Self, Gone> {
        let gone = |error: io::Error| Gone(format!("no process for simulators: {error}"));
        // Each world makes and removes a handful of files, in memory for a tenth of the time.
        let home =
            temporary(Path::new("/dev/shm")).or_else(|_| temporary(&std::env::temp_dir())).map_err(gone)?;
        let (life, input, output) = Life::asked(&own.command, home.path()).map_err(gone)?;
        Ok(Self { life, input, output: BufReader::new(output).lines(), _home: home })
    }

    /// Has it serve a fresh simulator in the place of the last one.
    pub(super) async fn simulator(&mut self, own: &Own, mode: Mode) -> Result<Address, Gone> {
        let asked = async {
            let wanted = serde_json::to_string(&own.wanted(mode))?;
            self.input.write_all(format!("{wanted}\n").as_bytes()).await?;
            self.output.next_line().await
        };
        match timeout(START, asked).await {
            Ok(Ok(Some(url))) => url.parse().map_err(|error| Gone(format!("{url}: {error}"))),
            Ok(Err(error)) => Err(self.gone(&error.to_string())),
            Ok(Ok(None)) => Err(self.gone("its process ended")),
            Err(_) => Err(self.gone("it takes too long")),
        }
    }

    fn gone(&self, why: &str) -> Gone {
        let said = self.life.tail().join("; ");
        Gone(format!("the simulator does not start: {why} {said}").trim_end().to_owned())
    }

    /// What befell the simulator if it does not answer any more; then the process has ended.
    pub(super) async fn fallen(&mut self, address: &Address, limit: Duration) -> Option<Fall> {
        let fall = match Client::new(limit).send(address, &Request::api("GET", "ping")).await {
            Ok(_) => return None,
            Err(SendError::Timeout(_)) => {
                self.life.abort().await;
                Fall::new(Kind::Hang, format!("ping unanswered for {} s", limit.as_secs()))
            }
            Err(_) => {
                let status = timeout(END, self.life.ended()).await.ok()?.ok()?;
                let last = self.life.tail().pop().filter(|_| self.life.words().is_empty());
                let text = last.map_or_else(|| how(status), |last| format!("{}: {last}", how(status)));
                Fall::new(Kind::Crash, text)
            }
        };
        Some(fall.with_words(&self.life.words()).with_log(&self.life.tail()))
    }
}
