//! `run`.

use std::{io, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Trouble,
    args::{Allow, RunArgs},
    list, probe,
};
use crate::{
    exit,
    report::{About, Opened, ReportError, write_text},
    suite::{self, Allowed, Check, Context, Key, Keys, Run, Tier, Verdict, select},
    target::Client,
};

/// How long a target may take for one answer; a self-check of a real core takes 20 s.
const TIMEOUT: Duration = Duration::from_secs(45);

pub(super) async fn run(args: RunArgs) -> Result<u8, Trouble> {
    let usage = |fault: &dyn std::fmt::Display| Trouble::Usage(fault.to_string());
    let checks = select(list::some(args.contract)?, &args.ids).map_err(|fault| usage(&fault))?;
    let reports: Vec<Opened> = args
        .report
        .iter()
        .map(|wanted| wanted.clone().open())
        .collect::<Result<_, ReportError>>()
        .map_err(|fault| usage(&fault))?;
    let seed = args.seed.unwrap_or_else(drawn_seed);
    let (context, allowed) = prepare(&args, seed).await?;
    let target = args.target.as_ref().map_or("embedded simulator".to_owned(), ToString::to_string);
    let about = About { target, contract: args.contract, seed };

    let outcome = watched(&checks, &context, allowed).await;
    // A terminal that went away is no reason to lose the other reports.
    let _ = write_text(&mut anstream::stdout().lock(), &outcome, &about);
    for report in reports {
        report.write(&outcome, &about).map_err(|fault| usage(&fault))?;
    }
    Ok(status(&outcome))
}

/// The context of the run, and what checks may do in it.
async fn prepare(args: &RunArgs, seed: u64) -> Result<(Context, Allowed), Trouble> {
    let client = Client::new(TIMEOUT);
    let Some(address) = &args.target else {
        return Ok((Context::embedded(args.contract, seed, client), Allowed::ALL));
    };
    let mode = probe::mode(&client, address)
        .await
        .map_err(|fault| Trouble::Unreachable(format!("{address}: {fault}")))?;
    if args.provision {
        return Err(Trouble::Usage(
            "no keys taken: the target offers no way over HTTP to set API keys (app/auth needs a person's consent); \
             put keys into the setting core/apiKeys and give them with --user-key and --admin-key"
                .to_owned(),
        ));
    }
    let mut keys = Keys::default();
    for (tier, key) in [(Tier::User, &args.user_key), (Tier::Admin, &args.admin_key)] {
        if let Some(key) = key {
            keys.insert(Key::new(tier, key.clone()));
        }
    }
    let disruptive = args.allow.contains(&Allow::Disruptive);
    let allowed = Allowed { writes: disruptive || args.allow.contains(&Allow::Writes), disruptive };
    Ok((Context::foreign(address.clone(), mode, keys, args.contract, seed, client), allowed))
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
    } else if run.count("fail") + run.count("error") > 0 {
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
