//! Who is told of changes: subscriptions by database, in the order in which they were made.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use portmaster_wire::together::{Full, Share, Together};

use super::outbox::{Outbox, Pushes};
use crate::{
    limits::{self, Work},
    query::Query,
    world::Record,
};

/// A subscription of a client.
#[derive(Debug)]
struct Subscription {
    prefix: String,
    query: Query,
    outbox: Arc<Outbox>,
    pushes: Arc<Pushes>,
    /// What counts it.
    _held: Share<Arc<Together>>,
}

/// Subscriptions by their numbers, those of each database apart.
type ByDatabase = BTreeMap<String, BTreeMap<u64, Subscription>>;

/// Where a subscription is: its database and its number.
pub(super) type Place = (String, u64);

/// All subscriptions.
#[derive(Debug)]
pub(super) struct Subscribers {
    by_database: Mutex<ByDatabase>,
    /// How many subscriptions there are.
    count: AtomicUsize,
    made: AtomicU64,
    dropped: AtomicU64,
    /// How much they all are.
    held: Arc<Together>,
}

impl Default for Subscribers {
    fn default() -> Self {
        Self {
            by_database: Mutex::default(),
            count: AtomicUsize::new(0),
            made: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            held: Arc::new(Together::new(limits::SUBSCRIPTION_BYTES, 0)),
        }
    }
}

/// About how many bytes a subscription takes.
fn weight(id: &[u8], text: &str) -> usize {
    // The id is kept twice; each expression is compiled.
    let expressions = text.matches("matches").count() + text.matches(" re ").count();
    limits::SUBSCRIPTION + 2 * id.len() + 2 * text.len() + expressions * limits::REGEX / 4
}

impl Subscribers {
    fn lock(&self) -> MutexGuard<'_, ByDatabase> {
        self.by_database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a subscription.
    ///
    /// # Errors
    /// When all together are too much.
    pub(super) fn add(
        &self,
        id: &[u8],
        (text, query): (&str, Query),
        outbox: &Arc<Outbox>,
    ) -> Result<Place, Full> {
        let mut held = Share::of(Arc::clone(&self.held));
        held.is(weight(id, text))?;
        let (database, prefix) = query.prefix.split_once(':').unwrap_or((&query.prefix, ""));
        let place = (database.to_owned(), self.made.fetch_add(1, Ordering::Relaxed));
        let subscription = Subscription {
            // The id is a part of the message that it came in, which would stay with it.
            pushes: Pushes::of(Bytes::copy_from_slice(id)),
            prefix: prefix.to_owned(),
            outbox: Arc::clone(outbox),
            query,
            _held: held,
        };
        self.lock().entry(place.0.clone()).or_default().insert(place.1, subscription);
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(place)
    }

    /// Ends a subscription.
    pub(super) fn cancel(&self, (database, number): &Place) {
        let gone = self.lock().get_mut(database).and_then(|all| all.remove(number));
        self.count.fetch_sub(usize::from(gone.is_some()), Ordering::Relaxed);
    }

    /// Ends all subscriptions of a client, a few at a time: nobody who publishes waits for all of them.
    pub(super) fn leave<'a>(&self, places: impl Iterator<Item = &'a Place>) {
        for place in places {
            self.cancel(place);
        }
    }

    /// Whether anybody listens to anything.
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Whether anybody listens to keys of a database that begin like this.
    pub(super) fn listens(&self, database: &str) -> bool {
        self.lock().get(database).is_some_and(|list| !list.is_empty())
    }

    /// Tells everybody who asked for it of a record's change.
    pub(super) fn publish(&self, record: &Arc<Record>) {
        if record.hidden {
            return;
        }
        let (database, key) = record.place();
        let all = self.lock();
        let Some(list) = all.get(database) else { return };
        for one in list.values() {
            let asked = key.starts_with(&one.prefix)
                && one
                    .query
                    .condition
                    .as_ref()
                    .is_none_or(|condition| condition.matches(&**record, &Work::new(limits::PUSH_WORK)));
            if asked && !one.outbox.push(&one.pushes, record) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many pushes were dropped because their readers were too slow.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
