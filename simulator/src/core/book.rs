//! The journal's writing side: what happens is put down here, in order.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use hyper::{Method, Version};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    redact::Secrets,
    slot::{Done, Fields, Http, Kept, Out, Outcome, Pass, Recorded, Slot, Told},
};
use crate::{
    limits,
    world::{Config, Record},
};

/// How many entries of each kind are kept unless something else is said.
pub const DEFAULT_CAPACITY: usize = limits::JOURNAL_ENTRIES;

/// How many of the newest are looked at one by one.
const RECENT: usize = 64;

/// A journal that is on.
#[derive(Debug)]
pub(crate) struct Book {
    capacity: usize,
    /// The world's instant, microseconds.
    now: AtomicI64,
    connections: AtomicU64,
    pages: Mutex<Pages>,
    /// Something was put down, or came to its end.
    pub(crate) changed: Notify,
    watchers: AtomicUsize,
    secrets: Mutex<Secrets>,
    /// The keys that the secrets were last taken from, by their address.
    keys: AtomicUsize,
    /// Where the API listens.
    url: Mutex<String>,
}

/// What is kept, the kinds apart: a flood of messages does not push out requests.
#[derive(Debug, Default)]
struct Pages {
    last: u64,
    dropped: u64,
    http: Ring,
    websocket: Ring,
    others: Ring,
}

#[derive(Debug, Default)]
struct Ring {
    slots: VecDeque<Arc<Slot>>,
    weight: usize,
}

impl Ring {
    /// Adds one; how many had to go for it, and the last of these.
    fn add(&mut self, slot: Arc<Slot>, capacity: usize) -> (u64, Option<Arc<Slot>>) {
        self.weight += slot.weight();
        self.slots.push_back(slot);
        let (mut dropped, mut last) = (0, None);
        while self.slots.len() > capacity || (self.weight > limits::JOURNAL_BYTES && self.slots.len() > 1) {
            let Some(oldest) = self.slots.pop_front() else { break };
            self.weight = self.weight.saturating_sub(oldest.weight());
            dropped += 1;
            last = Some(oldest);
        }
        (dropped, last)
    }

    /// Whether one is still kept. Most were added a moment ago, and are found without a search.
    fn holds(&self, slot: &Arc<Slot>) -> bool {
        let recent = self.slots.iter().rev().take(RECENT).find(|one| one.seq <= slot.seq);
        recent
            .or_else(|| self.after(slot.seq.saturating_sub(1)).next())
            .is_some_and(|one| Arc::ptr_eq(one, slot))
    }

    /// Those behind a number.
    fn after(&self, seq: u64) -> impl Iterator<Item = &Arc<Slot>> {
        self.slots.range(self.slots.partition_point(|slot| slot.seq <= seq)..)
    }
}

impl Pages {
    fn ring(&mut self, what: &Recorded) -> &mut Ring {
        match what {
            Recorded::Http(_) => &mut self.http,
            Recorded::In(..) | Recorded::Out(..) => &mut self.websocket,
            Recorded::Refused(_) | Recorded::Note(_) => &mut self.others,
        }
    }
}

impl Book {
    /// An empty one that keeps so many entries of each kind, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            now: AtomicI64::new(0),
            connections: AtomicU64::new(0),
            pages: Mutex::default(),
            changed: Notify::new(),
            watchers: AtomicUsize::new(0),
            secrets: Mutex::default(),
            keys: AtomicUsize::new(0),
            url: Mutex::default(),
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What no reader may see.
    pub(crate) fn secrets(&self) -> Secrets {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone().compile()
    }

    /// Tells where the API listens.
    pub(crate) fn serves(&self, url: String) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    /// Where the API listens.
    pub(crate) fn url(&self) -> String {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the world's instant and its configuration, whenever somebody worked on it.
    pub(crate) fn observe(&self, now: Timestamp, config: &Config) {
        self.now.store(now.as_microsecond(), Ordering::Relaxed);
        // The keys that were looked at are kept, so that no others can have their address.
        let address = Arc::as_ptr(config.keys()).cast::<()>() as usize;
        if self.keys.swap(address, Ordering::Relaxed) != address {
            self.secrets.lock().unwrap_or_else(PoisonError::into_inner).learn(config);
        }
    }

    /// The world's instant.
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// A number for a new connection, from 1.
    pub(crate) fn connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts something down; its slot, and the one that went for it.
    fn put(&self, what: Recorded) -> (Arc<Slot>, Option<Arc<Slot>>) {
        let mut pages = self.pages();
        pages.last += 1;
        let slot = Arc::new(Slot { seq: pages.last, at: self.now(), what });
        let (dropped, last) = pages.ring(&slot.what).add(Arc::clone(&slot), self.capacity);
        pages.dropped += dropped;
        drop(pages);
        self.tell();
        (slot, last)
    }

    /// Tells those who wait.
    fn tell(&self) {
        if self.watchers.load(Ordering::Acquire) > 0 {
            self.changed.notify_waiters();
        }
    }

    /// A request begins; its slot, and the one that went for it.
    pub(crate) fn begin(&self, request: Http) -> (Arc<Slot>, Option<Arc<Slot>>) {
        self.put(Recorded::Http(request))
    }

    /// A connection's first head was refused, before it was taken for a request.
    pub(crate) fn refused_head(&self, connection: u64, head: &[u8], answer: &[u8]) {
        let line = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            String::from_utf8_lossy(bytes[..end].trim_ascii_end()).into_owned()
        };
        let first = line(head);
        let mut words = first.split(' ');
        let method = words.next().and_then(|word| Method::from_bytes(word.as_bytes()).ok());
        let target = if method.is_some() { words.next().unwrap_or_default() } else { &first };
        let (fields, body) = Fields::read(answer);
        let status =
            line(answer).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        self.put(Recorded::Http(Http {
            connection,
            method: method.unwrap_or_default(),
            version: Version::HTTP_11,
            target: target.into(),
            headers: Fields::read(head).0,
            body: OnceLock::new(),
            done: OnceLock::from(Done {
                at: self.now(),
                status,
                headers: fields,
                body: Kept::copy(body),
                pass: None,
                acted: Vec::new(),
                outcome: Outcome::Answered,
            }),
        }));
    }

    /// A request's body came.
    pub(crate) fn body(slot: &Slot, body: &Bytes) {
        if let Recorded::Http(http) = &slot.what {
            let _ = http.body.set(Kept::copy(body));
        }
    }

    /// A request is answered, or comes to another end.
    pub(crate) fn end(
        &self,
        slot: &Arc<Slot>,
        outcome: Outcome,
        told: Told,
        pass: Option<Pass>,
        acted: Vec<String>,
    ) {
        let Recorded::Http(http) = &slot.what else { return };
        let before = slot.weight();
        let done = Done {
            at: self.now(),
            status: told.status,
            headers: told.headers,
            body: told.body,
            pass,
            acted,
            outcome,
        };
        if http.done.set(done).is_ok() {
            let mut pages = self.pages();
            if pages.http.holds(slot) {
                // Its body may have come since it was added, too.
                pages.http.weight +=
                    slot.weight() - before + http.body.get().map_or(0, |body| body.bytes.len());
            }
        }
        self.tell();
    }

    /// A client sent a message.
    pub(crate) fn received(&self, connection: u64, message: &[u8]) {
        self.put(Recorded::In(connection, Kept::copy(message)));
    }

    /// A client is to be told something.
    pub(crate) fn replied(&self, connection: u64, message: &[u8]) {
        self.put(Recorded::Out(connection, Out::Reply(Kept::copy(message))));
    }

    /// A client is to be told of a record.
    pub(crate) fn told(&self, connection: u64, id: &Bytes, kind: &'static str, record: &Arc<Record>) {
        // The id is a part of the message that it came in, and may be as long.
        let id = Bytes::copy_from_slice(&id[..id.len().min(limits::JOURNAL_BODY)]);
        self.put(Recorded::Out(connection, Out::Record { id, kind, record: Arc::clone(record) }));
    }

    /// A change was refused that nobody waited for.
    pub(crate) fn refused(&self, why: &str) {
        self.put(Recorded::Refused(why.to_owned()));
    }

    /// Something that whoever reads should know.
    pub(crate) fn note(&self, text: &str) {
        self.put(Recorded::Note(text.to_owned()));
    }

    /// What was recorded behind a number, in order.
    pub(crate) fn after(&self, seq: u64) -> Vec<Arc<Slot>> {
        let pages = self.pages();
        let mut all: Vec<Arc<Slot>> = Vec::new();
        for ring in [&pages.http, &pages.websocket, &pages.others] {
            all.extend(ring.after(seq).cloned());
        }
        drop(pages);
        all.sort_by_key(|slot| slot.seq);
        all
    }

    /// The last number that was given.
    pub(crate) fn last(&self) -> u64 {
        self.pages().last
    }

    /// How many are kept, and how many were dropped.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let pages = self.pages();
        let kept = pages.http.slots.len() + pages.websocket.slots.len() + pages.others.slots.len();
        (kept as u64, pages.dropped)
    }

    /// Forgets all; numbers go on.
    pub(crate) fn clear(&self) {
        let mut pages = self.pages();
        *pages = Pages { last: pages.last, ..Pages::default() };
    }

    /// Forgets all; numbers begin anew.
    pub(crate) fn reset(&self) {
        *self.pages() = Pages::default();
        self.tell();
    }

    /// Somebody waits for what comes, until [`Self::unwatch`] is called.
    pub(crate) fn watch(&self) {
        self.watchers.fetch_add(1, Ordering::AcqRel);
    }

    /// Somebody waits no longer.
    pub(crate) fn unwatch(&self) {
        self.watchers.fetch_sub(1, Ordering::AcqRel);
    }
}
