//! The kinds of live connections: what many of them have in common stands in a small table, once, beside how many have it.
//! What only counts connections by such columns asks this table instead of every row.

use std::{
    collections::HashSet,
    fmt::Write as _,
    hash::{DefaultHasher, Hasher as _},
};

use rusqlite::{
    CachedStatement, Transaction,
    types::{ToSqlOutput, ValueRef},
};

use super::{columns::value, dialect::Dialect};

/// The column of connections that says of which kind they are. No alias of a request is likely to be its name.
pub(super) const KIND: &str = "_kind";

/// The table.
pub(super) fn schema(dialect: &Dialect) -> String {
    let mut text =
        format!("CREATE TABLE main.kinds ({KIND} INTEGER PRIMARY KEY, connections INTEGER NOT NULL");
    for column in dialect.of_kind() {
        _ = write!(text, ", {} {}", column.name, column.declared);
    }
    text.push_str(");");
    text
}

/// Writes kinds of connections.
pub(super) struct Kinds<'a> {
    insert: CachedStatement<'a>,
    /// Those that are in the table.
    known: &'a mut HashSet<i64>,
}

impl<'a> Kinds<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        dialect: &Dialect,
        known: &'a mut HashSet<i64>,
    ) -> rusqlite::Result<Self> {
        let mut names = format!("{KIND}, connections");
        let mut values = String::from("?1, 0");
        for (number, column) in (2..).zip(dialect.of_kind()) {
            _ = write!(names, ", {}", column.name);
            _ = write!(values, ", ?{number}");
        }
        let text = format!("INSERT OR IGNORE INTO main.kinds ({names}) VALUES ({values})");
        Ok(Self { insert: transaction.prepare_cached(&text)?, known })
    }

    /// The kind of a connection with these values, in the table from now on.
    pub(super) fn of<'v>(
        &mut self,
        values: impl Iterator<Item = ToSqlOutput<'v>> + Clone,
    ) -> rusqlite::Result<i64> {
        let kind = number(values.clone());
        if !self.known.contains(&kind) {
            self.insert.raw_bind_parameter(1, kind)?;
            for (number, value) in (2..).zip(values) {
                self.insert.raw_bind_parameter(number, value)?;
            }
            self.insert.raw_execute()?;
            self.known.insert(kind);
        }
        Ok(kind)
    }

    /// Removes the kinds that no connection has any more.
    pub(super) fn prune(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.prepare_cached("DELETE FROM main.kinds WHERE connections = 0")?.execute([])?;
        self.known.clear();
        Ok(())
    }
}

/// A kind's number follows from its values: 64 bits, so that two of a million kinds share one in no world that anybody
/// will see.
fn number<'v>(values: impl Iterator<Item = ToSqlOutput<'v>>) -> i64 {
    // This one is the same in each process.
    let mut hash = DefaultHasher::new();
    for cell in values {
        match value(&cell) {
            ValueRef::Null => hash.write_u8(0),
            ValueRef::Integer(value) => {
                hash.write_u8(1);
                hash.write_i64(value);
            }
            ValueRef::Real(value) => {
                hash.write_u8(2);
                hash.write_u64(value.to_bits());
            }
            ValueRef::Text(value) | ValueRef::Blob(value) => {
                hash.write_u8(3);
                hash.write_usize(value.len());
                hash.write(value);
            }
        }
    }
    hash.finish().cast_signed()
}
