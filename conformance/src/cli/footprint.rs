//! Sees to it that a run leaves a foreign target as it found it: settings, and the suite's own records.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    suite::Key,
    target::{Address, Database, DatabaseError},
};

/// What a run may touch and has to put back: every setting, and all below the suite's own prefix.
const TOUCHED: [&str; 2] = ["config:", "core:conformance"];

/// The records that a run may touch, by their keys, without the database's own notes about them.
#[derive(Debug, PartialEq, Eq)]
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
                records.insert(key, record);
            }
        }
        Ok(Self(records))
    }

    /// What is not as it was, by key; values are not told, keys may be among them.
    pub(super) fn changed(&self, after: &Self) -> Vec<String> {
        let keys: std::collections::BTreeSet<&String> = self.0.keys().chain(after.0.keys()).collect();
        let told = |key: &&String| match (self.0.get(*key), after.0.get(*key)) {
            (None, Some(_)) => Some(format!("{key} was left behind")),
            (Some(_), None) => Some(format!("{key} is gone")),
            (before, after) => (before != after).then(|| format!("{key} has another value")),
        };
        keys.iter().filter_map(told).collect()
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
