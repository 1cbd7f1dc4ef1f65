//! The tables taken out whole, and put back.

use std::{fmt::Write as _, sync::Arc};

use portmaster_fixtures::{Contract, Rules};
use rusqlite::{Connection, types::Value, types::ValueRef};
use serde_json::Value as Json;

use super::{
    Store, StoreError,
    store::{FIELDS, INSERT_BANDWIDTH, named},
};

/// What the tables hold, a JSON array each with an array a row, in the order in which the rows were first written. Clones
/// share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    /// The live connections.
    pub(crate) live: Arc<str>,
    /// The connections of the history.
    pub(crate) history: Arc<str>,
    /// The traffic samples.
    pub(crate) bandwidth: Arc<str>,
}

/// The column whose texts are stored as bytes.
const AS_BYTES: &str = "extra_data";

const BANDWIDTH: [&str; 4] = ["conn_id", "time", "incoming", "outgoing"];

impl Store {
    /// Takes everything out of the tables.
    pub(crate) fn tables(&self) -> Result<Tables, StoreError> {
        let columns = self.columns();
        let taken = self.read(|database| -> rusqlite::Result<Tables> {
            // One transaction, so that all tables are of the same moment.
            let moment = database.unchecked_transaction()?;
            let tables = Tables {
                live: rows(database, "main.connections", &columns)?,
                history: rows(database, "history.connections", &columns)?,
                bandwidth: rows(database, "main.bandwidth", &BANDWIDTH)?,
            };
            moment.finish()?;
            Ok(tables)
        })?;
        Ok(taken?)
    }

    /// New tables that hold what was taken out of others.
    pub(crate) fn holding(tables: &Tables, contract: Contract, rules: &Rules) -> Result<Self, StoreError> {
        let store = Self::new(contract, rules)?;
        store.fill(tables)?;
        Ok(store)
    }

    fn fill(&self, tables: &Tables) -> Result<(), StoreError> {
        let columns = self.columns();
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        for (database, rows) in [("main", &tables.live), ("history", &tables.history)] {
            let places: Vec<String> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
            let text = format!(
                "INSERT INTO {database}.connections ({}) VALUES ({})",
                columns.join(", "),
                places.join(", ")
            );
            put(&transaction, &text, &columns, rows)?;
        }
        put(&transaction, INSERT_BANDWIDTH, &BANDWIDTH, &tables.bandwidth)?;
        transaction.commit()?;
        Ok(())
    }

    /// The columns of connections in this contract.
    fn columns(&self) -> Vec<&'static str> {
        FIELDS.into_iter().filter(|name| named(self.dialect(), name)).collect()
    }
}

fn rows(database: &Connection, table: &str, columns: &[&str]) -> rusqlite::Result<Arc<str>> {
    let mut statement =
        database.prepare_cached(&format!("SELECT {} FROM {table} ORDER BY rowid", columns.join(", ")))?;
    let mut found = statement.query([])?;
    let mut out = String::from("[");
    while let Some(row) = found.next()? {
        out.push_str(if out.len() == 1 { "[" } else { ",\n[" });
        for at in 0..columns.len() {
            if at > 0 {
                out.push(',');
            }
            _ = match row.get_ref(at)? {
                ValueRef::Null => write!(out, "null"),
                ValueRef::Integer(number) => write!(out, "{number}"),
                ValueRef::Real(number) => write!(out, "{}", Json::from(number)),
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    write!(out, "{}", Json::from(String::from_utf8_lossy(text)))
                }
            };
        }
        out.push(']');
    }
    out.push(']');
    Ok(out.into())
}

/// Writes rows that were taken out. What is no row of such a table fails at the table's own conditions.
fn put(database: &Connection, insert: &str, columns: &[&str], rows: &str) -> Result<(), StoreError> {
    let rows: Vec<Vec<Json>> = serde_json::from_str(rows)?;
    let mut statement = database.prepare_cached(insert)?;
    for row in rows {
        if row.len() != columns.len() {
            return Err(StoreError::Row { found: row.len(), expected: columns.len() });
        }
        for ((number, column), value) in (1..).zip(columns).zip(row) {
            let value = match value {
                Json::Null => Value::Null,
                Json::Bool(value) => Value::Integer(value.into()),
                Json::Number(number) => match number.as_i64() {
                    Some(number) => Value::Integer(number),
                    None => Value::Real(number.as_f64().unwrap_or_default()),
                },
                Json::String(text) if *column == AS_BYTES => Value::Blob(text.into_bytes()),
                Json::String(text) => Value::Text(text),
                other => {
                    return Err(StoreError::Cell { column: (*column).to_owned(), found: other.to_string() });
                }
            };
            statement.raw_bind_parameter(number, value)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}
