//! A record of a target that may not be as it was, and how it is put back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::target::{Address, Database, DatabaseError};

/// A record that may not be as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The option's value, or the record; null where there was none.
    was: Value,
}

impl Entry {
    pub(super) fn new(key: String, was: Value) -> Self {
        Self { key, was }
    }

    /// Puts it back. An option without a value is written as one first: only then its default counts at once; and then deleted, so
    /// that it does not stand in the settings (websocket §5.1).
    pub(super) async fn put_back(&self, database: &mut Database) -> Result<(), DatabaseError> {
        let is_option = self.key.starts_with("config:");
        match (is_option, &self.was) {
            (true, Value::Null) => {
                database.update(&self.key, &json!({ "Value": null })).await?;
                // A core that has nothing to delete is as it should be.
                tolerated(database.delete(&self.key).await)
            }
            (true, value) => database.update(&self.key, &json!({ "Value": value })).await,
            (false, Value::Null) => tolerated(database.delete(&self.key).await),
            (false, record) => database.update(&self.key, record).await,
        }
    }

    /// Lines for a shell that do the same.
    pub(super) fn lines(&self, address: &Address) -> Vec<String> {
        let url = format!("ws://{}/api/database/v1", address.authority());
        let line = |message: String| {
            let quoted = shlex::try_quote(&message).map(|text| text.into_owned()).unwrap_or_default();
            format!("printf '%s\\n' {quoted} | websocat -n -H \"Authorization: Bearer $ADMIN_KEY\" {url}")
        };
        let key = &self.key;
        // Who sees the lines need not see the keys.
        let secret = key == "config:core/apiKeys";
        match (key.starts_with("config:"), &self.was) {
            (true, Value::Null) => {
                vec![line(format!("1|update|{key}|J{{\"Value\":null}}")), line(format!("2|delete|{key}"))]
            }
            (true, _) if secret => vec![format!("# {key}: its value stands in the file")],
            (true, value) => vec![line(format!("1|update|{key}|J{}", json!({ "Value": value })))],
            (false, Value::Null) => vec![line(format!("1|delete|{key}"))],
            (false, record) => vec![line(format!("1|update|{key}|J{record}"))],
        }
    }
}

fn tolerated(deleted: Result<(), DatabaseError>) -> Result<(), DatabaseError> {
    match deleted {
        Err(DatabaseError::Refused { .. }) => Ok(()),
        other => other,
    }
}
