//! Runs checks, several at a time, and puts their verdicts in the checks' order.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    time::{Duration, Instant},
};

use tokio::task::{Id, JoinSet};

use super::{Check, Class, Context, Outcome, Record, SkipReason, Stop, Verdict};

/// How many checks run at a time.
const PARALLEL: usize = 8;
/// The longest that one check may take.
const LONGEST: Duration = Duration::from_secs(120);
/// What checks may do to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Change something.
    pub writes: bool,
    /// Stop, log out, clear or trigger something.
    pub disruptive: bool,
}

impl Allowed {
    /// Everything, as for a simulator of one's own.
    pub const ALL: Self = Self { writes: true, disruptive: true };

    fn refuses(self, class: Class) -> Option<SkipReason> {
        match class {
            Class::Writes if !self.writes => Some(SkipReason::WritesNotAllowed),
            Class::Disruptive | Class::Final if !self.disruptive => Some(SkipReason::DisruptionNotAllowed),
            _ => None,
        }
    }
}

/// What came out of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// One record a check, in the checks' order.
    pub records: Vec<Record>,
    /// How long all took.
    pub took: Duration,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

impl Run {
    /// How many records have a verdict of that name.
    pub fn count(&self, verdict: &str) -> usize {
        self.records.iter().filter(|record| record.verdict.name() == verdict).count()
    }
}

impl Run {
    /// Adds what came out of a second run.
    pub(crate) fn append(&mut self, other: Self) {
        self.records.extend(other.records);
        self.took += other.took;
        self.interrupted |= other.interrupted;
    }

    /// Puts the records into the order of `checks`.
    pub(crate) fn sort_like(&mut self, checks: &[Check]) {
        let place: BTreeMap<_, _> =
            checks.iter().enumerate().map(|(place, check)| (&check.id, place)).collect();
        self.records.sort_by_key(|record| place.get(&record.id).copied());
    }
}

/// Runs `checks`. `progress` is called with each finished check; when `stop` ends, no more are started and
/// the report covers what has finished.
pub async fn run(
    checks: &[Check],
    context: &Context,
    allowed: Allowed,
    progress: impl Fn(&Check, &Verdict),
    stop: impl Future<Output = ()>,
) -> Run {
    let begun = Instant::now();
    let mut verdicts: Vec<Option<(Verdict, Duration)>> = checks.iter().map(|_| None).collect();
    let mut waiting = vec![];
    for (index, check) in checks.iter().enumerate() {
        let missing = check.needs.iter().find_map(|&need| context.missing(need));
        match missing.or_else(|| allowed.refuses(check.class)) {
            Some(reason) => {
                let verdict = Verdict::Skip(reason);
                progress(check, &verdict);
                verdicts[index] = Some((verdict, Duration::ZERO));
            }
            None => waiting.push(index),
        }
    }
    waiting.sort_by_key(|&index| checks[index].class);
    let harmless =
        waiting.iter().filter(|&&index| context.is_embedded() || checks[index].class == Class::Read);
    let harmless: VecDeque<_> = harmless.copied().collect();
    let rest: VecDeque<_> = waiting.into_iter().filter(|index| !harmless.contains(index)).collect();

    let mut finished = |index: usize, verdict: Verdict, took| {
        progress(&checks[index], &verdict);
        verdicts[index] = Some((verdict, took));
    };
    let interrupted = tokio::select! {
        () = async {
            together(checks, harmless, PARALLEL, context, &mut finished).await;
            together(checks, rest, 1, context, &mut finished).await;
        } => false,
        () = stop => true,
    };
    let records = checks
        .iter()
        .zip(verdicts)
        .map(|(check, ended)| {
            let (verdict, took) = ended.unwrap_or((Verdict::Skip(SkipReason::Interrupted), Duration::ZERO));
            Record {
                id: check.id.clone(),
                level: check.level,
                finding: check.finding,
                class: check.class,
                clause: check.clause.clone(),
                sentence: check.sentence.clone(),
                verdict,
                took,
            }
        })
        .collect();
    Run { records, took: begun.elapsed(), interrupted }
}

/// Runs the checks with those indices, so many at a time.
async fn together(
    checks: &[Check],
    mut indices: VecDeque<usize>,
    limit: usize,
    context: &Context,
    finished: &mut impl FnMut(usize, Verdict, Duration),
) {
    let mut tasks = JoinSet::new();
    let mut running: Vec<(Id, usize)> = vec![];
    loop {
        while running.len() < limit
            && let Some(index) = indices.pop_front()
        {
            let task = tasks.spawn(timed(checks[index].clone(), context.clone()));
            running.push((task.id(), index));
        }
        let Some(ended) = tasks.join_next_with_id().await else { return };
        let (id, outcome, took) = match ended {
            Ok((id, (outcome, took))) => (id, outcome, took),
            Err(fault) => {
                // Not the fault's own text: it may quote a key.
                (fault.id(), Err(Stop::Error("the check itself broke".to_owned())), Duration::ZERO)
            }
        };
        if let Some(at) = running.iter().position(|(one, _)| *one == id) {
            let (_, index) = running.swap_remove(at);
            finished(index, Verdict::on(outcome, checks[index].level), took);
        }
    }
}

async fn timed(check: Check, context: Context) -> (Outcome, Duration) {
    let begun = Instant::now();
    // Whatever changes a simulator gets one of its own, so that no check sees what another did.
    let context = if check.class == Class::Read { context } else { context.fresh() };
    let too_long = || Err(Stop::Error(format!("not finished within {} s", LONGEST.as_secs())));
    let outcome = tokio::time::timeout(LONGEST, check.start(context)).await.unwrap_or_else(|_| too_long());
    // Of the checks that stop a target for good only the first finds it.
    let outcome = match outcome {
        Err(Stop::Gone(_)) if check.class == Class::Final => Err(Stop::Skip(SkipReason::TargetStopped)),
        outcome => outcome,
    };
    (outcome, begun.elapsed())
}
