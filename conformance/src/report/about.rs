//! What a report has.

use crate::{shard::Part, suite::Run};

/// What a report says beside the verdicts.
#[derive(Clone, Debug)]
pub struct About {
    /// The target's URL, or "embedded simulator".
    pub target: String,
    /// The contract, or the list of endpoints, that was checked against.
    pub contract: String,
    /// How the contract was found, if it was not named.
    pub found: Option<String>,
    /// The seed of drawn values.
    pub seed: u64,
    /// Which part of the checks it is about, if not all of them.
    pub shard: Option<Part>,
}

/// What came out of a run, and of which.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the run was about.
    pub about: About,
    /// What came out.
    pub run: Run,
}
