//! What differs between two reports: what was fixed, and what broke.
//!
//! A check *holds* if it passed (stale or not) and *fails* if it failed (as expected or not) or could not be
//! carried out. A baseline has no say here: it is about what a target does. What is only worth knowing (level
//! INFO) warns, and never counts as broken.

mod render;

use std::collections::BTreeMap;

use serde::Serialize;

use super::about::{About, Report};
use crate::suite::{Evidence, Level, Record, Verdict};

/// What differs between two reports. Every list is in the order of the suite.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The older report.
    pub old: Side,
    /// The newer report.
    pub new: Side,
    /// Did not fail before, and fails.
    pub broken: Vec<Change>,
    /// Failed before, and holds.
    pub fixed: Vec<Change>,
    /// Fails as before.
    pub still_failing: Vec<Change>,
    /// Warns, and did not before: worth knowing, binding nobody.
    pub warns: Vec<Change>,
    /// Ran before, and was skipped.
    pub unchecked: Vec<Change>,
    /// Only in the newer report.
    pub added: Vec<Change>,
    /// Only in the older report.
    pub gone: Vec<Change>,
    /// How many checks are as before and do not fail.
    pub same: usize,
}

/// One of the two reports.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// The target's URL, or "embedded simulator".
    pub target: String,
    /// The contract that was checked against.
    pub contract: String,
    /// The seed of drawn values.
    pub seed: u64,
    /// How many checks there are.
    pub checks: usize,
}

/// A check whose verdict differs, or that fails in both.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// The check's id.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// What is checked.
    pub sentence: String,
    /// The verdict before, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<&'static str>,
    /// The verdict now, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<&'static str>,
    /// What was expected and what came, if it does not hold now.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Why it could not be checked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a verdict says of the target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Holds,
    Warns,
    Fails,
    Unseen,
}

impl State {
    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass | Verdict::Stale(_) => Self::Holds,
            Verdict::Warn(_) => Self::Warns,
            Verdict::Fail(_) | Verdict::Expected(..) | Verdict::Error(_) => Self::Fails,
            Verdict::Skip(_) => Self::Unseen,
        }
    }
}

/// Says what differs.
pub fn compare(old: &Report, new: &Report) -> Comparison {
    let before: BTreeMap<&str, &Record> =
        old.run.records.iter().map(|record| (record.id.as_str(), record)).collect();
    let mut comparison = Comparison {
        old: Side::of(old),
        new: Side::of(new),
        broken: vec![],
        fixed: vec![],
        still_failing: vec![],
        warns: vec![],
        unchecked: vec![],
        added: vec![],
        gone: vec![],
        same: 0,
    };
    for record in &new.run.records {
        let known = before.get(record.id.as_str()).copied();
        let states = known.map(|known| (State::of(&known.verdict), State::of(&record.verdict)));
        let list = match states {
            None => &mut comparison.added,
            Some((State::Fails, State::Fails)) => &mut comparison.still_failing,
            Some((_, State::Fails)) => &mut comparison.broken,
            Some((State::Fails, State::Holds | State::Warns)) => &mut comparison.fixed,
            Some((State::Warns, State::Warns)) => {
                comparison.same += 1;
                continue;
            }
            Some((_, State::Warns)) => &mut comparison.warns,
            Some((State::Holds | State::Warns | State::Fails, State::Unseen)) => &mut comparison.unchecked,
            Some((_, State::Holds) | (State::Unseen, State::Unseen)) => {
                comparison.same += 1;
                continue;
            }
        };
        list.push(Change::of(known, Some(record), record));
    }
    let kept: BTreeMap<&str, ()> = new.run.records.iter().map(|record| (record.id.as_str(), ())).collect();
    let gone = old.run.records.iter().filter(|record| !kept.contains_key(record.id.as_str()));
    comparison.gone = gone.map(|record| Change::of(Some(record), None, record)).collect();
    comparison
}

impl Side {
    fn of(report: &Report) -> Self {
        let About { target, contract, seed, .. } = report.about.clone();
        Self { target, contract, seed, checks: report.run.records.len() }
    }
}

impl Change {
    fn of(old: Option<&Record>, new: Option<&Record>, one: &Record) -> Self {
        let (evidence, error) = match new.map(|record| &record.verdict) {
            Some(Verdict::Fail(one) | Verdict::Warn(one) | Verdict::Expected(one, _)) => {
                (Some(one.clone()), None)
            }
            Some(Verdict::Error(text)) => (None, Some(text.clone())),
            _ => (None, None),
        };
        let name = |record: &Record| record.verdict.name();
        Self {
            id: one.id.clone(),
            level: one.level,
            sentence: one.sentence.clone(),
            old: old.map(name),
            new: new.map(name),
            evidence,
            error,
        }
    }
}
