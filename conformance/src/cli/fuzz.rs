//! `fuzz` and `fuzz replay`.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portmaster_fixtures::{Contract, Endpoint, scenario::Span};
use portmaster_simulator::{ExternalAuth, Simulator};

use super::{
    bar::waiting,
    flags::{Allow, GivenKeys, allowed, drawn_seed, whole},
    launch::{LAUNCHES, Launched},
    lock::Lock,
    page::{Shown, Watch},
    probe,
    signals::Signals,
    subject::{Subject, Wanted, contract_help},
    trouble::Trouble,
};
use crate::{
    exit,
    fuzz::{self, Beside, Campaign, Failure, Heading, Oracle, Progress, Settings, Summary, Until},
    keeper::Keeper,
    page::Live,
    report::{self, About},
    shard::Shard,
    suite::{Allowed, Class, Keys, Mode, Tier},
    target::{Address, Client, Flight},
};

/// How long a simulator may take for an answer; its clock stands still, so nothing in it takes time.
const OWN_LIMIT: Duration = Duration::from_secs(10);
/// How long somebody else's target may.
const FOREIGN_LIMIT: Duration = Duration::from_secs(30);
/// How often it is said how far it is where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);
/// How long is fuzzed unless it is said.
const USUAL: Duration = Duration::from_secs(10);

/// What `fuzz` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct FuzzArgs {
    /// Instead of fuzzing
    #[command(subcommand)]
    command: Option<FuzzCommand>,
    #[command(flatten)]
    target: TargetArgs,
    /// What to fuzz against.
    #[arg(help = contract_help("What to fuzz against"))]
    #[arg(long, value_name = "NAME|FILE", default_value = "docs")]
    contract: Wanted,
    /// Leave the defects of the contract's cores out of the simulators
    #[arg(long, conflicts_with = "target")]
    healthy: bool,
    /// The seed of everything that is drawn [default: drawn itself, and reported]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    seed: Option<u64>,
    /// How long, for example 60s, 10m or 2h [default: 10s]
    #[arg(long = "for", value_name = "SPAN", conflicts_with = "cases")]
    span: Option<Span>,
    /// How many cases, of all shards together
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    cases: Option<u64>,
    /// Which endpoints, or websocket, pages or raw: names, beginnings of names, or patterns with *; all by default
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    only: Vec<String>,
    /// What may be done to somebody else's targets beside reading
    #[arg(long, value_enum, value_name = "CLASS")]
    allow: Vec<Allow>,
    /// Do only one part of the cases, for example 2/5
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// The folder that failures are kept in, one file a cause
    #[arg(long, value_name = "DIR", default_value = "fuzz-failures")]
    out: PathBuf,
    #[command(flatten)]
    shown: Shown,
    /// Write a report as JSON Lines as well: json=FILE
    #[arg(long, value_name = "json=FILE", value_parser = report)]
    report: Option<PathBuf>,
}

impl FuzzArgs {
    fn span(&self) -> Duration {
        self.span.map_or(USUAL, |span| span.0)
    }

    /// Waits until the time is over in which somebody else's target has to answer the first questions, too.
    async fn late(&self, begun: Instant) -> Trouble {
        match (self.target.foreign(), self.cases) {
            (Some(address), None) => {
                tokio::time::sleep_until((begun + self.span()).into()).await;
                let seconds = self.span().as_secs_f32();
                Trouble::Unreachable(format!(
                    "{address}: the first questions are not answered within {seconds} s"
                ))
            }
            _ => std::future::pending().await,
        }
    }
}

/// What can be done beside fuzzing.
#[derive(Debug, Subcommand)]
enum FuzzCommand {
    /// Send the case of a kept failure again
    Replay {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        target: TargetArgs,
        /// What the case may do to somebody else's targets beside reading
        #[arg(long, value_enum, value_name = "CLASS")]
        allow: Vec<Allow>,
    },
}

/// Whom to send to.
#[derive(Debug, Args)]
struct TargetArgs {
    /// The target; without it simulators are started and everything is allowed
    #[arg(long, value_name = "URL", conflicts_with_all = LAUNCHES)]
    target: Option<Address>,
    /// A second target, set up like the first, with the same keys: every case goes to both, and what differs fails; without
    /// --target the first is a simulator of the contract
    #[arg(long, value_name = "URL", conflicts_with_all = ["launch", "core"])]
    beside: Option<Address>,
    #[command(flatten)]
    launched: Launched,
    #[command(flatten)]
    keys: GivenKeys,
}

/// Whom cases go to.
struct Found {
    /// Where it is and how it treats those without a key; nothing for simulators of our own.
    target: Option<(Address, Mode)>,
    /// The same of the target that it is compared with.
    beside: Option<(Address, Mode)>,
    /// The first target, if it was started to be compared.
    simulator: Option<Simulator>,
    keeper: Option<Keeper>,
    keys: Keys,
    name: String,
    /// How long an answer may take.
    limit: Duration,
    _locks: Vec<Lock>,
}

impl TargetArgs {
    /// Somebody else's target.
    fn foreign(&self) -> Option<&Address> {
        self.target.as_ref().or(self.beside.as_ref())
    }

    /// Whether there is anybody to whom something can be allowed.
    fn may(&self, allow: &[Allow]) -> Result<(), Trouble> {
        match (&self.target, &self.beside, allow) {
            (None, None, [_, ..]) => Err(Trouble::Usage(
                "--allow is about somebody else's target: --target or --beside names one".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Finds the target, or launches it. Somebody else's is watched, and its keys are tried.
    async fn find(&self) -> Result<Found, Trouble> {
        if let Some((keeper, name)) = self.launched.keeper().await? {
            let (address, keys) = (keeper.address().clone(), keeper.keys().clone());
            // What launches may have its own mind about Development Mode.
            let mode = probe::mode(&Client::new(FOREIGN_LIMIT), &address).await?;
            let target = Some((address, mode));
            let name = format!("launched: {name}");
            return Ok(Found { target, keeper: Some(keeper), ..Found::own(keys, name) });
        }
        let mut found = Found::own(self.keys.keys()?, "embedded simulator".to_owned());
        if let Some(address) = &self.target {
            found.target = Some(found.probe(address).await?);
            found.name = address.to_string();
        }
        if let Some(address) = &self.beside {
            found.beside = Some(found.probe(address).await?);
            found.name += &format!(" beside {address}");
        }
        match (&found.target, &found.beside) {
            (Some((one, mode)), Some((other, another))) if mode != another => {
                return Err(Trouble::Usage(format!(
                    "{one} is {} and {other} is {}: only what is set up alike can be compared",
                    mode.name(),
                    another.name()
                )));
            }
            // Who compares two sees by their answers that one is gone.
            (Some((address, _)), None) => {
                let keeper = Keeper::watch(address.clone(), found.keys.clone(), Flight::default());
                found.keeper = Some(keeper);
            }
            _ => {}
        }
        Ok(found)
    }
}

impl Found {
    /// Simulators of our own, so far.
    fn own(keys: Keys, name: String) -> Self {
        let (target, beside, simulator, keeper) = (None, None, None, None);
        Self { target, beside, simulator, keeper, keys, name, limit: OWN_LIMIT, _locks: vec![] }
    }

    /// Takes somebody else's target, tries its keys, and says how it treats those without one.
    async fn probe(&mut self, address: &Address) -> Result<(Address, Mode), Trouble> {
        self.limit = FOREIGN_LIMIT;
        self._locks.push(Lock::take(address)?);
        let client = Client::new(FOREIGN_LIMIT);
        let mode = probe::mode(&client, address).await?;
        probe::keys(&client, address, mode, &self.keys).await?;
        Ok((address.clone(), mode))
    }

    /// Starts a simulator that is set up like the target that it is to be compared with, unless there are two already.
    async fn simulate(&mut self, contract: Contract, healthy: bool) -> Result<(), Trouble> {
        let (Some((_, mode)), None) = (&self.beside, &self.target) else { return Ok(()) };
        let mode = *mode;
        let mut builder = Simulator::builder()
            .contract(contract)
            .healthy(healthy)
            .external_auth(if mode == Mode::Granted { ExternalAuth::Grant } else { ExternalAuth::None });
        // Off is what it is unless somebody says so, and that would be another setting.
        if mode == Mode::Development {
            builder = builder.dev_mode(true);
        }
        for key in Tier::ALL.into_iter().filter_map(|tier| self.keys.get(tier)) {
            builder = builder.api_key(format!("{}{}", key.secret(), key.tier.permissions()));
        }
        let amiss = |error: &dyn std::fmt::Display| {
            Trouble::Unreachable(format!("the simulator does not start: {error}"))
        };
        let simulator = builder.start().await.map_err(|error| amiss(&error))?;
        let address: Address = simulator.url().parse().map_err(|error| amiss(&error))?;
        self.target = Some((address, mode));
        self.simulator = Some(simulator);
        Ok(())
    }

    /// Somebody else's target, if there is one.
    fn address(&self) -> Option<&Address> {
        self.target.as_ref().or(self.beside.as_ref()).map(|(address, _)| address)
    }

    fn is_own(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::is_own)
    }

    /// Ends what was launched.
    async fn close(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.close().await;
        }
    }
}

fn report(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("json", file)) if !file.is_empty() => Ok(PathBuf::from(file)),
        _ => Err("expected json=FILE".to_owned()),
    }
}

pub(super) async fn fuzz(args: FuzzArgs) -> Result<u8, Trouble> {
    if let Some(FuzzCommand::Replay { file, target, allow }) = &args.command {
        target.may(allow)?;
        return replay(file, target, allowed(allow)).await;
    }
    args.target.may(&args.allow)?;
    let signals = Signals::listen();
    let begun = Instant::now();
    let mut found = tokio::select! {
        found = args.target.find() => found?,
        () = signals.told() => return Ok(exit::INTERRUPTED),
        late = args.late(begun) => return Err(late),
    };
    let watch = Watch::begin(&args.shown).await?;
    let status = on(&args, &mut found, begun, &watch, &signals).await;
    found.close().await;
    if status.as_ref().is_ok_and(|status| *status != exit::INTERRUPTED) {
        watch.stay(signals.told()).await;
    }
    status
}

/// Serves the simulators that are fuzzed, on a thread of their own.
pub(super) async fn simulators(mutant: Option<String>) -> Result<u8, Trouble> {
    let served = tokio::task::spawn_blocking(move || fuzz::serve(mutant.as_deref())).await;
    served.map_err(io::Error::other).flatten().map_err(|error| Trouble::Unreachable(error.to_string()))
}

async fn on(
    args: &FuzzArgs,
    found: &mut Found,
    begun: Instant,
    watch: &Watch,
    signals: &Signals,
) -> Result<u8, Trouble> {
    let client = Client::new(found.limit);
    let subject = tokio::select! {
        subject = Subject::find(&args.contract, &client, found.address(), &found.keys) => subject?,
        () = signals.told() => return Ok(exit::INTERRUPTED),
        late = args.late(begun) => return Err(late),
    };
    found.simulate(subject.contract, args.healthy).await?;
    let found = &*found;
    let seed = args.seed.unwrap_or_else(drawn_seed);
    let heading = Heading {
        target: found.name.clone(),
        contract: format!("{}{}", subject.name, if args.healthy { " without defects" } else { "" }),
        seed,
        shard: args.shard.to_string(),
    };
    let allowed = if found.is_own() { Allowed::ALL } else { allowed(&args.allow) };
    let settings = settings(found, subject.contract, args.healthy, subject.endpoints, seed)?;
    let campaign = Campaign::new(Settings { allowed, only: args.only.clone(), ..settings })
        .map_err(|error| Trouble::Usage(error.to_string()))?;
    // Opened first, so that a wrong name is known at once.
    let report = match &args.report {
        Some(file) => {
            Some((file, std::fs::File::create(file).map_err(|error| Trouble::unwritten(file, &error))?))
        }
        None => None,
    };
    watch.live.campaign_begins(About {
        target: heading.target.clone(),
        contract: heading.contract.clone(),
        found: None,
        seed,
        shard: None,
    });
    anstream::eprintln!("seed {seed}");
    let until = match (args.cases, args.span()) {
        (Some(cases), _) => Until::Cases(cases),
        // What the first questions took of it is gone.
        (None, span) if args.target.foreign().is_some() => Until::For(span.saturating_sub(begun.elapsed())),
        (None, span) => Until::For(span),
    };
    let summary = watched(campaign, until, args.shard, &watch.live, signals).await?;
    let (mut files, mut unkept) = (vec![], None);
    for failure in &summary.failures {
        let kept =
            failure.keep(&args.out).map_err(|error| unkept = Some(Trouble::unwritten(&args.out, &error)));
        files.push(kept.ok());
    }
    let (mut text, mut lines) = (vec![], vec![]);
    // Nothing fails when a text is written to memory.
    let _ = fuzz::write_text(&mut text, &summary, &files, &heading);
    let _ = fuzz::write_jsonl(&mut lines, &summary, &files, &heading);
    // A terminal that went away is no reason to lose the report.
    let _ = anstream::stdout().lock().write_all(&text);
    let bad = !summary.failures.is_empty() || summary.gone.is_some();
    let line = report::campaign_outcome(summary.causes(), summary.cases);
    watch.live.campaign_ended(line, bad, String::from_utf8_lossy(&text).into_owned());
    if let Some(history) = &watch.history {
        history.keep_campaign(&lines).map_err(Trouble::usage)?;
    }
    if let Some((file, mut opened)) = report {
        opened.write_all(&lines).map_err(|error| Trouble::unwritten(file, &error))?;
    }
    // What was found has been told all the same.
    unkept.map_or_else(|| status(&summary), Err)
}

fn settings(
    found: &Found,
    contract: Contract,
    healthy: bool,
    endpoints: Option<&'static [Endpoint]>,
    seed: u64,
) -> Result<Settings, Trouble> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| Trouble::Usage(format!("this program is not found: {error}")))?;
    let simulators = vec![program.into(), "simulators".into()];
    Ok(Settings {
        target: found.target.clone(),
        started: found.simulator.is_some(),
        beside: found.beside.as_ref().map(|(address, _)| Beside::At(address.clone())),
        keeper: found.keeper.clone(),
        contract,
        simulators,
        healthy,
        endpoints,
        keys: found.keys.clone(),
        allowed: Allowed { writes: false, disruptive: false },
        only: vec![],
        seed,
        limit: found.limit,
    })
}

fn status(summary: &Summary) -> Result<u8, Trouble> {
    if summary.interrupted {
        return Ok(exit::INTERRUPTED);
    }
    if !summary.failures.is_empty() && summary.gone.is_none() {
        return Ok(exit::FAILED);
    }
    match &summary.gone {
        Some(gone) => Err(Trouble::Unreachable(gone.clone())),
        None if summary.cases == 0 => Ok(exit::NOTHING),
        None => Ok(exit::PASSED),
    }
}

/// Runs a campaign with a line that says how far it is, until it ends or somebody asks for the end.
async fn watched(
    campaign: Campaign,
    until: Until,
    shard: Shard,
    live: &Live,
    signals: &Signals,
) -> Result<Summary, Trouble> {
    let progress = Arc::new(Progress::default());
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let running = Arc::clone(&progress);
    let threads = campaign.threads();
    let mut work = tokio::task::spawn_blocking(move || campaign.run(until, shard, threads, &running));
    let (begun, mut before) = (Instant::now(), (Instant::now(), 0));
    let (mut stopped, mut shrinks) = (false, false);
    let summary = loop {
        tokio::select! {
            done = &mut work => break done,
            () = signals.told(), if !stopped => {
                stopped = true;
                progress.stop();
            }
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
        }
        let (cases, failing) = progress.counts();
        live.counted(cases, failing, progress.found());
        let (terminal, shrinking) = (io::stderr().is_terminal(), progress.shrinking());
        // Who waits for the end of it is told at once that something follows.
        let turns = shrinking.is_some() && !std::mem::replace(&mut shrinks, shrinking.is_some());
        if terminal || turns || before.0.elapsed() >= PAUSE {
            let rate = (cases - before.1) as f64 / before.0.elapsed().as_secs_f64().max(0.001);
            before = (Instant::now(), cases);
            let seconds = begun.elapsed().as_secs();
            let text = match shrinking {
                None => format!("{seconds} s, {cases} cases, {rate:.0} cases/s, {failing} failing"),
                Some(shrinking) => format!("{seconds} s, {cases} cases, {failing} failing, {shrinking}"),
            };
            if terminal {
                bar.set_message(text);
                bar.tick();
            } else {
                anstream::eprintln!("{text}");
            }
        }
    };
    bar.finish_and_clear();
    summary.map_err(|error| Trouble::Usage(format!("the campaign broke off: {error}")))
}

/// Sends a kept case again.
async fn replay(file: &Path, target: &TargetArgs, allowed: Allowed) -> Result<u8, Trouble> {
    let failure = Failure::read(file).map_err(|error| Trouble::Usage(error.to_string()))?;
    if failure.oracle == Oracle::Alike && target.beside.is_none() {
        let both = failure.target.beside.as_deref().unwrap_or("another target");
        let text = format!(
            "two targets answered it differently ({both} was the second): --beside URL says which to ask now"
        );
        return Err(Trouble::Usage(text));
    }
    if let (Some(address), Some((step, class))) = (target.foreign(), failure.steps.refused(allowed)) {
        let flag = if class == Class::Writes { "writes" } else { "disruptive" };
        let text =
            format!("step {} may do more to {address} than read: --allow {flag} sends the case", step + 1);
        return Err(Trouble::Usage(text));
    }
    let mut found = target.find().await?;
    let about = &failure.target;
    found.simulate(about.contract, about.healthy).await?;
    let settings = settings(&found, about.contract, about.healthy, None, failure.seed)?;
    let campaign = Campaign::new(settings).map_err(|error| Trouble::Usage(error.to_string()))?;
    let outcome = waiting("sending the case again", |_| campaign.replay(&failure)).await;
    found.close().await;
    let outcome = outcome.map_err(Trouble::Unreachable)?;
    let (text, status) = match outcome {
        Some((oracle, step, got)) => {
            let same = if oracle == failure.oracle { "still fails" } else { "fails differently" };
            let got = got.replace('\n', " ");
            (format!("{same}: {} at step {}: {got}", oracle.name(), step + 1), exit::FAILED)
        }
        None => (format!("passes: {} does not object any more", failure.oracle.name()), exit::PASSED),
    };
    // A reader that is gone has the exit status.
    let _ = writeln!(anstream::stdout(), "{text}");
    Ok(status)
}
