//! Puts what has one cause behind the smallest of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{ENOUGH, marks::marks, rights};
use crate::fuzz::{
    bucket::{Bucket, size},
    catalogue::Catalogue,
};

/// Says of differences of which other one they are likely to follow, and puts them behind it. What was made small has little left that
/// it can do without: two that still have something uncommon between them are likely to come from there. The smallest leads.
pub(in crate::fuzz) fn gather(mut buckets: Vec<Bucket>, catalogue: &Catalogue) -> Vec<Bucket> {
    let of: Vec<BTreeSet<String>> = buckets
        .iter()
        .map(|one| if one.is_alike() { marks(one, catalogue) } else { BTreeSet::new() })
        .collect();
    // Two that never come alone are one.
    let together = |one: &Bucket, other: &Bucket| {
        one.is_alike()
            && other.is_alike()
            && one.also.contains(&other.cause)
            && other.also.contains(&one.cause)
    };
    // Of two one may show where the other does not, if that is seldom: an answer to HEAD has no body that could differ.
    let companions = |one: &Bucket, other: &Bucket| {
        one.is_alike()
            && other.is_alike()
            && one.cases.len() >= ENOUGH
            && one.also.contains(&other.cause)
            && other.seen <= 2 * one.seen
    };
    // What a case cannot do without and differs already is where the rest comes from; unless it differs all the time.
    let comes_of = |one: &Bucket, other: &Bucket| one.is_alike() && one.before.contains(&other.cause);
    // A set of buckets a leader, named by the place of any of them.
    let mut leads: Vec<usize> = (0..buckets.len()).collect();
    let mut known: BTreeMap<&String, usize> = BTreeMap::new();
    for (at, marks) in of.iter().enumerate() {
        for mark in marks {
            join(&mut leads, at, *known.entry(mark).or_insert(at));
        }
        for other in 0..at {
            let (one, other_one) = (&buckets[at], &buckets[other]);
            let related = |one: &Bucket, other: &Bucket| comes_of(one, other) || companions(one, other);
            if together(one, other_one) || related(one, other_one) || related(other_one, one) {
                join(&mut leads, at, other);
            }
        }
    }
    for pair in rights::followers(&buckets, &of).windows(2) {
        join(&mut leads, pair[0], pair[1]);
    }
    let mut sets: BTreeMap<usize, Vec<Bucket>> = BTreeMap::new();
    for (lead, bucket) in leads.into_iter().zip(buckets.drain(..)) {
        sets.entry(lead).or_default().push(bucket);
    }
    for set in sets.into_values() {
        let smallest = set.iter().enumerate().min_by_key(|(_, one)| size(&one.small.case));
        let at = smallest.map_or(0, |(at, _)| at);
        let cause = set.get(at).map(|one| one.cause.clone());
        let (first, rest): (Vec<_>, Vec<_>) = set.into_iter().enumerate().partition(|(one, _)| *one == at);
        buckets.extend(first.into_iter().map(|(_, one)| one));
        buckets.extend(rest.into_iter().map(|(_, one)| Bucket { follows: cause.clone(), ..one }));
    }
    buckets
}

/// Makes two sets one.
fn join(leads: &mut [usize], one: usize, other: usize) {
    let (from, to) = (leads[one], leads[other]);
    leads.iter_mut().filter(|lead| **lead == from).for_each(|lead| *lead = to);
}
