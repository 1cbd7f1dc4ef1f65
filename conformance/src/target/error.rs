//! Why there is no answer.

use std::{io, time::Duration};

use portmaster_wire::together::Full;

use super::address::Address;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nobody listens there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where the connection was tried.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The answer was not complete in time.
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The connection was closed before the answer began.
    #[error("connection closed without an answer")]
    Closed,
    /// The connection was closed within the answer.
    #[error("connection closed in the middle of the answer")]
    Truncated,
    /// What came is no HTTP.
    #[error("not HTTP/1.1: {0}")]
    Malformed(String),
    /// The answer is larger than this client reads.
    #[error("answer larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It would be more than this client reads at a time.
    #[error("long answers that are read at a time are {0}")]
    Full(#[from] Full),
    /// The connection broke.
    #[error("connection broke: {0}")]
    Io(#[from] io::Error),
}
