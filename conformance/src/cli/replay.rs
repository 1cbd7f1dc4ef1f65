//! `replay`.

use std::{path::PathBuf, time::Duration};

use futures_util::future::join_all;
use portmaster_fixtures::Contract;
use regex::Regex;
use tokio::sync::Semaphore;

use super::{
    bar::progress_bar,
    flags::{Allow, ReplayFormat, allowed, given_keys, patience, whole},
    launch::{LAUNCHES, Launched},
    lock::Lock,
    probe,
    trouble::{Trouble, gone},
};
use crate::{
    contrast::By,
    exit,
    keeper::{Keeper, Kind},
    recording::{Guard, Masks, Outcome, Recording, Replay, Stage, Which, write_json, write_text},
    suite::Keys,
    target::{Address, Client, Flight},
};

/// What `replay` takes.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Recordings, as `record` writes them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A running target [default: a simulator of the recorded setup, within this program]
    #[arg(long, value_name = "URL", conflicts_with = "start", conflicts_with_all = LAUNCHES)]
    target: Option<Address>,
    /// A command that starts a target afresh for each recorded setup; {addr} is where it shall listen, and the
    /// setup is appended as --dev-mode, --api-key KEY, --external-auth MODE, --scenario NAME, --set KEY=JSON
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["launch", "core"])]
    start: Option<String>,
    #[command(flatten)]
    launched: Launched,
    /// What may be done to a running target: change something harmless, or stop, log out, clear and trigger. What is
    /// not allowed is left out, and counted
    #[arg(long, value_enum, value_name = "CLASS", requires = "target")]
    allow: Vec<Allow>,
    /// Another recording of the same target: what differs between the two is volatile, and not compared
    #[arg(long, value_name = "FILE")]
    learn: Option<PathBuf>,
    /// How successful answers are compared
    #[arg(long, value_enum, value_name = "HOW", default_value = "structure")]
    by: By,
    /// The share that has to agree, from 0 to 1
    #[arg(long = "pass", value_name = "SHARE", default_value = "1", value_parser = share)]
    enough: f64,
    /// How many that differ are shown
    #[arg(long, value_name = "N", value_parser = whole::<usize>, default_value = "40")]
    show: usize,
    /// How it is said
    #[arg(long, value_enum, default_value = "text")]
    format: ReplayFormat,
    /// Only what was recorded with this setup, for example dev_mode=false; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    only: Vec<(String, String)>,
    /// Only what has this in its id, request target or name
    #[arg(long = "match", value_name = "REGEX")]
    matching: Option<Regex>,
    /// Scripts, too, that hold facts of the machine where they were recorded, or break their target
    #[arg(long)]
    all: bool,
    /// The contract of a simulator within this program, where the recording does not say
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "start", "launch", "core"])]
    contract: Option<Contract>,
    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = patience, default_value = "15")]
    timeout: Duration,
    /// The target's key with read=user&write=user, put in the place of the recorded one
    #[arg(long, value_name = "KEY", env = "USER_KEY", hide_env_values = true)]
    user_key: Option<String>,
    /// The target's key with read=admin&write=admin, put in the place of the recorded one
    #[arg(long, value_name = "KEY", env = "ADMIN_KEY", hide_env_values = true)]
    admin_key: Option<String>,
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("not between 0 and 1".to_owned()) }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, for example dev_mode=false")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) async fn replay(args: ReplayArgs) -> Result<u8, Trouble> {
    let keeper = args.launched.keeper().await?.map(|(keeper, _)| keeper);
    let replayed = on(args, keeper.as_ref()).await;
    if let Some(keeper) = &keeper {
        keeper.close().await;
    }
    replayed
}

async fn on(args: ReplayArgs, keeper: Option<&Keeper>) -> Result<u8, Trouble> {
    let stage = match (&args.target, keeper, &args.start) {
        (Some(address), ..) => Stage::Running(address.clone()),
        (_, Some(keeper), _) => Stage::Kept(keeper.clone()),
        (_, _, Some(template)) => Stage::command(template).map_err(Trouble::usage)?,
        _ => Stage::Embedded,
    };
    let open = |file: &PathBuf| Recording::open(file).map_err(Trouble::usage);
    let recordings = args.files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let other = args.learn.as_ref().map(open).transpose()?;
    // A target of our own has the keys that are recorded.
    let keys = match (&args.target, keeper) {
        (Some(_), _) => given_keys(args.user_key.as_ref(), args.admin_key.as_ref())?,
        (None, Some(keeper)) => keeper.keys().clone(),
        (None, None) => Keys::default(),
    };
    let _lock = args.target.as_ref().map(Lock::take).transpose()?;
    let guard = args.target.is_some().then(|| Guard::new(allowed(&args.allow)));
    let which = Which { only: args.only, matching: args.matching, all: args.all };
    let client = Client::new(args.timeout);
    let client = match keeper {
        Some(keeper) => client.with_flight(keeper.flight().clone()),
        None => client,
    };
    // A running target is one, and must see everything in order.
    let places = match stage {
        Stage::Running(_) | Stage::Kept(_) => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let places = Semaphore::new(places);
    let learnt: Vec<_> = recordings
        .iter()
        .map(|recording| other.as_ref().map(|other| Masks::between(recording, other)).unwrap_or_default())
        .collect();
    let replays: Vec<_> = recordings
        .iter()
        .zip(&learnt)
        .map(|(recording, masks)| Replay {
            recording,
            masks,
            by: args.by,
            which: &which,
            guard: guard.as_ref(),
            stage: &stage,
            contract: args.contract,
            keys: &keys,
            client: &client,
            places: &places,
        })
        .collect();
    let length: usize = replays.iter().map(Replay::length).sum();
    let bar = progress_bar(length);
    let watched = match &args.target {
        Some(address) => {
            probe::mode(&client, address).await?;
            // What somebody may have told to end is away for a while.
            let may_end = allowed(&args.allow).disruptive;
            (!may_end).then(|| Keeper::watch(address.clone(), keys.clone(), Flight::default()))
        }
        None => None,
    };
    let lost = async {
        match &watched {
            Some(keeper) => keeper.lost().await,
            None => std::future::pending().await,
        }
    };
    let replayed = tokio::select! {
        replayed = join_all(replays.iter().map(|replay| replay.run(|| bar.inc(1)))) => replayed,
        _ = lost => return Err(gone(args.target.as_ref(), watched.as_ref())),
    };
    bar.finish_and_clear();
    let mut outcome = Outcome::default();
    for one in replayed {
        outcome.extend(one.map_err(|error| Trouble::Unreachable(error.to_string()))?);
    }
    let mut out = anstream::stdout().lock();
    // A terminal that went away changes nothing about what was found.
    let _ = match args.format {
        ReplayFormat::Text => write_text(&mut out, &outcome, args.show),
        ReplayFormat::Json => write_json(&mut out, &outcome),
    };
    let fell = keeper.map(|keeper| keeper.falls(0)).unwrap_or_default();
    for fall in &fell {
        anstream::eprintln!("the target fell: {}", fall.shown(&keys));
    }
    Ok(match outcome.counts() {
        (_, 0) => exit::NOTHING,
        _ if fell.iter().any(|fall| fall.kind != Kind::Panic) => exit::FAILED,
        _ if outcome.share() >= args.enough => exit::PASSED,
        _ => exit::FAILED,
    })
}
