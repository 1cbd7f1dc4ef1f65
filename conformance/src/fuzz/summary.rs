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
    /// What failed, and failed again. What is likely to follow from another one comes behind it, and says so.
    pub failures: Vec<Failure>,
    /// What failed and did not fail again.
    pub unconfirmed: Vec<Unconfirmed>,
    /// Why it ended early, if the target went.
    pub gone: Option<String>,
    /// Whether it was stopped.
    pub interrupted: bool,
}

impl Summary {
    /// How many causes there are likely to be.
    pub fn causes(&self) -> usize {
        self.failures.iter().filter(|one| one.follows.is_none()).count()
    }
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
