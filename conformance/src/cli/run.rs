//! `run`.

use std::{num::NonZeroU32, path::PathBuf, time::Instant};

use portmaster_fixtures::scenario::Span;

use super::{
    bar::progress_bar,
    flags::{Allow, GivenKeys, Select, TIMEOUT, allowed, drawn_seed},
    footprint::Footprint,
    lock::Lock,
    plan, probe,
    provision::Provision,
    signals::Signals,
    subject::{Subject, Wanted, contract_help},
    trouble::Trouble,
};
use crate::{
    exit,
    report::{self, About, Opened, Report, ReportError, Tally, write_text},
    shard::Shard,
    suite::{
        self, Allowed, Baseline, Check, Context, Keys, Mode, Need, Run, Selection, SkipReason, Tier, Verdict,
    },
    target::{Address, Client},
};

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The target; without it a simulator is started and everything is allowed
    #[arg(long, value_name = "URL")]
    pub target: Option<Address>,
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
    #[arg(long, value_name = "N")]
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
    /// Stop after so long, as in 10m: nothing more is begun, what was changed is put back, and the rest is skipped
    #[arg(long, value_name = "SPAN")]
    pub time_limit: Option<Span>,
    /// Send no more than so many requests a second
    #[arg(long, value_name = "N")]
    pub rate: Option<NonZeroU32>,
    /// Say which checks would run and which not, and why; the target is asked nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Which checks
    #[command(flatten)]
    pub select: Select,
}

/// What ends a run before its end.
#[derive(Debug)]
struct Bounds {
    limit: Option<Instant>,
    signals: Signals,
}

pub(super) async fn run(args: RunArgs) -> Result<u8, Trouble> {
    let client = match args.rate {
        Some(rate) => Client::new(TIMEOUT).with_rate(rate),
        None => Client::new(TIMEOUT),
    };
    if args.dry_run && matches!(args.contract, Wanted::Auto | Wanted::Target) {
        let text = "a dry run asks the target nothing: name a contract or the file of a catalogue";
        return Err(Trouble::Usage(text.to_owned()));
    }
    let keys = args.keys.keys()?;
    let known = args.baseline.as_deref().map(|file| (file.display().to_string(), Baseline::open(file)));
    let subject = Subject::find(&args.contract, &client, args.target.as_ref(), &keys).await?;
    let baseline = match (known, &args.target) {
        (Some((file, read)), _) => {
            let checked = read.and_then(|read| read.only_names(&subject.checks).map(|()| read));
            checked.map_err(|fault| Trouble::Usage(format!("{file}: {fault}")))?
        }
        (None, None) => Baseline::healthy(&subject.checks),
        (None, Some(_)) => Baseline::default(),
    };
    let mut checks = Selection::from(&args.select).of(subject.checks.clone()).map_err(Trouble::usage)?;
    let shard = args.shard.map(|shard| {
        let ids: Vec<_> = checks.iter().map(|check| check.id.as_str()).collect();
        let part = shard.part_of(&ids);
        checks.retain(|check| shard.holds(&check.id));
        part
    });
    if args.dry_run {
        let (context, allowed) = match &args.target {
            None => (Context::embedded(subject.contract, 0, client), Allowed::ALL),
            Some(address) => {
                let mode = Mode::Guarded;
                (
                    Context::foreign(address.clone(), mode, keys, subject.contract, 0, client),
                    allowed(&args.allow),
                )
            }
        };
        let target = args.target.as_ref().map_or("embedded simulator".to_owned(), ToString::to_string);
        return plan::print(&checks, &context, allowed, &target);
    }
    let _lock = args.target.as_ref().map(Lock::take).transpose()?;
    let limit = args.time_limit.map(|limit| Instant::now() + limit.0);
    let bounds = Bounds { limit, signals: Signals::listen() };
    let reports: Vec<Opened> = args
        .report
        .iter()
        .map(|wanted| wanted.clone().open())
        .collect::<Result<_, ReportError>>()
        .map_err(Trouble::usage)?;
    // All parts of a run need the same seed.
    let seed = args.seed.unwrap_or_else(|| if shard.is_some() { 1 } else { drawn_seed() });
    let target = args.target.as_ref().map_or("embedded simulator".to_owned(), ToString::to_string);
    let about = About { target, contract: subject.name.clone(), found: subject.found.clone(), seed, shard };
    let (mut outcome, left) = match &args.target {
        None => {
            let context = Context::embedded(subject.contract, seed, client);
            (watched(&checks, &context, Allowed::ALL, &bounds).await, Ok(()))
        }
        Some(address) => {
            let context = |mode, keys: &Keys| {
                Context::foreign(address.clone(), mode, keys.clone(), subject.contract, seed, client.clone())
            };
            foreign(&args, address, &checks, keys, &client, &bounds, context).await?
        }
    };
    baseline.apply(&mut outcome);
    // A terminal that went away is no reason to lose the other reports.
    let report = Report { about, run: outcome };
    let _ = write_text(&mut anstream::stdout().lock(), &report);
    for file in reports {
        file.write(&report).map_err(Trouble::usage)?;
    }
    let outcome = report.run;
    left.map_err(Trouble::Usage)?;
    if let Some(file) = &args.write_baseline {
        let text = Baseline::of(&outcome, &baseline).text();
        std::fs::write(file, text)
            .map_err(|fault| Trouble::Usage(format!("cannot write {}: {fault}", file.display())))?;
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

/// Checks somebody else's target. Answers what came out, and whether the target is as it was.
async fn foreign(
    args: &RunArgs,
    address: &Address,
    checks: &[Check],
    mut keys: Keys,
    client: &Client,
    bounds: &Bounds,
    context: impl Fn(Mode, &Keys) -> Context,
) -> Result<(Run, Result<(), String>), Trouble> {
    let mode = probe::mode(client, address).await?;
    let allowed = allowed(&args.allow);
    // What disrupts is not put back: a core that has restarted or logged out is not as it was.
    let watches = allowed.writes && !allowed.disruptive;
    let footprint = async |keys: &Keys| match watches {
        true => Footprint::take(address, keys.get(Tier::Admin)).await.ok(),
        false => None,
    };
    let before = footprint(&keys).await;
    let (outcome, left) = if args.provision {
        // What Development Mode opens is checked last, when it is on again: one of these checks stops the target.
        let needs_development = |check: &&Check| check.needs.contains(&Need::Development);
        let (last, first): (Vec<_>, Vec<_>) = checks.iter().partition(needs_development);
        let [last, first] = [last, first].map(|some| some.into_iter().cloned().collect::<Vec<_>>());
        let provision = Provision::take(client, address, mode, &mut keys).await?;
        let mut outcome = watched(&first, &context(Mode::Guarded, &keys), allowed, bounds).await;
        let left = provision.put_back().await;
        if left.is_ok() && !outcome.interrupted {
            outcome.append(watched(&last, &context(mode, &keys), allowed, bounds).await);
            outcome.sort_like(checks);
        }
        (outcome, left)
    } else {
        (watched(checks, &context(mode, &keys), allowed, bounds).await, Ok(()))
    };
    let changed = match (before, footprint(&keys).await) {
        (Some(before), Some(after)) => before.changed(&after),
        _ => vec![],
    };
    let left = left.and_then(|()| match changed.is_empty() {
        true => Ok(()),
        false => Err(format!("{address} is not as it was before the run: {}", changed.join(", "))),
    });
    Ok((outcome, left))
}

/// Runs the checks with a progress bar, until they end, the time is over or somebody asks for it.
async fn watched(checks: &[Check], context: &Context, allowed: Allowed, bounds: &Bounds) -> Run {
    let bar = progress_bar(checks.len());
    let progress = |check: &Check, verdict: &Verdict| {
        bar.inc(1);
        bar.set_message(check.id.clone());
        if matches!(verdict, Verdict::Fail(_) | Verdict::Error(_)) {
            bar.println(format!("{} {}", verdict.name(), check.id));
        }
    };
    let over = async {
        match bounds.limit {
            Some(limit) => tokio::time::sleep_until(limit.into()).await,
            None => std::future::pending().await,
        }
    };
    let stop = async {
        tokio::select! {
            () = bounds.signals.told() => {
                bar.println("stopping once what was changed is put back; again to stop at once");
                SkipReason::Interrupted
            }
            () = over => SkipReason::TimeLimit,
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
    } else if tally.bad() > 0 {
        exit::FAILED
    } else if tally.skip == tally.total() {
        exit::NOTHING
    } else if run.interrupted {
        exit::TIME_OVER
    } else {
        exit::PASSED
    }
}
