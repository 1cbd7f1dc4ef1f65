//! The records that are kept as they were written: the databases `core` and `cache`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Event, Record, World};
use crate::{limits, ordered::ordered};

/// The account of a person who is logged in.
pub(super) const ACCOUNT: &str = "core:spn/account/user";

/// What the account logs in with.
pub const TOKEN: &str = "core:spn/account/authtoken";

/// The note of which broadcasts were dismissed.
pub const BROADCASTS: &str = "core:broadcasts/state";

/// What the keys of answers in the DNS cache begin with.
pub const NAME_RECORDS: &str = "cache:intel/nameRecord/";

/// A store of records by key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct Store {
    by_key: BTreeMap<String, (u64, Arc<Record>)>,
    written: u64,
    /// What they hold all in all.
    #[serde(skip)]
    bytes: usize,
}

/// What is saved of a store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    by_key: BTreeMap<String, (u64, Arc<Record>)>,
    written: u64,
}

impl From<Saved> for Store {
    fn from(Saved { by_key, written }: Saved) -> Self {
        let bytes = by_key.values().map(|(_, record)| record.held()).sum();
        Self { by_key, written, bytes }
    }
}

impl Store {
    /// A record that has not expired, by its key without the database.
    pub fn get(&self, key: &str, now: Timestamp) -> Option<&Arc<Record>> {
        let (_, record) = self.by_key.get(key)?;
        let expires = record.meta.expires;
        (expires == 0 || expires > now.as_second()).then_some(record)
    }

    /// The records whose keys begin like this, by key or in the order in which they were first written.
    pub fn list(&self, prefix: &str, by_key: bool, now: Timestamp) -> VecDeque<Arc<Record>> {
        let from = self.by_key.range(prefix.to_owned()..);
        let mut found: Vec<_> = from
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(_, entry)| entry)
            .filter(|(_, record)| record.meta.expires == 0 || record.meta.expires > now.as_second())
            .collect();
        if !by_key {
            found.sort_by_key(|(at, _)| *at);
        }
        found.into_iter().map(|(_, record)| Arc::clone(record)).collect()
    }

    /// Keeps a record in the place of an earlier one.
    fn put(&mut self, record: Arc<Record>) {
        let (_, key) = record.place();
        self.bytes = self.bytes_with(&record);
        match self.by_key.get_mut(key) {
            Some((_, place)) => *place = record,
            None => {
                self.written += 1;
                self.by_key.insert(key.to_owned(), (self.written, record));
            }
        }
    }

    /// What all would hold with a record in the place of an earlier one.
    fn bytes_with(&self, record: &Record) -> usize {
        let earlier = self.by_key.get(record.place().1).map_or(0, |(_, earlier)| earlier.held());
        self.bytes - earlier + record.held()
    }

    fn remove(&mut self, key: &str) -> Option<Arc<Record>> {
        let (_, record) = self.by_key.remove(key)?;
        self.bytes -= record.held();
        Some(record)
    }
}

/// The stores.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// `core:`
    pub core: Store,
    /// `cache:`
    pub cache: Store,
}

impl Records {
    fn store(&self, database: &str) -> &Store {
        if database == "cache" { &self.cache } else { &self.core }
    }

    fn store_mut(&mut self, database: &str) -> &mut Store {
        if database == "cache" { &mut self.cache } else { &mut self.core }
    }
}

/// Which broadcasts were dismissed when, as the record says. A core that cannot read it knows of none.
fn dismissed(record: &Record) -> BTreeMap<String, Timestamp> {
    let text = record.text().map(|text| text.as_ref()).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let states = value.get("States").and_then(|states| states.as_object()).into_iter().flatten();
    ordered(states.filter_map(|(id, state)| Some((id.clone(), state.get("Read")?.as_str()?.parse().ok()?))))
}

impl World {
    /// Whether there is room for a record.
    pub(super) fn has_room(&self, record: &Record) -> bool {
        let both = self.records.core.bytes + self.records.cache.bytes;
        let store = self.records.store(record.place().0);
        both - store.bytes + store.bytes_with(record) <= limits::STORED
    }

    /// Keeps a record, and tells of it. What the core itself reads there, it reads anew.
    pub(super) fn keep(&mut self, record: Record) {
        let record = Arc::new(record);
        self.records.store_mut(record.place().0).put(Arc::clone(&record));
        self.emit(Event::Record(Arc::clone(&record)));
        match record.key.as_str() {
            // The token is a record of its own: the core's stays, whatever becomes of the account.
            ACCOUNT => {
                let own = self.spn.holds_token();
                self.read_account(own);
            }
            TOKEN => self.read_account(true),
            BROADCASTS => self.broadcasts = Some(dismissed(&record)),
            _ => {}
        }
    }

    /// What a client wrote is no more: the core writes there itself.
    pub(super) fn supersede(&mut self, key: &str) {
        let (database, rest) = key.split_once(':').unwrap_or((key, ""));
        self.records.store_mut(database).remove(rest);
    }

    /// The record that a client wrote, by its whole key.
    pub fn written(&self, key: &str) -> Option<&Arc<Record>> {
        let (database, rest) = key.split_once(':')?;
        self.records.store(database).get(rest, self.now())
    }

    /// Empties the cache of answers, or takes out of it only what clients wrote there.
    pub(super) fn clear_answers(&mut self, written: bool) {
        if !written {
            self.dns.cache.clear();
        }
        for record in self.written_answers() {
            self.supersede(&record.key);
        }
    }

    /// The answers in the DNS cache that clients wrote.
    pub fn written_answers(&self) -> VecDeque<Arc<Record>> {
        let prefix = NAME_RECORDS.split_once(':').map_or("", |(_, prefix)| prefix);
        self.records.cache.list(prefix, true, self.now())
    }

    /// Forgets a record, and tells of it.
    pub(super) fn drop_record(&mut self, record: Record) {
        let (database, rest) = record.place();
        self.records.store_mut(database).remove(rest);
        if record.key == ACCOUNT {
            self.log_out(true);
            self.tell_account(Some(record));
            self.tell_spn();
            return;
        }
        if record.key == TOKEN {
            self.read_account(false);
        } else if record.key == BROADCASTS {
            self.broadcasts = None;
        } else if let Some(query) = record.key.strip_prefix(NAME_RECORDS) {
            self.dns.cache.remove(query);
        }
        self.tell(record.deleted(self.now()));
    }

    /// Tells subscribers of a record.
    pub(super) fn tell(&mut self, record: Record) {
        self.emit(Event::Record(Arc::new(record)));
    }

    /// Tells subscribers of a record, if there is one. It is only made where it is heard, or where faults draw chance from it.
    pub(super) fn tell_of(&mut self, record: impl FnOnce(&Self) -> Option<Record>) {
        if (!self.deaf || !self.faults.is_empty())
            && let Some(record) = record(self)
        {
            self.tell(record);
        }
    }
}
