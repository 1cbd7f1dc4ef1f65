//! What fails: the tables, a request, the binding of its values.

use super::{
    conditions::{BuildError, Params, Value},
    rows::RowError,
};
use crate::go::decode::DecodeError;

/// Why the tables cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no place for the files.
    #[error("no temporary folder for the connection database: {0}")]
    Folder(#[from] std::io::Error),
    /// SQLite failed.
    #[error("the connection database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// Rows that were kept are no JSON.
    #[error("kept rows cannot be read: {0}")]
    Rows(#[from] serde_json::Error),
}

/// Why a request has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request is wrong.
    Request(String),
    /// The core's handler would crash.
    Crash,
    /// The database refuses the statement, shown here as the core writes it.
    Statement {
        /// The core's statement.
        core: String,
        /// Why ours is refused.
        error: rusqlite::Error,
    },
    /// A row cannot be shown.
    Row(String),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Text(text) => Self::Request(text),
            BuildError::Crash => Self::Crash,
        }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Request(format!("invalid query: {error}"))
    }
}

impl From<RowError> for Failure {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Database(error) => Self::Database(error),
            RowError::Type(text) => Self::Row(text),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Binds the values of a statement.
pub(crate) fn bind(statement: &mut rusqlite::Statement<'_>, params: &Params) -> rusqlite::Result<()> {
    for (number, (_, value)) in (1..).zip(params.iter()) {
        match value {
            Value::Bool(value) => statement.raw_bind_parameter(number, value)?,
            Value::Number(value) => statement.raw_bind_parameter(number, value)?,
            Value::Text(value) => statement.raw_bind_parameter(number, value)?,
        }
    }
    Ok(())
}
