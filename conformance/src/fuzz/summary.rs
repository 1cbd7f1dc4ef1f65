//! What came of a campaign.

use std::time::Duration;

use super::{failure::Failure, finding::Oracle};

/// What came of a campaign.
#[derive(Clone, Debug)]
pub struct Summary {
    /// How many cases were tried.
    pub cases: u64,
    /// How many requests and messages they had.
    pub sent: u64,
    /// A number that depends on the status and the length of every answer: two runs with the same are most likely equal.
    pub digest: u64,
    /// How long it took, without making failures small.
    pub took: Duration,
    /// What failed, and failed again: one a cause.
    pub failures: Vec<Failure>,
    /// What failed and did not fail again.
    pub unconfirmed: Vec<Unconfirmed>,
    /// Why it ended early, if the target went.
    pub gone: Option<String>,
    /// Whether it was stopped.
    pub interrupted: bool,
}

/// What failed and did not fail again.
#[derive(Clone, Debug)]
pub struct Unconfirmed {
    /// Which oracle objected.
    pub oracle: Oracle,
    /// The endpoint's name.
    pub endpoint: String,
    /// What came.
    pub got: String,
    /// How often.
    pub seen: u64,
}
