//! The connections that the world knows, in little space: a million of them are to fit into a small machine.

mod connection;
mod entity;
mod saved;

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use portmaster_fixtures::scenario::{Bandwidth, ConnectionRow};

use crate::limits;

pub use connection::{Connection, Shared};
pub use entity::entity;

/// Traffic that was measured on a connection.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The connection, as it was.
    pub of: Arc<Connection>,
    /// Unix seconds.
    pub time: i64,
    /// Bytes received.
    pub incoming: i64,
    /// Bytes sent.
    pub outgoing: i64,
}

/// How long a live row stays after its end, in seconds (netquery §6).
pub(super) const KEPT_AFTER_END: i64 = 600;

/// How many texts of what else is known are never looked through.
const EXTRA_AT_LEAST: usize = 1_000;

/// A connection in its set, by its id.
#[derive(Clone, Debug)]
struct ById(Arc<Connection>);

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id()
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for ById {}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ById {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id().cmp(other.0.id())
    }
}

/// All connections, by id. Clones share each collection until one of them changes it.
#[derive(Clone, Default)]
pub struct Connections {
    known: Arc<BTreeSet<ById>>,
    /// What many have in common; never told in an order.
    shared: Arc<HashSet<Arc<Shared>>>,
    /// What else is known of each, which many have in common; never told in an order. Those that nobody has any more are
    /// looked for once there are more than so many.
    extra: Arc<HashSet<Arc<str>>>,
    extra_most: usize,
    /// How many were ever known.
    places: u64,
    /// When those that have ended go, Unix seconds and their places. One that was replaced since is here still, and counts no more.
    going: Arc<BTreeMap<(i64, u64), Arc<Connection>>>,
    /// When some end by themselves. One that was replaced since counts no more.
    ending: Arc<BTreeMap<(Timestamp, u64), Arc<Connection>>>,
}

/// Without the shared values, which are in the rows, and without what counts no more.
impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |one: &Arc<Connection>| self.get(one.id()).is_some_and(|known| Arc::ptr_eq(known, one));
        let going: BTreeSet<_> =
            self.going.iter().filter(|(_, one)| counts(one)).map(|(place, _)| place).collect();
        let ending = self.ending.iter().filter(|(_, one)| counts(one));
        let ending: Vec<_> = ending.map(|((end, _), one)| (end, one.place)).collect();
        let mut told = f.debug_struct("Connections");
        told.field("known", &self.known).field("places", &self.places);
        told.field("going", &going).field("ending", &ending).finish()
    }
}

impl Connections {
    /// All, by id.
    pub fn values(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.known.iter().map(|one| &one.0)
    }

    /// All, in the order in which they came.
    pub fn in_order(&self) -> Vec<&Arc<Connection>> {
        // Where there are many, it takes longer to reach them than to sort them.
        let mut all: Vec<_> = self.values().map(|one| (one.place, one)).collect();
        all.sort_unstable_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, one)| one).collect()
    }

    /// The connection of an id.
    pub fn get(&self, id: &str) -> Option<&Arc<Connection>> {
        self.known.get(id).map(|one| &one.0)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many were ever known, those that are gone included.
    pub fn ever(&self) -> u64 {
        self.places
    }

    /// Forgets all.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        *self = Self { places: self.places, ..Self::default() };
    }

    /// Keeps a connection, new or in the place of an earlier one of the same id. If it has ended, it goes some time after
    /// `now`.
    pub fn insert(&mut self, row: ConnectionRow, now: Timestamp) -> Arc<Connection> {
        let connection = self.keep(row);
        self.let_go_later(&connection, now);
        connection
    }

    /// Keeps many, one after another; a set that is empty is made at once, at the end.
    pub(super) fn filling(&mut self, now: Timestamp) -> Filling<'_> {
        Filling { first: self.is_empty(), all: self, now, kept: Vec::new(), measured: Vec::new() }
    }

    fn keep(&mut self, mut row: ConnectionRow) -> Arc<Connection> {
        let shared = self.share(&mut row);
        let place = self.get(&row.id).map(|earlier| earlier.place);
        self.places += u64::from(place.is_none());
        let connection = Arc::new(Connection::new(&row, shared, place.unwrap_or(self.places)));
        Arc::make_mut(&mut self.known).replace(ById(Arc::clone(&connection)));
        connection
    }

    /// What a row has in common with others, taken out of it.
    fn share(&mut self, row: &mut ConnectionRow) -> (Arc<Shared>, Arc<str>) {
        let text = row.extra_data_text();
        let extra = match self.extra.get(&*text) {
            Some(known) => Arc::clone(known),
            None => {
                let extra: Arc<str> = text.into();
                Arc::make_mut(&mut self.extra).insert(Arc::clone(&extra));
                extra
            }
        };
        let shared = Shared::taken(row);
        if let Some(known) = self.shared.get(&shared) {
            return (Arc::clone(known), extra);
        }
        let shared = Arc::new(shared);
        Arc::make_mut(&mut self.shared).insert(Arc::clone(&shared));
        (shared, extra)
    }

    fn let_go_later(&mut self, connection: &Arc<Connection>, now: Timestamp) {
        if let Some(ended) = connection.ended {
            // Not at once, whenever it ended: what somebody puts into a world is there until its time moves.
            let goes = (ended.as_second() + KEPT_AFTER_END + 1).max(now.as_second() + 1);
            self.goes_at(connection, goes);
        }
    }

    /// Says in which second a connection goes.
    fn goes_at(&mut self, connection: &Arc<Connection>, second: i64) {
        Arc::make_mut(&mut self.going).insert((second, connection.place), Arc::clone(connection));
    }

    /// Ends a connection that is active.
    pub(super) fn end(&mut self, id: &str, now: Timestamp) -> Option<Arc<Connection>> {
        let mut ended = Connection::clone(self.get(id).filter(|one| one.active)?);
        (ended.active, ended.ended) = (false, Some(now));
        let ended = Arc::new(ended);
        Arc::make_mut(&mut self.known).replace(ById(Arc::clone(&ended)));
        self.let_go_later(&ended, now);
        Some(ended)
    }

    /// Lets the connections of a profile be another's, which has this name: these connections.
    pub(super) fn hand_over(&mut self, from: &str, to: &str, name: &str) -> Vec<ConnectionRow> {
        let all: Vec<_> = self.values().filter(|one| one.shared.profile == from).cloned().collect();
        let mut kept = BTreeMap::new();
        let mut rows = Vec::new();
        for one in all {
            let mut row = one.row();
            to.clone_into(&mut row.profile);
            name.clone_into(&mut row.profile_name);
            kept.insert(one.place, (one, self.keep(row.clone())));
            rows.push(row);
        }
        // They end and go when they would have.
        let follow = |one: &mut Arc<Connection>| {
            if let Some((_, new)) = kept.get(&one.place).filter(|(old, _)| Arc::ptr_eq(old, one)) {
                *one = Arc::clone(new);
            }
        };
        if !kept.is_empty() {
            Arc::make_mut(&mut self.going).values_mut().for_each(follow);
            Arc::make_mut(&mut self.ending).values_mut().for_each(follow);
        }
        rows
    }

    /// Counts traffic on a connection that is active.
    pub(super) fn grow(&mut self, id: &str, incoming: i64, outgoing: i64) -> Option<Arc<Connection>> {
        let mut grown = Connection::clone(self.get(id).filter(|one| one.active)?);
        grown.bytes_received += incoming;
        grown.bytes_sent += outgoing;
        let grown = Arc::new(grown);
        Arc::make_mut(&mut self.known).replace(ById(Arc::clone(&grown)));
        Some(grown)
    }

    /// Says when a connection ends by itself.
    pub(super) fn ends_at(&mut self, connection: &Arc<Connection>, end: Timestamp) {
        Arc::make_mut(&mut self.ending).insert((end, connection.place), Arc::clone(connection));
    }

    /// The instant at which the next connection ends or goes by itself.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let goes = self.going.first_key_value();
        let goes = goes.map(|((second, _), _)| Timestamp::from_second(*second).unwrap_or(Timestamp::MAX));
        goes.into_iter().chain(self.ending.first_key_value().map(|((end, _), _)| *end)).min()
    }

    /// The ids of those that end by themselves by an instant, the first ones of very many.
    pub(super) fn take_ending(&mut self, now: Timestamp) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < limits::DUE_AT_ONCE
            && self.ending.first_key_value().is_some_and(|((end, _), _)| *end <= now)
        {
            let Some((_, one)) = Arc::make_mut(&mut self.ending).pop_first() else { break };
            if self.get(one.id()).is_some_and(|known| Arc::ptr_eq(known, &one)) {
                ids.push(one.id().to_owned());
            }
        }
        ids
    }

    /// Lets go of what ended long ago, the first ones of very many.
    pub(super) fn take_gone(&mut self, now: Timestamp) -> Vec<Arc<Connection>> {
        let mut gone = Vec::new();
        while gone.len() < limits::DUE_AT_ONCE
            && self.going.first_key_value().is_some_and(|((second, _), _)| *second <= now.as_second())
        {
            let Some((_, one)) = Arc::make_mut(&mut self.going).pop_first() else { break };
            if self.get(one.id()).is_some_and(|known| Arc::ptr_eq(known, &one)) {
                Arc::make_mut(&mut self.known).remove(one.id());
                gone.push(one);
            }
        }
        gone
    }

    /// Forgets the values that no row has any more.
    pub(super) fn forget_unshared(&mut self) {
        // Known here and nowhere else: nobody has them.
        if self.shared.iter().any(|shared| Arc::strong_count(shared) == 1) {
            Arc::make_mut(&mut self.shared).retain(|shared| Arc::strong_count(shared) > 1);
        }
        if self.extra.len() > self.extra_most {
            Arc::make_mut(&mut self.extra).retain(|extra| Arc::strong_count(extra) > 1);
            self.extra_most = 2 * self.extra.len() + EXTRA_AT_LEAST;
        }
    }
}

/// Connections while many are added.
pub(super) struct Filling<'a> {
    all: &'a mut Connections,
    now: Timestamp,
    /// Whether these are the first.
    first: bool,
    kept: Vec<Arc<Connection>>,
    measured: Vec<Traffic>,
}

impl Filling<'_> {
    /// Adds one, with the traffic that was measured on it; it may end by itself.
    pub(super) fn add(&mut self, mut row: ConnectionRow, bandwidth: Vec<Bandwidth>, end: Option<Timestamp>) {
        let kept = if self.first {
            let shared = self.all.share(&mut row);
            self.all.places += 1;
            let kept = Arc::new(Connection::new(&row, shared, self.all.places));
            self.all.let_go_later(&kept, self.now);
            self.kept.push(Arc::clone(&kept));
            kept
        } else {
            self.all.insert(row, self.now)
        };
        end.into_iter().for_each(|end| self.all.ends_at(&kept, end));
        self.measured.extend(bandwidth.into_iter().map(|Bandwidth { time, incoming, outgoing, .. }| {
            Traffic { of: Arc::clone(&kept), time, incoming, outgoing }
        }));
    }

    /// Ends with what was measured on them.
    pub(super) fn end(self) -> Vec<Traffic> {
        if self.first {
            // Of an id that came several times the last counts.
            let mut order: Vec<(&str, &Arc<Connection>)> =
                self.kept.iter().map(|one| (one.id(), one)).collect();
            order.sort_by_key(|(id, _)| *id);
            self.all.known = Arc::new(order.into_iter().map(|(_, one)| ById(Arc::clone(one))).collect());
        }
        self.measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_copies_nothing_and_sees_no_change() {
        let now: Timestamp = "2026-03-16T09:30:00Z".parse().unwrap();
        let mut all = Connections::default();
        for id in ["a", "b"] {
            let kept =
                all.insert(ConnectionRow { id: id.to_owned(), active: true, ..Default::default() }, now);
            all.ends_at(&kept, now);
        }
        let before = all.clone();
        assert!(Arc::ptr_eq(&all.known, &before.known) && Arc::ptr_eq(&all.ending, &before.ending));
        assert!(all.take_ending(now - jiff::SignedDuration::from_secs(1)).is_empty());
        assert!(Arc::ptr_eq(&all.ending, &before.ending), "nothing was due");
        assert_eq!(all.take_ending(now), ["a", "b"]);
        all.end("a", now).unwrap();
        assert!(!all.get("a").unwrap().active && before.get("a").unwrap().active);
        assert_eq!((all.next_due().is_some(), before.next_due()), (true, Some(now)));
        assert!(Arc::ptr_eq(&all.shared, &before.shared), "what they share stays shared");
    }
}
