//! Runs checks, several at a time, and puts their verdicts in the checks' order.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use tokio::task::{AbortHandle, JoinSet};

use super::{
    alone::Alone,
    cause::TARGET,
    check::Check,
    class::{Class, Level},
    context::Context,
    kept::{self, Attempt, Doubt},
    outcome::{Evidence, Outcome, Record, SkipReason, Stop, Verdict},
};

/// How many checks run at a time.
const PARALLEL: usize = 8;
/// The same in a trial of a mutant: with some of them most checks wait for an answer that never comes.
const TRIAL_PARALLEL: usize = 96;
/// The longest that one check may take.
const LONGEST: Duration = Duration::from_secs(120);
/// The longest that one may take that waits for a self-check, which somebody else may wait for already.
const SELF_CHECK: Duration = Duration::from_secs(240);
/// How long a check that changes something may take to put it back, once the run is to stop.
const GRACE: Duration = Duration::from_secs(20);

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

    /// Whether that class is permitted.
    pub(crate) fn permits(self, class: Class) -> bool {
        self.refuses(class).is_none()
    }

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
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
}

impl Run {
    /// How many records have a verdict of that name.
    pub fn count(&self, verdict: &str) -> usize {
        self.records.iter().filter(|record| record.verdict.name() == verdict).count()
    }
}

impl Run {
    /// What came out when nothing ran, for that reason.
    pub fn skipped(checks: &[Check], reason: SkipReason) -> Self {
        let left = |check: &Check| record(check, Ended::skipped(reason));
        Self { records: checks.iter().map(left).collect(), took: Duration::ZERO, interrupted: true }
    }

    /// What came out when nothing could be asked of the target: one failure, from which all the rest follows.
    pub(crate) fn stranded(checks: &[Check], stranded: &Stranded) -> Self {
        let Stranded { name, sentence, got } = stranded;
        let check = Check::should(format!("{TARGET}/{name}"), "asked before the checks", *sentence);
        let cause = Some((*got).clone());
        let evidence = Evidence {
            expected: sentence.trim_end_matches('.').to_owned(),
            got: got.clone(),
            curl: String::new(),
            cause: cause.clone(),
        };
        let ended = |verdict| Ended { verdict, cause: cause.clone(), took: Duration::ZERO };
        let left = ended(Verdict::Skip(SkipReason::SameCause));
        let mut records: Vec<_> = checks.iter().map(|check| record(check, left.clone())).collect();
        records.push(record(&check, ended(Verdict::Fail(evidence))));
        Self { records, took: Duration::ZERO, interrupted: true }
    }

    /// Why it was stopped, if it was.
    pub(crate) fn reason(&self) -> Option<SkipReason> {
        let stops = [SkipReason::TargetGone, SkipReason::TimeLimit, SkipReason::Interrupted];
        let why = |reason| self.records.iter().any(|record| record.verdict == Verdict::Skip(reason));
        stops.into_iter().find(|reason| self.interrupted && why(*reason))
    }

    /// Adds what came out of a second run. What befell the target in both, the second one tells.
    pub(crate) fn append(&mut self, other: Self) {
        self.records.retain(|record| other.records.iter().all(|later| later.id != record.id));
        self.records.extend(other.records);
        self.took += other.took;
        self.interrupted |= other.interrupted;
    }

    /// Puts the records into the order of `checks`.
    pub(crate) fn sort_like(&mut self, checks: &[Check]) {
        let place: BTreeMap<_, _> =
            checks.iter().enumerate().map(|(place, check)| (&check.id, place)).collect();
        // What befell the target is no check's, and comes last.
        self.records.sort_by_key(|record| place.get(&record.id).copied().unwrap_or(usize::MAX));
    }
}

impl Record {
    /// What a report says of a check with this verdict, as long as the run goes on.
    pub(crate) fn of(check: &Check, verdict: Verdict) -> Self {
        record(check, Ended { verdict, cause: None, took: Duration::ZERO })
    }
}

/// Why nothing can be asked of a target.
#[derive(Clone, Debug)]
pub(crate) struct Stranded {
    /// How it is called in ids.
    pub(crate) name: &'static str,
    /// What should have been.
    pub(crate) sentence: &'static str,
    /// What was.
    pub(crate) got: String,
}

/// What a report says of a check that ended like this.
fn record(check: &Check, Ended { verdict, cause, took }: Ended) -> Record {
    Record {
        id: check.id.clone(),
        level: check.level,
        finding: check.finding,
        class: check.class,
        clause: check.clause.clone(),
        sentence: check.sentence.clone(),
        verdict,
        cause,
        took,
    }
}

/// How a check ended.
#[derive(Clone)]
struct Ended {
    verdict: Verdict,
    cause: Option<String>,
    took: Duration,
}

impl Ended {
    fn skipped(reason: SkipReason) -> Self {
        Self { verdict: Verdict::Skip(reason), cause: None, took: Duration::ZERO }
    }

    fn of(outcome: Outcome, level: Level, took: Duration) -> Self {
        let cause = match &outcome {
            Err(Stop::Violated(evidence)) => evidence.cause.clone(),
            Err(Stop::Follows(cause)) => Some(cause.clone()),
            _ => None,
        };
        Self { verdict: Verdict::on(outcome, level), cause, took }
    }
}

/// Why each of the checks would be skipped here, before anything is asked.
pub fn plan(checks: &[Check], context: &Context, allowed: Allowed) -> Vec<Option<SkipReason>> {
    let reason = |check: &Check| {
        let missing = check.needs.iter().find_map(|&need| context.missing(need));
        missing.or_else(|| allowed.refuses(check.class))
    };
    checks.iter().map(reason).collect()
}

/// Runs `checks`. `progress` is called with each check that begins, and with its verdict when it is finished. When `stop` ends no more are started: what
/// only reads is broken off, what changes something is given time to put it back, and the others are
/// skipped for the reason that `stop` gave.
pub async fn run(
    checks: &[Check],
    context: &Context,
    allowed: Allowed,
    progress: impl Fn(&Check, Option<&Verdict>),
    stop: impl Future<Output = SkipReason>,
) -> Run {
    let begun = Instant::now();
    let mut verdicts: Vec<Option<Ended>> = checks.iter().map(|_| None).collect();
    let mut waiting = vec![];
    for (index, (check, skipped)) in checks.iter().zip(plan(checks, context, allowed)).enumerate() {
        match skipped {
            Some(reason) => {
                let ended = Ended::skipped(reason);
                progress(check, Some(&ended.verdict));
                verdicts[index] = Some(ended);
            }
            None => waiting.push(index),
        }
    }
    // What takes long begins first, so that nobody waits for it at the end: a self-check, and what asks many questions one after
    // the other.
    waiting.sort_by_cached_key(|&index| {
        let check = &checks[index];
        (check.class, check.alone() != Some(Alone::SelfCheck), check.family() != "netquery")
    });

    let mut heard = |index: usize, finished: Option<(Outcome, Duration)>| {
        let ended = finished.map(|(outcome, took)| Ended::of(outcome, checks[index].level, took));
        progress(&checks[index], ended.as_ref().map(|ended| &ended.verdict));
        verdicts[index] = ended;
    };
    let lost = async {
        let fall = match context.keeper() {
            Some(keeper) => keeper.lost().await,
            None => None,
        };
        match fall {
            Some(_) => SkipReason::TargetGone,
            None => std::future::pending().await,
        }
    };
    let stop = async {
        tokio::select! {
            reason = stop => reason,
            reason = lost => reason,
        }
    };
    let mut stop = std::pin::pin!(stop);
    let limit = if context.is_trial() { TRIAL_PARALLEL } else { PARALLEL };
    let mut doubtful = VecDeque::new();
    let queue = waiting.into_iter().map(|index| (index, None)).collect();
    let mut stopped = together(checks, queue, limit, context, &mut heard, &mut doubtful, stop.as_mut()).await;
    if stopped.is_none() && !doubtful.is_empty() {
        // Alone, so that it shows whose doing it was.
        stopped = together(checks, doubtful, 1, context, &mut heard, &mut VecDeque::new(), stop).await;
    }
    // A thread must not outlive the runtime whose clocks it reads.
    context.idle().await;
    let left = Ended::skipped(stopped.unwrap_or(SkipReason::Interrupted));
    let ended =
        |(check, ended): (&Check, Option<Ended>)| record(check, ended.unwrap_or_else(|| left.clone()));
    let mut records: Vec<Record> = checks.iter().zip(verdicts).map(ended).collect();
    if let Some(keeper) = context.keeper() {
        records.extend(kept::records(keeper));
    }
    Run { records, took: begun.elapsed(), interrupted: stopped.is_some() }
}

/// Checks by their indices, with the doubt about what came of them before.
type Queue = VecDeque<(usize, Option<Doubt>)>;

/// Runs the checks of a queue, so many at a time, and none beside another that needs the same alone. Those about whose outcome there
/// is a doubt get into another queue. Answers why they were stopped, if they were.
async fn together(
    checks: &[Check],
    mut queue: Queue,
    limit: usize,
    context: &Context,
    heard: &mut impl FnMut(usize, Option<(Outcome, Duration)>),
    doubtful: &mut Queue,
    mut stop: Pin<&mut impl Future<Output = SkipReason>>,
) -> Option<SkipReason> {
    let mut tasks = JoinSet::new();
    let mut running: Vec<(AbortHandle, usize)> = vec![];
    let mut stopped: Option<(SkipReason, tokio::time::Instant)> = None;
    loop {
        while running.len() < limit {
            let Some((index, doubt)) = next(checks, &mut queue, &running, context) else { break };
            heard(index, None);
            running.push((tasks.spawn(timed(checks[index].clone(), context.clone(), doubt)), index));
        }
        let patience = stopped
            .map_or(LONGEST, |(_, until)| until.saturating_duration_since(tokio::time::Instant::now()));
        let ended = tokio::select! {
            ended = tasks.join_next_with_id() => ended,
            reason = stop.as_mut(), if stopped.is_none() => {
                queue.clear();
                let reads = running.iter().filter(|(_, index)| checks[*index].class == Class::Read);
                reads.for_each(|(task, _)| task.abort());
                let writes = running.iter().any(|(_, index)| checks[*index].class != Class::Read);
                // Who does not answer has nothing put back.
                let waits = writes && reason != SkipReason::TargetGone && context.answers().await;
                let grace = if waits { GRACE } else { Duration::ZERO };
                stopped = Some((reason, tokio::time::Instant::now() + grace));
                continue;
            }
            () = tokio::time::sleep(patience), if stopped.is_some() => None,
        };
        let Some(ended) = ended else { return stopped.map(|(reason, _)| reason) };
        let (id, attempt, took) = match ended {
            Ok((id, (attempt, took))) => (id, Some(attempt), took),
            Err(error) if error.is_cancelled() => (error.id(), None, Duration::ZERO),
            Err(error) => {
                // Not the error's own text: it may quote a key.
                let broke: Outcome = Err(Stop::Error("the check itself broke".to_owned()));
                (error.id(), Some(Attempt::from(broke)), Duration::ZERO)
            }
        };
        if let Some(at) = running.iter().position(|(task, _)| task.id() == id) {
            let (_, index) = running.swap_remove(at);
            match attempt {
                Some(Attempt { doubt: Some(doubt), .. }) if stopped.is_none() => {
                    doubtful.push_back((index, Some(doubt)));
                }
                Some(Attempt { outcome, .. }) => heard(index, Some((outcome, took))),
                None => {}
            }
        }
    }
}

/// Takes the first check out of a queue that may run beside those that do. On a target that is one for all, what changes it waits in
/// a queue of its own, and runs beside what reads; but what writes settings waits until nobody reads, and what disrupts runs alone.
/// Only who waits for a self-check, which takes most of a minute, holds up nobody but what disrupts.
fn next(
    checks: &[Check],
    queue: &mut Queue,
    running: &[(AbortHandle, usize)],
    context: &Context,
) -> Option<(usize, Option<Doubt>)> {
    if context.is_embedded() || running.is_empty() {
        return queue.pop_front();
    }
    let running: Vec<&Check> = running.iter().map(|(_, index)| &checks[*index]).collect();
    let disturbs = |check: &Check| match check.class {
        Class::Read => false,
        Class::Writes => check.alone() == Some(Alone::Settings),
        Class::Disruptive | Class::Final => true,
    };
    let reading = running.iter().all(|one| one.class == Class::Read);
    let waiting = running.iter().all(|one| one.alone() == Some(Alone::SelfCheck));
    let disturbed = running.iter().any(|one| disturbs(one));
    // What changes the target first, for it goes on one after the other.
    let turns: [&dyn Fn(&Check) -> bool; 3] = [
        &|check| reading && check.class == Class::Writes && !disturbs(check),
        &|check| !disturbed && check.class == Class::Read,
        &|check| waiting && check.class == Class::Writes,
    ];
    let meets = |check: &Check| {
        check.alone().is_some_and(|alone| running.iter().any(|one| one.alone() == Some(alone)))
    };
    let first = |turn: &&dyn Fn(&Check) -> bool| {
        queue.iter().position(|(index, _)| turn(&checks[*index]) && !meets(&checks[*index]))
    };
    let at = turns.iter().find_map(first)?;
    queue.remove(at)
}

async fn timed(check: Check, context: Context, doubt: Option<Doubt>) -> (Attempt, Duration) {
    let begun = Instant::now();
    // Whatever changes a simulator gets one of its own, so that no check sees what another did.
    let context = if check.class == Class::Read { context } else { context.fresh() };
    let longest = if check.alone() == Some(Alone::SelfCheck) { SELF_CHECK } else { LONGEST };
    let function = check.start(context.clone());
    let run = async {
        let too_long = || Err(Stop::Error(format!("not finished within {} s", longest.as_secs())));
        let outcome = tokio::time::timeout(longest, function).await.unwrap_or_else(|_| too_long());
        // Of the checks that stop a target for good only the first finds it.
        match outcome {
            Err(Stop::Gone(_)) if check.class == Class::Final => Err(Stop::Skip(SkipReason::TargetStopped)),
            outcome => outcome,
        }
    };
    (kept::attempt(&check, &context, doubt, run).await, begun.elapsed())
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;
    use tokio::sync::watch;

    use super::*;
    use crate::{
        suite::{Keys, Mode},
        target::Client,
    };

    /// What began and ended in which order on somebody else's target; a self-check takes until all that write have ended, and d
    /// until c has begun.
    async fn order(checks: &[Check]) -> Vec<String> {
        let said = watch::Sender::new(Vec::<String>::new());
        let work = |check: &Check| {
            let (said, id) = (said.clone(), check.id.clone());
            let work = move |_| {
                let (said, id) = (said.clone(), id.clone());
                async move {
                    said.send_modify(|said| said.push(format!("+{id}")));
                    let until = match id.as_str() {
                        "actions/compat/self-check" => "-websocket/config/e",
                        "actions/d" => "+actions/c",
                        _ => "",
                    };
                    let there = |said: &Vec<String>| until.is_empty() || said.iter().any(|one| one == until);
                    let _ = said.subscribe().wait_for(there).await;
                    said.send_modify(|said| said.push(format!("-{id}")));
                    Ok(())
                }
            };
            check.clone().run(work)
        };
        let checks: Vec<_> = checks.iter().map(work).collect();
        let client = Client::new(Duration::from_secs(1));
        let address = "127.0.0.1:1".parse().unwrap();
        let context = Context::foreign(address, Mode::Guarded, Keys::default(), Contract::Docs, 1, client);
        let run = run(&checks, &context, Allowed::ALL, |_, _| {}, std::future::pending()).await;
        assert_eq!(run.count("pass"), checks.len());
        said.borrow().clone()
    }

    #[tokio::test]
    async fn what_changes_a_target_runs_beside_readers_but_not_what_writes_settings_or_disrupts() {
        let check = |id: &str, class| Check::info(id, "", "").class(class);
        let said = order(&[
            check("actions/a", Class::Disruptive),
            check("actions/b", Class::Writes),
            check("actions/c", Class::Writes),
            check("websocket/config/e", Class::Writes),
            check("actions/d", Class::Read),
            check("actions/compat/self-check", Class::Read),
        ])
        .await;
        let wanted = [
            "+actions/compat/self-check", "+actions/b", "-actions/b", "+actions/d", "+actions/c",
            "-actions/c", "-actions/d", "+websocket/config/e", "-websocket/config/e",
            "-actions/compat/self-check", "+actions/a", "-actions/a",
        ];
        assert_eq!(said, wanted);
    }
}
