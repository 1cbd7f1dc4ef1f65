//! What waits to be sent to a client. Replies wait for room, pushes are dropped when there is none: a slow reader
//! never holds up the world.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Buf, Bytes, BytesMut};
use portmaster_fixtures::mutant::FrameKind;
use tokio::sync::Notify;

use super::frames::{self, BINARY, CLOSE, PONG, TEXT};
use crate::{
    core::{Book, Held, Unsent, Waiting},
    limits,
    mutants::Mouth,
    world::Record,
};

/// From how many bytes on a text is sent from where it is, and not copied behind others.
const LONG: usize = 64 << 10;

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
#[derive(Debug)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    /// Something waits to be sent.
    pub(super) ready: Notify,
    /// The client is given up.
    pub(super) over: Notify,
    /// How long the messages are that called the API and wait, bytes.
    calls: AtomicUsize,
    /// How much room is kept for what is on its way to the socket, bytes.
    room: AtomicUsize,
    unsent: Arc<Unsent>,
    /// Where it is recorded what is to be sent, and the connection's number there.
    journal: Option<(Arc<Book>, u64)>,
    /// What is said otherwise than it should be, if something is.
    mouth: Option<Mutex<Mouth>>,
}

#[derive(Debug)]
struct Queue {
    items: VecDeque<Item>,
    /// Replies and records of queries that wait.
    replies: usize,
    /// What all that waits weighs, bytes.
    bytes: usize,
    /// What nobody else has of it: replies, and what it takes to wait.
    own: usize,
    /// What counts them.
    held: Held,
    /// Nothing more is sent.
    is_over: bool,
}

impl Queue {
    fn count(&mut self, item: &Item) {
        self.replies += item.replies();
        self.bytes += item.bytes();
        self.own += item.own();
        let _ = self.held.is(self.own);
    }

    fn put(&mut self, item: Item) {
        if !self.is_over {
            self.count(&item);
            self.items.push_back(item);
        }
    }
}

/// What is on its way to the socket.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: BytesMut,
    /// A long text behind them.
    rest: Bytes,
    /// What counts it.
    held: Option<Arc<Held>>,
}

impl Output {
    /// How many bytes are kept for it that nobody counts yet.
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.bytes.len() + self.rest.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.bytes.is_empty() { &self.rest } else { &self.bytes }
    }

    fn advance(&mut self, count: usize) {
        let first = count.min(self.bytes.len());
        self.bytes.advance(first);
        self.rest.advance(count - first);
        if self.rest.is_empty() {
            (self.rest, self.held) = (Bytes::new(), None);
        }
    }
}

#[derive(Debug)]
enum Item {
    Reply(Bytes),
    /// The result of a query; records that cannot be read become warnings.
    Records(Bytes, VecDeque<Waits>, usize),
    Push(Arc<Pushes>, Waits),
    Pong(Bytes),
}

/// A record that waits, and what counts it.
#[derive(Debug)]
struct Waits(Arc<Record>, Arc<Held>);

impl Waits {
    fn new(record: Arc<Record>, unsent: &Unsent) -> Self {
        let held = record.waits(unsent.all());
        Self(record, held)
    }

    fn weight(&self) -> usize {
        self.1.counted()
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
            Self::Reply(_) | Self::Pong(_) => self.own(),
            Self::Records(_, _, weight) => self.own() + *weight,
            Self::Push(_, record) => self.own() + record.weight(),
        }
    }

    /// Those that only this item has.
    fn own(&self) -> usize {
        match self {
            Self::Reply(text) => text.len() + size_of::<Self>(),
            Self::Pong(payload) => payload.len() + size_of::<Self>(),
            Self::Records(id, ..) => id.len() + size_of::<Self>(),
            Self::Push(..) => size_of::<Self>(),
        }
    }

    /// Those of what is written next.
    fn next_bytes(&self) -> usize {
        match self {
            Self::Records(_, records, _) => records.front().map_or(0, Waits::weight),
            one => one.bytes(),
        }
    }
}

impl Outbox {
    /// An empty queue.
    pub(super) fn new(
        unsent: Arc<Unsent>,
        journal: Option<(Arc<Book>, u64)>,
        mouth: Option<Mouth>,
    ) -> Arc<Self> {
        let queue = Queue {
            items: VecDeque::new(),
            replies: 0,
            bytes: 0,
            own: 0,
            held: unsent.held(),
            is_over: false,
        };
        let outbox = Arc::new(Self {
            queue: Mutex::new(queue),
            ready: Notify::new(),
            over: Notify::new(),
            calls: AtomicUsize::new(0),
            room: AtomicUsize::new(0),
            unsent: Arc::clone(&unsent),
            journal,
            mouth: mouth.map(Mutex::new),
        });
        let client: Weak<Self> = Arc::downgrade(&outbox);
        unsent.join(client);
        outbox
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, item: Item) {
        self.queue().put(item);
        self.unsent.relieve();
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
        self.put(Item::Reply(text.into()));
    }

    /// A message as it is.
    pub(super) fn message(&self, text: Vec<u8>) {
        self.put(Item::Reply(text.into()));
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
            let records: VecDeque<Waits> =
                records.into_iter().map(|one| Waits::new(one, &self.unsent)).collect();
            let weight = records.iter().map(Waits::weight).sum();
            self.put(Item::Records(id, records, weight));
        }
    }

    /// The answer to a ping.
    pub(super) fn pong(&self, payload: &[u8]) {
        // It came in a buffer with others, which would stay with it.
        self.put(Item::Pong(Bytes::copy_from_slice(payload)));
    }

    /// A change for a subscription; whether it found room.
    pub(super) fn push(&self, pushes: &Arc<Pushes>, record: &Arc<Record>) -> bool {
        let queue = self.queue();
        let full = queue.is_over || queue.bytes >= limits::PUSH_BYTES;
        drop(queue);
        if full || pushes.waiting.fetch_add(1, Ordering::Relaxed) >= limits::PUSHES {
            pushes.waiting.fetch_sub(usize::from(!full), Ordering::Relaxed);
            return false;
        }
        if let Some((book, connection)) = &self.journal {
            book.told(*connection, &pushes.id, record.kind(), record);
        }
        self.put(Item::Push(Arc::clone(pushes), Waits::new(Arc::clone(record), &self.unsent)));
        true
    }

    /// Counts the room that is kept for what is on its way to the socket.
    pub(super) fn leaves(&self, output: &Output, counted: &mut Held) {
        self.room.store(output.room(), Ordering::Relaxed);
        if counted.is(output.room()).is_err() {
            self.unsent.relieve();
        }
    }

    /// Whether so much waits that it was work to make it.
    pub(super) fn is_long(&self) -> bool {
        self.queue().bytes >= limits::UNREAD_EACH
    }

    /// Whether another message may be read.
    pub(super) fn has_room(&self) -> bool {
        let queue = self.queue();
        let bytes = queue.bytes + self.calls.load(Ordering::Relaxed);
        queue.replies < limits::REPLIES && bytes < limits::REPLY_BYTES
    }

    /// Counts a message that called the API and waits.
    pub(super) fn calls(self: Arc<Self>, bytes: usize) -> Calling {
        self.calls.fetch_add(bytes, Ordering::Relaxed);
        let mut held = self.unsent.held();
        let _ = held.is(bytes);
        self.unsent.relieve();
        Calling(self, bytes, held)
    }

    /// Writes what waits as frames, until there is enough to send. What is more than enough is written alone: behind others it
    /// would have the buffer grow to twice its size.
    pub(super) fn fill(&self, out: &mut Output, enough: usize) {
        while out.rest.is_empty() && out.remaining() < enough {
            let most = if !out.has_remaining() { usize::MAX } else { enough };
            let Some(item) = self.take(most) else { return };
            match item {
                Item::Reply(text) => {
                    let counted = (text.len() > LONG).then(|| {
                        let mut held = self.unsent.held();
                        let _ = held.is(text.len());
                        Arc::new(held)
                    });
                    self.write_long(out, &[], text, counted);
                }
                Item::Pong(payload) => self.write(&mut out.bytes, PONG, &[&payload]),
                Item::Push(pushes, record) => {
                    pushes.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.write_record(out, &pushes.id, record.0.kind(), record);
                }
                Item::Records(id, mut records, mut all) => {
                    if let Some(record) = records.pop_front() {
                        all -= record.weight();
                        self.write_record(out, &id, "ok", record);
                    }
                    let mut queue = self.queue();
                    if !records.is_empty() && !queue.is_over {
                        let rest = Item::Records(id, records, all);
                        queue.count(&rest);
                        queue.items.push_front(rest);
                    }
                }
            }
        }
    }

    /// Writes a close frame.
    pub(super) fn write_close(&self, out: &mut Output, code: Option<u16>, reason: &str) {
        match code {
            Some(code) => self.write(&mut out.bytes, CLOSE, &[&code.to_be_bytes(), reason.as_bytes()]),
            None => self.write(&mut out.bytes, CLOSE, &[]),
        }
    }

    /// `ID|KIND|KEY|J{…}`, `ID|del|KEY` or, for a record that cannot be read, `ID|warning|TEXT`.
    fn write_record(&self, out: &mut Output, id: &[u8], kind: &str, Waits(record, held): Waits) {
        let bar: &[u8] = b"|";
        let key = record.key.as_bytes();
        if kind == "del" {
            return self.write(&mut out.bytes, BINARY, &[id, b"|del|", key]);
        }
        match record.text() {
            Ok(text) => {
                let before = &[id, bar, kind.as_bytes(), bar, key, b"|J"];
                self.write_long(out, before, text.clone(), Some(held));
            }
            Err(error) => self.write(&mut out.bytes, BINARY, &[id, b"|warning|", error.as_bytes()]),
        }
    }

    /// Writes a message whose end may be long, which is then not copied.
    fn write_long(&self, out: &mut Output, before: &[&[u8]], text: Bytes, held: Option<Arc<Held>>) {
        if text.len() <= LONG || self.mouth.is_some() {
            return self.write(&mut out.bytes, BINARY, &[before, &[&text]].concat());
        }
        let length = before.iter().map(|piece| piece.len()).sum::<usize>();
        out.bytes.reserve(length + 10);
        frames::head(&mut out.bytes, BINARY, length + text.len());
        before.iter().for_each(|piece| out.bytes.extend_from_slice(piece));
        (out.rest, out.held) = (text, held);
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
            queue.own -= item.own();
            let own = queue.own;
            let _ = queue.held.is(own);
        }
        if queue.items.is_empty() && queue.items.capacity() > 64 {
            queue.items = VecDeque::new();
        }
        item
    }
}

impl Waiting for Outbox {
    fn weight(&self) -> (usize, usize) {
        let queue = self.queue();
        let records = queue.items.iter().filter(|item| matches!(item, Item::Records(..)));
        let longest = records.map(Item::bytes).max().unwrap_or_default();
        let others = self.calls.load(Ordering::Relaxed) + self.room.load(Ordering::Relaxed);
        (queue.bytes + others, longest)
    }

    fn give_up(&self) {
        let mut queue = self.queue();
        queue.is_over = true;
        (queue.replies, queue.bytes, queue.own) = (0, 0, 0);
        let _ = queue.held.is(0);
        let items = std::mem::take(&mut queue.items);
        drop(queue);
        drop(items);
        self.over.notify_one();
    }
}

/// A call of the API that waits.
pub(super) struct Calling(Arc<Outbox>, usize, #[allow(dead_code, reason = "it counts")] Held);

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(self.1, Ordering::Relaxed);
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
        let outbox = Outbox::new(Arc::default(), None, None);
        outbox.records(Bytes::from_static(b"1"), [record(100), record(limits::REPLY_BYTES)].into());
        assert!(!outbox.has_room());
        let mut out = Output::default();
        outbox.fill(&mut out, 1);
        assert!(!outbox.has_room());
        out.advance(out.remaining());
        outbox.fill(&mut out, 1);
        assert!(outbox.has_room());
        let queue = outbox.queue();
        assert_eq!((queue.replies, queue.bytes), (0, 0));
    }

    #[test]
    fn a_long_record_is_sent_alone_and_from_where_it_is() {
        let outbox = Outbox::new(Arc::default(), None, None);
        outbox.records(Bytes::from_static(b"1"), (0..3).map(|_| record(limits::REPLY_BYTES)).collect());
        let mut out = Output::default();
        outbox.fill(&mut out, 1000);
        let one = out.remaining();
        assert!(one > limits::REPLY_BYTES && out.room() < 100);
        out.advance(one - 100);
        outbox.fill(&mut out, 1000);
        assert_eq!(out.remaining(), 100, "the next one waits until the last bytes of this one are away");
        out.advance(100);
        outbox.fill(&mut out, 1000);
        assert_eq!(out.remaining(), one);
        let mut frame = Vec::new();
        while out.has_remaining() {
            frame.extend_from_slice(out.chunk());
            out.advance(out.chunk().len());
        }
        assert_eq!(frame.len(), one);
        assert_eq!(&frame[10..26], br#"1|ok|core:x|J{"a"#);
    }

    #[test]
    fn a_record_counts_once_however_many_wait_for_it_and_nothing_of_who_is_given_up() {
        let unsent = Arc::<Unsent>::default();
        let outboxes: Vec<_> = (0..100).map(|_| Outbox::new(Arc::clone(&unsent), None, None)).collect();
        let one = record(limits::UNSENT / 4);
        for outbox in &outboxes {
            outbox.records(Bytes::from_static(b"1"), [Arc::clone(&one)].into());
        }
        assert!(outboxes.iter().all(|outbox| !outbox.has_room()));
        // It weighs half of the bound and a little, as do four others. The longest does not count, so that there is room for one more.
        for outbox in &outboxes[..4] {
            outbox.records(Bytes::from_static(b"2"), [record(limits::UNSENT / 4)].into());
        }
        let over = outboxes.iter().filter(|outbox| outbox.queue().is_over).count();
        assert_eq!(over, 3);
    }

    #[test]
    fn what_a_push_takes_to_wait_counts_for_each_client() {
        let outbox = Outbox::new(Arc::default(), None, None);
        let (pushes, one) = (Pushes::of(Bytes::from_static(b"1")), record(10));
        assert!((0..limits::PUSHES).all(|_| outbox.push(&pushes, &one)));
        assert!(!outbox.push(&pushes, &one));
        assert_eq!(outbox.queue().own, limits::PUSHES * size_of::<Item>());
        outbox.give_up();
        assert!(!outbox.push(&Pushes::of(Bytes::from_static(b"2")), &one), "nobody is there");
    }

    #[test]
    fn what_waits_is_bounded_in_number() {
        let outbox = Outbox::new(Arc::default(), None, None);
        for _ in 0..limits::REPLIES {
            assert!(outbox.has_room());
            outbox.reply(b"1", &[b"done"]);
        }
        assert!(!outbox.has_room());
    }
}
