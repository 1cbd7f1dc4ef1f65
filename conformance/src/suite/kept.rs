//! Runs a check on a target that somebody watches: what the target does meanwhile is told apart from what the check finds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    alone::Alone,
    check::Check,
    class::{Class, Level},
    context::Context,
    outcome::{Evidence, Outcome, Record, SkipReason, Stop, Verdict},
};
use crate::keeper::{Fall, Keeper, Kind, ready};

/// How long somebody else's target may take to be ready again.
const READY: Duration = Duration::from_secs(30);

/// What may leave a part of a target unusable though it lives.
const STRAIN: &str = "websocket/survives/";

/// Whether an outcome may be the target's doing as a whole.
fn is_bad(outcome: &Outcome) -> bool {
    !matches!(outcome, Ok(()) | Err(Stop::Skip(_)))
}

/// What came of a check.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) outcome: Outcome,
    /// Why it is to be asked again, alone.
    pub(super) doubt: Option<Doubt>,
}

/// Why the outcome of a check says nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The target fell meanwhile.
    Fell,
    /// Something was not answered, and the target is well.
    Unanswered,
}

impl From<Outcome> for Attempt {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, doubt: None }
    }
}

/// Carries a check out. With `doubt` it is the second time, alone; then it is the check's doing if the target falls again.
pub(super) async fn attempt(
    check: &Check,
    context: &Context,
    doubt: Option<Doubt>,
    run: impl Future<Output = Outcome>,
) -> Attempt {
    let Some(keeper) = context.keeper() else { return run.await.into() };
    let life = keeper.up().await;
    if doubt == Some(Doubt::Fell) && keeper.has_fallen_often() {
        return Err(Stop::Follows(keeper.last_cause().unwrap_or_default())).into();
    }
    if life.is_none() && keeper.count() > 0 {
        return Err(Stop::Skip(SkipReason::TargetGone)).into();
    }
    let flight = keeper.flight();
    let (falls, unanswered, let_in) = (keeper.count(), flight.unanswered(), flight.let_in());
    let outcome = run.await;
    let missed = flight.unanswered() > unanswered;
    // Where everything was refused, nothing ends.
    let ends = check.alone() == Some(Alone::Lifecycle) && flight.let_in() > let_in;
    if ends && (keeper.is_own() || check.class != Class::Final) {
        keeper.after_farewell().await;
        if !keeper.is_own() {
            ready(keeper.address(), keeper.keys(), false, READY).await;
        }
    } else if is_bad(&outcome) {
        // Whether it is this question that failed, or the target, of which nobody may know yet.
        keeper.settle().await;
    }
    let fallen =
        keeper.falls(falls).into_iter().find(|fall| !matches!(fall.kind, Kind::Panic | Kind::Dropped));
    // What a target says that becomes slow is said nevertheless.
    let fallen = fallen.filter(|fall| fall.kind != Kind::Slow || is_bad(&outcome));
    if let Some(fall) = fallen {
        if doubt.is_none() && !keeper.is_lost() {
            return Attempt { outcome, doubt: Some(Doubt::Fell) };
        }
        if doubt.is_some() {
            keeper.explain(&fall);
            return Err(Stop::Violated(evidence(&fall, keeper))).into();
        }
        return Err(Stop::Skip(SkipReason::TargetGone)).into();
    }
    let elsewhere = !ends && keeper.life() != life;
    if check.id.starts_with(STRAIN) && is_bad(&outcome) && keeper.is_own() {
        // Whatever it has left unusable, nobody else shall find it so.
        keeper.renew().await;
    }
    match doubt {
        None if elsewhere && is_bad(&outcome) => Attempt { outcome, doubt: Some(Doubt::Fell) },
        None if missed && is_bad(&outcome) && !ends => Attempt { outcome, doubt: Some(Doubt::Unanswered) },
        Some(Doubt::Unanswered) if outcome.is_ok() => {
            keeper.dropped(format!("{} was not answered, and was when it was asked again", check.id));
            outcome.into()
        }
        _ => outcome.into(),
    }
}

/// What befell a target, as a report shows it.
fn evidence(fall: &Fall, keeper: &Keeper) -> Evidence {
    Evidence {
        expected: fall.kind.sentence().trim_end_matches('.').to_owned(),
        got: fall.shown(keeper.keys()),
        curl: fall.sent(keeper.address(), keeper.keys()),
        cause: Some(fall.cause()),
    }
}

/// What befell the target and is no check's doing: a record a cause.
pub(super) fn records(keeper: &Keeper) -> Vec<Record> {
    let mut causes: BTreeMap<String, (Arc<Fall>, usize)> = BTreeMap::new();
    for fall in keeper.unexplained() {
        // Which connection it was says nothing.
        let cause = if fall.kind == Kind::Dropped { "dropped".to_owned() } else { fall.cause() };
        causes.entry(cause).or_insert_with(|| (fall, 0)).1 += 1;
    }
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    causes
        .into_values()
        .map(|(fall, seen)| {
            let name = fall.kind.name();
            let number = ids.entry(name).or_default();
            *number += 1;
            let id = if *number == 1 { format!("target/{name}") } else { format!("target/{name}/{number}") };
            let mut evidence = evidence(&fall, keeper);
            if seen > 1 {
                evidence.got = format!("{}\nseen {seen} times", evidence.got);
            }
            let (level, verdict) = match fall.kind {
                Kind::Panic => (Level::Info, Verdict::Warn(evidence)),
                _ => (Level::Should, Verdict::Fail(evidence)),
            };
            Record {
                id,
                level,
                finding: false,
                class: Class::Read,
                clause: "observed while the checks ran".to_owned(),
                sentence: fall.kind.sentence().to_owned(),
                verdict,
                cause: Some(fall.cause()),
                took: Duration::ZERO,
            }
        })
        .collect()
}
