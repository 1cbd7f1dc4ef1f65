//! What brings a target down: which cases were on their way, and which of them does it again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use proptest::{prelude::*, strategy::ValueTree};

use super::{
    bucket::Bucket,
    case::{Case, Step},
    draw,
    finding::{Finding, Oracle},
    host::Gone,
    lane::{Lane, Objection},
    shrink::Small,
    subject::Subject,
};
use crate::keeper::{Fall, Keeper, Kind};

/// How many cases before a fall are suspected, the last first.
const SUSPECTS: usize = 12;
/// How many of its last cases each lane remembers.
const RECENT: usize = 3;
/// How often a case is tried to be confirmed, and how often it must bring the target down.
const TRIALS: (usize, usize) = (5, 3);
/// How long one cause is made small at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// In how many steps at most.
const STEPS: usize = 60;

/// The cases that were on their way, by what then happened.
#[derive(Debug, Default)]
pub(super) struct Falls(Mutex<BTreeMap<String, Fallen>>);

/// One cause.
#[derive(Clone, Debug)]
pub(super) struct Fallen {
    pub(super) fall: Arc<Fall>,
    pub(super) seen: u64,
    /// The numbers of the cases that may have done it, the likeliest first.
    suspects: VecDeque<u64>,
}

/// The last cases of a lane.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<u64>);

impl Recent {
    fn add(&mut self, number: u64) {
        self.0.push_front(number);
        self.0.truncate(RECENT);
    }
}

/// Which falls are a case's doing; what only stands in the log, or is a connection's, is not.
fn is_fall(fall: &Arc<Fall>) -> bool {
    !matches!(fall.kind, Kind::Panic | Kind::Dropped)
}

impl Falls {
    /// Sends a case to a target that somebody watches: what is objected to, unless the target fell.
    pub(super) async fn run(
        &self,
        keeper: &Keeper,
        lane: &mut Lane<'_>,
        case: &Case,
        number: u64,
        recent: &mut Recent,
    ) -> Result<Option<Objection>, Gone> {
        let Some(life) = keeper.up().await else { return Err(gone(keeper)) };
        let before = keeper.count();
        recent.add(number);
        let outcome = tokio::select! {
            outcome = lane.run(case) => outcome,
            // What is on its way to a target that has gone for good is not waited for.
            _ = keeper.lost() => Err(gone(keeper)),
        };
        let odd = match &outcome {
            Err(_) => true,
            Ok(objection) => objection.as_ref().is_some_and(|one| one.finding.oracle == Oracle::Answered),
        };
        if !odd && keeper.life() == Some(life) && keeper.count() == before {
            return outcome;
        }
        let up = keeper.settle().await;
        lane.reconnect();
        let new: Vec<_> = keeper.falls(before).into_iter().filter(is_fall).collect();
        for fall in &new {
            self.note(fall, recent);
        }
        match (up, new.is_empty(), outcome) {
            (None, ..) => Err(gone(keeper)),
            // It fell, or was told to restart: nothing of this is the answer's fault.
            (Some(_), false, _) => Ok(None),
            (Some(now), true, _) if now != life => Ok(None),
            // It is well: then a connection broke, which says something of itself.
            (_, _, Ok(objection)) => Ok(objection),
            (_, _, Err(Gone(text))) => Ok(Some(Objection {
                step: 0,
                finding: Finding::new(Oracle::Answered, "raw", "a connection", text),
            })),
        }
    }

    fn note(&self, fall: &Arc<Fall>, recent: &Recent) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.entry(fall.cause());
        let fallen =
            entry.or_insert_with(|| Fallen { fall: Arc::clone(fall), seen: 0, suspects: VecDeque::new() });
        if !Arc::ptr_eq(&fallen.fall, fall) || fallen.seen == 0 {
            fallen.seen += 1;
        }
        for number in recent.0.iter().rev() {
            fallen.suspects.retain(|one| one != number);
            fallen.suspects.push_front(*number);
        }
        fallen.suspects.truncate(SUSPECTS);
    }

    /// What was noted.
    pub(super) fn take(&self) -> Vec<Fallen> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *all).into_values().collect()
    }
}

/// Why the target is not there any more.
pub(super) fn gone(keeper: &Keeper) -> Gone {
    let last = keeper.falls(0).into_iter().rev().find(is_fall);
    Gone(last.map_or_else(
        || "the target was stopped".to_owned(),
        |fall| keeper.keys().redact(&fall.told().join("; ")),
    ))
}

/// Whether a case brings the target down, and how.
pub(super) async fn falls(
    keeper: &Keeper,
    lane: &mut Lane<'_>,
    case: &Case,
) -> Result<Option<Arc<Fall>>, Gone> {
    if keeper.up().await.is_none() {
        return Err(gone(keeper));
    }
    let before = keeper.count();
    // What is objected to does not matter here, nor that the connection breaks.
    let _ = lane.run(case).await;
    let up = keeper.settle().await;
    lane.reconnect();
    let fall = keeper.falls(before).into_iter().find(is_fall);
    match (up, fall) {
        (_, Some(fall)) => Ok(Some(fall)),
        (None, None) => Err(gone(keeper)),
        (Some(_), None) => Ok(None),
    }
}

/// Finds the case that brings the target down again, and makes it small; without one, or without a target that could be asked, what was
/// on its way stands for itself.
pub(super) async fn confirm(
    subject: &Subject,
    keeper: &Keeper,
    strategy: &BoxedStrategy<Case>,
    fallen: &Fallen,
) -> Bucket {
    if keeper.is_own()
        && let Ok(Some(bucket)) = again(subject, keeper, strategy, fallen).await
    {
        return bucket;
    }
    let why = "not seen again when these cases were sent to a fresh target";
    as_it_came(subject, keeper, strategy, fallen, why)
}

/// What was on its way when the target fell, and why it is not said more exactly.
pub(super) fn as_it_came(
    subject: &Subject,
    keeper: &Keeper,
    strategy: &BoxedStrategy<Case>,
    fallen: &Fallen,
    why: &str,
) -> Bucket {
    let cases = fallen.suspects.iter().rev().filter_map(|number| draw::draw(strategy, subject, *number));
    let row = Case { steps: cases.flat_map(|case| case.steps).collect() };
    let number = fallen.suspects.front().copied().unwrap_or_default();
    bucket(keeper, subject, &fallen.fall, fallen.seen, row, number, subject.mode(0), 0, Some(why))
}

/// The case that brings the target down again, if there is one.
async fn again(
    subject: &Subject,
    keeper: &Keeper,
    strategy: &BoxedStrategy<Case>,
    fallen: &Fallen,
) -> Result<Option<Bucket>, Gone> {
    let begun = Instant::now();
    let mode = subject.mode(0);
    let mut lane = Lane::open(subject, mode).await?;
    let wanted = fallen.fall.kind;
    let like = |fall: Option<Arc<Fall>>| fall.filter(|fall| Oracle::of(fall.kind) == Oracle::of(wanted));
    let bucket = |case: Case, number, steps, fall: &Fall| {
        bucket(keeper, subject, fall, fallen.seen, case, number, mode, steps, None)
    };
    for &number in &fallen.suspects {
        let Some(mut tree) = draw::tree(strategy, subject.seed, number) else { continue };
        if begun.elapsed() > PATIENCE {
            break;
        }
        let Some(mut fall) = like(falls(keeper, &mut lane, &tree.current()).await?) else { continue };
        let (mut best, mut steps) = (tree.current(), 0);
        let mut going = tree.simplify();
        while going && steps < STEPS && begun.elapsed() < PATIENCE {
            steps += 1;
            let case = tree.current();
            let permitted = subject.scope.permits(&case);
            going = match if permitted { like(falls(keeper, &mut lane, &case).await?) } else { None } {
                Some(again) => {
                    (best, fall) = (case, again);
                    tree.simplify()
                }
                None => tree.complicate(),
            };
        }
        let best = without_steps(keeper, &mut lane, best, wanted).await?;
        let mut times = 0;
        for _ in 0..TRIALS.0 {
            times += usize::from(like(falls(keeper, &mut lane, &best).await?).is_some());
            if times >= TRIALS.1 {
                break;
            }
        }
        if times >= TRIALS.1 {
            return Ok(Some(bucket(best, number, steps, &fall)));
        }
    }
    // Perhaps it takes several of them, in their order or at once.
    let cases: Vec<Case> =
        fallen.suspects.iter().rev().filter_map(|number| draw::draw(strategy, subject, *number)).collect();
    let number = fallen.suspects.front().copied().unwrap_or_default();
    let row = Case { steps: cases.iter().flat_map(|case| case.steps.clone()).collect() };
    let meeting = Case { steps: vec![Step::Meet(cases.into_iter().filter(|case| !case.meets()).collect())] };
    for case in [row, meeting] {
        if begun.elapsed() < PATIENCE
            && let Some(fall) = like(falls(keeper, &mut lane, &case).await?)
        {
            let case = without_steps(keeper, &mut lane, case, wanted).await?;
            return Ok(Some(bucket(case, number, 0, &fall)));
        }
    }
    Ok(None)
}

/// Leaves out the steps, and those who meet, without which the target falls all the same.
async fn without_steps(keeper: &Keeper, lane: &mut Lane<'_>, case: Case, kind: Kind) -> Result<Case, Gone> {
    let mut best = case;
    let begun = Instant::now();
    let mut at = 0;
    while at < best.steps.len() && begun.elapsed() < PATIENCE {
        let mut smaller = vec![];
        if best.steps.len() > 1 {
            let mut less = best.clone();
            less.steps.remove(at);
            smaller.push(less);
        }
        if let Step::Meet(all) = &best.steps[at] {
            for who in 0..all.len() {
                let mut less = best.clone();
                if let Step::Meet(all) = &mut less.steps[at] {
                    all.remove(who);
                }
                smaller.push(less);
            }
        }
        let mut found = None;
        for less in smaller {
            let fall = falls(keeper, lane, &less).await?;
            if fall.is_some_and(|fall| Oracle::of(fall.kind) == Oracle::of(kind)) {
                found = Some(less);
                break;
            }
        }
        match found {
            Some(less) => best = less,
            None => at += 1,
        }
    }
    Ok(best)
}

#[expect(clippy::too_many_arguments, reason = "all that a failure is made of")]
fn bucket(
    keeper: &Keeper,
    subject: &Subject,
    fall: &Fall,
    seen: u64,
    case: Case,
    number: u64,
    mode: crate::suite::Mode,
    steps: usize,
    unconfirmed: Option<&str>,
) -> Bucket {
    let place = subject.scope.place(case.steps.first());
    let mut got = keeper.keys().redact(&fall.told().join("\n"));
    if let Some(why) = unconfirmed {
        got.push('\n');
        got.push_str(why);
    }
    let finding = Finding::of_fall(fall, place, got);
    let step = case.steps.len().saturating_sub(1);
    let small = Small { case, finding, step, number, mode, steps, also: vec![], before: vec![] };
    Bucket {
        endpoints: [place.to_owned()].into(),
        cause: fall.cause(),
        small,
        seen,
        cases: vec![],
        also: [].into(),
        before: [].into(),
        follows: None,
    }
}
