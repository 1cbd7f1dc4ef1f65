//! Near misses: requests that are almost the one that was expected, and what differs.

use serde::Serialize;

#[cfg(feature = "control")]
use super::filter::Filter;
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
    let near = entries.filter_map(|entry| measured(matcher, entry));
    let mut all: Vec<NearMiss> = near.filter(|miss| miss.distance > 0).collect();
    all.sort_by_key(|miss| (miss.distance, std::cmp::Reverse(miss.seq)));
    all
}

/// How far a request is from what was expected; nothing of what is no request.
#[cfg(feature = "control")]
pub(crate) fn nearness(expected: &Filter, entry: &Entry) -> Option<NearMiss> {
    measured(&Matcher::new(expected), entry.clone())
}

fn measured(matcher: &Matcher<'_>, entry: Entry) -> Option<NearMiss> {
    let differences = matcher.differences(entry.exchange()?);
    let distance = differences.iter().map(Difference::weight).sum();
    Some(NearMiss { seq: entry.seq, distance, differences, entry })
}
