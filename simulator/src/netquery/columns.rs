//! What is written of a connection and of a traffic sample, column by column.

use portmaster_fixtures::scenario::ConnectionRow;

use super::dialect::Dialect;

/// Writes a traffic sample.
pub(super) const INSERT_BANDWIDTH: &str =
    "INSERT INTO main.bandwidth (conn_id, time, incoming, outgoing) VALUES (?1, ?2, ?3, ?4)";

/// Whether connections have a column of one of [`fields`] in a contract.
pub(super) fn named(dialect: &Dialect, name: &str) -> bool {
    dialect.column(name).is_some() || name.ends_with("_unix")
}

/// What a stored row has, in the order in which they are bound.
pub(super) fn fields() -> impl Iterator<Item = &'static str> {
    ConnectionRow::COLUMNS.into_iter().chain(["started_unix", "ended_unix"])
}
