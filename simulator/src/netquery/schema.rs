//! The statements that make the tables and write into them.

use std::fmt::Write as _;

use super::{
    columns::{Column, SECONDS, Shown},
    counts,
    dialect::Dialect,
    kinds::{self, KIND},
};

/// The tables.
pub(super) fn tables(dialect: &Dialect) -> String {
    let mut text = String::from("BEGIN;");
    for (database, kind) in [("main", Some(KIND)), ("history", None)] {
        _ = write!(text, "CREATE TABLE {database}.connections (");
        let place = |column: &&Column| match OFTEN_READ.iter().position(|name| *name == column.name) {
            Some(place) => place,
            None if column.shown == Shown::Json => usize::MAX,
            None => OFTEN_READ.len(),
        };
        let mut columns: Vec<&Column> = dialect.columns.iter().collect();
        columns.sort_by_key(place);
        for column in SECONDS.iter().chain(columns) {
            // Ids are unique by an index, which is quicker made at once than row by row.
            let declared = column.declared.replace("PRIMARY KEY ", "");
            _ = write!(text, "{} {declared}, ", column.name);
        }
        match kind {
            Some(kind) => _ = write!(text, "{kind} INTEGER NOT NULL);"),
            None => text.replace_range(text.len() - 2.., ");"),
        }
    }
    text.push_str(&kinds::schema(dialect));
    text.push_str(counts::SCHEMA);
    text.push_str(
        "CREATE TABLE main.bandwidth (conn_id TEXT NOT NULL, time INTEGER NOT NULL, incoming INTEGER NOT NULL, \
         outgoing INTEGER NOT NULL); COMMIT",
    );
    text
}

/// The indexes: the core's, because rows without an order come as the index that is used has them; and one that leads from
/// a kind to its connections, which is used where it is named.
pub(super) fn indexes() -> String {
    let mut text = String::from("BEGIN;");
    for database in ["main", "history"] {
        _ = write!(
            text,
            "CREATE UNIQUE INDEX {database}.by_id ON connections (id); \
             CREATE INDEX {database}.by_profile ON connections (profile); \
             CREATE INDEX {database}.by_start ON connections (started_unix); \
             CREATE INDEX {database}.by_span ON connections (started_unix, ended_unix) WHERE ended IS NOT NULL;"
        );
    }
    _ = write!(text, "CREATE INDEX main.by_kind ON connections ({KIND}, started_unix, ended_unix); COMMIT");
    text
}

/// Columns that stand first in a stored row, because those before a column have to be stepped over to read it.
const OFTEN_READ: [&str; 10] = [
    "verdict", "domain", "as_owner", "path", "started", "id", "profile", "active", "country", "profile_name",
];

/// The statement that writes a row. Its parameters are what a stored row has, and the kind of one that is live. Whether it
/// writes over an earlier one.
pub(super) fn write(database: &str, dialect: &Dialect, over: bool) -> String {
    let kind = (database == "main").then_some(KIND);
    let names: Vec<&str> = dialect.stored().map(|column| column.name).chain(kind).collect();
    let values: Vec<String> = (1..=names.len()).map(|number| format!("?{number}")).collect();
    let mut text =
        format!("INSERT INTO {database}.connections ({}) VALUES ({})", names.join(", "), values.join(", "));
    if over {
        let updates: Vec<String> = names
            .iter()
            .filter(|name| **name != "id")
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        _ = write!(text, " ON CONFLICT (id) DO UPDATE SET {}", updates.join(", "));
    }
    text
}
