//! The simulator as a library: build one, ask it, drop it.

use std::{collections::BTreeMap, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{self, Change, ClockMode, ScenarioError, StartAt, StateMatch},
};
use portmaster_wire::link::Dialer;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    runtime::{Handle, RuntimeFlavor},
    task::JoinHandle,
};

use crate::{
    apart::Apart,
    core::{
        About, AdvanceError, Book, DEFAULT_CAPACITY, ExternalAuth, LoadError, Outside, Shared, Sources, begun,
    },
    database::Clients,
    gateway::{bridge, serve},
    journal::Journal,
    limits,
    mutants::Death,
    netquery::{Store, StoreError},
    snapshot::{Origin, Snapshot},
    world::{Lifecycle, Options, SetupError},
};
#[cfg(feature = "control")]
use crate::{
    control::{self, Beside, Control, NotBegun, Template},
    core::Work,
};

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The scenario cannot be read.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The world cannot be served.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// There is no thread to run on.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The address is not one of this machine alone.
    #[error("refusing to listen on {0}: it is not a loopback address; say so with --listen-anywhere")]
    NotLoopback(SocketAddr),
}

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ChangeRefused(String);

/// A running simulator. It stops when it is dropped.
#[derive(Debug)]
#[must_use = "a simulator stops when it is dropped"]
pub struct Simulator {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    clients: Arc<Clients>,
    server: JoinHandle<()>,
    dialer: Dialer,
    #[cfg(feature = "control")]
    control: Option<Control>,
    /// What it runs on.
    runtime: Handle,
    /// The thread that it has to itself, if it has one. Dropped last: all else runs on it.
    apart: Option<Apart>,
}

impl Simulator {
    /// Starts one as it is without anything said: `home-office`, contract `docs`, a free loopback port. For tests without a
    /// runtime; see [`Builder::start_blocking`].
    ///
    /// ```
    /// use std::{io::{Read, Write}, net::TcpStream};
    /// use portmaster_simulator::Simulator;
    ///
    /// let simulator = Simulator::start_blocking()?;
    /// let mut client = TcpStream::connect(simulator.addr())?;
    /// client.write_all(b"GET /api/v1/ping HTTP/1.0\r\n\r\n")?;
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert!(answer.ends_with("Pong.\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As with [`Builder::start`].
    pub fn start_blocking() -> Result<Self, StartError> {
        Self::builder().start_blocking()
    }

    /// The same, for whoever awaits it; see [`Builder::start`].
    ///
    /// # Errors
    /// As with [`Builder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Begins to build one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{Contract, Simulator};
    ///
    /// let simulator = Simulator::builder().scenario("home-office").contract(Contract::Docs).start().await?;
    /// assert!(simulator.url().starts_with("http://127.0.0.1:"));
    /// # Ok(()) }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens, as in `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where programs that it is a part of connect without a socket: to the same core, with the same answers, until it is stopped or
    /// begins anew.
    pub fn dialer(&self) -> Dialer {
        self.dialer.clone()
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What it serves.
    pub fn about(&self) -> About {
        self.shared.about()
    }

    /// Where the control plane is reached, as in `http://127.0.0.1:41235`, if there is one.
    #[cfg(feature = "control")]
    pub fn control_url(&self) -> Option<&str> {
        self.control.as_ref().map(Control::url)
    }

    /// The token that the control plane asks for, if it asks for one.
    #[cfg(feature = "control")]
    pub fn control_token(&self) -> Option<&str> {
        self.control.as_ref()?.token()
    }

    /// Moves the world's clock on, whatever its pace: the instant that it then shows. What is due on the way happens before
    /// this returns.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use portmaster_simulator::{ClockMode, Simulator};
    ///
    /// let simulator = Simulator::builder().scenario("home-office").clock(ClockMode::Manual).start().await?;
    /// simulator.advance(Duration::from_secs(120));
    /// # Ok(()) }
    /// ```
    pub fn advance(&self, by: Duration) -> Timestamp {
        self.shared.advance(by)
    }

    /// Moves the world's clock on to an instant.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{AdvanceError, ClockMode, Simulator};
    ///
    /// let simulator = Simulator::builder().scenario("home-office").clock(ClockMode::Manual).start().await?;
    /// simulator.advance_to("2026-03-16T12:00:00Z".parse()?)?;
    /// let earlier = simulator.advance_to("2026-03-16T10:00:00Z".parse()?);
    /// assert!(matches!(earlier, Err(AdvanceError::Past { .. })));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the instant is over.
    pub fn advance_to(&self, instant: Timestamp) -> Result<Timestamp, AdvanceError> {
        self.shared.advance_to(instant)
    }

    /// Moves the world's clock on to the instant at which a state comes to hold, as rules wait for one: that instant, which is
    /// the present if it holds already.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use portmaster_simulator::{ClockMode, Simulator};
    ///
    /// let simulator = Simulator::builder().scenario("captive-portal").clock(ClockMode::Manual).start().await?;
    /// let online = serde_json::from_str(r#"{ "path": "network.online", "equals": "online" }"#)?;
    /// simulator.advance_until(&online, Duration::from_secs(3600))?;
    /// assert_eq!(simulator.state()["network"]["online"], "online");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When it does not within the limit, at which the clock then stands.
    pub fn advance_until(&self, state: &StateMatch, limit: Duration) -> Result<Timestamp, AdvanceError> {
        self.shared.advance_until(state, limit)
    }

    /// Lets the world's clock go otherwise. It shows the same instant as before.
    pub fn set_clock(&self, mode: ClockMode) {
        self.shared.set_clock(mode);
    }

    /// The world's instant.
    pub fn now(&self) -> Timestamp {
        self.shared.with(|world| world.now())
    }

    /// Takes out the world as it is now. It costs little: what does not change is shared.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().scenario("home-office").start().await?;
    /// let before = simulator.snapshot()?;
    /// simulator.change(&serde_json::from_str(r#"{ "network": { "online": "offline" } }"#)?)?;
    /// simulator.restore(&before)?;
    /// assert_eq!(simulator.state()["network"]["online"], "online");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the connection database cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.shared.snapshot()
    }

    /// The SHA-256 of the whole world, hexadecimal; see [`Snapshot::fingerprint`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::Simulator;
    ///
    /// let first = Simulator::builder().scenario("home-office").start().await?;
    /// let second = Simulator::builder().scenario("home-office").start().await?;
    /// assert_eq!(first.fingerprint()?, second.fingerprint()?);
    /// first.change(&serde_json::from_str(r#"{ "dns": { "clear": true } }"#)?)?;
    /// assert_ne!(first.fingerprint()?, second.fingerprint()?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the connection database cannot be read.
    pub fn fingerprint(&self) -> Result<String, StoreError> {
        Ok(self.snapshot()?.fingerprint())
    }

    /// Puts a world back that was taken out, here or elsewhere; its contract may be another. Connections and websockets stay:
    /// subscribers are told what is different, by database and key, and requests that wait look again.
    ///
    /// # Errors
    /// When it cannot be served. The world is then as it was.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), LoadError> {
        self.shared.restore(snapshot)
    }

    /// Begins the world anew, with everything as it was at its beginning, the clock and its pace too.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use portmaster_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().scenario("home-office").start().await?;
    /// let start = simulator.now();
    /// simulator.advance(Duration::from_secs(3600));
    /// simulator.reset()?;
    /// assert_eq!(simulator.now(), start);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When it cannot be served. The world is then as it was.
    pub fn reset(&self) -> Result<(), LoadError> {
        self.shared.reset()
    }

    /// Begins another world in the place of this one; [`reset`](Self::reset) leads to its beginning from then on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{Contract, Options, Scenario, Simulator};
    ///
    /// let simulator = Simulator::builder().scenario("home-office").start().await?;
    /// let options = Options { contract: Some(Contract::V2_2), ..Options::default() };
    /// simulator.load(Scenario::load("spn-off")?, options)?;
    /// assert_eq!(simulator.about().scenario, "spn-off");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the scenario makes no world or it cannot be served. The world is then as it was.
    pub fn load(&self, scenario: Scenario, options: Options) -> Result<(), LoadError> {
        self.shared.load(Origin::new(scenario, options))
    }

    /// Lets something happen now, in the words of a scenario's timeline.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().scenario("home-office").start().await?;
    /// simulator.change(&serde_json::from_str(r#"{ "network": { "online": "offline" } }"#)?)?;
    /// assert_eq!(simulator.state()["network"]["online"], "offline");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When it names something that is not there, or a part of it is refused.
    pub fn change(&self, change: &Change) -> Result<(), ChangeRefused> {
        let happened = self.shared.with(|world| world.change(change));
        happened.map(|_| ()).map_err(|unfit| ChangeRefused(unfit.to_string()))
    }

    /// The world's state in the words of scenarios, as rules look at it.
    pub fn state(&self) -> Value {
        self.shared.with(|world| world.state())
    }

    /// What it recorded of requests and messages; nothing unless there is a control plane or [`Builder::journal`] was called.
    pub fn journal(&self) -> Journal {
        Journal::new(self.shared.journal.clone())
    }

    /// Stops it and waits until its port is free.
    pub async fn stop(mut self) {
        self.close().await;
    }

    /// Begins anew in the same place, as a core that restarts: all connections end, the world is as it was at its beginning,
    /// which is the present again where it was to be. The control plane stays.
    ///
    /// # Errors
    /// When the world cannot be served any more, or its port was taken meanwhile.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        self.close().await;
        self.shared.restart().map_err(|error| placed(None, error))?;
        // It was allowed to listen there before.
        let address = self.address.to_string();
        let (shared, clients) = (Arc::clone(&self.shared), Arc::clone(&self.clients));
        let begun = self.runtime.spawn(async move {
            let (listener, _) = listen(&address, true).await?;
            let (dialer, within) = Dialer::new();
            Ok::<_, StartError>((tokio::spawn(serve((listener, within), shared, clients)), dialer))
        });
        (self.server, self.dialer) =
            begun.await.map_err(|error| StartError::Thread(io::Error::other(error)))??;
        Ok(())
    }

    /// Frees its port.
    async fn close(&mut self) {
        self.server.abort();
        // Cancelled, as it was told.
        let _ = (&mut self.server).await;
    }

    /// How many changes subscribers of the database websocket missed because they read too slowly.
    pub fn dropped_pushes(&self) -> u64 {
        self.shared.listener.dropped()
    }

    /// Waits until a mutant has its process end. A library ends nobody's: who runs it has to.
    pub async fn death(&self) -> Death {
        self.shared.process.death().await
    }

    /// How a mutant has its process end at a restart, if one does.
    pub fn death_at_restart(&self) -> Option<Death> {
        self.shared.process.restart()
    }

    /// Whether a mutant has it forget its settings at a restart.
    pub fn forgets_settings(&self) -> bool {
        self.shared.process.forgets()
    }

    /// What a mutant that hangs has it say when it is told to abort.
    pub fn abort_trace(&self) -> Option<String> {
        self.shared.process.abort()
    }

    /// The settings that somebody has made, by key.
    pub fn settings(&self) -> BTreeMap<String, Value> {
        self.shared.with(|world| world.config.values().clone())
    }

    /// Waits until the core is told to go down.
    pub async fn down(&self) -> Lifecycle {
        let mut lifecycle = self.shared.lifecycle();
        let told = lifecycle.wait_for(Option::is_some).await;
        // The sender lives as long as the server; without it there is nothing left that runs.
        told.ok().and_then(|told| *told).unwrap_or(Lifecycle::Shutdown)
    }
}

impl Apart {
    /// Gives a simulator the thread that it runs on.
    fn joined(self, started: Result<Simulator, StartError>) -> Result<Simulator, StartError> {
        started.map(|mut simulator| {
            simulator.apart = Some(self);
            simulator
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What is to be simulated. Everything has a default: `home-office`, contract `docs`, a free loopback port.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing runs before it is started"]
pub struct Builder {
    scenario: Option<String>,
    world: Option<Scenario>,
    snapshot: Option<Snapshot>,
    options: Options,
    external_auth: ExternalAuth,
    listen: Option<String>,
    listen_anywhere: bool,
    restarted: bool,
    bundles: Sources,
    netquery_latency: Option<Duration>,
    max_message: Option<usize>,
    #[cfg(feature = "control")]
    control: control::Settings,
    journal: Option<usize>,
}

/// The longest websocket message that is taken unless something else is said, bytes.
pub const DEFAULT_MAX_MESSAGE: usize = limits::MESSAGE;

/// Portmaster's own user interface draws its dashboard wrongly when connections are there before its charts (ui §9).
pub const UI_NETQUERY_LATENCY: Duration = Duration::from_millis(150);

impl Builder {
    /// A built-in scenario by name, or a file.
    pub fn scenario(mut self, name: impl Into<String>) -> Self {
        self.scenario = Some(name.into());
        self
    }

    /// A scenario that the program made itself.
    pub fn world(mut self, scenario: Scenario) -> Self {
        self.world = Some(scenario);
        self
    }

    /// A world that was taken out of a simulator, in the place of a scenario and of what else is said about a world.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().scenario("home-office").start().await?;
    /// let fork = Simulator::builder().snapshot(simulator.snapshot()?).start().await?;
    /// assert_eq!(fork.now(), simulator.now());
    /// # Ok(()) }
    /// ```
    pub fn snapshot(mut self, snapshot: Snapshot) -> Self {
        self.snapshot = Some(snapshot);
        self
    }

    /// The contract; the scenario's, or else `docs`, if not called.
    pub fn contract(mut self, contract: Contract) -> Self {
        self.options.contract = Some(contract);
        self
    }

    /// The version that the core gives itself; the scenario's, or else the contract's, if not called.
    pub fn core_version(mut self, version: impl Into<String>) -> Self {
        self.options.core_version = Some(version.into());
        self
    }

    /// Leaves the defects of the contract's cores out; `docs/defects.md` has what they are.
    pub fn healthy(mut self, healthy: bool) -> Self {
        self.options.healthy = healthy;
        self
    }

    /// Adds a deliberate misbehaviour, to see whether somebody notices; `fixtures/mutants` has them.
    pub fn mutant(mut self, id: impl Into<String>) -> Self {
        self.options.mutants.push(id.into());
        self
    }

    /// Says that the process runs already: what a mutant has happen at its start has happened.
    pub fn restarted(mut self) -> Self {
        self.restarted = true;
        self
    }

    /// The number that all chance comes from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// The first instant: the present, the scenario's or another one. Everything else that the scenario puts at an instant
    /// is moved by as much; the scenario decides if not called.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{Simulator, StartAt};
    ///
    /// let start = "2030-01-01T00:00:00Z".parse()?;
    /// let simulator = Simulator::builder().scenario("home-office").start_at(StartAt::At(start)).start().await?;
    /// assert_eq!(simulator.now(), start);
    /// # Ok(()) }
    /// ```
    pub fn start_at(mut self, start: StartAt) -> Self {
        self.options.start = Some(start);
        self
    }

    /// How the clock goes.
    pub fn clock(mut self, mode: ClockMode) -> Self {
        self.options.clock = Some(mode);
        self
    }

    /// How the clock goes unless the scenario says so.
    pub fn usual_clock(mut self, mode: ClockMode) -> Self {
        self.options.usual_clock = Some(mode);
        self
    }

    /// Development Mode.
    pub fn dev_mode(self, on: bool) -> Self {
        self.set("core/devMode", on)
    }

    /// Adds an API key, such as `secret?read=user&write=admin`.
    pub fn api_key(mut self, entry: impl Into<String>) -> Self {
        self.options.api_keys.push(entry.into());
        self
    }

    /// Sets an option.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.config.insert(key.into(), value.into());
        self
    }

    /// Sets options.
    pub fn config(mut self, values: BTreeMap<String, Value>) -> Self {
        self.options.config.extend(values);
        self
    }

    /// What stands in for the core's look at the program that asks.
    pub fn external_auth(mut self, mode: ExternalAuth) -> Self {
        self.external_auth = mode;
        self
    }

    /// The address; port 0 takes a free one.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// The longest message that the database websocket takes, bytes; a longer one ends its connection.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = Some(bytes);
        self
    }

    /// Records requests, messages and refused changes, so many of each kind; 0 records nothing. Unless called it is
    /// [`DEFAULT_CAPACITY`] with a control plane, and nothing without.
    pub fn journal(mut self, capacity: usize) -> Self {
        self.journal = Some(capacity);
        self
    }

    /// Allows addresses that others can reach.
    pub fn listen_anywhere(mut self, allowed: bool) -> Self {
        self.listen_anywhere = allowed;
        self
    }

    /// Serves the control plane on an address of its own; port 0 takes a free one. Without, there is none.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().control("127.0.0.1:0").start().await?;
    /// println!("try: curl {}/state/network", simulator.control_url().unwrap_or_default());
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "control")]
    pub fn control(mut self, address: impl Into<String>) -> Self {
        self.control.listen = Some(address.into());
        self
    }

    /// The token that the control plane asks for. Beyond loopback one is drawn if this is not called.
    #[cfg(feature = "control")]
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.control.token = Some(token.into());
        self
    }

    /// A user interface, a zip file or a folder, for `/ui/modules/portmaster/`.
    pub fn ui(mut self, path: impl Into<PathBuf>) -> Self {
        self.bundles.ui = Some(path.into());
        self
    }

    /// How long answers of `netquery/*` take at least, in real time. Unless called it is
    /// [`UI_NETQUERY_LATENCY`] with a user interface of one's own, and nothing else.
    pub fn netquery_latency(mut self, least: Duration) -> Self {
        self.netquery_latency = Some(least);
        self
    }

    /// Icons, fonts and pictures, a zip file or a folder, for `/assets/`.
    pub fn assets(mut self, path: impl Into<PathBuf>) -> Self {
        self.bundles.assets = Some(path.into());
        self
    }

    /// Starts the simulator: on the current Tokio runtime if that has several threads, else on a thread and a runtime of its
    /// own, so that a client which blocks a test's only thread is answered all the same.
    ///
    /// # Errors
    /// When the scenario cannot be read or the address cannot be listened on.
    pub async fn start(self) -> Result<Simulator, StartError> {
        let runtime = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        if matches!(runtime, Ok(RuntimeFlavor::MultiThread)) {
            return self.start_here().await;
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        let apart = Apart::begin(self.start_here(), |started| drop(tell.send(started)));
        let apart = apart.map_err(StartError::Thread)?;
        apart.joined(told.await.unwrap_or_else(|_| Err(ended())))
    }

    /// Starts the simulator on a thread and a runtime of its own, for tests and programs without one. It also works within
    /// one.
    ///
    /// # Errors
    /// When the scenario cannot be read or the address cannot be listened on.
    pub fn start_blocking(self) -> Result<Simulator, StartError> {
        let (tell, told) = std::sync::mpsc::channel();
        let apart = Apart::begin(self.start_here(), move |started| drop(tell.send(started)));
        let apart = apart.map_err(StartError::Thread)?;
        apart.joined(told.recv().unwrap_or_else(|_| Err(ended())))
    }

    /// Starts the simulator on the current Tokio runtime.
    async fn start_here(self) -> Result<Simulator, StartError> {
        #[cfg(feature = "control")]
        // Forks of the world are built alike.
        let template =
            Self { world: None, snapshot: None, control: control::Settings::default(), ..self.clone() };
        let (world, netquery, origin) = match self.snapshot {
            Some(snapshot) => {
                let world = snapshot.world().clone();
                let netquery = Store::holding(snapshot.kept().clone(), &world);
                (world, netquery, Arc::clone(snapshot.origin()))
            }
            None => {
                let scenario = match self.world {
                    Some(scenario) => scenario,
                    None => {
                        let default = &self.options.contract.unwrap_or_default().behaviour().default_scenario;
                        Scenario::load(self.scenario.as_deref().unwrap_or(default))?
                    }
                };
                let origin = Origin::new(scenario, self.options);
                let (world, netquery) =
                    begun(&origin).map_err(|error| placed(self.scenario.as_deref(), error))?;
                (world, netquery, Arc::new(origin))
            }
        };
        let delay = world.mutants.process_delay();
        if !delay.is_zero() && !self.restarted {
            tokio::time::sleep(delay).await;
        }
        let (socket, bound) =
            listen(self.listen.as_deref().unwrap_or("127.0.0.1:0"), self.listen_anywhere).await?;
        #[cfg(feature = "control")]
        let control = match &self.control.listen {
            Some(address) => Some(listen(address, self.listen_anywhere).await?),
            None => None,
        };
        #[cfg(feature = "control")]
        let default = if control.is_some() { DEFAULT_CAPACITY } else { 0 };
        #[cfg(not(feature = "control"))]
        let default = 0;
        let capacity = Some(self.journal.unwrap_or(default)).filter(|capacity| *capacity > 0);
        let book = capacity.map(|capacity| Arc::new(Book::new(capacity)));
        if let Some(book) = &book {
            book.serves(format!("http://{bound}"));
        }
        let clients = Clients::new(bridge);
        let latency = self.bundles.ui.as_ref().map_or(Duration::ZERO, |_| UI_NETQUERY_LATENCY);
        let outside = Outside {
            listener: Arc::clone(&clients) as _,
            external_auth: self.external_auth,
            sources: self.bundles,
            netquery_latency: self.netquery_latency.unwrap_or(latency),
            max_message: self.max_message.unwrap_or(DEFAULT_MAX_MESSAGE),
            journal: book,
        };
        let shared = Shared::new((world, netquery, origin), outside);
        let shared = Arc::new(shared.map_err(LoadError::from)?);
        let (dialer, within) = Dialer::new();
        let server = tokio::spawn(serve((socket, within), Arc::clone(&shared), Arc::clone(&clients) as _));
        let url = format!("http://{bound}");
        #[cfg(feature = "control")]
        let control = control.map(|(listener, address)| {
            Control::start(
                listener,
                address,
                Arc::clone(&shared),
                url.clone(),
                self.control,
                Arc::new(template),
            )
        });
        Ok(Simulator {
            address: bound,
            url,
            shared,
            clients,
            server,
            dialer,
            #[cfg(feature = "control")]
            control,
            runtime: Handle::current(),
            apart: None,
        })
    }
}

#[cfg(feature = "control")]
impl Template for Builder {
    fn options(&self) -> &Options {
        &self.options
    }

    fn begin(
        &self,
        snapshot: Snapshot,
        listen: SocketAddr,
        control: control::Settings,
    ) -> Work<Result<Box<dyn Beside>, NotBegun>> {
        let builder = Self { control, ..self.clone() }.snapshot(snapshot).listen(listen.to_string());
        Box::pin(async move {
            match builder.start().await {
                Ok(simulator) => Ok(Box::new(simulator) as Box<dyn Beside>),
                Err(error) => {
                    let by_address = matches!(error, StartError::Listen { .. } | StartError::NotLoopback(_));
                    Err(NotBegun { why: error.to_string(), by_address })
                }
            }
        })
    }
}

#[cfg(feature = "control")]
impl Beside for Simulator {
    fn api(&self) -> &str {
        self.url()
    }

    fn control(&self) -> Option<&str> {
        self.control_url()
    }

    fn journal(&self) -> Journal {
        Self::journal(self)
    }

    fn stop(self: Box<Self>) -> Work<()> {
        Box::pin((*self).stop())
    }
}

/// The thread of a simulator ended before it said anything.
fn ended() -> StartError {
    StartError::Thread(io::ErrorKind::BrokenPipe.into())
}

/// Why a simulator did not start, said with the place in the file of its scenario if there is one.
fn placed(file: Option<&str>, error: LoadError) -> LoadError {
    match error {
        LoadError::Setup { name, source } => {
            LoadError::Setup { name: place(file, &source).unwrap_or(name), source }
        }
        error => error,
    }
}

/// The file, the line and the column of what a scenario's text says wrong.
fn place(file: Option<&str>, error: &SetupError) -> Option<String> {
    let SetupError::Dangling(all) = error else { return None };
    let text = scenario::text(file?).ok()?;
    let (line, column) = scenario::place(&text, &all.first()?.path)?;
    Some(format!("{}:{line}:{column}", file?))
}

async fn listen(address: &str, anywhere: bool) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::Listen { address: address.to_owned(), source };
    let mut candidates = tokio::net::lookup_host(address).await.map_err(error)?;
    let socket = candidates.next().ok_or_else(|| error(io::ErrorKind::AddrNotAvailable.into()))?;
    if !anywhere && !socket.ip().is_loopback() {
        return Err(StartError::NotLoopback(socket));
    }
    let listener = TcpListener::bind(socket).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    Ok((listener, bound))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;
    use crate::limits;

    /// Whoever asks for much again and again waits in line; others are answered meanwhile.
    #[tokio::test(flavor = "multi_thread")]
    async fn after_a_long_answer_the_next_one_waits_for_a_turn() {
        const HEAD: &str = "HTTP/1.1 200 OK";
        let simulator = Simulator::builder().dev_mode(true).start().await.expect("a simulator");
        let asked = |path: &str| format!("GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let turns = simulator.shared.turns.acquire_many(limits::TURNS as u32).await.expect("turns");
        let mut much = TcpStream::connect(simulator.addr()).await.expect("a connection");
        much.write_all(asked("config/options").repeat(2).as_bytes()).await.expect("sent");
        let mut told = vec![];
        let count = |told: &[u8]| String::from_utf8_lossy(told).matches(HEAD).count();
        while !told.ends_with(b"]") {
            assert!(much.read_buf(&mut told).await.expect("an answer") > 0);
        }
        for _ in 0..10 {
            let mut other = TcpStream::connect(simulator.addr()).await.expect("a connection");
            other.write_all(asked("ping").as_bytes()).await.expect("sent");
            let mut pong = vec![];
            while !pong.ends_with(b"Pong.\n") {
                assert!(other.read_buf(&mut pong).await.expect("an answer") > 0);
            }
        }
        let _ = much.try_read_buf(&mut told);
        assert_eq!(count(&told), 1, "the second answer came without a turn");
        drop(turns);
        while count(&told) < 2 {
            assert!(much.read_buf(&mut told).await.expect("an answer") > 0);
        }
    }
}
