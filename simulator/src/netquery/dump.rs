//! The tables taken out whole, and put back.

use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use portmaster_fixtures::{
    Behaviour,
    scenario::{Bandwidth, ConnectionRow},
};
use rusqlite::{
    Connection,
    types::{Value, ValueRef},
};
use serde_json::Value as Json;

use super::{
    columns::{Column, Shown, value},
    dialect::Dialect,
    failure::StoreError,
};
use crate::world::{self, Event};

/// The connections of a world that begins.
#[derive(Debug)]
pub(crate) struct Begun {
    /// In the order in which they came.
    pub(super) rows: Vec<Arc<world::Connection>>,
    /// What was measured on them.
    pub(super) measured: Vec<Event>,
}

impl Begun {
    /// The traffic samples: of which connection, the second, what it received and sent.
    pub(super) fn samples(&self) -> impl Iterator<Item = (&str, [i64; 3])> {
        self.measured.iter().flat_map(|event| {
            let (measured, made) = match event {
                Event::Measured(all) => (&all[..], &[][..]),
                Event::Made(all) => (&[][..], &all[..]),
                _ => (&[][..], &[][..]),
            };
            let measured = measured.iter().map(|one| (&*one.conn_id, [one.time, one.incoming, one.outgoing]));
            measured.chain(made.iter().map(|one| (one.of.id(), [one.time, one.incoming, one.outgoing])))
        })
    }
}

/// What tables are to hold, or have held. Clones share it.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    /// The connections of a world that begins.
    Begun(Arc<Begun>),
    /// What was taken out of tables.
    Taken(Tables),
}

impl Kept {
    /// As it is taken out of tables.
    pub(crate) fn tables(&self, behaviour: &'static Behaviour) -> Tables {
        let begun = match self {
            Self::Begun(begun) => begun,
            Self::Taken(tables) => return tables.clone(),
        };
        let dialect = Dialect::of(behaviour);
        let [mut live, mut history, mut bandwidth] = [(); 3].map(|()| Writer::default());
        let mut row = ConnectionRow::default();
        for one in &begun.rows {
            one.write_to(&mut row);
            let row = &row;
            let cells =
                |history| dialect.stored().map(move |column| taken_cell(value(&(column.cell)(row, history))));
            if row.live {
                live.row(cells(false));
            }
            if row.history && dialect.behaviour.databases {
                history.row(cells(true));
            }
        }
        let of: HashSet<&str> = begun.rows.iter().filter(|one| one.live).map(|one| one.id()).collect();
        for (id, numbers) in begun.samples().filter(|(id, _)| of.contains(id)) {
            bandwidth.row([Json::from(id)].into_iter().chain(numbers.map(Json::from)));
        }
        Tables { live: live.end(), history: history.end(), bandwidth: bandwidth.end() }
    }
}

/// A cell as it is taken out.
fn taken_cell(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into(),
    }
}

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

const BANDWIDTH: [&str; 4] = ["conn_id", "time", "incoming", "outgoing"];

/// Begins one transaction in both databases, so that all that is taken out is of this moment.
pub(super) fn begin(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(
        "BEGIN; SELECT 1 FROM main.connections LIMIT 1; SELECT 1 FROM history.connections LIMIT 1",
    )
}

/// Takes everything out of the tables, and ends the transaction.
pub(super) fn taken(database: &Connection, dialect: &Dialect) -> rusqlite::Result<Tables> {
    let columns: Vec<&str> = dialect.stored().map(|column| column.name).collect();
    let tables = Tables {
        live: rows(database, "main.connections", &columns)?,
        history: rows(database, "history.connections", &columns)?,
        // What is left of connections that have gone is no part of it: when it goes depends on when somebody looks.
        bandwidth: rows(
            database,
            "main.bandwidth WHERE conn_id IN (SELECT id FROM main.connections)",
            &BANDWIDTH,
        )?,
    };
    database.execute_batch("COMMIT")?;
    Ok(tables)
}

impl Tables {
    /// Tells of each connection whether it is one of the history, and its values in the order of what is stored.
    pub(super) fn rows(
        &self,
        dialect: &Dialect,
        mut put: impl FnMut(bool, &[Value]) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let mut values = Vec::new();
        for (history, rows) in [(false, &self.live), (true, &self.history)] {
            for row in serde_json::from_str::<Vec<Vec<Json>>>(rows)? {
                values.extend(dialect.stored().zip(row).map(|(column, cell)| stored(column, cell)));
                put(history, &values)?;
                values.clear();
            }
        }
        Ok(())
    }

    /// The traffic samples.
    pub(super) fn samples(&self) -> Result<Vec<Bandwidth>, StoreError> {
        Ok(serde_json::from_str(&self.bandwidth)?)
    }
}

/// A cell as it is stored.
fn stored(column: &Column, cell: Json) -> Value {
    match cell {
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Real(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) if column.shown == Shown::Json => Value::Blob(text.into_bytes()),
        Json::String(text) => Value::Text(text),
        // Tables that are read have no others.
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => Value::Null,
    }
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
            cells.push(taken_cell(row.get_ref(at)?));
        }
        out.row(cells.drain(..));
    }
    Ok(out.end())
}

impl Tables {
    /// The tables of a contract from the rows of a file: live, history, samples.
    ///
    /// # Errors
    /// When they are none: where, and what was expected.
    pub(crate) fn read(
        behaviour: &'static Behaviour,
        [live, history, bandwidth]: [Vec<Vec<Json>>; 3],
    ) -> Result<Self, (String, String)> {
        let dialect = Dialect::of(behaviour);
        let connections: Vec<(&str, Shown)> =
            dialect.stored().map(|column| (column.name, column.shown)).collect();
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
