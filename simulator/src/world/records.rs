//! The records that are kept as they were written: the databases `core` and `cache`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Event, Record, World};

/// A store of records by key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    by_key: BTreeMap<String, (u64, Arc<Record>)>,
    written: u64,
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
    pub(super) fn put(&mut self, record: Arc<Record>) {
        let (_, key) = record.place();
        match self.by_key.get_mut(key) {
            Some((_, place)) => *place = record,
            None => {
                self.written += 1;
                self.by_key.insert(key.to_owned(), (self.written, record));
            }
        }
    }

    fn remove(&mut self, key: &str) -> Option<Arc<Record>> {
        self.by_key.remove(key).map(|(_, record)| record)
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
    fn store(&mut self, database: &str) -> &mut Store {
        if database == "cache" { &mut self.cache } else { &mut self.core }
    }
}

impl World {
    /// Keeps a record, and tells of it.
    pub(super) fn keep(&mut self, record: Record) {
        let record = Arc::new(record);
        self.records.store(record.place().0).put(Arc::clone(&record));
        self.emit(Event::Record(record));
    }

    /// Forgets a record, and tells of it.
    pub(super) fn drop_record(&mut self, key: &str) {
        let (database, rest) = key.split_once(':').unwrap_or((key, ""));
        let now = self.now();
        if let Some(record) = self.records.store(database).remove(rest) {
            self.tell(Record::clone(&record).deleted(now));
        }
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
