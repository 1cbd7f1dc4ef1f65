//! What a check may use: its target in several places, keys, a seed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portmaster_fixtures::{Contract, Mutant, Permission};
use serde_json::Value;
use tokio::sync::{OnceCell, watch};

use super::{
    class::Need,
    embedded::Embedded,
    exchange::Exchange,
    once::{self, Once},
    outcome::{Evidence, SkipReason, Stop},
    place::{Mode, Place},
    tape::{Begun, Tape},
};
use crate::{
    keeper::Keeper,
    target::{Address, Client, Key, Keys, Request, Response, SendError, Tier, Websocket, curl_line},
};

/// The longest that a foreign target may take to restart.
const RESTART: Duration = Duration::from_secs(30);

/// How long a thread that nobody waits for may take to end.
const IDLE: Duration = Duration::from_secs(1);

/// The targets of a run.
#[derive(Clone, Debug)]
pub(crate) enum Targets {
    /// Somebody else's, at one address.
    Foreign(Address, Mode),
    /// The suite's own simulators, each started when first asked for.
    Embedded(Arc<Embedded>),
}

#[derive(Debug)]
struct Inner {
    targets: Targets,
    keys: Keys,
    contract: Contract,
    seed: u64,
    client: Client,
    /// Whether a foreign target was waited for in vain.
    gone: AtomicBool,
    /// Where questions and answers are kept, when they are.
    tape: Option<Tape>,
    /// Who watches the target, if somebody does.
    keeper: Option<Keeper>,
    /// What takes long and was asked.
    once: Arc<Once>,
    /// The lists that were asked for, if the first to ask got one.
    lists: Mutex<BTreeMap<&'static str, Listed>>,
    /// How many threads work for it.
    threads: Arc<watch::Sender<usize>>,
}

/// Says that a thread works for a context, until it is dropped.
pub(crate) struct Working(Arc<watch::Sender<usize>>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.send_modify(|threads| *threads -= 1);
    }
}

/// A list as it came, and what it says.
type List = Arc<(Exchange, Value)>;
type Listed = Arc<OnceCell<Option<List>>>;

/// What a check may use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

impl Context {
    /// A context on somebody else's target.
    pub fn foreign(
        address: Address,
        mode: Mode,
        keys: Keys,
        contract: Contract,
        seed: u64,
        client: Client,
    ) -> Self {
        Self::new(Targets::Foreign(address, mode), keys, contract, seed, client)
    }

    /// A context on simulators of the contract, without defects, that are started when first needed and end
    /// with it.
    pub fn embedded(contract: Contract, seed: u64, client: Client) -> Self {
        Self::on(Embedded::healthy(contract, seed), contract, seed, client)
    }

    /// The same, on simulators of another contract and with its defects: `contract` as a core of the version
    /// `core` honours it.
    pub fn imitated(contract: Contract, core: Contract, seed: u64, client: Client) -> Self {
        Self::on(Embedded::defective(core, seed), contract, seed, client)
    }

    /// The same as [`Self::embedded`], with a deliberate misbehaviour.
    pub fn mutated(contract: Contract, mutant: &'static Mutant, seed: u64, client: Client) -> Self {
        Self::on(Embedded::mutated(contract, seed, mutant), contract, seed, client)
    }

    fn on(own: Embedded, contract: Contract, seed: u64, client: Client) -> Self {
        Self::new(Targets::Embedded(Arc::new(own)), Embedded::keys(), contract, seed, client)
    }

    fn new(targets: Targets, keys: Keys, contract: Contract, seed: u64, client: Client) -> Self {
        Self(Arc::new(Inner {
            targets,
            keys,
            contract,
            seed,
            client: client.apart(),
            gone: AtomicBool::new(false),
            tape: None,
            keeper: None,
            once: Arc::default(),
            lists: Mutex::default(),
            threads: Arc::default(),
        }))
    }

    /// The same, with everything that is asked and answered kept on a tape.
    pub(crate) fn taped(mut self, tape: Option<Tape>) -> Self {
        // Nobody else has a context that has just been made.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.tape = tape;
        }
        self
    }

    fn with_threads(mut self, threads: &Arc<watch::Sender<usize>>) -> Self {
        // Nobody else has a context that has just been made.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.threads = Arc::clone(threads);
        }
        self
    }

    /// The same on a target that somebody watches.
    pub(crate) fn kept(mut self, keeper: Keeper) -> Self {
        // Nobody else has a context that has just been made.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.client = inner.client.clone().with_flight(keeper.flight().clone());
            inner.keeper = Some(keeper);
        }
        self
    }

    /// The same, which knows what others asked of the target that takes long.
    pub(crate) fn knowing(mut self, once: &Arc<Once>) -> Self {
        // Nobody else has a context that has just been made.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.once = Arc::clone(once);
        }
        self
    }

    /// Who watches the target, if somebody does.
    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        self.0.keeper.as_ref()
    }

    /// Whether the target answers, at once.
    pub(crate) async fn answers(&self) -> bool {
        match &self.0.targets {
            Targets::Foreign(address, _) => self.0.client.answers(address).await.is_ok(),
            Targets::Embedded(_) => true,
        }
    }

    /// Says so as long as a thread works for the context.
    pub(crate) fn working(&self) -> Working {
        self.0.threads.send_modify(|threads| *threads += 1);
        Working(Arc::clone(&self.0.threads))
    }

    /// Waits until no thread works for the context any more; not for ever.
    pub(crate) async fn idle(&self) {
        let mut threads = self.0.threads.subscribe();
        let _ = tokio::time::timeout(IDLE, threads.wait_for(|threads| *threads == 0)).await;
    }

    /// The same with fresh simulators of its own, if the simulators are the suite's; otherwise just the same.
    pub(crate) fn fresh(&self) -> Self {
        match &self.0.targets {
            Targets::Embedded(own) => {
                Self::on(own.again(), self.0.contract, self.0.seed, self.0.client.clone())
                    .taped(self.0.tape.clone())
                    .with_threads(&self.0.threads)
            }
            Targets::Foreign(..) => self.clone(),
        }
    }

    /// Whether the simulators have a mutant. Then only verdicts matter, and nobody reads the evidence.
    pub(crate) fn is_trial(&self) -> bool {
        matches!(&self.0.targets, Targets::Embedded(own) if own.has_mutant())
    }

    /// Whether the simulators are the suite's own.
    pub fn is_embedded(&self) -> bool {
        matches!(self.0.targets, Targets::Embedded(_))
    }

    /// The contract that is checked.
    pub fn contract(&self) -> Contract {
        self.0.contract
    }

    /// The seed of every drawn value.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Every known key.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// The key of a tier.
    pub fn key(&self, tier: Tier) -> Result<&Key, Stop> {
        self.0.keys.get(tier).ok_or(Stop::Skip(no_key(tier)))
    }

    /// Where that place listens.
    pub async fn address(&self, place: Place) -> Result<Address, Stop> {
        match &self.0.targets {
            Targets::Foreign(address, _) => Ok(address.clone()),
            Targets::Embedded(own) => own.address(place).await.map_err(Stop::Error),
        }
    }

    /// A place and a key with which a caller may do what needs `permission`.
    pub fn rights(&self, permission: Permission) -> Result<(Place, Option<&Key>), Stop> {
        let mode = match &self.0.targets {
            Targets::Foreign(_, mode) => *mode,
            Targets::Embedded(_) => Mode::Guarded,
        };
        if mode != Mode::Guarded || permission <= Permission::Anyone {
            return Ok((Place::Main, None));
        }
        match permission {
            Permission::User => self
                .key(Tier::User)
                .or_else(|_| self.key(Tier::Admin))
                .map(|key| (Place::Main, Some(key)))
                .map_err(|_| Stop::Skip(SkipReason::NoUserKey)),
            Permission::Admin => Ok((Place::Main, Some(self.key(Tier::Admin)?))),
            _ if self.is_embedded() => Ok((Place::Development, None)),
            _ => Err(Stop::Skip(SkipReason::NotInDevelopmentMode)),
        }
    }

    /// Why a check with such a need cannot run here.
    pub fn missing(&self, need: Need) -> Option<SkipReason> {
        let mode = match &self.0.targets {
            Targets::Foreign(_, mode) => Some(*mode),
            Targets::Embedded(_) => None,
        };
        match need {
            Need::Key(tier) => self.0.keys.get(tier).is_none().then(|| no_key(tier)),
            Need::Rights(permission) => match self.rights(permission) {
                Err(Stop::Skip(reason)) => Some(reason),
                _ => None,
            },
            Need::Guarded => match mode {
                Some(Mode::Development) => Some(SkipReason::InDevelopmentMode),
                Some(Mode::Granted) => Some(SkipReason::InDevelopmentMode),
                _ => None,
            },
            Need::Development => matches!(mode, Some(Mode::Guarded | Mode::Granted))
                .then_some(SkipReason::NotInDevelopmentMode),
            Need::Granted => {
                matches!(mode, Some(Mode::Guarded | Mode::Development)).then_some(SkipReason::NotGranted)
            }
            Need::Embedded => mode.is_some().then_some(SkipReason::NotEmbedded),
        }
    }

    /// Sends a request to the target itself.
    pub async fn send(&self, request: Request) -> Result<Exchange, Stop> {
        self.send_to(Place::Main, request).await
    }

    /// Sends a request to a place. A target that answers nothing, or no HTTP, violates whatever was to be
    /// checked.
    pub async fn send_to(&self, place: Place, request: Request) -> Result<Exchange, Stop> {
        let address = self.address(place).await?;
        let begun = Begun::now();
        let sent = match once::is_slow(&request) && !self.is_embedded() {
            true => {
                let open = !matches!(self.0.targets, Targets::Foreign(_, Mode::Guarded));
                self.0.once.ask(&request, open, self.patiently(&address, &request)).await?
            }
            false => self.patiently(&address, &request).await,
        };
        match sent {
            Ok(response) => {
                if let Some(tape) = &self.0.tape {
                    tape.keep(begun, place, &address, &request, &response, None);
                }
                Ok(Exchange { address, request, response, keys: self.0.keys.clone() })
            }
            Err(error) => Err(no_answer(error, &address, &request)),
        }
    }

    /// A long list that anyone may read and of which many checks look at an entry each: asked for and parsed once. Where that
    /// fails, each asks for itself.
    pub(crate) async fn list(&self, path: &'static str) -> Result<List, Stop> {
        let listed = {
            let mut lists = self.0.lists.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lists.entry(path).or_default())
        };
        let mut why = None;
        let first =
            listed.get_or_init(|| async { self.listed(path).await.map_err(|stop| why = Some(stop)).ok() });
        let first = first.await;
        match (first, why) {
            (Some(list), _) => Ok(Arc::clone(list)),
            (None, Some(stop)) => Err(stop),
            (None, None) => self.listed(path).await,
        }
    }

    async fn listed(&self, path: &str) -> Result<List, Stop> {
        let exchange = self.send(Request::api("GET", path).kept()).await?;
        let value = exchange.status(200)?.json()?;
        Ok(Arc::new((exchange, value)))
    }

    /// Asks a place for a websocket: the exchange, and the websocket if it was granted.
    pub async fn upgrade(
        &self,
        place: Place,
        request: Request,
    ) -> Result<(Exchange, Option<Websocket>), Stop> {
        let address = self.address(place).await?;
        let begun = Begun::now();
        match self.unless_dropped(&request, || self.0.client.upgrade(&address, &request)).await {
            Ok((response, mut socket)) => {
                if let Some(tape) = &self.0.tape {
                    let transcript = socket.as_mut().map(Websocket::transcribe);
                    tape.keep(begun, place, &address, &request, &response, transcript);
                }
                Ok((Exchange { address, request, response, keys: self.0.keys.clone() }, socket))
            }
            Err(error) => Err(no_answer(error, &address, &request)),
        }
    }

    /// Asks; where the connection ends without an answer though a watched target is well, or was started anew for no fault, once
    /// more: then it shows whether it is this question that is not answered.
    async fn unless_dropped<T, F>(&self, request: &Request, ask: impl Fn() -> F) -> Result<T, SendError>
    where
        F: Future<Output = Result<T, SendError>>,
    {
        if let Some(keeper) = &self.0.keeper {
            keeper.rest().await;
        }
        let Some(keeper) = self.0.keeper.as_ref().filter(|_| only_looks(request)) else { return ask().await };
        let (life, falls) = (keeper.life(), keeper.count());
        let asked = ask().await;
        if let Err(SendError::Closed | SendError::Io(_) | SendError::Truncated) = asked
            && life.is_some()
            && let now @ Some(_) = keeper.settle().await
            && keeper.count() == falls
            && let Ok(answer) = ask().await
        {
            if now != life {
                return Ok(answer);
            }
            let (method, target) = (&request.method, request.target.split('?').next().unwrap_or_default());
            keeper.dropped(format!("a connection with {method} {target} ended without an answer"));
            return Ok(answer);
        }
        asked
    }

    /// Sends a request; while a foreign target does not listen, because a check has restarted it, tries
    /// again.
    async fn patiently(&self, address: &Address, request: &Request) -> Result<Response, SendError> {
        let begun = Instant::now();
        let slow = once::is_slow(request).then(|| self.0.client.patient(once::PATIENCE));
        let client = slow.as_ref().unwrap_or(&self.0.client);
        loop {
            match self.unless_dropped(request, || client.send(address, request)).await {
                Err(SendError::Connect { .. })
                    if !self.is_embedded()
                        && !self.0.gone.load(Ordering::Relaxed)
                        && begun.elapsed() < RESTART =>
                {
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                Err(error @ SendError::Connect { .. }) => {
                    self.0.gone.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                other => return other,
            }
        }
    }
}

/// Whether a request may be sent twice.
fn only_looks(request: &Request) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS")
        || request.target.starts_with("/api/v1/netquery/query")
        || request.target.starts_with("/api/v1/netquery/charts")
}

/// What it means that a request got no answer.
fn no_answer(error: SendError, address: &Address, request: &Request) -> Stop {
    match error {
        SendError::Connect { .. } => Stop::Gone(error.to_string()),
        _ => Stop::Violated(Evidence {
            expected: "an answer".to_owned(),
            got: error.to_string(),
            curl: curl_line(address, request),
            cause: None,
        }),
    }
}

fn no_key(tier: Tier) -> SkipReason {
    match tier {
        Tier::User => SkipReason::NoUserKey,
        Tier::Admin => SkipReason::NoAdminKey,
        _ => SkipReason::NoSpecialKey,
    }
}
