//! What everything that serves a core shares: the world behind its lock, and what is outside it.

use std::{
    collections::BTreeMap,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use portmaster_fixtures::{
    Behaviour, Contract,
    scenario::{self, ClockMode},
};
use portmaster_wire::together::Together;
use serde_json::Value;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Notify, broadcast, watch},
    task::block_in_place,
};

use super::{
    book::Book,
    bundles::{BundleError, Bundles, Sources},
    listener::Listener,
    unsent::Unsent,
    watchers::{Shown, Watchers},
};
use crate::{
    limits,
    mutants::{Mutants, Process},
    netquery::Store,
    snapshot::Origin,
    world::{Event, Lifecycle, Notification, World},
};

/// What a running simulator serves.
#[derive(Clone, Debug)]
pub struct About {
    /// The scenario's name.
    pub scenario: String,
    /// The contract.
    pub contract: Contract,
    /// The seed.
    pub seed: u64,
    /// When its world began.
    pub start: Timestamp,
    /// The clock's pace.
    pub clock: ClockMode,
}

/// What stands in for the core's look at the program that asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalAuth {
    /// It does not look: callers without a key are anonymous.
    #[default]
    None,
    /// Every program is one of Portmaster's own.
    Grant,
    /// Every program is foreign.
    Deny,
    /// A person is asked by a prompt, which clients of the database websocket answer; no answer is a denial.
    Prompt,
}

impl FromStr for ExternalAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "grant" => Ok(Self::Grant),
            "deny" => Ok(Self::Deny),
            "prompt" => Ok(Self::Prompt),
            other => Err(format!("\"{other}\", expected none, grant, deny or prompt")),
        }
    }
}

/// What a core is told beside its world.
pub(crate) struct Outside {
    /// Who is told of changes in the database.
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) external_auth: ExternalAuth,
    pub(crate) sources: Sources,
    /// How long an answer of the connection database takes at least, outside.
    pub(crate) netquery_latency: Duration,
    /// The longest message that a websocket takes, bytes.
    pub(crate) max_message: usize,
    /// What is recorded, if anything is.
    pub(crate) journal: Option<Arc<Book>>,
}

/// What all connections share: the world behind its lock, and what is outside it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) world: Mutex<World>,
    /// How many wait for it at this moment.
    waiting: AtomicUsize,
    /// What follows from the world that is served. It is replaced while the world is locked.
    served: RwLock<Arc<Served>>,
    /// Outside, the instant at which the world began.
    pub(super) began: Instant,
    /// Held by the one who moves the clock on for the control plane; others wait in line.
    pub(crate) moving: tokio::sync::Mutex<()>,
    /// Tells that another instant may be the next at which something happens by itself.
    pub(super) due_changed: Notify,
    /// Tells those who wait for an instant that the clock goes otherwise than it did.
    pub(super) clock_moved: Notify,
    pub(super) lifecycle: watch::Sender<Option<Lifecycle>>,
    /// How long an answer of the connection database takes at least, outside.
    pub(crate) netquery_latency: Duration,
    pub(crate) external_auth: ExternalAuth,
    /// Who is told of changes in the database.
    pub(crate) listener: Arc<dyn Listener>,
    /// A notification was answered, or is gone.
    pub(super) answered: Notify,
    /// The longest message that a websocket takes, bytes.
    max_message: usize,
    pub(super) bundle_sources: Sources,
    pub(super) bundles: RwLock<Arc<Bundles>>,
    /// What is recorded, if anything is.
    pub(crate) journal: Option<Arc<Book>>,
    /// Those who watch what happens.
    pub(super) watchers: Watchers,
    /// What befalls the process, if a mutant has it so.
    pub(crate) process: Process,
    /// Whether neither mutants nor rules change answers.
    plain: AtomicBool,
    /// For messages of websockets and long answers, which are worked on a few at a time: others have no more than those before them.
    pub(crate) turns: tokio::sync::Semaphore,
    /// What peers have begun to send and not ended.
    pub(crate) unread: Arc<Together>,
    /// What waits to be sent to them.
    pub(crate) unsent: Arc<Unsent>,
}

/// What follows from a world as long as it is not replaced by another.
#[derive(Debug)]
pub(crate) struct Served {
    /// How many worlds were served before.
    pub(super) number: u64,
    /// What the world was made from.
    pub(crate) origin: Arc<Origin>,
    pub(crate) contract: Contract,
    pub(crate) behaviour: &'static Behaviour,
    /// Deliberate misbehaviours.
    pub(crate) mutants: Mutants,
    /// The connection database, filled from what the world tells.
    pub(crate) netquery: Store,
}

impl Served {
    pub(super) fn new(number: u64, world: &World, netquery: Store, origin: Arc<Origin>) -> Self {
        Self {
            number,
            origin,
            contract: world.contract,
            mutants: world.mutants.clone(),
            behaviour: world.behaviour,
            netquery,
        }
    }
}

/// What follows from what happened, and need not keep the world locked.
#[derive(Default)]
struct Later {
    /// The user interfaces are to be read anew.
    reload: bool,
    /// The connection database is to write what it was told.
    write: bool,
}

/// Whether neither mutants nor rules change answers.
fn is_plain(world: &World) -> bool {
    world.mutants.is_none() && world.reactions.is_empty()
}

impl Shared {
    /// Takes a world into service.
    ///
    /// # Errors
    /// When a user interface cannot be read.
    pub(crate) fn new(
        (world, netquery, origin): (World, Store, Arc<Origin>),
        outside: Outside,
    ) -> Result<Self, BundleError> {
        let Outside { listener, external_auth, sources, netquery_latency, max_message, journal } = outside;
        let bundles = Bundles::load(world.ui.as_ref(), &sources)?;
        let plain = is_plain(&world);
        if let Some(book) = &journal {
            book.observe(world.now(), &world.config);
        }
        Ok(Self {
            journal,
            process: world.mutants.process(),
            served: RwLock::new(Arc::new(Served::new(0, &world, netquery, origin))),
            netquery_latency,
            listener,
            answered: Notify::new(),
            max_message,
            bundle_sources: sources,
            bundles: RwLock::new(Arc::new(bundles)),
            world: Mutex::new(world),
            waiting: AtomicUsize::new(0),
            moving: tokio::sync::Mutex::default(),
            began: Instant::now(),
            due_changed: Notify::new(),
            clock_moved: Notify::new(),
            lifecycle: watch::Sender::new(None),
            external_auth,
            watchers: Watchers::default(),
            plain: AtomicBool::new(plain),
            turns: tokio::sync::Semaphore::new(limits::TURNS),
            unread: Arc::new(Together::new(limits::UNREAD, limits::UNREAD_EACH)),
            unsent: Arc::default(),
        })
    }

    /// What follows from the world that is served. Ask while the world is locked, so that both belong together.
    pub(crate) fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Deliberate misbehaviours.
    pub(crate) fn mutants(&self) -> Mutants {
        self.served().mutants.clone()
    }

    /// Serves another world from now on; the caller holds the world's lock.
    pub(super) fn serve(&self, served: Served) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(served);
    }

    /// The user interfaces.
    pub(crate) fn bundles(&self) -> Arc<Bundles> {
        Arc::clone(&self.bundles.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the user interfaces from disk anew. What cannot be read any more is served as it was.
    fn reload_bundles(&self, scripted: Option<&BTreeMap<String, scenario::Bundle>>) {
        let load = || Bundles::load(scripted, &self.bundle_sources);
        // It takes long: a runtime that can lets others have this thread's work.
        let loaded = match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => block_in_place(load),
            _ => load(),
        };
        if let Ok(bundles) = loaded {
            *self.bundles.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bundles);
        }
    }

    /// Works on the world at its present instant, and passes on what happened.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let (mut world, due, later) = self.enter();
        let result = work(&mut world);
        self.leave(world, due, later);
        result
    }

    /// The world at its present instant, when something is due next, and what follows from what happened until now. What is no
    /// work's own stands here and in `leave`, so that it is compiled once.
    fn enter(&self) -> (MutexGuard<'_, World>, Option<Timestamp>, Later) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // A panic while the lock was held was caught where it happened; the world's changes are single assignments.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        world.watched = self.watchers.any();
        world.deaf = !world.watched && !self.listener.any();
        world.clock.observe(self.began.elapsed());
        let due = world.run_due();
        self.observe(&world);
        let events = world.take_events();
        let mut later = Later::default();
        self.pass_on(&world, events, &mut later);
        (world, due, later)
    }

    /// Passes on what happened, and gives the world back.
    fn leave(&self, mut world: MutexGuard<'_, World>, due: Option<Timestamp>, mut later: Later) {
        self.observe(&world);
        if world.next_due() != due {
            self.due_changed.notify_one();
        }
        let events = world.take_events();
        self.pass_on(&world, events, &mut later);
        let scripted = later.reload.then(|| world.ui.clone());
        let served = later.write.then(|| self.served());
        drop(world);
        if let Some(scripted) = scripted {
            self.reload_bundles(scripted.as_ref());
        }
        if let Some(Err(error)) = served.map(|served| served.netquery.write()) {
            // The request that brought it about is answered all the same.
            tracing::warn!("{error}");
        }
    }

    /// Whether somebody waits for the world.
    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits in line with all who are told much at once, and lets come first who came meanwhile.
    pub(crate) async fn next_turn(&self) {
        let _turn = self.turns.acquire().await;
        // While it is held nothing else is to be done here, so that the thread looks who came.
        tokio::task::yield_now().await;
    }

    /// Whether neither mutants nor rules change answers.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// Notes of the world what is asked without its lock, its instant and its keys among it; the caller holds the lock.
    pub(super) fn observe(&self, world: &World) {
        self.plain.store(is_plain(world), Ordering::Relaxed);
        if let Some(book) = &self.journal {
            book.observe(world.now(), &world.config);
        }
    }

    /// Passes on what happened to those who listen; the caller holds the world's lock, and does what is for later once it does not.
    fn pass_on(&self, world: &World, events: Vec<Event>, later: &mut Later) {
        if events.is_empty() {
            return;
        }
        later.write |= self.served().netquery.note(&events, world.connections.ever());
        self.watchers.show(world, &events);
        for event in events {
            self.listener.tell(world, &event);
            match event {
                Event::Lifecycle(how) => {
                    self.lifecycle.send_replace(Some(how));
                }
                Event::ReloadUi => later.reload = true,
                Event::Refused(why) => {
                    tracing::warn!("{why}");
                    if let Some(book) = &self.journal {
                        book.refused(&why);
                    }
                }
                Event::Answered => self.answered.notify_waiters(),
                Event::Hubs(_)
                | Event::Program(..)
                | Event::Connection(_)
                | Event::Told(_)
                | Event::Record(_)
                | Event::Gone(..)
                | Event::Measured(_)
                | Event::Made(_)
                | Event::Stored(_)
                | Event::HandedOver { .. }
                | Event::Changed(_) => {}
            }
        }
    }

    /// Begins to watch.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Shown>> {
        self.watchers.watch()
    }

    /// Shows something to those who watch; without them it is not even made.
    pub(crate) fn show(&self, kind: &'static str, data: impl FnOnce() -> Value) {
        if self.watchers.any() {
            self.watchers.send(kind, data());
        }
    }

    /// Tells when the core goes down.
    pub(crate) fn lifecycle(&self) -> watch::Receiver<Option<Lifecycle>> {
        self.lifecycle.subscribe()
    }

    /// The longest message that a websocket takes, bytes.
    pub(crate) fn max_message(&self) -> usize {
        self.max_message
    }

    /// Waits until a person has answered a notification, or it is gone.
    pub(crate) async fn answered(&self, event_id: &str) {
        loop {
            let mut told = std::pin::pin!(self.answered.notified());
            told.as_mut().enable();
            let waits = self.with(|world| world.notification(event_id).is_some_and(Notification::is_open));
            if !waits {
                return;
            }
            told.await;
        }
    }
}
