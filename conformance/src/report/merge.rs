//! Joins the reports of all parts of a run into the report of the whole.

use std::{collections::BTreeMap, time::Duration};

use super::about::{About, Report};
use crate::{
    shard::Part,
    suite::{Record, Run, TARGET},
};

/// Reports that are not all parts of one run. Parts are named by their files.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// No report at all.
    #[error("there is nothing to merge")]
    Nothing,
    /// The report of a whole run.
    #[error("{file} is the report of a whole run, not of a part (run --shard PART/PARTS)")]
    Whole {
        /// Its file.
        file: String,
    },
    /// Two parts of different runs.
    #[error("{file} has another {what} than {first}: {found}, not {expected}")]
    Differs {
        /// What differs.
        what: &'static str,
        /// The file with the first part.
        first: String,
        /// What the first part says.
        expected: String,
        /// The other file.
        file: String,
        /// What the other says.
        found: String,
    },
    /// The same part twice.
    #[error("part {part} is in {first} and in {second}")]
    Doubled {
        /// Which part.
        part: u32,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// Some parts are not there.
    #[error("of {of} parts these are missing: {}", .parts.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))]
    Missing {
        /// Which.
        parts: Vec<u32>,
        /// How many there should be.
        of: u32,
    },
    /// A part does not fit among the others.
    #[error("{file} does not say of each of its checks where it alone stands among all of them")]
    Places {
        /// The file in which it shows.
        file: String,
    },
    /// No part has the check of some place.
    #[error("no part has the check in place {place}")]
    Hole {
        /// Which place, counted from 0.
        place: usize,
    },
    /// Reports of runs and of fuzz campaigns together.
    #[error("{file} is the report of a fuzz campaign, {first} is not")]
    Mixed {
        /// The report of a run.
        first: String,
        /// The report of a campaign.
        file: String,
    },
}

/// Joins the reports of all parts of a run, each with the name of its file, in any order. Checks are in the
/// order in which a whole run has them; the time is that of all parts together.
pub fn merge(parts: Vec<(String, Report)>) -> Result<Report, MergeError> {
    let mut known: Vec<(String, Part, Report)> = vec![];
    for (file, report) in parts {
        let Some(part) = report.about.shard.clone() else { return Err(MergeError::Whole { file }) };
        if let Some((first, of, before)) = known.first() {
            let (one, other) = (&before.about, &report.about);
            same(
                first,
                &file,
                [
                    ("number of parts", of.of.to_string(), part.of.to_string()),
                    ("number of selected checks", of.checks.to_string(), part.checks.to_string()),
                    ("target", one.target.clone(), other.target.clone()),
                    ("contract", one.contract.clone(), other.contract.clone()),
                    ("seed", one.seed.to_string(), other.seed.to_string()),
                ],
            )?;
        }
        known.push((file, part, report));
    }
    let Some((_, first, about)) = known.first() else { return Err(MergeError::Nothing) };
    complete(known.iter().map(|(file, part, _)| (file.as_str(), part.part)), first.of)?;
    let about = About { shard: None, ..about.about.clone() };
    let mut slots: Vec<Option<Record>> = vec![None; first.checks];
    let (mut took, mut interrupted, mut target) = (Duration::ZERO, false, vec![]);
    for (file, part, report) in known {
        // What befell the target is no check's, and has no place.
        let (fallen, records): (Vec<_>, Vec<_>) =
            report.run.records.into_iter().partition(|record| record.family() == TARGET);
        for one in fallen {
            befell(&mut target, one);
        }
        if part.places.len() != records.len() {
            return Err(MergeError::Places { file });
        }
        for (place, record) in part.places.into_iter().zip(records) {
            match slots.get_mut(place) {
                Some(slot @ None) => *slot = Some(record),
                _ => return Err(MergeError::Places { file }),
            }
        }
        took += report.run.took;
        interrupted |= report.run.interrupted;
    }
    if let Some(place) = slots.iter().position(Option::is_none) {
        return Err(MergeError::Hole { place });
    }
    let records = slots.into_iter().flatten().chain(target).collect();
    let mut run = Run { records, took, interrupted };
    run.find_causes();
    run.fold();
    Ok(Report { about, run })
}

/// Adds what befell the target of one part: once, if it befell the targets of others, too.
fn befell(known: &mut Vec<Record>, mut one: Record) {
    if known.iter().any(|other| other.cause.is_some() && other.cause == one.cause) {
        return;
    }
    let name = one.id.clone();
    let mut number = 1;
    while known.iter().any(|other| other.id == one.id) {
        number += 1;
        one.id = format!("{name}/{number}");
    }
    known.push(one);
}

/// Refuses a part of another run: what is named must be the same in the first file and in the other.
pub(super) fn same<const N: usize>(
    first: &str,
    file: &str,
    said: [(&'static str, String, String); N],
) -> Result<(), MergeError> {
    match said.into_iter().find(|(_, expected, found)| expected != found) {
        None => Ok(()),
        Some((what, expected, found)) => {
            let (first, file) = (first.to_owned(), file.to_owned());
            Err(MergeError::Differs { what, first, expected, file, found })
        }
    }
}

/// Refuses parts, each with its file, that are not every one of `of` parts once.
pub(super) fn complete<'a>(parts: impl Iterator<Item = (&'a str, u32)>, of: u32) -> Result<(), MergeError> {
    let mut files = BTreeMap::new();
    for (file, part) in parts {
        if let Some(first) = files.insert(part, file) {
            return Err(MergeError::Doubled { part, first: first.to_owned(), second: file.to_owned() });
        }
    }
    match (1..=of).filter(|part| !files.contains_key(part)).collect::<Vec<_>>() {
        parts if parts.is_empty() => Ok(()),
        parts => Err(MergeError::Missing { parts, of }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::example, shard::Shard};

    /// The example as `of` machines would have reported it.
    fn parts(of: u32) -> Vec<(String, Report)> {
        let part = |number: u32| {
            let shard: Shard = format!("{number}/{of}").parse().unwrap();
            let mut report = example::report();
            let ids: Vec<_> = report.run.records.iter().map(|one| one.id.clone()).collect();
            report.run.records.retain(|one| shard.holds(&one.id));
            report.about.shard = Some(shard.part_of(&ids));
            (format!("{number}.jsonl"), report)
        };
        (1..=of).map(part).collect()
    }

    fn error(parts: Vec<(String, Report)>) -> String {
        merge(parts).unwrap_err().to_string()
    }

    #[test]
    fn all_parts_are_the_whole() {
        let whole = example::report();
        for of in [1, 3, 20] {
            let mut parts = parts(of);
            parts.reverse();
            let merged = merge(parts).unwrap();
            assert_eq!(format!("{:?}", merged.run.records), format!("{:?}", whole.run.records));
            assert_eq!(merged.about.shard, None);
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let change = |at: usize, change: fn(&mut Report)| {
            let mut parts = parts(3);
            change(&mut parts[at].1);
            error(parts)
        };
        assert_eq!(change(1, |one| one.about.seed = 8), "2.jsonl has another seed than 1.jsonl: 8, not 7");
        assert_eq!(
            change(2, |one| one.about.target = "http://127.0.0.1:818".to_owned()),
            "3.jsonl has another target than 1.jsonl: http://127.0.0.1:818, not http://127.0.0.1:817"
        );
        assert_eq!(
            change(2, |one| one.about.contract = "docs".to_owned()),
            "3.jsonl has another contract than 1.jsonl: docs, not v2.2"
        );
        assert_eq!(
            change(2, |one| one.about.shard.as_mut().unwrap().checks += 1),
            "3.jsonl has another number of selected checks than 1.jsonl: 12, not 11"
        );
        assert_eq!(
            change(0, |one| one.about.shard = None),
            "1.jsonl is the report of a whole run, not of a part (run --shard PART/PARTS)"
        );
        let shifted = change(1, |one| one.about.shard.as_mut().unwrap().places[0] = 11);
        assert!(shifted.starts_with("2.jsonl does not say of each of its checks"), "{shifted}");
    }

    #[test]
    fn missing_and_doubled_parts_are_named() {
        let mut some = parts(5);
        some.remove(3);
        some.remove(1);
        assert_eq!(error(some), "of 5 parts these are missing: 2, 4");
        let mut some = parts(3);
        let (_, again) = some[1].clone();
        some.push(("again.jsonl".to_owned(), again));
        assert_eq!(error(some), "part 2 is in 2.jsonl and in again.jsonl");
        assert_eq!(error(vec![]), "there is nothing to merge");
    }
}
