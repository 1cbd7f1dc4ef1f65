//! Who is told of changes: subscriptions by database, in the order in which they were made.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;

use super::outbox::{Outbox, Waiting};
use crate::{query::Query, world::Record};

/// A subscription of a client.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The operation's id.
    pub(super) id: Bytes,
    session: u64,
    database: String,
    prefix: String,
    query: Query,
    outbox: Arc<Outbox>,
    /// How many pushes wait to be sent.
    pub(super) waiting: Waiting,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    by_database: Mutex<BTreeMap<String, Vec<Arc<Subscription>>>>,
    /// How many subscriptions there are.
    count: AtomicUsize,
    sessions: AtomicU64,
    dropped: AtomicU64,
}

impl Subscribers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Arc<Subscription>>>> {
        self.by_database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new session.
    pub(super) fn session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a subscription.
    pub(super) fn add(&self, session: u64, id: Bytes, query: Query, outbox: &Arc<Outbox>) {
        let (database, prefix) = query.prefix.split_once(':').unwrap_or((&query.prefix, ""));
        let subscription = Subscription {
            id,
            session,
            database: database.to_owned(),
            prefix: prefix.to_owned(),
            outbox: Arc::clone(outbox),
            waiting: Waiting::default(),
            query,
        };
        self.lock().entry(subscription.database.clone()).or_default().push(Arc::new(subscription));
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the latest subscription of a session that has this id; whether there was one.
    pub(super) fn cancel(&self, session: u64, id: &[u8], made: &mut Vec<(Option<Bytes>, String)>) -> bool {
        let Some(at) = made.iter().position(|(one, _)| one.as_deref() == Some(id)) else { return false };
        let (_, database) = made.remove(at);
        let mut all = self.lock();
        if let Some(list) = all.get_mut(&database)
            && let Some(at) = list.iter().rposition(|one| one.session == session && one.id == id)
        {
            list.remove(at);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }

    /// Ends all subscriptions of a session.
    pub(super) fn leave(&self, session: u64, made: &[(Option<Bytes>, String)]) {
        let mut all = self.lock();
        for (_, database) in made {
            if let Some(list) = all.get_mut(database) {
                let before = list.len();
                list.retain(|one| one.session != session);
                self.count.fetch_sub(before - list.len(), Ordering::Relaxed);
            }
        }
    }

    /// Whether anybody listens to anything.
    pub(crate) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Whether anybody listens to keys of a database that begin like this.
    pub(super) fn listens(&self, database: &str) -> bool {
        self.lock().get(database).is_some_and(|list| !list.is_empty())
    }

    /// Tells everybody who asked for it of a record's change.
    pub(crate) fn publish(&self, record: &Arc<Record>) {
        if record.hidden {
            return;
        }
        let (database, key) = record.place();
        let all = self.lock();
        let Some(list) = all.get(database) else { return };
        for one in list {
            let asked = key.starts_with(&one.prefix)
                && one.query.condition.as_ref().is_none_or(|condition| condition.matches(&**record));
            if asked && !one.outbox.push(one, record) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many pushes were dropped because their readers were too slow.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
