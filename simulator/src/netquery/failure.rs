//! What fails: the tables, a request, the binding of its values.

use super::{
    conditions::{BuildFault, Params, Value},
    rows::RowFault,
};
use crate::go::decode::Fault;

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
    /// The core's handler would panic: what it would say, where that is known.
    Panic(Option<&'static str>),
    /// The database refuses the statement, shown here as the core writes it.
    Statement {
        /// The core's statement.
        core: String,
        /// Why ours is refused.
        fault: rusqlite::Error,
    },
    /// A row cannot be shown.
    Row(String),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<BuildFault> for Failure {
    fn from(fault: BuildFault) -> Self {
        match fault {
            BuildFault::Text(text) => Self::Request(text),
            BuildFault::Panic(words) => Self::Panic(words),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Request(format!("invalid query: {fault}"))
    }
}

impl From<RowFault> for Failure {
    fn from(fault: RowFault) -> Self {
        match fault {
            RowFault::Database(fault) => Self::Database(fault),
            RowFault::Type(text) => Self::Row(text),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(fault: rusqlite::Error) -> Self {
        Self::Database(fault)
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
