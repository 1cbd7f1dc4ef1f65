//! Epochs of cases on several threads, and then what failed, made small.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use proptest::strategy::BoxedStrategy;

use super::{
    attempt::attempt,
    bucket::{Bucket, Places},
    case::Case,
    draw::{EPOCH, draw},
    falls::{self, Fallen, Falls, Recent},
    finding::{Finding, Oracle},
    host::Gone,
    lane::Lane,
    progress::Progress,
    settings::Until,
    shrink, strategy,
    subject::{Subject, Target},
};
use crate::{shard::Shard, suite::Mode, target::Address};

/// How many cases of one sort of failure are made small; whether they have one cause shows only then.
const SMALL: usize = 6;
/// The same for crashes, which all look alike.
const SMALL_CRASHES: usize = 24;
/// On how many endpoints an answer must be objected to until one case on each of so many is enough.
const KIN: usize = 6;
/// The same for crashes.
const KIN_OF_CRASHES: usize = 24;

/// Failures of one sort: the first of them, and how many there were.
#[derive(Debug)]
pub(super) struct Sort {
    pub(super) finding: Finding,
    /// The numbers of the first cases.
    cases: Vec<u64>,
    pub(super) seen: u64,
}

/// What came of a campaign.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) cases: u64,
    pub(super) sent: u64,
    pub(super) digest: u64,
    pub(super) took: Duration,
    pub(super) small: Vec<shrink::Small>,
    pub(super) places: Places,
    /// What brought the target down.
    pub(super) fallen: Vec<Bucket>,
    /// Failures that did not happen again.
    pub(super) unconfirmed: Vec<Sort>,
    /// Why it ended early, if the target went.
    pub(super) gone: Option<String>,
    pub(super) interrupted: bool,
}

impl Sort {
    /// What it has in common with failures on other endpoints.
    fn kin(&self) -> (Oracle, String) {
        (self.finding.oracle, self.finding.cause.clone())
    }
}

type Sorts = BTreeMap<(Oracle, String, String), Sort>;

/// How long failures are made small after a campaign that ends by time: as long as it took, but at least so long; and this long where
/// somebody asked for the end. What is not reached then is told as it came.
const SHRINKING: Duration = Duration::from_secs(10);

/// Why a fall is not made small.
const OVER: &str = "the campaign's time was over before these cases could be sent again";

/// Carries a campaign out. `threads` of them work; what comes out depends on the seed alone, not on how many there are,
/// as long as it is the number of cases that ends it and the target is our own.
pub(super) fn run(
    subject: &Subject,
    until: Until,
    shard: Shard,
    threads: usize,
    progress: &Progress,
) -> Outcome {
    let begun = Instant::now();
    let sorts: Mutex<Sorts> = Mutex::default();
    let gone: Mutex<Option<String>> = Mutex::default();
    let falls = Falls::default();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let work = epochs(subject, until, shard, begun, progress, &sorts, &falls);
                let end = match until {
                    Until::Cases(_) => None,
                    Until::For(span) => Some(begun + span),
                };
                if let Err(error) = alone(async { within(end, work).await.unwrap_or(Ok(())) }) {
                    progress.stop.store(true, Ordering::Relaxed);
                    locked(&gone).get_or_insert(error.0);
                }
            });
        }
    });
    let took = begun.elapsed();
    let interrupted = progress.stop.load(Ordering::Relaxed);
    let sorts: Vec<Sort> = std::mem::take(&mut *locked(&sorts)).into_values().collect();
    let mut gone = locked(&gone).take();
    let foreign = matches!(subject.target, Target::Foreign(..));
    let silent = progress.cases.load(Ordering::Relaxed) == 0 && progress.next.load(Ordering::Relaxed) > 0;
    if let Until::For(span) = until
        && foreign
        && silent
        && !interrupted
        && !span.is_zero()
    {
        gone.get_or_insert_with(|| format!("no case was answered within {} s", span.as_secs_f32()));
    }
    let mut places = Places::new();
    for sort in &sorts {
        let kin = places.entry(sort.kin()).or_default();
        kin.insert(sort.finding.endpoint.clone(), sort.seen);
    }
    let patience = match until {
        _ if interrupted => Some(SHRINKING),
        Until::Cases(_) => None,
        Until::For(span) => Some(span.max(SHRINKING)),
    };
    progress.shrinks_for(patience);
    let settling = Settling {
        subject,
        progress,
        interrupted,
        until: patience.map(|patience| Instant::now() + patience),
    };
    // What brings a target down is worth most.
    let fallen = settling.falls(falls.take());
    let (small, unconfirmed) =
        if gone.is_some() && foreign { (vec![], sorts) } else { settling.sorts(sorts, &places, threads) };
    Outcome {
        cases: progress.cases.load(Ordering::Relaxed),
        sent: progress.sent.load(Ordering::Relaxed),
        digest: progress.digest.load(Ordering::Relaxed),
        took,
        small,
        places,
        fallen,
        unconfirmed,
        interrupted: interrupted && gone.is_none(),
        gone,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A thread that panicked has put in whole entries or none.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a future on this thread, with a runtime of its own: the simulator that it asks lives on the same thread, and
/// neither waits for the other's.
fn alone<T>(future: impl Future<Output = Result<T, Gone>>) -> Result<T, Gone> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
    runtime.map_err(|error| Gone(format!("no runtime: {error}")))?.block_on(future)
}

/// Works until then; nothing if it takes longer.
async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => tokio::time::timeout_at(until.into(), work).await.ok(),
        None => Some(work.await),
    }
}

/// Works on one epoch after the other.
async fn epochs(
    subject: &Subject,
    until: Until,
    shard: Shard,
    begun: Instant,
    progress: &Progress,
    sorts: &Mutex<Sorts>,
    falls: &Falls,
) -> Result<(), Gone> {
    let strategy = strategy::cases(&subject.scope);
    let over = |number: u64| match until {
        Until::Cases(cases) => number >= cases,
        Until::For(span) => begun.elapsed() >= span,
    };
    let mut lane = None;
    loop {
        let epoch = shard.turn(progress.next.fetch_add(1, Ordering::Relaxed));
        let first = epoch * EPOCH;
        if over(first) || progress.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let lane = fresh(&mut lane, subject, subject.mode(epoch)).await?;
        let (mut sent, mut recent) = (0, Recent::default());
        for number in first..first + EPOCH {
            if over(number) || progress.stop.load(Ordering::Relaxed) {
                break;
            }
            let Some(case) = draw(&strategy, subject, number) else { continue };
            let objections = match &subject.keeper {
                Some(keeper) => Vec::from_iter(falls.run(keeper, lane, &case, number, &mut recent).await?),
                None => attempt(lane, &case).await?,
            };
            progress.cases.fetch_add(1, Ordering::Relaxed);
            progress.sent.fetch_add(lane.sent - sent, Ordering::Relaxed);
            sent = lane.sent;
            progress.failing.fetch_add(u64::from(!objections.is_empty()), Ordering::Relaxed);
            for objection in objections {
                add(sorts, objection.finding, number, progress);
            }
            if subject.scope.spoils(&case) {
                lane.renew().await?;
            }
        }
        // Who watches the target says how it is.
        if subject.keeper.is_none()
            && subject.beside.is_none()
            && let Some(finding) = lane.is_well().await?
        {
            add(sorts, finding, first + EPOCH - 1, progress);
        }
        // The sum does not mind in which order epochs end.
        progress.digest.fetch_add(lane.digest ^ epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15), Ordering::Relaxed);
    }
}

/// The lane of a thread as if nothing had been sent: the same process serves its simulators one after the other.
async fn fresh<'l, 's>(
    lane: &'l mut Option<Lane<'s>>,
    subject: &'s Subject,
    mode: Mode,
) -> Result<&'l mut Lane<'s>, Gone> {
    match lane {
        Some(lane) => {
            lane.begin(mode).await?;
            Ok(lane)
        }
        None => Ok(lane.insert(Lane::open(subject, mode).await?)),
    }
}

fn add(sorts: &Mutex<Sorts>, finding: Finding, number: u64, progress: &Progress) {
    let key = (finding.oracle, finding.endpoint.clone(), finding.cause.clone());
    let mut sorts = locked(sorts);
    let sort = sorts.entry(key).or_insert_with(|| {
        progress.met(format!("{} on {}: {}", finding.oracle.name(), finding.endpoint, finding.cause));
        Sort { finding, cases: vec![], seen: 0 }
    });
    sort.seen += 1;
    // The first in number, whichever thread was faster.
    let at = sort.cases.partition_point(|one| *one < number);
    sort.cases.insert(at, number);
    sort.cases.truncate(if sort.finding.oracle.is_crash() { SMALL_CRASHES } else { SMALL });
}

/// Makes failures small, as long as there is time.
struct Settling<'s> {
    subject: &'s Subject,
    progress: &'s Progress,
    /// Whether somebody asked for the end before.
    interrupted: bool,
    until: Option<Instant>,
}

impl Settling<'_> {
    fn is_over(&self) -> bool {
        let asked = !self.interrupted && self.progress.stop.load(Ordering::Relaxed);
        asked || self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn one_more(&self) {
        self.progress.shrunk.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes failures small; what does not fail again is put aside, and what is not reached in time is as it came.
    fn sorts(&self, sorts: Vec<Sort>, places: &Places, threads: usize) -> (Vec<shrink::Small>, Vec<Sort>) {
        let subject = self.subject;
        let jobs = jobs(&sorts, places);
        self.progress.to_shrink.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        let next = AtomicU64::new(0);
        let threads = threads.min(jobs.len());
        let small: Mutex<Vec<(usize, shrink::Small)>> = Mutex::default();
        let done: Mutex<BTreeSet<usize>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let work = async {
                        let strategy = strategy::cases(&subject.scope);
                        let mut lane = None;
                        while !self.is_over() {
                            let job =
                                usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
                            let Some(&(at, number)) = jobs.get(job) else { return Ok(()) };
                            let Some(sort) = sorts.get(at) else { return Ok(()) };
                            let lane = fresh(&mut lane, subject, subject.mode(number / EPOCH)).await?;
                            if let Some(one) =
                                shrink::shrink(subject, lane, &strategy, number, &sort.finding).await?
                            {
                                locked(&small).push((job, one));
                            }
                            locked(&done).insert(job);
                            self.one_more();
                        }
                        Ok(())
                    };
                    // A target that goes now leaves the rest unconfirmed.
                    let _: Result<(), Gone> =
                        alone(async { within(self.until, work).await.unwrap_or(Ok(())) });
                });
            }
        });
        let mut small = std::mem::take(&mut *locked(&small));
        small.sort_by_key(|(job, _)| *job);
        let mut small: Vec<_> = small.into_iter().map(|(_, one)| one).collect();
        if self.is_over() {
            let done = std::mem::take(&mut *locked(&done));
            let (reached, rest): (Vec<_>, Vec<_>) =
                jobs.iter().enumerate().partition(|(job, _)| done.contains(job));
            let mut told: BTreeSet<usize> = reached.iter().map(|(_, (at, _))| *at).collect();
            let strategy = strategy::cases(&subject.scope);
            let rest = rest.into_iter().filter(|(_, (at, _))| told.insert(*at));
            small.extend(rest.filter_map(|(_, &(at, number))| {
                as_it_came(subject, &strategy, sorts.get(at)?.finding.clone(), number)
            }));
        }
        let kin = |finding: &Finding| (finding.oracle, finding.cause.clone());
        let confirmed: BTreeSet<_> = small.iter().map(|one| kin(&one.finding)).collect();
        let unconfirmed = sorts.into_iter().filter(|sort| !confirmed.contains(&sort.kin())).collect();
        (small, unconfirmed)
    }

    /// Finds out which cases bring the target down, one cause after the other: there is one target.
    fn falls(&self, fallen: Vec<Fallen>) -> Vec<Bucket> {
        let subject = self.subject;
        let Some(keeper) = &subject.keeper else { return vec![] };
        self.progress.to_shrink.fetch_add(fallen.len() as u64, Ordering::Relaxed);
        let work = async {
            let strategy = strategy::cases(&subject.scope);
            let mut buckets = vec![];
            for one in fallen {
                let confirmed = match self.is_over() {
                    true => None,
                    false => within(self.until, falls::confirm(subject, keeper, &strategy, &one)).await,
                };
                let as_it_came = || falls::as_it_came(subject, keeper, &strategy, &one, OVER);
                buckets.push(confirmed.unwrap_or_else(as_it_came));
                self.one_more();
            }
            Ok(buckets)
        };
        alone(work).unwrap_or_default()
    }
}

/// A failure with its whole case.
fn as_it_came(
    subject: &Subject,
    strategy: &BoxedStrategy<Case>,
    finding: Finding,
    number: u64,
) -> Option<shrink::Small> {
    let case = draw(strategy, subject, number)?;
    let step = case.steps.len().saturating_sub(1);
    let mode = subject.mode(number / EPOCH);
    let (also, before) = (vec![], vec![]);
    Some(shrink::Small { case, finding, step, number, mode, steps: 0, also, before })
}

/// Which cases of which failures are made small.
fn jobs(sorts: &[Sort], places: &Places) -> Vec<(usize, u64)> {
    let mut jobs: Vec<(usize, u64)> = vec![];
    let mut tried: BTreeMap<(Oracle, String), usize> = BTreeMap::new();
    for (at, sort) in sorts.iter().enumerate() {
        // What happens on many endpoints is one cause: some of them will do.
        let most = if sort.finding.oracle.is_crash() { KIN_OF_CRASHES } else { KIN };
        let many = places.get(&sort.kin()).is_some_and(|kin| kin.len() >= most);
        let tried = tried.entry(sort.kin()).or_default();
        *tried += 1;
        match many {
            true if *tried > most => {}
            true => jobs.extend(sort.cases.first().map(|case| (at, *case))),
            false => jobs.extend(sort.cases.iter().map(|case| (at, *case))),
        }
    }
    jobs
}

/// How many threads work on a target: on simulators of our own two a core, since each waits for its databases at times.
pub(super) fn threads(foreign: Option<&Address>) -> usize {
    match foreign {
        Some(_) => 4,
        None => std::thread::available_parallelism().map_or(2, usize::from) * 2,
    }
}
