//! `diff`.

use std::{collections::BTreeSet, path::Path, time::Duration};

use portmaster_fixtures::Contract;

use super::{
    bar::progress_bar,
    flags::{Allow, ReplayFormat, Select, allowed, drawn_seed, given_keys, patience, whole},
    launch::Launched,
    lock::Lock,
    probe,
    signals::Signals,
    trouble::{Trouble, gone},
};
use crate::{
    checks, exit, fuzz,
    keeper::Keeper,
    recording::{self, Finder, Question, Redactor, Setup, Side, Stage, asked},
    suite::{
        self, Allowed, Check, Class, Context, Keys, Mode, Selection, SkipReason, Taken, Tape, Tier, Verdict,
    },
    target::{Address, Client, Flight, Request, curl_line},
};

/// What `diff` takes.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// A target, at most two; where there is one, the other is a simulator of the contract within this program
    #[arg(long, value_name = "URL")]
    target: Vec<Address>,
    /// A target that is launched is the last of the two
    #[command(flatten)]
    launched: Launched,
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
    /// Ask so many requests more, drawn as fuzz draws them
    #[arg(long, value_name = "N", value_parser = whole::<usize>, default_value = "0")]
    cases: usize,
    /// The seed of drawn values [default: drawn itself]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    seed: Option<u64>,
    /// How it is said
    #[arg(long, value_enum, default_value = "text")]
    format: ReplayFormat,
    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = patience, default_value = "45")]
    timeout: Duration,
    /// What is asked: a sample of the endpoints, and what the checks ask that are selected
    #[command(flatten)]
    select: Select,
}

/// How many requests are drawn for each that is wanted, at most: those that are not selected count, too.
const DRAWN: usize = 50;

pub(super) async fn diff(args: DiffArgs) -> Result<u8, Trouble> {
    let keeper = args.launched.keeper().await?.map(|(keeper, _)| keeper);
    let told = between(args, keeper.as_ref()).await;
    if let Some(keeper) = &keeper {
        keeper.close().await;
    }
    told
}

async fn between(args: DiffArgs, keeper: Option<&Keeper>) -> Result<u8, Trouble> {
    let client = Client::new(args.timeout);
    let selection = Selection::from(&args.select);
    let checks = selection.of(checks::all(args.contract)).map_err(Trouble::usage)?;
    let key = |keys: &[String], at: usize| keys.get(at).or(keys.last()).cloned();
    let keys = |at| given_keys(key(&args.user_key, at).as_ref(), key(&args.admin_key, at).as_ref());
    let given = args.target.iter().enumerate().map(|(at, address)| Ok((address.clone(), keys(at)?)));
    let mut targets = given.collect::<Result<Vec<_>, Trouble>>()?;
    targets.extend(keeper.map(|keeper| (keeper.address().clone(), keeper.keys().clone())));
    if !(1..=2).contains(&targets.len()) || args.user_key.len() > 2 || args.admin_key.len() > 2 {
        return Err(Trouble::Usage(
            "one target is compared with a simulator, or two with each other: --target, --launch or --core once or twice, \
             and keys at most twice"
                .to_owned(),
        ));
    }
    let _locks = args.target.iter().map(Lock::take).collect::<Result<Vec<_>, _>>()?;
    let (first, own) = targets.remove(0);
    let mode = probe::mode(&client, &first).await?;
    let (_simulator, (second, other), name) = match targets.pop() {
        Some((second, other)) => {
            let name = second.to_string();
            (None, (second, other), name)
        }
        None => {
            let mut setup = Setup::like(args.contract, mode == Mode::Development, &own);
            if let Some(keeper) = keeper {
                // What it was launched with is no difference, nor that it refuses strangers.
                setup.config = keeper.settings();
                setup.external_auth = "deny".to_owned();
            }
            let started = Stage::Embedded.start(&setup, Path::new(""), None, false).await;
            let started = started.map_err(|error| Trouble::Unreachable(error.to_string()))?;
            let second = (started.address.clone(), own.clone());
            (Some(started), second, "simulator".to_owned())
        }
    };
    let first = &first;
    // What is ours may be done anything to.
    let may = if args.target.is_empty() { Allowed::ALL } else { allowed(&args.allow) };
    // Only keys that both have can ask both.
    let both = |tier: &Tier| own.get(*tier).is_some() && other.get(*tier).is_some();
    let tiers: Vec<_> = [Tier::User, Tier::Admin].into_iter().filter(both).collect();
    let seed = args.seed.unwrap_or_else(drawn_seed);
    let context = Context::foreign(first.clone(), mode, own.clone(), args.contract, seed, client.clone());
    let signals = Signals::listen();
    let mut questions = Questions::new(args.contract, mode, &own, first, &selection);
    if selection.is_of_endpoints() {
        questions.sample(args.contract, &tiers, may);
    }
    questions.draw(fuzz::requests(args.contract, &own, tiers, may, seed), args.cases);
    let tape = Tape::default();
    let bar = progress_bar(checks.len());
    let heard = |check: &Check, verdict: Option<&Verdict>| {
        bar.inc(u64::from(verdict.is_some()));
        bar.set_message(format!("checks listened to: {}", check.id));
    };
    let told = async {
        signals.told().await;
        SkipReason::Interrupted
    };
    let watch =
        |address: &Address, keys: &Keys| Keeper::watch(address.clone(), keys.clone(), Flight::default());
    let watched = match keeper {
        // What was launched is the second, unless it is the only one.
        Some(keeper) if args.target.is_empty() => keeper.clone(),
        _ => watch(first, &own),
    };
    let context = context.taped(Some(tape.clone())).kept(watched.clone());
    let run = suite::run(&checks, &context, may, heard, told).await;
    bar.finish_and_clear();
    match run.reason() {
        Some(SkipReason::TargetGone) => return Err(gone(Some(first), Some(&watched))),
        Some(_) => return Ok(exit::INTERRUPTED),
        None => {}
    }
    questions.hear(&tape.take());
    let questions = questions.in_order();
    let bar = progress_bar(questions.len());
    let sides =
        [(first, &own), (&second, &other)].map(|(address, keys)| Side::new(address.clone(), keys, first));
    let progress = |question: &Question| {
        bar.inc(1);
        bar.set_message(format!("questions: {}", question.endpoint));
    };
    let asked = tokio::select! {
        asked = recording::diff(&client, &sides, &questions, progress) => asked,
        () = signals.told() => return Ok(exit::INTERRUPTED),
        _ = watched.lost() => return Err(gone(Some(first), Some(&watched))),
    };
    bar.finish_and_clear();
    let diff = asked.map_err(|error| Trouble::Unreachable(error.to_string()))?;
    let first = first.to_string();
    let names = [first.as_str(), name.as_str()];
    let mut out = anstream::stdout().lock();
    // A terminal that went away changes nothing about what was found.
    let _ = match args.format {
        ReplayFormat::Text => recording::write_partings(&mut out, &diff, names),
        ReplayFormat::Json => recording::write_partings_json(&mut out, &diff, names),
    };
    Ok(match (diff.questions, diff.differing) {
        (0, _) => exit::NOTHING,
        (_, 0) => exit::PASSED,
        _ => exit::FAILED,
    })
}

/// Questions, each once.
#[derive(Debug)]
struct Questions<'a> {
    keys: &'a Keys,
    address: &'a Address,
    selection: &'a Selection,
    finder: Finder,
    redactor: Redactor,
    known: BTreeSet<String>,
    all: Vec<(String, Question)>,
}

impl<'a> Questions<'a> {
    fn new(
        contract: Contract,
        mode: Mode,
        keys: &'a Keys,
        address: &'a Address,
        selection: &'a Selection,
    ) -> Self {
        let finder = Finder::new(contract.endpoints(), mode);
        let redactor = Redactor::new(keys);
        Self { keys, address, selection, finder, redactor, known: BTreeSet::new(), all: vec![] }
    }

    /// Adds a request, unless it is known, or is none of those that are selected.
    fn add(&mut self, request: &Request, address: &Address) {
        let asked = asked(request, address, &self.redactor);
        let text = serde_json::to_string(&asked).unwrap_or_default();
        let question = self.finder.question(asked, curl_line(self.address, request));
        if self.selection.wants_endpoint(question.name.as_deref()) && self.known.insert(text.clone()) {
            self.all.push((text, question));
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
                self.add(&request, self.address);
            }
        }
    }

    /// Adds so many of these requests that are new and selected.
    fn draw(&mut self, requests: impl Iterator<Item = Request>, count: usize) {
        let wanted = self.all.len() + count;
        let mut requests = requests.take(count.saturating_mul(DRAWN));
        while self.all.len() < wanted
            && let Some(request) = requests.next()
        {
            self.add(&request, self.address);
        }
    }

    /// Adds what checks asked.
    fn hear(&mut self, taken: &[Taken]) {
        taken.iter().for_each(|one| self.redactor.learn_from_taken(one));
        taken.iter().for_each(|one| self.add(&one.request, &one.address));
    }

    /// The questions: what only reads in an order that does not depend on which check was faster, and then the rest in the
    /// order in which it was asked.
    fn in_order(mut self) -> Vec<Question> {
        self.all.sort_by_cached_key(|(text, question)| match question.class {
            Class::Read => (false, text.clone()),
            _ => (true, String::new()),
        });
        self.all.into_iter().map(|(_, question)| question).collect()
    }
}
