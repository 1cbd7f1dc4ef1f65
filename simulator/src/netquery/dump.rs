//! The tables taken out whole, and put back.

use std::{fmt::Write as _, sync::Arc};

use portmaster_fixtures::Rules;
use rusqlite::{Connection, types::Value, types::ValueRef};
use serde_json::Value as Json;

use super::{
    columns::{INSERT_BANDWIDTH, fields, named},
    dialect::{Dialect, Shown},
    failure::StoreError,
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

/// Takes everything out of the tables.
pub(super) fn taken(database: &Connection, dialect: &Dialect) -> rusqlite::Result<Tables> {
    let columns = columns(dialect);
    // One transaction, so that all tables are of the same moment.
    let moment = database.unchecked_transaction()?;
    let tables = Tables {
        live: rows(database, "main.connections", &columns)?,
        history: rows(database, "history.connections", &columns)?,
        bandwidth: rows(database, "main.bandwidth", &BANDWIDTH)?,
    };
    moment.finish()?;
    Ok(tables)
}

impl Tables {
    /// Writes what was taken out of others into empty tables: how many samples there are.
    pub(super) fn fill(&self, dialect: &Dialect, database: &mut Connection) -> Result<usize, StoreError> {
        let columns = columns(dialect);
        let transaction = database.transaction()?;
        for (schema, rows) in [("main", &self.live), ("history", &self.history)] {
            let places: Vec<String> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
            let text = format!(
                "INSERT INTO {schema}.connections ({}) VALUES ({})",
                columns.join(", "),
                places.join(", ")
            );
            put(&transaction, &text, &columns, rows)?;
        }
        let samples = put(&transaction, INSERT_BANDWIDTH, &BANDWIDTH, &self.bandwidth)?;
        transaction.commit()?;
        Ok(samples)
    }
}

/// The columns of connections in a language.
fn columns(dialect: &Dialect) -> Vec<&'static str> {
    fields().filter(|name| named(dialect, name)).collect()
}

/// Writes rows as they are taken out.
#[derive(Default)]
struct Writer(String);

impl Writer {
    fn row(&mut self, cells: impl IntoIterator<Item = Json>) {
        self.0.push_str(if self.0.is_empty() { "[" } else { ",\n" });
        let mut before = '[';
        for cell in cells {
            _ = write!(self.0, "{before}{cell}");
            before = ',';
        }
        self.0.push(']');
    }

    fn end(mut self) -> Arc<str> {
        self.0.push_str(if self.0.is_empty() { "[]" } else { "]" });
        self.0.into()
    }
}

fn rows(database: &Connection, table: &str, columns: &[&str]) -> rusqlite::Result<Arc<str>> {
    let mut statement =
        database.prepare_cached(&format!("SELECT {} FROM {table} ORDER BY rowid", columns.join(", ")))?;
    let mut found = statement.query([])?;
    let mut out = Writer::default();
    let mut cells = Vec::with_capacity(columns.len());
    while let Some(row) = found.next()? {
        for at in 0..columns.len() {
            cells.push(match row.get_ref(at)? {
                ValueRef::Null => Json::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into(),
            });
        }
        out.row(cells.drain(..));
    }
    Ok(out.end())
}

/// Writes rows that were taken out, and says how many there were.
fn put(database: &Connection, insert: &str, columns: &[&str], rows: &str) -> Result<usize, StoreError> {
    let rows: Vec<Vec<Json>> = serde_json::from_str(rows)?;
    let count = rows.len();
    let mut statement = database.prepare_cached(insert)?;
    for row in rows {
        for ((number, column), value) in (1..).zip(columns).zip(row) {
            let value = match value {
                Json::Number(number) => match number.as_i64() {
                    Some(number) => Value::Integer(number),
                    None => Value::Real(number.as_f64().unwrap_or_default()),
                },
                Json::String(text) if *column == AS_BYTES => Value::Blob(text.into_bytes()),
                Json::String(text) => Value::Text(text),
                // Tables that are read have no others.
                Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => Value::Null,
            };
            statement.raw_bind_parameter(number, value)?;
        }
        statement.raw_execute()?;
    }
    Ok(count)
}

impl Tables {
    /// The tables of a contract from the rows of a file: live, history, samples.
    ///
    /// # Errors
    /// When they are none: where, and what was expected.
    pub(crate) fn read(
        rules: &'static Rules,
        [live, history, bandwidth]: [Vec<Vec<Json>>; 3],
    ) -> Result<Self, (String, String)> {
        let dialect = Dialect::of(rules);
        let connections: Vec<(&str, Shown)> = fields()
            .filter(|name| named(&dialect, name))
            // The Unix seconds are no columns that requests know.
            .map(|name| (name, dialect.column(name).map_or(NUMBER, |column| column.shown)))
            .collect();
        let samples = BANDWIDTH.map(|name| (name, if name == "conn_id" { Shown::Text } else { NUMBER }));
        Ok(Self {
            live: checked("live", &connections, live)?,
            history: checked("history", &connections, history)?,
            bandwidth: checked("bandwidth", &samples, bandwidth)?,
        })
    }
}

const NUMBER: Shown = Shown::Int(64, true, "int");

/// Rows as they are taken out, once each cell was looked at.
fn checked(
    table: &str,
    columns: &[(&str, Shown)],
    rows: Vec<Vec<Json>>,
) -> Result<Arc<str>, (String, String)> {
    let mut out = Writer::default();
    for (at, row) in rows.into_iter().enumerate() {
        if row.len() != columns.len() {
            let what = format!("{} columns, expected {}", row.len(), columns.len());
            return Err((format!("{table}[{at}]"), what));
        }
        for ((name, shown), cell) in columns.iter().zip(&row) {
            let (fits, expected) = match shown {
                Shown::Text | Shown::Time | Shown::Json => (cell.is_string(), "a text"),
                Shown::Bool | Shown::Int(..) => (cell.is_i64(), "a whole number"),
                Shown::Float => (cell.is_number(), "a number"),
            };
            if !fits && !cell.is_null() {
                return Err((
                    format!("{table}[{at}].{name}"),
                    format!("{cell}, expected {expected} or null"),
                ));
            }
        }
        out.row(row);
    }
    Ok(out.end())
}
