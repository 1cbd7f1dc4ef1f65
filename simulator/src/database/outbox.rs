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

use super::frames::{self, BINARY, CLOSE, PONG, TEXT};
use crate::{core::Book, limits, mutants::Mouth, world::Record};

/// The pushes of a subscription.
#[derive(Debug)]
pub(super) struct Pushes {
    /// The operation's id.
    pub(super) id: Bytes,
    /// How many wait to be sent.
    waiting: AtomicUsize,
}

impl Pushes {
    /// Those of an operation: none waits.
    pub(super) fn of(id: Bytes) -> Arc<Self> {
        Arc::new(Self { id, waiting: AtomicUsize::new(0) })
    }
}

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
    /// What all that waits weighs, bytes.
    bytes: usize,
}

impl Queue {
    fn put(&mut self, item: Item) {
        self.replies += item.replies();
        self.bytes += item.bytes();
        self.items.push_back(item);
    }
}

#[derive(Debug)]
enum Item {
    Reply(Vec<u8>),
    /// The result of a query; records that cannot be read become warnings.
    Records(Bytes, VecDeque<Waits>, usize),
    Push(Arc<Pushes>, Waits),
    Pong(BytesMut),
}

/// A record that waits, and what it weighed when it came. Its text may be written meanwhile.
#[derive(Debug)]
struct Waits(Arc<Record>, usize);

impl Waits {
    fn new(record: Arc<Record>) -> Self {
        let weight = record.weight();
        Self(record, weight)
    }
}

impl Item {
    fn replies(&self) -> usize {
        match self {
            Self::Reply(_) | Self::Pong(_) => 1,
            Self::Records(_, records, _) => records.len(),
            Self::Push(..) => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Reply(text) => text.len(),
            Self::Pong(payload) => payload.len(),
            Self::Records(_, _, weight) => *weight,
            Self::Push(_, Waits(_, weight)) => *weight,
        }
    }

    /// Those of what is written next.
    fn next_bytes(&self) -> usize {
        match self {
            Self::Records(_, records, _) => records.front().map_or(0, |Waits(_, weight)| *weight),
            one => one.bytes(),
        }
    }
}

impl Outbox {
    /// An empty queue.
    pub(super) fn new(journal: Option<(Arc<Book>, u64)>, mouth: Option<Mouth>) -> Self {
        Self { journal, mouth: mouth.map(Mutex::new), ..Self::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, item: Item) {
        self.queue().put(item);
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
        self.put(Item::Reply(text));
    }

    /// A message as it is.
    pub(super) fn message(&self, text: Vec<u8>) {
        self.put(Item::Reply(text));
    }

    /// An error.
    pub(super) fn error(&self, id: &[u8], text: &str) {
        self.reply(id, &[b"error", text.as_bytes()]);
    }

    /// The records of a query.
    pub(super) fn records(&self, id: Bytes, records: VecDeque<Arc<Record>>) {
        if !records.is_empty() {
            if let Some((book, connection)) = &self.journal {
                for record in &records {
                    book.told(*connection, &id, "ok", record);
                }
            }
            let id = Bytes::copy_from_slice(&id);
            let records: VecDeque<Waits> = records.into_iter().map(Waits::new).collect();
            let weight = records.iter().map(|Waits(_, weight)| weight).sum();
            self.put(Item::Records(id, records, weight));
        }
    }

    /// The answer to a ping.
    pub(super) fn pong(&self, payload: BytesMut) {
        self.put(Item::Pong(payload));
    }

    /// A change for a subscription; whether it found room.
    pub(super) fn push(&self, pushes: &Arc<Pushes>, record: &Arc<Record>) -> bool {
        let full = self.queue().bytes >= limits::PUSH_BYTES;
        if full || pushes.waiting.fetch_add(1, Ordering::Relaxed) >= limits::PUSHES {
            pushes.waiting.fetch_sub(usize::from(!full), Ordering::Relaxed);
            return false;
        }
        if let Some((book, connection)) = &self.journal {
            book.told(*connection, &pushes.id, record.kind(), record);
        }
        self.put(Item::Push(Arc::clone(pushes), Waits::new(Arc::clone(record))));
        true
    }

    /// Whether another message may be read.
    pub(super) fn has_room(&self) -> bool {
        let queue = self.queue();
        queue.replies < limits::REPLIES && queue.bytes < limits::REPLY_BYTES
    }

    /// Writes what waits as frames, until there is enough to send. What is more than enough is written alone: behind others it
    /// would have the buffer grow to twice its size.
    pub(super) fn fill(&self, out: &mut BytesMut, enough: usize) {
        while out.len() < enough {
            let most = if out.is_empty() { usize::MAX } else { enough };
            let Some(item) = self.take(most) else { return };
            match item {
                Item::Reply(text) => self.write(out, BINARY, &[&text]),
                Item::Pong(payload) => self.write(out, PONG, &[&payload]),
                Item::Push(pushes, Waits(record, _)) => {
                    pushes.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.write_record(out, &pushes.id, record.kind(), &record);
                }
                Item::Records(id, mut records, mut all) => {
                    if let Some(Waits(record, weight)) = records.pop_front() {
                        all -= weight;
                        self.write_record(out, &id, "ok", &record);
                    }
                    if !records.is_empty() {
                        let mut queue = self.queue();
                        let rest = Item::Records(id, records, all);
                        queue.replies += rest.replies();
                        queue.bytes += rest.bytes();
                        queue.items.push_front(rest);
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
            Err(error) => self.write(out, BINARY, &[id, b"|warning|", error.as_bytes()]),
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

    /// What is next, if it weighs no more than that.
    fn take(&self, most: usize) -> Option<Item> {
        let mut queue = self.queue();
        if queue.items.front().is_some_and(|item| item.next_bytes() > most) {
            return None;
        }
        let item = queue.items.pop_front();
        if let Some(item) = &item {
            queue.replies -= item.replies();
            queue.bytes -= item.bytes();
        }
        if queue.items.is_empty() && queue.items.capacity() > 64 {
            queue.items = VecDeque::new();
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Body, Meta};

    fn record(bytes: usize) -> Arc<Record> {
        let body = Body::json(format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)));
        Arc::new(Record::new("core:x", Meta::default(), body))
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let outbox = Outbox::new(None, None);
        outbox.records(Bytes::from_static(b"1"), [record(100), record(limits::REPLY_BYTES)].into());
        assert!(!outbox.has_room());
        let mut out = BytesMut::new();
        outbox.fill(&mut out, 1);
        assert!(!outbox.has_room());
        outbox.fill(&mut out, usize::MAX);
        assert!(outbox.has_room());
        let queue = outbox.queue();
        assert_eq!((queue.replies, queue.bytes), (0, 0));
    }

    #[test]
    fn a_buffer_holds_one_large_record_at_most() {
        let outbox = Outbox::new(None, None);
        outbox.records(Bytes::from_static(b"1"), (0..3).map(|_| record(limits::REPLY_BYTES)).collect());
        let mut out = BytesMut::new();
        outbox.fill(&mut out, 1000);
        let one = out.len();
        bytes::Buf::advance(&mut out, one - 100);
        outbox.fill(&mut out, 1000);
        assert_eq!(out.len(), 100, "the next one waits until the last bytes of this one are away");
        bytes::Buf::advance(&mut out, 100);
        outbox.fill(&mut out, 1000);
        assert_eq!((out.len(), out.capacity()), (one, one));
    }

    #[test]
    fn what_waits_is_bounded_in_number() {
        let outbox = Outbox::new(None, None);
        for _ in 0..limits::REPLIES {
            assert!(outbox.has_room());
            outbox.reply(b"1", &[b"done"]);
        }
        assert!(!outbox.has_room());
    }
}
