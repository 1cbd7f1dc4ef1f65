//! `run`.

use std::{io, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portmaster_fixtures::Contract;

use super::{
    Trouble,
    args::{Allow, RunArgs},
    probe,
    provision::Provision,
    subject::Subject,
};
use crate::{
    embedded, exit,
    report::{About, Opened, ReportError, write_text},
    suite::{self, Allowed, Baseline, Check, Context, Key, Keys, Mode, Need, Run, Tier, Verdict, select},
    target::{Address, Client},
};

/// How long a target may take for one answer; a self-check of a real core takes 20 s.
const TIMEOUT: Duration = Duration::from_secs(45);

pub(super) async fn run(args: RunArgs) -> Result<u8, Trouble> {
    let usage = |fault: &dyn std::fmt::Display| Trouble::Usage(fault.to_string());
    let client = Client::new(TIMEOUT);
    let keys = given_keys(&args)?;
    let known = args.baseline.as_deref().map(|file| (file.display().to_string(), Baseline::open(file)));
    let subject = Subject::find(&args.contract, &client, args.target.as_ref(), &keys).await?;
    let baseline = match (known, &args.target) {
        (Some((file, read)), _) => {
            let checked = read.and_then(|read| read.only_names(&subject.checks).map(|()| read));
            checked.map_err(|fault| Trouble::Usage(format!("{file}: {fault}")))?
        }
        (None, None) => embedded::baseline(subject.contract),
        (None, Some(_)) => Baseline::default(),
    };
    let checks = select(subject.checks.clone(), &args.ids).map_err(|fault| usage(&fault))?;
    let reports: Vec<Opened> = args
        .report
        .iter()
        .map(|wanted| wanted.clone().open())
        .collect::<Result<_, ReportError>>()
        .map_err(|fault| usage(&fault))?;
    let seed = args.seed.unwrap_or_else(drawn_seed);
    let target = args.target.as_ref().map_or("embedded simulator".to_owned(), ToString::to_string);
    let about = About { target, contract: subject.name.clone(), found: subject.found.clone(), seed };
    let (mut outcome, left) = match &args.target {
        None => {
            let context = Context::embedded(subject.contract, seed, client);
            (watched(&checks, &context, Allowed::ALL).await, Ok(()))
        }
        Some(address) => foreign(&args, address, &checks, subject.contract, keys, seed, client).await?,
    };
    baseline.apply(&mut outcome);
    // A terminal that went away is no reason to lose the other reports.
    let _ = write_text(&mut anstream::stdout().lock(), &outcome, &about);
    for report in reports {
        report.write(&outcome, &about).map_err(|fault| usage(&fault))?;
    }
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
    Ok(status(&outcome))
}

/// Checks somebody else's target. Answers what came out, and whether its settings are what they were.
async fn foreign(
    args: &RunArgs,
    address: &Address,
    checks: &[Check],
    contract: Contract,
    mut keys: Keys,
    seed: u64,
    client: Client,
) -> Result<(Run, Result<(), String>), Trouble> {
    let mode = probe::mode(&client, address)
        .await
        .map_err(|fault| Trouble::Unreachable(format!("{address}: {fault}")))?;
    let disruptive = args.allow.contains(&Allow::Disruptive);
    let allowed = Allowed { writes: disruptive || args.allow.contains(&Allow::Writes), disruptive };
    let context = |mode, keys| Context::foreign(address.clone(), mode, keys, contract, seed, client.clone());
    if !args.provision {
        return Ok((watched(checks, &context(mode, keys), allowed).await, Ok(())));
    }
    // What Development Mode opens is checked last, when it is on again: one of these checks stops the target.
    let needs_development = |check: &&Check| check.needs.contains(&Need::Development);
    let (last, first): (Vec<_>, Vec<_>) = checks.iter().partition(needs_development);
    let [last, first] = [last, first].map(|some| some.into_iter().cloned().collect::<Vec<_>>());
    let provision = Provision::take(&client, address, mode, &mut keys).await?;
    let mut outcome = watched(&first, &context(Mode::Guarded, keys.clone()), allowed).await;
    let left = provision.put_back().await;
    if left.is_ok() && !outcome.interrupted {
        outcome.append(watched(&last, &context(mode, keys), allowed).await);
        outcome.sort_like(checks);
    }
    Ok((outcome, left))
}

/// The keys of the command line.
fn given_keys(args: &RunArgs) -> Result<Keys, Trouble> {
    let mut keys = Keys::default();
    for (tier, key) in [(Tier::User, &args.user_key), (Tier::Admin, &args.admin_key)] {
        if let Some(key) = key {
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_graphic()) {
                let text = format!("the {} is empty or has characters that no header carries", tier.name());
                return Err(Trouble::Usage(text));
            }
            keys.insert(Key::new(tier, key.clone()));
        }
    }
    Ok(keys)
}

/// Runs the checks with a progress bar, until they end or Ctrl-C is pressed.
async fn watched(checks: &[Check], context: &Context, allowed: Allowed) -> Run {
    let bar = ProgressBar::with_draw_target(Some(checks.len() as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    let progress = |check: &Check, verdict: &Verdict| {
        bar.inc(1);
        bar.set_message(check.id.clone());
        if matches!(verdict, Verdict::Fail(_) | Verdict::Error(_)) {
            bar.println(format!("{} {}", verdict.name(), check.id));
        }
    };
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let run = suite::run(checks, context, allowed, progress, interrupt).await;
    bar.finish_and_clear();
    run
}

fn status(run: &Run) -> u8 {
    if run.interrupted {
        exit::INTERRUPTED
    } else if run.count("fail") + run.count("stale") + run.count("error") > 0 {
        exit::FAILED
    } else if run.count("skip") == run.records.len() {
        exit::NOTHING
    } else {
        exit::PASSED
    }
}

/// A seed when none is given. Six digits are enough, and can be typed again.
fn drawn_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(io::ErrorKind::Other as u8) % 1_000_000
}
