//! What goes on: the run or the campaign that a page shows, as it is told of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::history::Past;
use crate::{
    report::{About, Report, Tally},
    suite::{Check, Record, Run, Verdict},
};

/// A run or a campaign that goes on.
#[derive(Debug)]
pub struct Live {
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    about: Option<About>,
    fuzz: bool,
    total: usize,
    done: u64,
    failing: u64,
    running: BTreeSet<String>,
    /// What was checked and is of interest by itself.
    records: Vec<Record>,
    counts: BTreeMap<&'static str, usize>,
    /// The causes of failures that were told already.
    causes: BTreeSet<String>,
    /// What a campaign met so far, a line each.
    found: Vec<String>,
    ended: Option<Ended>,
}

#[derive(Debug)]
struct Ended {
    after: Duration,
    outcome: String,
    bad: bool,
    shown: Shown,
}

/// What is to be read of it.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    /// A run, whole or so far.
    Run(Box<Report>),
    /// The text of a campaign.
    Campaign(String),
}

/// What the page asks for again and again.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    /// `run` or `fuzz`.
    kind: &'static str,
    /// `begins`, `goes on` or `ended`.
    phase: &'static str,
    target: String,
    contract: String,
    seed: u64,
    /// How many checks or cases were done.
    done: u64,
    /// Of how many checks; 0 where nobody knows.
    total: usize,
    seconds: f64,
    /// How many checks ended how.
    counts: BTreeMap<&'static str, usize>,
    /// The ids of the checks that run.
    running: Vec<String>,
    /// How many things failed.
    failing: u64,
    /// How many different things a campaign met so far.
    found: usize,
    /// What came out, once it has.
    outcome: Option<String>,
    bad: bool,
    past: Vec<Past>,
}

impl Default for Live {
    fn default() -> Self {
        Self { begun: Instant::now(), state: Mutex::default() }
    }
}

impl Live {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run of so many checks begins.
    pub fn run_begins(&self, about: &About, checks: usize) {
        let mut state = self.state();
        state.about = Some(about.clone());
        state.total = checks;
    }

    /// A check begins, or has ended.
    pub fn step(&self, check: &Check, verdict: Option<&Verdict>) {
        let mut state = self.state();
        let Some(verdict) = verdict else {
            state.running.insert(check.id.clone());
            return;
        };
        state.running.remove(&check.id);
        state.done += 1;
        *state.counts.entry(verdict.name()).or_default() += 1;
        let is_new = match verdict {
            // What follows from a cause is said once.
            Verdict::Fail(evidence) => evidence.cause.clone().is_none_or(|cause| state.causes.insert(cause)),
            Verdict::Error(_) => true,
            _ => false,
        };
        if is_new {
            state.failing += 1;
            state.records.push(Record::of(check, verdict.clone()));
        }
    }

    /// The run has ended.
    pub fn run_ended(&self, report: &Report) {
        let tally = Tally::of(&report.run.records);
        let mut state = self.state();
        state.about = Some(report.about.clone());
        state.running.clear();
        state.total = tally.total();
        state.done = tally.total() as u64;
        state.failing = tally.bad() as u64;
        state.counts.clear();
        for record in &report.run.records {
            *state.counts.entry(record.verdict.name()).or_default() += 1;
        }
        state.ended = Some(Ended {
            after: self.begun.elapsed(),
            outcome: tally.outcome(),
            bad: tally.bad() > 0,
            shown: Shown::Run(Box::new(report.clone())),
        });
    }

    /// A campaign begins.
    pub fn campaign_begins(&self, about: About) {
        let mut state = self.state();
        state.about = Some(about);
        state.fuzz = true;
    }

    /// So many cases were tried, so many of them failed, and this was met, a line each.
    pub fn counted(&self, cases: u64, failing: u64, found: Vec<String>) {
        let mut state = self.state();
        (state.done, state.failing, state.found) = (cases, failing, found);
    }

    /// The campaign has ended: what came out in a line, and whether something failed, and all of it as text.
    pub fn campaign_ended(&self, outcome: String, bad: bool, text: String) {
        let (after, shown) = (self.begun.elapsed(), Shown::Campaign(text));
        self.state().ended = Some(Ended { after, outcome, bad, shown });
    }

    /// What there is to be read now.
    pub(super) fn shown(&self) -> Option<Shown> {
        let state = self.state();
        if let Some(ended) = &state.ended {
            return Some(ended.shown.clone());
        }
        if state.fuzz {
            let lines = state.found.join("\n");
            return (!lines.is_empty()).then_some(Shown::Campaign(lines));
        }
        let run = Run { records: state.records.clone(), took: self.begun.elapsed(), interrupted: false };
        Some(Shown::Run(Box::new(Report { about: state.about.clone()?, run })))
    }

    /// What the page shows of it.
    pub(super) fn document(&self, past: Vec<Past>) -> Document {
        let state = self.state();
        let about = state.about.as_ref();
        Document {
            kind: if state.fuzz { "fuzz" } else { "run" },
            phase: match (&state.ended, about) {
                (Some(_), _) => "ended",
                (None, Some(_)) => "goes on",
                (None, None) => "begins",
            },
            target: about.map(|about| about.target.clone()).unwrap_or_default(),
            contract: about.map(|about| about.contract.clone()).unwrap_or_default(),
            seed: about.map_or(0, |about| about.seed),
            done: state.done,
            total: state.total,
            seconds: state
                .ended
                .as_ref()
                .map_or_else(|| self.begun.elapsed(), |ended| ended.after)
                .as_secs_f64(),
            counts: state.counts.clone(),
            running: state.running.iter().cloned().collect(),
            failing: state.failing,
            found: state.found.len(),
            outcome: state.ended.as_ref().map(|ended| ended.outcome.clone()),
            bad: state.ended.as_ref().map_or(state.failing > 0, |ended| ended.bad),
            past,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::example_report, suite::Evidence};

    #[test]
    fn what_runs_is_told_until_it_ends_and_a_cause_once() {
        let live = Live::default();
        assert!(live.shown().is_none());
        let report = example_report();
        live.run_begins(&report.about, 3);
        let check = |id: &str| Check::should(id, "page", "It holds.");
        let fail = Verdict::Fail(Evidence {
            expected: "a".to_owned(),
            got: "b".to_owned(),
            curl: "curl".to_owned(),
            cause: Some("one".to_owned()),
        });
        for id in ["x/1", "x/2", "x/3"] {
            live.step(&check(id), None);
        }
        live.step(&check("x/1"), Some(&fail));
        live.step(&check("x/2"), Some(&fail));
        let document = live.document(vec![]);
        assert_eq!((document.phase, document.done, document.total, document.failing), ("goes on", 2, 3, 1));
        assert_eq!(document.running, ["x/3"]);
        assert_eq!(document.counts["fail"], 2);
        let Some(Shown::Run(so_far)) = live.shown() else { panic!("a run") };
        assert_eq!(so_far.run.records.len(), 1);
        live.run_ended(&report);
        let document = live.document(vec![]);
        assert_eq!((document.phase, document.total), ("ended", report.run.records.len()));
        assert!(document.running.is_empty() && document.bad);
    }

    #[test]
    fn what_a_campaign_meets_is_told_while_it_goes_on() {
        let live = Live::default();
        live.campaign_begins(example_report().about);
        assert!(live.shown().is_none());
        live.counted(20, 3, vec!["panic on ping: a".to_owned(), "hang on ping: b".to_owned()]);
        assert_eq!(live.document(vec![]).found, 2);
        let Some(Shown::Campaign(text)) = live.shown() else { panic!("a campaign") };
        assert_eq!(text, "panic on ping: a\nhang on ping: b");
        live.campaign_ended("1 cause of failure".to_owned(), true, "all of it".to_owned());
        let Some(Shown::Campaign(text)) = live.shown() else { panic!("a campaign") };
        assert_eq!(text, "all of it");
    }
}
