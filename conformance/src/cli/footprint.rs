//! Sees to it that a run leaves a foreign target as it found it: settings, and the suite's own records.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{entry::Entry, trouble::Trouble};
use crate::{
    suite::Allowed,
    target::{Address, Database, DatabaseError, Key, Keys, Tier},
};

/// What a run may touch and has to put back: every setting, all below the suite's own prefix, and the notification that its broadcast
/// makes.
const TOUCHED: [&str; 3] = ["config:", "core:conformance", "notifications:all/broadcasts:conformance"];

/// The records that a run may touch, by their keys, without the database's own notes about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Footprint(BTreeMap<String, Value>);

impl Footprint {
    /// Reads it.
    pub(super) async fn take(address: &Address, admin: Option<&Key>) -> Result<Self, DatabaseError> {
        let mut database = Database::open(address, admin.map(Key::secret)).await?;
        let mut records = BTreeMap::new();
        for prefix in TOUCHED {
            for (key, mut record) in database.query(prefix).await? {
                if let Some(members) = record.as_object_mut() {
                    members.remove("_meta");
                }
                // What else an option's record has is the core's.
                let record = if key.starts_with("config:") { record["Value"].take() } else { record };
                records.insert(key, record);
            }
        }
        Ok(Self(records))
    }

    /// Whether a record is one of those.
    pub(super) fn covers(key: &str) -> bool {
        TOUCHED.iter().any(|prefix| key.starts_with(prefix))
    }

    /// An option's value, or a record; null where there is none.
    pub(super) fn value(&self, key: &str) -> Value {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// The keys of what is not as it was.
    fn differing(&self, after: &Self) -> Vec<String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(after.0.keys()).collect();
        keys.into_iter().filter(|key| self.0.get(*key) != after.0.get(*key)).cloned().collect()
    }

    /// Puts back what is not as it was, and takes out of the settings what was written and had not stood there (websocket §5.1).
    pub(super) async fn put_back(
        &self,
        after: &Self,
        written: &[String],
        address: &Address,
        admin: Option<&Key>,
    ) -> Result<(), DatabaseError> {
        let mut keys: BTreeSet<String> = self.differing(after).into_iter().collect();
        let stray = |key: &&String| {
            key.starts_with("config:") && self.0.contains_key(*key) && self.value(key).is_null()
        };
        keys.extend(written.iter().filter(stray).cloned());
        if keys.is_empty() {
            return Ok(());
        }
        let mut database = Database::open(address, admin.map(Key::secret)).await?;
        for key in keys {
            let was = self.value(&key);
            Entry::new(key, was).put_back(&mut database).await?;
        }
        Ok(())
    }

    /// What is not as it was, by key; values are not told, keys may be among them.
    pub(super) fn changed(&self, after: &Self) -> Vec<String> {
        let told = |key: String| match (self.0.get(&key), after.0.get(&key)) {
            (None, Some(_)) => format!("{key} was left behind"),
            (Some(_), None) => format!("{key} is gone"),
            _ => format!("{key} has another value"),
        };
        self.differing(after).into_iter().map(told).collect()
    }
}

/// A target that is to be left as it was found.
#[derive(Debug)]
pub(super) struct Tidy {
    address: Address,
    admin: Option<Key>,
    before: Footprint,
}

impl Tidy {
    /// Looks how the target is, if something may change it.
    pub(super) async fn begin(address: &Address, keys: &Keys, allowed: Allowed) -> Option<Self> {
        if !allowed.writes {
            return None;
        }
        let admin = keys.get(Tier::Admin).cloned();
        let before = Footprint::take(address, admin.as_ref()).await.ok()?;
        Some(Self { address: address.clone(), admin, before })
    }

    /// Puts it back, and says what could not be.
    pub(super) async fn end(self) -> Result<(), Trouble> {
        let Self { address, admin, before } = self;
        // A target that was stopped cannot be asked.
        let Ok(after) = Footprint::take(&address, admin.as_ref()).await else { return Ok(()) };
        let done = before.put_back(&after, &[], &address, admin.as_ref()).await;
        let unknown = |error| Trouble::Left(format!("{address} could not be put back: {error}"));
        done.map_err(unknown)?;
        let after = Footprint::take(&address, admin.as_ref()).await.map_err(unknown)?;
        match before.changed(&after).as_slice() {
            [] => Ok(()),
            changed => Err(Trouble::Left(format!("{address} is not as it was: {}", changed.join(", ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_it_was_is_told_without_its_value() {
        let footprint = |records: &[(&str, Value)]| {
            Footprint(records.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
        };
        let before =
            footprint(&[("config:a", json!("secret")), ("config:b", json!(1)), ("config:c", json!(1))]);
        let after = footprint(&[
            ("config:a", json!("other")),
            ("config:b", json!(1)),
            ("core:conformance/x", json!(0)),
        ]);
        let told = ["config:a has another value", "config:c is gone", "core:conformance/x was left behind"];
        assert_eq!(before.changed(&after), told);
        assert!(before.changed(&before).is_empty());
    }
}
