//! Connections: accepting them, and what they share.

use std::{
    error::Error,
    io::Cursor,
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use hyper::{server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use portmaster_fixtures::Rules;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Chain, Join},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{
    ExternalAuth,
    bundles::{BundleError, Bundles, Sources},
    dispatch,
    faults::{Instead, Writer},
    guard::Security,
    head::{self, Verdict},
    route::Routes,
    watchers::Watchers,
};
use crate::{
    accept::accept,
    database::{self, Subscribers, publish_connection, publish_gone, publish_hubs},
    journal::Book,
    limits,
    mutants::Mutants,
    netquery::Store,
    snapshot::Origin,
    world::{Event, Lifecycle, Notification, World},
};

/// How many connections are served at once; others wait in the listener's queue.
const MOST_CONNECTIONS: usize = 8192;

/// What all connections share: the world behind its lock, and what is outside it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) world: Mutex<World>,
    /// What follows from the world that is served. It is replaced while the world is locked.
    served: RwLock<Arc<Served>>,
    /// Outside, the instant at which the world began.
    pub(super) began: Instant,
    /// Tells that another instant may be the next at which something happens by itself.
    pub(super) due_changed: Notify,
    /// Tells those who wait for an instant that the clock goes otherwise than it did.
    pub(super) clock_moved: Notify,
    pub(super) lifecycle: watch::Sender<Option<Lifecycle>>,
    /// How long an answer of the connection database takes at least, outside.
    pub(super) netquery_latency: Duration,
    pub(super) external_auth: ExternalAuth,
    /// Who is told of changes in the database.
    pub(crate) subscribers: Subscribers,
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
}

/// What follows from a world as long as it is not replaced by another.
#[derive(Debug)]
pub(crate) struct Served {
    /// How many worlds were served before.
    pub(super) number: u64,
    /// What the world was made from.
    pub(crate) origin: Arc<Origin>,
    pub(super) routes: &'static Routes,
    pub(super) rules: &'static Rules,
    pub(super) security: Security,
    /// Deliberate misbehaviours.
    mutants: Mutants,
    /// The connection database, filled from what the world tells.
    pub(crate) netquery: Store,
}

impl Served {
    pub(super) fn new(number: u64, world: &World, netquery: Store, origin: Arc<Origin>) -> Self {
        Self {
            number,
            origin,
            routes: world.mutants.routes(world.contract),
            mutants: world.mutants.clone(),
            rules: world.rules,
            security: Security::new(world.rules),
            netquery,
        }
    }
}

impl Shared {
    /// Takes a world into service.
    ///
    /// # Errors
    /// When a user interface cannot be read.
    pub(crate) fn new(
        world: World,
        origin: Arc<Origin>,
        external_auth: ExternalAuth,
        sources: Sources,
        (netquery, netquery_latency): (Store, Duration),
        max_message: usize,
        journal: Option<Arc<Book>>,
    ) -> Result<Self, BundleError> {
        let bundles = Bundles::load(world.ui.as_ref(), &sources)?;
        if let Some(book) = &journal {
            book.observe(world.now(), &world.config);
        }
        Ok(Self {
            journal,
            served: RwLock::new(Arc::new(Served::new(0, &world, netquery, origin))),
            netquery_latency,
            subscribers: Subscribers::default(),
            answered: Notify::new(),
            max_message,
            bundle_sources: sources,
            bundles: RwLock::new(Arc::new(bundles)),
            world: Mutex::new(world),
            began: Instant::now(),
            due_changed: Notify::new(),
            clock_moved: Notify::new(),
            lifecycle: watch::Sender::new(None),
            external_auth,
            watchers: Watchers::default(),
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
    pub(super) fn bundles(&self) -> Arc<Bundles> {
        Arc::clone(&self.bundles.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the user interfaces from disk anew. What cannot be read any more is served as it was.
    fn reload_bundles(&self, world: &World) {
        if let Ok(bundles) = Bundles::load(world.ui.as_ref(), &self.bundle_sources) {
            *self.bundles.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bundles);
        }
    }

    /// Works on the world at its present instant, and passes on what happened.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        // A panic while the lock was held was caught where it happened; the world's changes are single assignments.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.watched = self.watchers.any();
        world.deaf = !world.watched && !self.subscribers.any();
        world.clock.observe(self.began.elapsed());
        world.run_due();
        self.observe(&world);
        let events = world.take_events();
        self.pass_on(&world, events);
        let due = world.next_due();
        let result = work(&mut world);
        self.observe(&world);
        if world.next_due() != due {
            self.due_changed.notify_one();
        }
        let events = world.take_events();
        self.pass_on(&world, events);
        result
    }

    /// Tells the journal of the world's instant and its keys; the caller holds the world's lock.
    pub(super) fn observe(&self, world: &World) {
        if let Some(book) = &self.journal {
            book.observe(world.now(), &world.config);
        }
    }

    /// Passes on what happened to those who listen; the caller holds the world's lock.
    fn pass_on(&self, world: &World, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if let Err(fault) = self.served().netquery.record(&events) {
            // The request that brought it about is answered all the same.
            eprintln!("{fault}");
        }
        self.watchers.show(world, &events);
        for event in events {
            match event {
                Event::Lifecycle(how) => {
                    self.lifecycle.send_replace(Some(how));
                }
                Event::ReloadUi => self.reload_bundles(world),
                Event::Refused(why) => {
                    eprintln!("{why}");
                    if let Some(book) = &self.journal {
                        book.refused(&why);
                    }
                }
                Event::Hubs(ids) => publish_hubs(&self.subscribers, world, &ids),
                Event::Connection(row) | Event::Told(row) => {
                    publish_connection(&self.subscribers, &row, world.rules)
                }
                Event::Record(record) => self.subscribers.publish(&record),
                Event::Answered => self.answered.notify_waiters(),
                Event::Gone(gone, at) => publish_gone(&self.subscribers, &gone, at, world.rules),
                Event::Measured(_) | Event::Stored(_) | Event::Changed(_) => {}
            }
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
    pub(super) async fn answered(&self, event_id: &str) {
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

/// Serves connections, and what the world does by itself, until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Ends with this task.
    let mut by_itself = JoinSet::new();
    let world = Arc::clone(&shared);
    by_itself.spawn(async move { world.run_by_itself().await });
    accept(listener, MOST_CONNECTIONS, |stream| {
        let shared = Arc::clone(&shared);
        async move {
            // A peer that breaks off is no fault of ours.
            let _ = connection(stream, shared).await;
        }
    })
    .await;
}

/// Serves one connection until it ends.
async fn connection(mut stream: TcpStream, shared: Arc<Shared>) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let Some(bytes) = head::read(&mut stream).await? else { return Ok(()) };
    let number = shared.journal.as_ref().map_or(0, |book| book.connection());
    // It is only looked at again if it is refused.
    let seen = shared.journal.as_ref().map(|book| (book, bytes.clone()));
    let mutants = shared.mutants();
    let asked = mutants.refused(&bytes);
    let first = match head::inspect(bytes) {
        Verdict::Pass(first) => first,
        Verdict::Refuse(answer) => {
            let answer = mutants.refusal(asked, answer);
            if let Some((book, head)) = seen {
                book.refused_head(number, &head, &answer);
            }
            stream.write_all(&answer).await?;
            return Ok(stream.shutdown().await?);
        }
    };
    let many_fields = head::fields(&first) > limits::USUAL_FIELDS;
    let (reader, writer) = stream.into_split();
    let instead = Arc::new(Instead::default());
    let writer = Writer::new(writer, Arc::clone(&instead));
    let io = TokioIo::new(tokio::io::join(Cursor::new(first).chain(reader), writer));
    let upgraded = Mutex::new(None);
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        let (upgraded, instead) = (&upgraded, &instead);
        async move {
            let answered = dispatch::handle(shared, number, request, upgraded, instead).await;
            if answered.is_err() {
                instead.reset.store(true, Ordering::Relaxed);
            }
            answered
        }
    });
    let mut http = http1::Builder::new();
    if many_fields {
        http.max_headers(limits::HEAD_FIELDS);
    }
    http.auto_date_header(false)
        .half_close(true)
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD + 4096)
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .serve_connection(io, service)
        .with_upgrades()
        .await?;
    let upgraded = upgraded.lock().unwrap_or_else(PoisonError::into_inner).take();
    match upgraded {
        Some(upgrade) => websocket(upgrade, number, shared).await,
        None => Ok(()),
    }
}

/// A connection below HTTP: what was read before it, its reading and its writing half.
type Halves = Join<Chain<Cursor<Vec<u8>>, OwnedReadHalf>, Writer>;

/// Serves a connection that became a websocket. Nothing of HTTP is kept for it.
async fn websocket(
    upgrade: OnUpgrade,
    number: u64,
    shared: Arc<Shared>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let parts = upgrade.await?.downcast::<TokioIo<Halves>>().map_err(|_| "not a connection of ours")?;
    let (chain, writer) = parts.io.into_inner().into_inner();
    let (first, reader) = chain.into_inner();
    let mut input = BytesMut::from(&parts.read_buf[..]);
    let read = usize::try_from(first.position()).unwrap_or_default();
    input.extend_from_slice(first.get_ref().get(read..).unwrap_or_default());
    let stream = writer.reunite(reader)?;
    Ok(database::serve(stream, input, number, shared).await?)
}
