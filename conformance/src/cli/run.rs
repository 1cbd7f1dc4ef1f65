//! `run`.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs::File,
    io,
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use portmaster_fixtures::{Contract, scenario::Span};

use super::{
    bar::progress_bar,
    flags::{Allow, GivenKeys, Select, TIMEOUT, allowed, drawn_seed, whole},
    footprint::Footprint,
    launch::{LAUNCHES, Launched},
    lock::Lock,
    page::{Shown, Watch},
    plan, probe,
    provision::Provision,
    restore::Restore,
    signals::Signals,
    subject::{Subject, Wanted, contract_help},
    trouble::Trouble,
};
use crate::{
    exit,
    keeper::{self, Keeper, Way},
    page::Live,
    report::{self, About, Report, Tally, write_text},
    shard::Shard,
    suite::{
        self, Allowed, Baseline, Check, Context, Evidence, Keys, Mode, Need, Run, Selection, SkipReason,
        Stranded, Tier, Verdict,
    },
    target::{Address, Client, Flight, Key, SendError},
};

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The target; without it a simulator is started and everything is allowed
    #[arg(long, value_name = "URL", conflicts_with_all = LAUNCHES)]
    pub target: Option<Address>,
    /// What to launch as the target
    #[command(flatten)]
    pub launched: Launched,
    /// What to check against.
    #[arg(help = contract_help("What to check against"))]
    #[arg(long, value_name = "NAME|FILE", default_value = "docs")]
    pub contract: Wanted,
    /// The keys of the target
    #[command(flatten)]
    pub keys: GivenKeys,
    /// Put keys into the settings of a target in Development Mode (or with --admin-key), and its settings
    /// back afterwards; Development Mode is off meanwhile
    #[arg(long, requires = "target")]
    pub provision: bool,
    /// What checks may do to the target: change harmless things, or stop, log out, clear and trigger
    #[arg(long, value_enum, value_name = "CLASS")]
    pub allow: Vec<Allow>,
    /// The seed of drawn values [default: drawn itself, and reported; 1 with --shard]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    pub seed: Option<u64>,
    /// Failures that are known: check ids with reasons, in YAML or JSON. They count as expected, and what is
    /// listed and passes fails as stale
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the failures of this run as a baseline; the run then succeeds
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
    /// Only one part of the selected checks, for example 1/4: every machine takes another, `merge` joins their
    /// reports. Which part a check is in depends on its id alone
    #[arg(long, value_name = "PART/PARTS")]
    pub shard: Option<Shard>,
    /// Write a report to a file as well
    #[arg(long, value_name = "FORMAT=FILE", help = format!("Write a report to a file as well: {}", report::formats()))]
    pub report: Vec<report::Wanted>,
    /// Who watches
    #[command(flatten)]
    pub shown: Shown,
    /// Stop after so long, as in 10m: nothing more is begun, what was changed is put back, and the rest is skipped
    #[arg(long, value_name = "SPAN")]
    pub time_limit: Option<Span>,
    /// Send no more than so many requests a second
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<NonZeroU32>)]
    pub rate: Option<NonZeroU32>,
    /// Say which checks would run and which not, and why; the target is asked nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Which checks
    #[command(flatten)]
    pub select: Select,
}

impl RunArgs {
    /// What is not checked where the target cannot be asked.
    fn unasked(&self) -> Subject {
        Subject::named(match self.contract {
            Wanted::Named(contract) => contract,
            _ => Contract::default(),
        })
    }
}

/// How long a target that has just been started may take to be ready.
const STARTING: Duration = Duration::from_secs(20);

/// What ends a run before its end.
#[derive(Debug)]
struct Bounds {
    begun: Instant,
    limit: Option<Instant>,
    signals: Signals,
}

impl Bounds {
    /// Waits until the time is over.
    async fn over(&self) {
        match self.limit {
            Some(limit) => tokio::time::sleep_until(limit.into()).await,
            None => std::future::pending().await,
        }
    }

    /// Does something unless it is over or somebody asks for the end before; then for which reason it is left.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, SkipReason> {
        tokio::select! {
            done = work => Ok(done),
            () = self.over() => Err(SkipReason::TimeLimit),
            () = self.signals.told() => Err(SkipReason::Interrupted),
        }
    }
}

/// Whom a run is on.
enum Target {
    /// Simulators of its own.
    Embedded,
    /// Somebody else's.
    Foreign(Address),
    /// One that was launched, and its name.
    Launched(Keeper, String),
}

impl Target {
    fn address(&self) -> Option<&Address> {
        match self {
            Self::Embedded => None,
            Self::Foreign(address) => Some(address),
            Self::Launched(keeper, _) => Some(keeper.address()),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Embedded => "embedded simulator".to_owned(),
            Self::Foreign(address) => address.to_string(),
            Self::Launched(_, name) => format!("launched: {name}"),
        }
    }
}

/// What came out, and what is to be said of the target afterwards.
struct Outcome {
    run: Run,
    /// Why it is not as it was.
    left: Result<(), String>,
    /// Why it went.
    gone: Option<String>,
}

impl From<Run> for Outcome {
    fn from(run: Run) -> Self {
        Self { run, left: Ok(()), gone: None }
    }
}

pub(super) async fn run(mut args: RunArgs) -> Result<u8, Trouble> {
    let begun = Instant::now();
    let limit = args.time_limit.map(|limit| begun + limit.0);
    if args.dry_run && matches!(args.contract, Wanted::Auto | Wanted::Target) {
        let text = "a dry run asks the target nothing: name a contract or the file of a catalogue";
        return Err(Trouble::Usage(text.to_owned()));
    }
    let outputs = args.report.iter().map(report::Wanted::file).chain(args.write_baseline.as_deref());
    if let Some(file) = report::written_twice(outputs) {
        return Err(Trouble::Usage(format!("two outputs are to be written to {}", file.display())));
    }
    if args.dry_run {
        return dry(&args).await;
    }
    // All parts of a run need the same seed.
    let seed = args.seed.unwrap_or_else(|| if args.shard.is_some() { 1 } else { drawn_seed() });
    args.seed = Some(seed);
    let bounds = Bounds { begun, limit, signals: Signals::listen() };
    let watch = Watch::begin(&args.shown).await?;
    let target = match bounds.within(args.launched.keeper()).await {
        Ok(Ok(launched)) => match (launched, &args.target) {
            (Some((keeper, name)), _) => Target::Launched(keeper, name),
            (None, Some(address)) => Target::Foreign(address.clone()),
            (None, None) => Target::Embedded,
        },
        Ok(Err(trouble)) => {
            if matches!(trouble, Trouble::Unreachable(_)) {
                let unasked = |checks: &[Check]| Run::stranded(checks, &stranded(&trouble));
                write_reports(&args, &unasked_report(&args, &args.unasked(), begun, unasked)?)?;
            }
            return Err(trouble);
        }
        Err(reason) => return left_out(&args, &args.unasked(), begun, reason),
    };
    let status = on(&args, &target, &bounds, &watch).await;
    if let Target::Launched(keeper, _) = &target {
        keeper.close().await;
    }
    if status.is_ok() {
        watch.stay(bounds.signals.told()).await;
    }
    status
}

/// A run in which no check came to ask anything, for that reason.
fn left_out(args: &RunArgs, subject: &Subject, begun: Instant, reason: SkipReason) -> Result<u8, Trouble> {
    let report = unasked_report(args, subject, begun, |checks| Run::skipped(checks, reason))?;
    let printed = print(&report);
    write_reports(args, &report)?;
    printed?;
    Ok(status(&report.run))
}

/// The report of such a run.
fn unasked_report(
    args: &RunArgs,
    subject: &Subject,
    begun: Instant,
    run: impl Fn(&[Check]) -> Run,
) -> Result<Report, Trouble> {
    let checks = Selection::from(&args.select).of(subject.checks.clone()).map_err(Trouble::usage)?;
    let target = args.target.as_ref().map_or("launched".to_owned(), ToString::to_string);
    let about = About {
        target,
        contract: subject.name.clone(),
        found: None,
        seed: args.seed.unwrap_or_default(),
        shard: None,
    };
    Ok(Report { about, run: Run { took: begun.elapsed(), ..run(&checks) } })
}

/// Says what would run.
async fn dry(args: &RunArgs) -> Result<u8, Trouble> {
    let client = Client::new(TIMEOUT);
    let keys = args.keys.keys()?;
    let subject = Subject::find(&args.contract, &client, args.target.as_ref(), &keys).await?;
    let mut checks = Selection::from(&args.select).of(subject.checks.clone()).map_err(Trouble::usage)?;
    checks.retain(|check| args.shard.is_none_or(|shard| shard.holds(&check.id)));
    let (context, allowed) = match &args.target {
        None => (Context::embedded(subject.contract, 0, client), Allowed::ALL),
        Some(address) => {
            let mode = Mode::Guarded;
            (Context::foreign(address.clone(), mode, keys, subject.contract, 0, client), allowed(&args.allow))
        }
    };
    let target = args.target.as_ref().map_or("embedded simulator".to_owned(), ToString::to_string);
    plan::print(&checks, &context, allowed, &target)
}

/// The first questions: how the target treats strangers, whether it knows the keys, whether it has started.
async fn greet(client: &Client, address: &Address, keys: &Keys) -> Result<Mode, Trouble> {
    let mode = probe::mode(client, address).await?;
    probe::keys(client, address, mode, keys).await?;
    match keeper::ready(address, keys, false, STARTING).await {
        keeper::Readiness::Ready => Ok(mode),
        keeper::Readiness::Unready(why) => {
            let text = format!("{address} is not ready within {} s: {why}", STARTING.as_secs());
            Err(Trouble::Unreachable(text))
        }
    }
}

/// What a report says where the first questions could not be asked, or the target could not be started.
fn stranded(trouble: &Trouble) -> Stranded {
    let (name, sentence) = match trouble {
        Trouble::Usage(_) | Trouble::Left(_) => ("keys", "The target takes the keys that it is asked with."),
        Trouble::Unreachable(_) => ("start", "The target is there and answers."),
    };
    Stranded { name, sentence, got: trouble.to_string() }
}

/// The same within the bounds: the mode, or why nothing is asked.
async fn greeted(
    target: &Target,
    client: &Client,
    keys: &Keys,
    bounds: &Bounds,
) -> Result<Result<Mode, Trouble>, SkipReason> {
    match target {
        Target::Foreign(address) => bounds.within(greet(client, address, keys)).await,
        Target::Embedded | Target::Launched(..) => Ok(Ok(Mode::Guarded)),
    }
}

async fn on(args: &RunArgs, target: &Target, bounds: &Bounds, watch: &Watch) -> Result<u8, Trouble> {
    let client = match args.rate {
        Some(rate) => Client::new(TIMEOUT).with_rate(rate),
        None => Client::new(TIMEOUT),
    };
    let keys = match target {
        Target::Launched(keeper, _) => keeper.keys().clone(),
        _ => args.keys.keys()?,
    };
    let known = args.baseline.as_deref().map(|file| (file.display().to_string(), Baseline::open(file)));
    let asks = matches!(args.contract, Wanted::Auto | Wanted::Target);
    let mut greeting = match asks {
        true => Some(greeted(target, &client, &keys, bounds).await),
        false => None,
    };
    let subject = match &greeting {
        Some(Err(reason)) => return left_out(args, &args.unasked(), bounds.begun, *reason),
        Some(Ok(Err(_))) => args.unasked(),
        _ => match bounds.within(Subject::find(&args.contract, &client, target.address(), &keys)).await {
            Ok(subject) => subject?,
            Err(reason) => return left_out(args, &args.unasked(), bounds.begun, reason),
        },
    };
    let baseline = match (known, target) {
        (Some((file, read)), _) => {
            let checked = read.and_then(|read| read.only_names(&subject.checks).map(|()| read));
            checked.map_err(|error| Trouble::Usage(format!("{file}: {error}")))?
        }
        (None, Target::Embedded) => Baseline::healthy(&subject.checks),
        (None, _) => Baseline::default(),
    };
    let mut checks = Selection::from(&args.select).of(subject.checks.clone()).map_err(Trouble::usage)?;
    let shard = args.shard.map(|shard| {
        let ids: Vec<_> = checks.iter().map(|check| check.id.as_str()).collect();
        let part = shard.part_of(&ids);
        checks.retain(|check| shard.holds(&check.id));
        part
    });
    let _lock = args.target.as_ref().map(Lock::take).transpose()?;
    let seed = args.seed.unwrap_or_default();
    let found = subject.found.clone();
    let about = About { target: target.name(), contract: subject.name.clone(), found, seed, shard };
    watch.live.run_begins(&about, checks.len());
    // Whatever happens from now on, there are reports.
    let mut report = Report { about, run: Run::skipped(&checks, SkipReason::Interrupted) };
    write_reports(args, &report)?;
    if let Some(file) = &args.write_baseline {
        let opened = File::options().create(true).append(true).open(file);
        opened.map_err(|error| Trouble::unwritten(file, &error))?;
    }
    if greeting.is_none() {
        greeting = Some(greeted(target, &client, &keys, bounds).await);
    }
    let mode = match greeting {
        Some(Ok(Ok(mode))) => mode,
        Some(Ok(Err(trouble))) => {
            report.run = Run { took: bounds.begun.elapsed(), ..Run::stranded(&checks, &stranded(&trouble)) };
            write_reports(args, &report)?;
            return Err(trouble);
        }
        Some(Err(reason)) => return left_out(args, &subject, bounds.begun, reason),
        None => Mode::Guarded,
    };
    let context = |address: &Address, mode, keys: &Keys| {
        Context::foreign(address.clone(), mode, keys.clone(), subject.contract, seed, client.clone())
    };
    let outcome: Outcome = match target {
        Target::Embedded => {
            let context = Context::embedded(subject.contract, seed, client);
            watched(&checks, &context, Allowed::ALL, bounds, &watch.live).await.into()
        }
        Target::Launched(keeper, _) => {
            launched(keeper, &checks, bounds, &watch.live, |mode| context(keeper.address(), mode, &keys))
                .await
        }
        Target::Foreign(address) => {
            let context = |mode, keys: &Keys| context(address, mode, keys);
            foreign(args, address, mode, &checks, keys, &client, bounds, &watch.live, context).await?
        }
    };
    let Outcome { run, left, gone } = outcome;
    report.run = run;
    report.run.find_causes();
    baseline.apply(&mut report.run);
    report.run.fold();
    let printed = print(&report);
    write_reports(args, &report)?;
    watch.live.run_ended(&report);
    if let Some(history) = &watch.history {
        history.keep_run(&report).map_err(Trouble::usage)?;
    }
    let outcome = report.run;
    if let Some(gone) = gone {
        return Err(Trouble::Unreachable(gone));
    }
    left.map_err(Trouble::Left)?;
    printed?;
    if let Some(file) = &args.write_baseline {
        let text = Baseline::of(&outcome, &baseline).text();
        std::fs::write(file, text).map_err(|error| Trouble::unwritten(file, &error))?;
        let ran = outcome.count("skip") < outcome.records.len() && !outcome.interrupted;
        if ran && outcome.count("error") == 0 {
            return Ok(exit::PASSED);
        }
    }
    // A part in which there is nothing to do has done it.
    if args.shard.is_some() && outcome.records.is_empty() && !outcome.interrupted {
        return Ok(exit::PASSED);
    }
    Ok(status(&outcome))
}

/// Prints a report. What is lost on a full disk is told when the other reports are written; a terminal that went away is nobody's
/// concern.
fn print(report: &Report) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    match write_text(&mut out, report).and_then(|()| io::Write::flush(&mut out)) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            Err(Trouble::Usage(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes every report that is asked for.
fn write_reports(args: &RunArgs, report: &Report) -> Result<(), Trouble> {
    for wanted in &args.report {
        let opened = wanted.clone().open().map_err(Trouble::usage)?;
        opened.write(report).map_err(Trouble::usage)?;
    }
    Ok(())
}

/// Checks a target that was launched: first as it is, then, what needs that, granting everything and in Development Mode.
async fn launched(
    keeper: &Keeper,
    checks: &[Check],
    bounds: &Bounds,
    live: &Live,
    context: impl Fn(Mode) -> Context,
) -> Outcome {
    let mut whole: Option<Run> = None;
    let mut left: Vec<Check> = checks.to_vec();
    let once = Arc::default();
    for (way, mode) in
        [(Way::Guarded, Mode::Guarded), (Way::Granting, Mode::Granted), (Way::Development, Mode::Development)]
    {
        let context = context(mode).kept(keeper.clone()).knowing(&once);
        // What another way opens is left for it.
        let later = |reason: &Option<SkipReason>| match reason {
            Some(SkipReason::NotGranted) => way == Way::Guarded && keeper.can_turn(Way::Granting),
            Some(SkipReason::NotInDevelopmentMode) => way != Way::Development,
            _ => false,
        };
        let reasons = suite::plan(&left, &context, Allowed::ALL);
        let (rest, now): (Vec<_>, Vec<_>) =
            left.into_iter().zip(reasons).partition(|(_, reason)| later(reason));
        left = rest.into_iter().map(|(check, _)| check).collect();
        let now: Vec<_> = now.into_iter().map(|(check, _)| check).collect();
        if now.is_empty() || !keeper.can_turn(way) {
            continue;
        }
        let stopped = whole.as_ref().filter(|run| run.interrupted);
        let run = match stopped.map(|run| run.reason().unwrap_or(SkipReason::Interrupted)) {
            Some(reason) => Run::skipped(&now, reason),
            None if !keeper.turn(way).await => Run::skipped(&now, SkipReason::TargetGone),
            None => watched(&now, &context, Allowed::ALL, bounds, live).await,
        };
        match &mut whole {
            Some(whole) => whole.append(run),
            None => whole = Some(run),
        }
    }
    let mut run = whole.unwrap_or_else(|| Run::skipped(&[], SkipReason::Interrupted));
    run.sort_like(checks);
    let gone = keeper.is_lost().then(|| "the target does not start any more".to_owned());
    Outcome { run, left: Ok(()), gone }
}

/// Checks somebody else's target.
#[expect(clippy::too_many_arguments, reason = "all that a run is made of")]
async fn foreign(
    args: &RunArgs,
    address: &Address,
    mode: Mode,
    checks: &[Check],
    mut keys: Keys,
    client: &Client,
    bounds: &Bounds,
    live: &Live,
    context: impl Fn(Mode, &Keys) -> Context,
) -> Result<Outcome, Trouble> {
    let allowed = allowed(&args.allow);
    let flight = Flight::default();
    let before = match allowed.writes {
        true => {
            bounds.within(Footprint::take(address, keys.get(Tier::Admin))).await.ok().and_then(Result::ok)
        }
        false => None,
    };
    let once = Arc::default();
    let part = async |checks: &[Check], mode, keys: &Keys| {
        let keeper = Keeper::watch(address.clone(), keys.clone(), flight.clone());
        let context = context(mode, keys).kept(keeper.clone()).knowing(&once);
        let run = watched(checks, &context, allowed, bounds, live).await;
        let gone = keeper.falls(0).first().filter(|_| keeper.is_lost()).map(|fall| fall.headline.clone());
        keeper.close().await;
        (run, gone)
    };
    let (run, left, gone) = if args.provision {
        // What Development Mode opens is checked last, when it is on again: one of these checks stops the target.
        let needs_development = |check: &&Check| check.needs.contains(&Need::Development);
        let (last, first): (Vec<_>, Vec<_>) = checks.iter().partition(needs_development);
        let [last, first] = [last, first].map(|some| some.into_iter().cloned().collect::<Vec<_>>());
        let provision = Provision::take(client, address, mode, &mut keys).await?;
        let (mut run, mut gone) = part(&first, Mode::Guarded, &keys).await;
        let left = match gone {
            None => provision.put_back().await,
            Some(_) => Ok(()),
        };
        if left.is_ok() && !run.interrupted {
            let (more, why) = part(&last, mode, &keys).await;
            run.append(more);
            run.sort_like(checks);
            gone = why;
        }
        (run, left, gone)
    } else {
        let (run, gone) = part(checks, mode, &keys).await;
        (run, Ok(()), gone)
    };
    if let Some(why) = gone {
        let gone = format!("{address} went: {why}{}", unrestored(address, before.as_ref(), &flight));
        return Ok(Outcome { run, left, gone: Some(gone) });
    }
    let left = match (left, before) {
        (Ok(()), Some(before)) => put_back(client, address, &before, &flight, keys.get(Tier::Admin)).await,
        (left, _) => left,
    };
    Ok(Outcome { run, left, gone: None })
}

/// What to do about what could not be put back.
fn unrestored(address: &Address, before: Option<&Footprint>, flight: &Flight) -> String {
    let Some(before) = before else { return String::new() };
    let restore = Restore::of(address, before, &flight.written());
    if restore.is_empty() {
        return String::new();
    }
    match restore.keep(address) {
        Ok(said) => format!("\n{said}"),
        Err(error) => format!("; what to put back could not be kept: {error}"),
    }
}

/// Puts back what is not as it was, and says what still is not.
async fn put_back(
    client: &Client,
    address: &Address,
    before: &Footprint,
    flight: &Flight,
    admin: Option<&Key>,
) -> Result<(), String> {
    let written = flight.written();
    match client.answers(address).await {
        Ok(()) => {}
        // Whoever was stopped cannot be asked; that it was is in the report.
        Err(SendError::Connect { .. }) => return Ok(()),
        Err(_) if written.is_empty() => return Ok(()),
        Err(error) => {
            let hint = unrestored(address, Some(before), flight);
            return Err(format!("whether {address} is as it was before the run is not known: {error}{hint}"));
        }
    }
    let Ok(after) = Footprint::take(address, admin).await else { return Ok(()) };
    let done = before.put_back(&after, &written, address, admin).await;
    let after = match done {
        Ok(()) => Footprint::take(address, admin).await,
        Err(error) => Err(error),
    };
    match after {
        Ok(after) => match before.changed(&after).as_slice() {
            [] => Ok(()),
            changed => Err(format!("{address} is not as it was before the run: {}", changed.join(", "))),
        },
        Err(error) => Err(format!("whether {address} is as it was before the run is not known: {error}")),
    }
}

/// Runs the checks with a progress bar, until they end, the time is over or somebody asks for it.
async fn watched(checks: &[Check], context: &Context, allowed: Allowed, bounds: &Bounds, live: &Live) -> Run {
    let bar = progress_bar(checks.len());
    let causes = RefCell::new(BTreeSet::new());
    let progress = |check: &Check, verdict: Option<&Verdict>| {
        live.step(check, verdict);
        let Some(verdict) = verdict else { return };
        bar.inc(1);
        bar.set_message(check.id.clone());
        // What follows from a cause is said once.
        let is_new = |evidence: &Evidence| {
            evidence.cause.clone().is_none_or(|cause| causes.borrow_mut().insert(cause))
        };
        let said = match verdict {
            Verdict::Fail(evidence) => is_new(evidence),
            verdict => matches!(verdict, Verdict::Error(_)),
        };
        if said {
            bar.println(format!("{} {}", verdict.name(), check.id));
        }
    };
    let stop = async {
        tokio::select! {
            () = bounds.signals.told() => {
                bar.println("stopping once what was changed is put back; again to stop at once");
                SkipReason::Interrupted
            }
            () = bounds.over() => SkipReason::TimeLimit,
        }
    };
    let run = suite::run(checks, context, allowed, progress, stop).await;
    bar.finish_and_clear();
    run
}

/// The exit status that says what came out.
pub(super) fn status(run: &Run) -> u8 {
    let tally = Tally::of(&run.records);
    let why = |reason| run.records.iter().any(|record| record.verdict == Verdict::Skip(reason));
    if run.interrupted && why(SkipReason::Interrupted) {
        exit::INTERRUPTED
    } else if run.interrupted && why(SkipReason::TimeLimit) {
        exit::TIME_OVER
    } else if tally.bad() > 0 {
        exit::FAILED
    } else if tally.skip == tally.total() {
        exit::NOTHING
    } else {
        exit::PASSED
    }
}
