//! Makes a failing case small, and tries it again before anybody hears of it.

use std::time::{Duration, Instant};

use proptest::{prelude::*, strategy::ValueTree};

use super::{
    attempt::attempt,
    case::{Case, Step},
    draw::{EPOCH, draw, tree},
    finding::Finding,
    host::Gone,
    lane::Lane,
    subject::{Subject, Target},
};
use crate::suite::Mode;

/// How often a case is made smaller at most.
const STEPS: usize = 300;
/// How long that may take at most.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often earlier cases are left out at most, when a failure needs some of them.
const ROUNDS: usize = 60;

/// A failing case, as small as it got.
#[derive(Clone, Debug)]
pub(super) struct Small {
    pub(super) case: Case,
    pub(super) finding: Finding,
    /// At which step it fails.
    pub(super) step: usize,
    /// The number of the case that failed first.
    pub(super) number: u64,
    pub(super) mode: Mode,
    /// In how many steps it was made small.
    pub(super) steps: usize,
    /// What else is objected to in that case.
    pub(super) also: Vec<String>,
    /// What is objected to only in steps before the one that fails, which it cannot do without.
    pub(super) before: Vec<String>,
}

/// Tries cases on a target that is as if nothing had happened.
struct Trial<'a, 's> {
    subject: &'s Subject,
    lane: &'a mut Lane<'s>,
    /// Whether the target has been asked for more than to be read since it began.
    touched: bool,
}

impl Trial<'_, '_> {
    /// All that is objected to in the case alone.
    async fn run(&mut self, case: &Case) -> Result<Vec<(usize, Finding)>, Gone> {
        if self.touched {
            self.lane.renew().await?;
        }
        self.touched = !case.steps.iter().all(|step| self.subject.scope.only_reads(step));
        let objections = attempt(self.lane, case).await?;
        Ok(objections.into_iter().map(|objection| (objection.step, objection.finding)).collect())
    }
}

/// Makes the case of that number small, on a lane as if nothing had been sent. Nothing, if it does not fail again with the
/// like of `wanted`.
pub(super) async fn shrink<'s>(
    subject: &'s Subject,
    lane: &mut Lane<'s>,
    strategy: &BoxedStrategy<Case>,
    number: u64,
    wanted: &Finding,
) -> Result<Option<Small>, Gone> {
    let mode = subject.mode(number / EPOCH);
    let mut trial = Trial { subject, lane, touched: false };
    let Some(mut tree) = tree(strategy, subject.seed, number) else { return Ok(None) };
    let like =
        |outcome: Vec<(usize, Finding)>| outcome.into_iter().find(|(_, finding)| finding.is_like(wanted));
    let mut before = vec![];
    let mut outcome = like(trial.run(&tree.current()).await?);
    if outcome.is_none() {
        // It may need some of what came before it.
        before = history(&mut trial, subject, strategy, number, wanted).await?;
        outcome = like(trial.run(&joined(&before, tree.current())).await?);
    }
    let (mut best, mut steps) = (tree.current(), 0);
    let Some(mut outcome) = outcome else { return Ok(None) };
    let begun = Instant::now();
    let mut going = tree.simplify();
    while going && steps < STEPS && begun.elapsed() < PATIENCE {
        steps += 1;
        let case = tree.current();
        let failed = match subject.scope.permits(&case) {
            true => like(trial.run(&joined(&before, case.clone())).await?),
            false => None,
        };
        going = match failed {
            Some(failed) => {
                (best, outcome) = (case, failed);
                tree.simplify()
            }
            None => tree.complicate(),
        };
    }
    let mut case = joined(&before, best);
    // What comes after the step that fails is not needed.
    case.steps.truncate(outcome.0 + 1);
    // A case is worth telling only if it fails again.
    trial.touched = true;
    let all = trial.run(&case).await?;
    let also = all.iter().map(|(_, finding)| finding.cause.clone()).collect();
    let earlier = all.iter().filter(|(step, _)| *step < outcome.0).map(|(_, finding)| finding.cause.clone());
    let before = earlier.collect();
    let again = like(all);
    Ok(again.map(|(step, finding)| Small { case, finding, step, number, mode, steps, also, before }))
}

/// Steps and then a case.
fn joined(before: &[Step], case: Case) -> Case {
    Case { steps: before.iter().cloned().chain(case.steps).collect() }
}

/// The steps of the cases before a failure without which it does not come about; none, if it does not with all of them.
async fn history(
    trial: &mut Trial<'_, '_>,
    subject: &Subject,
    strategy: &BoxedStrategy<Case>,
    number: u64,
    wanted: &Finding,
) -> Result<Vec<Step>, Gone> {
    // Somebody else's target cannot be begun anew.
    if matches!(subject.target, Target::Foreign(..)) {
        return Ok(vec![]);
    }
    let mut before = vec![];
    for earlier in number / EPOCH * EPOCH..number {
        if let Some(case) = draw(strategy, subject, earlier) {
            match subject.scope.spoils(&case) {
                true => before.clear(),
                false => before.push(case),
            }
        }
    }
    let Some(last) = draw(strategy, subject, number) else { return Ok(vec![]) };
    let fails = async |trial: &mut Trial<'_, '_>, before: &[Case]| -> Result<bool, Gone> {
        trial.lane.renew().await?;
        trial.touched = true;
        for case in before {
            attempt(trial.lane, case).await?;
        }
        let outcome = attempt(trial.lane, &last).await?;
        Ok(outcome.iter().any(|objection| objection.finding.is_like(wanted)))
    };
    if !fails(trial, &before).await? {
        return Ok(vec![]);
    }
    // Leaves out halves, quarters and so on as long as it still fails.
    let (mut size, mut rounds, begun) = (before.len().div_ceil(2).max(1), 0, Instant::now());
    loop {
        let mut at = 0;
        while at < before.len() && rounds < ROUNDS && begun.elapsed() < PATIENCE {
            rounds += 1;
            let mut less = before.clone();
            less.drain(at..(at + size).min(less.len()));
            if fails(trial, &less).await? {
                before = less;
            } else {
                at += size;
            }
        }
        if size == 1 || rounds >= ROUNDS || begun.elapsed() >= PATIENCE {
            break;
        }
        size = size.div_ceil(2);
    }
    Ok(before.into_iter().flat_map(|case| case.steps).collect())
}
