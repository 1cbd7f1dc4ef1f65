//! Near misses: requests that are almost the one that was expected, and what differs.

use serde::Serialize;

use super::{difference::Difference, entry::Entry, filter::Matcher};

/// A request that is not quite what was expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct NearMiss {
    /// The entry's number.
    pub seq: u64,
    /// How far it is from what was expected; 0 is no difference.
    pub distance: u64,
    /// What differs.
    pub differences: Vec<Difference>,
    /// The entry.
    #[serde(skip)]
    pub entry: Entry,
}

/// The requests by their distance, the latest first of those that are equally far.
pub(super) fn misses(matcher: &Matcher<'_>, entries: impl Iterator<Item = Entry>) -> Vec<NearMiss> {
    let mut all: Vec<NearMiss> = entries
        .filter_map(|entry| {
            let differences = matcher.differences(entry.exchange()?);
            let distance = differences.iter().map(Difference::weight).sum();
            (distance > 0).then_some(NearMiss { seq: entry.seq, distance, differences, entry })
        })
        .collect();
    all.sort_by_key(|miss| (miss.distance, std::cmp::Reverse(miss.seq)));
    all
}
