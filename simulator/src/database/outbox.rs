//! What waits to be sent to a client. Replies wait for room, pushes are dropped when there is none: a slow reader
//! never holds up the world.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use portmaster_fixtures::mutant::FrameKind;
use tokio::sync::Notify;

use super::{
    frames::{self, BINARY, CLOSE, PONG, TEXT},
    subscribers::Subscription,
};
use crate::{journal::Book, mutants::Mouth, world::Record};

/// How many pushes a subscription may have waiting (websocket §1.3).
const MOST_PUSHES: usize = 1000;

/// How much may wait before no further message is read.
const ROOM: usize = 1000;

/// A client's queue.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    /// Something waits to be sent.
    pub(super) ready: Notify,
    /// Where it is recorded what is to be sent, and the connection's number there.
    journal: Option<(Arc<Book>, u64)>,
    /// What is said otherwise than it should be, if something is.
    mouth: Option<Mutex<Mouth>>,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Replies and records of queries that wait.
    replies: usize,
}

#[derive(Debug)]
enum Item {
    Reply(Vec<u8>),
    /// The result of a query; records that cannot be read become warnings.
    Records(Bytes, VecDeque<Arc<Record>>),
    Push(Arc<Subscription>, Arc<Record>),
    Pong(BytesMut),
}

impl Outbox {
    /// An empty queue.
    pub(super) fn new(journal: Option<(Arc<Book>, u64)>, mouth: Option<Mouth>) -> Self {
        Self { journal, mouth: mouth.map(Mutex::new), ..Self::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, item: Item, replies: usize) {
        let mut queue = self.queue();
        queue.items.push_back(item);
        queue.replies += replies;
        drop(queue);
        self.ready.notify_one();
    }

    /// A reply: the operation's id, the type and what follows, with bars between.
    pub(super) fn reply(&self, id: &[u8], parts: &[&[u8]]) {
        let mut text = id.to_vec();
        for part in parts {
            text.push(b'|');
            text.extend_from_slice(part);
        }
        if let Some((book, connection)) = &self.journal {
            book.replied(*connection, &text);
        }
        self.put(Item::Reply(text), 1);
    }

    /// A message as it is.
    pub(super) fn message(&self, text: Vec<u8>) {
        self.put(Item::Reply(text), 1);
    }

    /// An error.
    pub(super) fn error(&self, id: &[u8], text: &str) {
        self.reply(id, &[b"error", text.as_bytes()]);
    }

    /// The records of a query.
    pub(super) fn records(&self, id: Bytes, records: VecDeque<Arc<Record>>) {
        let count = records.len();
        if count > 0 {
            if let Some((book, connection)) = &self.journal {
                for record in &records {
                    book.told(*connection, &id, "ok", record);
                }
            }
            self.put(Item::Records(id, records), count);
        }
    }

    /// The answer to a ping.
    pub(super) fn pong(&self, payload: BytesMut) {
        self.put(Item::Pong(payload), 1);
    }

    /// A change for a subscription; whether it found room.
    pub(super) fn push(&self, subscription: &Arc<Subscription>, record: &Arc<Record>) -> bool {
        if subscription.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_PUSHES {
            subscription.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        if let Some((book, connection)) = &self.journal {
            book.told(*connection, &subscription.id, record.kind(), record);
        }
        self.put(Item::Push(Arc::clone(subscription), Arc::clone(record)), 0);
        true
    }

    /// Whether another message may be read.
    pub(super) fn has_room(&self) -> bool {
        self.queue().replies < ROOM
    }

    /// Writes what waits as frames, until there is enough to send.
    pub(super) fn fill(&self, out: &mut BytesMut, enough: usize) {
        while out.len() < enough {
            let Some(item) = self.take() else { return };
            match item {
                Item::Reply(text) => self.write(out, BINARY, &[&text]),
                Item::Pong(payload) => self.write(out, PONG, &[&payload]),
                Item::Push(subscription, record) => {
                    subscription.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.write_record(out, &subscription.id, record.kind(), &record);
                }
                Item::Records(id, mut records) => {
                    if let Some(record) = records.pop_front() {
                        self.write_record(out, &id, "ok", &record);
                    }
                    if !records.is_empty() {
                        self.queue().items.push_front(Item::Records(id, records));
                    }
                }
            }
        }
    }

    /// Writes a close frame.
    pub(super) fn write_close(&self, out: &mut BytesMut, code: Option<u16>, reason: &str) {
        match code {
            Some(code) => self.write(out, CLOSE, &[&code.to_be_bytes(), reason.as_bytes()]),
            None => self.write(out, CLOSE, &[]),
        }
    }

    /// `ID|KIND|KEY|J{…}`, `ID|del|KEY` or, for a record that cannot be read, `ID|warning|TEXT`.
    fn write_record(&self, out: &mut BytesMut, id: &[u8], kind: &str, record: &Record) {
        let bar: &[u8] = b"|";
        let key = record.key.as_bytes();
        if kind == "del" {
            return self.write(out, BINARY, &[id, b"|del|", key]);
        }
        match record.text() {
            Ok(text) => self.write(out, BINARY, &[id, bar, kind.as_bytes(), bar, key, b"|J", text]),
            Err(fault) => self.write(out, BINARY, &[id, b"|warning|", fault.as_bytes()]),
        }
    }

    /// Writes a frame, or what is said in its place.
    fn write(&self, out: &mut BytesMut, opcode: u8, pieces: &[&[u8]]) {
        let Some(mouth) = &self.mouth else { return frames::write(out, opcode, pieces) };
        let kind = match opcode {
            PONG => FrameKind::Pong,
            CLOSE => FrameKind::Close,
            _ => FrameKind::Message,
        };
        let mut mouth = mouth.lock().unwrap_or_else(PoisonError::into_inner);
        for (as_text, payload) in mouth.say(kind, pieces.concat()) {
            frames::write(out, if as_text { TEXT } else { opcode }, &[&payload]);
        }
    }

    /// Forgets what waits. Pushes know their subscriptions, which know this queue: none of them would ever go.
    pub(super) fn clear(&self) {
        *self.queue() = Queue::default();
    }

    fn take(&self) -> Option<Item> {
        let mut queue = self.queue();
        let item = queue.items.pop_front();
        if !matches!(item, None | Some(Item::Push(..))) {
            queue.replies = queue.replies.saturating_sub(1);
        }
        if queue.items.is_empty() && queue.items.capacity() > 64 {
            queue.items = VecDeque::new();
        }
        item
    }
}

/// How many pushes of a subscription wait.
pub(super) type Waiting = AtomicUsize;
