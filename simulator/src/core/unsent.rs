//! What waits to be sent to clients that read slowly or not at all: held against one bound for all of them together.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use portmaster_wire::together::{Share, Together};
use tokio::sync::Notify;

use crate::limits;

/// By how much there may be more than when somebody last looked.
const STEP: usize = limits::UNSENT / 64;

/// What is held while something waits to be sent.
pub(crate) type Held = Share<Arc<Together>>;

/// A client for which something waits.
pub(crate) trait Waiting: Send + Sync {
    /// How much waits for it, and how much of that is one answer, the longest. Bytes.
    fn weight(&self) -> (usize, usize);

    /// Nothing more is sent to it: what waits is thrown away, and its connection ends.
    fn give_up(&self);
}

/// All that waits to be sent.
pub(crate) struct Unsent {
    all: Arc<Together>,
    /// How much too much there was when somebody last looked, or has been since.
    seen: AtomicUsize,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    all: Vec<Weak<dyn Waiting>>,
    /// With how many the list is looked through for those that are gone.
    crowded: usize,
}

impl std::fmt::Debug for Unsent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.all.fmt(f)
    }
}

impl Default for Unsent {
    fn default() -> Self {
        Self {
            all: Arc::new(Together::new(limits::UNSENT, 0)),
            seen: AtomicUsize::new(0),
            clients: Mutex::default(),
        }
    }
}

impl Unsent {
    /// How many bytes wait.
    pub(crate) fn all(&self) -> &Arc<Together> {
        &self.all
    }

    /// A share of nothing yet.
    pub(crate) fn held(&self) -> Held {
        Share::of(Arc::clone(&self.all))
    }

    /// A client from now on, until it is dropped.
    pub(crate) fn join(&self, client: Weak<dyn Waiting>) {
        let mut clients = self.clients();
        if clients.all.len() >= clients.crowded {
            clients.all.retain(|one| one.strong_count() > 0);
            clients.crowded = 2 * clients.all.len() + 16;
        }
        clients.all.push(client);
    }

    /// If there is more than may be, those who hold the most are given up. One answer may be as long as it likes: the longest
    /// does not count.
    pub(crate) fn relieve(&self) {
        let excess = self.all.excess();
        let seen = self.seen.load(Ordering::Relaxed).min(excess);
        self.seen.store(seen, Ordering::Relaxed);
        // All are asked for what they hold: not again before there is more by a step.
        if excess < seen + STEP {
            return;
        }
        // One after the other: what somebody else gives up already is not given up twice.
        let clients = self.clients();
        let mut all: Vec<_> =
            clients.all.iter().filter_map(Weak::upgrade).map(|one| (one.weight(), one)).collect();
        let mut longest = 0;
        if let Some(((all, one), _)) = all.iter_mut().max_by_key(|((_, one), _)| *one) {
            *all -= *one;
            longest = *one;
        }
        all.sort_by_key(|((all, _), _)| std::cmp::Reverse(*all));
        for ((weight, _), client) in all {
            if self.all.excess() <= longest || weight < limits::UNREAD_EACH {
                break;
            }
            client.give_up();
        }
        self.seen.store(self.all.excess(), Ordering::Relaxed);
    }

    /// Lets an answer be sent by whoever holds these bytes; they count until nobody does. Who is to be told that its client was
    /// given up is `end`.
    pub(crate) fn answer(&self, bytes: Bytes, end: &Arc<Notify>) -> Bytes {
        if bytes.len() < limits::UNREAD_EACH {
            return bytes;
        }
        let mut held = self.held();
        let full = held.is(bytes.len()).is_err();
        let length = AtomicUsize::new(bytes.len());
        let answer = Arc::new(Answer { length, held: Mutex::new(held), end: Arc::clone(end) });
        let client: Weak<Answer> = Arc::downgrade(&answer);
        self.join(client);
        if full {
            self.relieve();
        }
        Bytes::from_owner(Owned(bytes, answer))
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer of HTTP that waits to be sent.
struct Answer {
    length: AtomicUsize,
    held: Mutex<Held>,
    end: Arc<Notify>,
}

impl Waiting for Answer {
    fn weight(&self) -> (usize, usize) {
        let length = self.length.load(Ordering::Relaxed);
        (length, length)
    }

    fn give_up(&self) {
        self.length.store(0, Ordering::Relaxed);
        let _ = self.held.lock().unwrap_or_else(PoisonError::into_inner).is(0);
        self.end.notify_one();
    }
}

/// Bytes and what counts them.
struct Owned(Bytes, #[allow(dead_code, reason = "it counts for as long as it is there")] Arc<Answer>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that counts how often it is asked.
    struct Asked(AtomicUsize);

    impl Waiting for Asked {
        fn weight(&self) -> (usize, usize) {
            self.0.fetch_add(1, Ordering::Relaxed);
            (0, 0)
        }

        fn give_up(&self) {}
    }

    #[test]
    fn not_all_are_asked_for_every_byte() {
        let unsent = Unsent::default();
        let asked = Arc::new(Asked(AtomicUsize::new(0)));
        let client: Weak<Asked> = Arc::downgrade(&asked);
        unsent.join(client);
        let mut held = unsent.held();
        for more in 0..10_000 {
            let _ = held.is(limits::UNSENT + STEP + more * 100);
            unsent.relieve();
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 1);
        let _ = held.is(limits::UNSENT);
        unsent.relieve();
        let _ = held.is(limits::UNSENT + STEP);
        unsent.relieve();
        assert_eq!(asked.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn whoever_holds_the_most_is_given_up_but_for_the_longest_answer() {
        let unsent = Unsent::default();
        let ends: Vec<Arc<Notify>> = (0..4).map(|_| Arc::default()).collect();
        let half = limits::UNSENT / 2;
        let answers: Vec<Bytes> = [4 * half, half, half - 1, half]
            .into_iter()
            .zip(&ends)
            .map(|(length, end)| unsent.answer(vec![0; length].into(), end))
            .collect();
        let over = |end: &Arc<Notify>| futures_util::FutureExt::now_or_never(end.notified()).is_some();
        assert_eq!(ends.iter().map(over).collect::<Vec<_>>(), [false, true, false, false]);
        assert_eq!(unsent.all.excess(), 6 * half - 1 - limits::UNSENT);
        drop(answers);
        assert_eq!(unsent.all.excess(), 0);
        let mut all = unsent.held();
        assert!(all.is(limits::UNSENT).is_ok());
    }
}
