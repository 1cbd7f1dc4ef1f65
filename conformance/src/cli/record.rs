//! `record`.

use std::path::PathBuf;

use super::{
    bar::progress_bar,
    flags::{Allow, GivenKeys, Select, TIMEOUT, allowed, drawn_seed, whole},
    footprint::Tidy,
    launch::{LAUNCHES, Launched},
    lock::Lock,
    probe,
    signals::Signals,
    subject::{Subject, Wanted, contract_help},
    trouble::{Trouble, gone},
};
use crate::{
    exit,
    keeper::Keeper,
    recording::{About, Recorder, WriteError, listen},
    suite::{Allowed, Check, Class, Context, Selection, SkipReason},
    target::{Address, Client, Flight},
};

/// What `record` takes.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// The target; without it simulators are started and everything is allowed
    #[arg(long, value_name = "URL", conflicts_with_all = LAUNCHES)]
    target: Option<Address>,
    #[command(flatten)]
    launched: Launched,
    /// Whose checks ask.
    #[arg(help = contract_help("Whose checks ask"))]
    #[arg(long, value_name = "NAME|FILE", default_value = "docs")]
    contract: Wanted,
    #[command(flatten)]
    keys: GivenKeys,
    /// What checks may do to the target: change harmless things, or stop, log out, clear and trigger
    #[arg(long, value_enum, value_name = "CLASS")]
    allow: Vec<Allow>,
    /// The seed of drawn values [default: drawn itself, and recorded]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    seed: Option<u64>,
    /// Where the recording goes: JSON Lines, compressed when the name ends in .gz
    #[arg(short, long, value_name = "FILE[.gz]")]
    output: PathBuf,
    /// Write it as HTTP Archive (HAR 1.2), too
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Which checks
    #[command(flatten)]
    select: Select,
}

pub(super) async fn record(args: RecordArgs) -> Result<u8, Trouble> {
    let launched = args.launched.keeper().await?.map(|(keeper, _)| keeper);
    let recorded = on(&args, launched.as_ref()).await;
    if let Some(keeper) = &launched {
        keeper.close().await;
    }
    recorded
}

async fn on(args: &RecordArgs, keeper: Option<&Keeper>) -> Result<u8, Trouble> {
    let client = Client::new(TIMEOUT);
    let keys = match keeper {
        Some(keeper) => keeper.keys().clone(),
        None => args.keys.keys()?,
    };
    let address = keeper.map(Keeper::address).or(args.target.as_ref());
    let subject = Subject::find(&args.contract, &client, address, &keys).await?;
    let checks = Selection::from(&args.select).of(subject.checks).map_err(Trouble::usage)?;
    let seed = args.seed.unwrap_or_else(drawn_seed);
    let _lock = args.target.as_ref().map(Lock::take).transpose()?;
    let signals = Signals::listen();
    let mut tidy = None;
    let (context, allowed, mode, keys) = match address {
        None => {
            let context = Context::embedded(subject.contract, seed, client);
            let keys = context.keys().clone();
            (context, Allowed::ALL, None, keys)
        }
        Some(address) => {
            let mode = probe::mode(&client, address).await?;
            probe::keys(&client, address, mode, &keys).await?;
            let context =
                Context::foreign(address.clone(), mode, keys.clone(), subject.contract, seed, client);
            let watched = || Keeper::watch(address.clone(), keys.clone(), Flight::default());
            let context = context.kept(keeper.cloned().unwrap_or_else(watched));
            let allowed = if keeper.is_some() { Allowed::ALL } else { allowed(&args.allow) };
            tidy = Tidy::begin(address, &keys, allowed).await.filter(|_| keeper.is_none());
            (context, allowed, Some(mode), keys)
        }
    };
    let named = matches!(args.contract, Wanted::Named(_) | Wanted::Auto);
    let about = About { contract: named.then_some(subject.name), mode, seed, keys };
    let recorder = Recorder::create(about, &args.output, args.har.as_deref());
    let mut recorder = recorder.map_err(Trouble::usage)?;
    let bar = progress_bar(checks.len());
    let own = context.is_embedded();
    let heard = |check: &Check, taken: &[_]| -> Result<(), WriteError> {
        bar.inc(1);
        bar.set_message(check.id.clone());
        recorder.keep(&check.id, own && check.class != Class::Read, taken)
    };
    let watched = context.keeper().cloned();
    let stopped = listen(&checks, context, allowed, signals.told(), heard).await;
    bar.finish_and_clear();
    let stopped = stopped.map_err(Trouble::usage)?;
    let written = recorder.finish().map_err(Trouble::usage)?;
    if stopped == Some(SkipReason::TargetGone) {
        return Err(gone(address, watched.as_ref()));
    }
    if let Some(tidy) = tidy {
        tidy.end().await?;
    }
    anstream::println!(
        "{} exchanges and {} websocket scripts in {}",
        written.exchanges,
        written.scripts,
        args.output.display()
    );
    Ok(match written.exchanges {
        _ if stopped.is_some() => exit::INTERRUPTED,
        0 => exit::NOTHING,
        _ => exit::PASSED,
    })
}
