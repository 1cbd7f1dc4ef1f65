//! `diff`.

use std::{collections::BTreeSet, convert::Infallible, path::Path, time::Duration};

use portmaster_fixtures::Contract;

use super::{
    bar::progress_bar,
    flags::{Allow, ReplayFormat, Select, allowed, drawn_seed, given_keys},
    lock::Lock,
    probe,
    signals::Signals,
    trouble::Trouble,
};
use crate::{
    checks, exit,
    recording::{self, Asked, Finder, Question, Redactor, Setup, Side, Stage, asked, listen},
    suite::{Allowed, Check, Class, Context, Keys, Mode, Selection, Taken, Tier},
    target::{Address, Client},
};

/// What `diff` takes.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// A target; given once, the other is a simulator of the contract within this program
    #[arg(long, value_name = "URL", required = true)]
    target: Vec<Address>,
    /// Whose endpoints and checks the questions come from
    #[arg(long, value_name = "NAME", default_value = "docs")]
    contract: Contract,
    /// An API key with read=user&write=user; given twice, one for each target
    #[arg(long, value_name = "KEY", env = "USER_KEY", hide_env_values = true)]
    user_key: Vec<String>,
    /// An API key with read=admin&write=admin; given twice, one for each target
    #[arg(long, value_name = "KEY", env = "ADMIN_KEY", hide_env_values = true)]
    admin_key: Vec<String>,
    /// What questions may do to the targets: change harmless things, or stop, log out, clear and trigger
    #[arg(long, value_enum, value_name = "CLASS")]
    allow: Vec<Allow>,
    /// The seed of drawn values [default: drawn itself]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How it is said
    #[arg(long, value_enum, default_value = "text")]
    format: ReplayFormat,
    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "45")]
    timeout: f32,
    /// Whose requests are asked besides a sample of every endpoint
    #[command(flatten)]
    select: Select,
}

pub(super) async fn diff(args: DiffArgs) -> Result<u8, Trouble> {
    if args.target.len() > 2 || args.user_key.len() > 2 || args.admin_key.len() > 2 {
        return Err(Trouble::Usage(
            "there are two targets: --target and keys are given at most twice".to_owned(),
        ));
    }
    let client = Client::new(Duration::try_from_secs_f32(args.timeout).map_err(Trouble::usage)?);
    let checks = Selection::from(&args.select).of(checks::all(args.contract)).map_err(Trouble::usage)?;
    let key = |keys: &[String], at: usize| keys.get(at).or(keys.last()).cloned();
    let keys = |at| given_keys(key(&args.user_key, at).as_ref(), key(&args.admin_key, at).as_ref());
    let [own, other] = [keys(0)?, keys(1)?];
    let [first, second] = [args.target.first(), args.target.get(1)];
    let first = first.ok_or_else(|| Trouble::Usage("no --target".to_owned()))?;
    let _locks = args.target.iter().map(Lock::take).collect::<Result<Vec<_>, _>>()?;
    let mode = probe::mode(&client, first).await?;
    let simulator = match second {
        Some(_) => None,
        None => {
            let setup = Setup::like(args.contract, mode == Mode::Development, &own);
            let started = Stage::Embedded.start(&setup, Path::new(""), None, false).await;
            Some(started.map_err(|fault| Trouble::Unreachable(fault.to_string()))?)
        }
    };
    let (second, name, other) = match &simulator {
        Some(simulator) => (&simulator.address, "simulator".to_owned(), Keys::default()),
        None => second.map(|second| (second, second.to_string(), other)).unwrap_or((
            first,
            String::new(),
            own.clone(),
        )),
    };
    // Only keys that both have can ask both; a simulator of our own has every stand-in.
    let both = |tier: &Tier| own.get(*tier).is_some() && (simulator.is_some() || other.get(*tier).is_some());
    let tiers: Vec<_> = [Tier::User, Tier::Admin].into_iter().filter(both).collect();
    let context = Context::foreign(
        first.clone(),
        mode,
        own.clone(),
        args.contract,
        args.seed.unwrap_or_else(drawn_seed),
        client.clone(),
    );
    let signals = Signals::listen();
    let mut questions = Questions::new(args.contract, &own, first);
    questions.sample(args.contract, &tiers, allowed(&args.allow));
    let heard = |_: &Check, taken: &[Taken]| questions.heard(taken);
    let Ok(stopped) = listen(&checks, context, allowed(&args.allow), signals.told(), heard).await;
    if stopped {
        return Ok(exit::INTERRUPTED);
    }
    let questions = questions.all;
    let bar = progress_bar(questions.len());
    let mut sides =
        [(first, &own), (second, &other)].map(|(address, keys)| Side::new(address.clone(), keys, first));
    let asked = tokio::select! {
        asked = recording::diff(&client, &mut sides, &questions, || bar.inc(1)) => asked,
        () = signals.told() => return Ok(exit::INTERRUPTED),
    };
    bar.finish_and_clear();
    let diff = asked.map_err(|fault| Trouble::Unreachable(fault.to_string()))?;
    let first = first.to_string();
    let names = [first.as_str(), name.as_str()];
    let mut out = anstream::stdout().lock();
    // A terminal that went away changes nothing about what was found.
    let _ = match args.format {
        ReplayFormat::Text => recording::write_partings(&mut out, &diff, names),
        ReplayFormat::Json => recording::write_partings_json(&mut out, &diff, names),
    };
    Ok(match diff.counts() {
        (_, 0) => exit::NOTHING,
        (equal, all) if equal == all => exit::PASSED,
        _ => exit::FAILED,
    })
}

/// Questions, each once.
#[derive(Debug)]
struct Questions<'a> {
    keys: &'a Keys,
    address: &'a Address,
    finder: Finder,
    redactor: Redactor,
    asked: BTreeSet<String>,
    all: Vec<Question>,
}

impl<'a> Questions<'a> {
    fn new(contract: Contract, keys: &'a Keys, address: &'a Address) -> Self {
        let finder = Finder::new(contract.endpoints());
        let redactor = Redactor::new(keys);
        Self { keys, address, finder, redactor, asked: BTreeSet::new(), all: vec![] }
    }

    fn add(&mut self, asked: Asked) {
        if self.asked.insert(serde_json::to_string(&asked).unwrap_or_default()) {
            self.all.push(self.finder.question(asked));
        }
    }

    /// Adds samples of every endpoint, asked by nobody and with a key of each tier. What stops a target is no
    /// question.
    fn sample(&mut self, contract: Contract, tiers: &[Tier], may: Allowed) {
        for sample in contract.endpoints().iter().flat_map(checks::samples) {
            if sample.class == Class::Final || !may.permits(sample.class) {
                continue;
            }
            let keys = tiers.iter().map(|&tier| self.keys.get(tier));
            let keys: Vec<_> = std::iter::once(None).chain(keys).collect();
            for key in keys {
                let request = sample.request.clone().maybe_bearer(key);
                self.add(asked(&request, self.address, &self.redactor));
            }
        }
    }

    /// Adds what a check asked.
    fn heard(&mut self, taken: &[Taken]) -> Result<(), Infallible> {
        for one in taken {
            self.redactor.learn_from_taken(one);
            self.add(asked(&one.request, &one.address, &self.redactor));
        }
        Ok(())
    }
}
