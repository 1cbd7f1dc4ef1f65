//! `self-test`.

use std::{
    fs, io,
    num::NonZero,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread::available_parallelism,
};

use portmaster_fixtures::{Contract, Mutant};

use super::{bar::progress_bar, flags::whole, trouble::Trouble};
use crate::{
    exit,
    selftest::{self, Trial},
};

/// What `self-test` takes.
#[derive(Debug, clap::Args)]
pub struct SelfTestArgs {
    /// The contract whose checks are tried.
    #[arg(help = format!("The contract whose checks are tried: {}", Contract::names()))]
    #[arg(long, value_name = "NAME", default_value = "docs")]
    pub contract: Contract,
    /// Only this misbehaviour; may be repeated (`portmaster-simulator mutants` lists them)
    #[arg(long, value_name = "ID")]
    pub mutant: Vec<String>,
    /// Try the comparison of two targets (fuzz --beside) instead: whether each misbehaviour is found, and as one cause, in so many
    /// drawn cases; each with the contract docs, or the newest one that can have it
    #[arg(long, value_name = "CASES", num_args = 0..=1, default_missing_value = "2000", value_parser = whole::<u64>, conflicts_with_all = ["contract", "markdown"])]
    pub beside: Option<u64>,
    /// How many misbehaviours are tried at a time [default: three a processor; one with --beside]
    #[arg(long, value_name = "N", value_parser = whole::<NonZero<usize>>)]
    pub jobs: Option<NonZero<usize>>,
    /// The seed of drawn values
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>, default_value_t = 1)]
    pub seed: u64,
    /// Write the result as a page, too
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

pub(super) async fn run(args: SelfTestArgs) -> Result<u8, Trouble> {
    let named: Result<Vec<_>, _> = args.mutant.iter().map(|id| Mutant::named(id)).collect();
    let named = named.map_err(Trouble::usage)?;
    if let Some(cases) = args.beside {
        let jobs = args.jobs.or(available_parallelism().ok()).map_or(1, NonZero::get);
        return tokio::task::spawn_blocking(move || beside(&named, cases, args.seed, jobs))
            .await
            .map_err(Trouble::usage)?;
    }
    let all: Vec<_> =
        Mutant::all().iter().filter(|one| one.suits(args.contract) && !one.needs_process()).collect();
    if let Some(other) = named.iter().find(|one| !one.suits(args.contract)) {
        return Err(Trouble::Usage(format!(
            "the mutant \"{}\" is none of the contract {}",
            other.id, args.contract
        )));
    }
    let mutants = if named.is_empty() { all } else { named };
    // Trials often wait for answers that never come.
    let jobs = args.jobs.map_or_else(|| 3 * available_parallelism().map_or(1, NonZero::get), NonZero::get);
    let bar = progress_bar(mutants.len());
    let progress = |trial: &Trial| {
        bar.inc(1);
        bar.set_message(trial.mutant.id.clone());
    };
    let test = selftest::try_mutants(args.contract, &mutants, args.seed, jobs, progress).await;
    bar.finish_and_clear();
    let _ = selftest::write_text(&mut anstream::stdout().lock(), &test);
    if let Some(file) = &args.markdown {
        let written = fs::File::create(file).and_then(|out| {
            let mut out = io::BufWriter::new(out);
            selftest::write_markdown(&mut out, &test)?;
            io::Write::flush(&mut out)
        });
        written.map_err(|error| Trouble::Usage(format!("cannot write {}: {error}", file.display())))?;
    }
    Ok(if test.holds() { exit::PASSED } else { exit::FAILED })
}

/// Compares each misbehaving simulator with one that behaves.
fn beside(named: &[&'static Mutant], cases: u64, seed: u64, jobs: usize) -> Result<u8, Trouble> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| Trouble::Usage(format!("this program is not found: {error}")))?;
    let all = || Mutant::all().iter().filter(|one| !one.needs_process());
    let mutants: Vec<_> = if named.is_empty() { all().collect() } else { named.to_vec() };
    let bar = progress_bar(mutants.len());
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Result<selftest::Beside, _>)> {
        let turns = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let mutants = turns.map_while(|at| Some((at, *mutants.get(at)?)));
        let tried = mutants.map(|(at, mutant)| {
            let one = selftest::Beside::tried(mutant, program.as_os_str(), cases, seed);
            bar.set_message(mutant.id.clone());
            bar.inc(1);
            (at, one)
        });
        tried.collect()
    };
    let mut tried: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    bar.finish_and_clear();
    tried.sort_by_key(|(at, _)| *at);
    let tried: Vec<_> =
        tried.into_iter().map(|(_, one)| one).collect::<Result<_, _>>().map_err(Trouble::usage)?;
    let _ = selftest::write_beside(&mut anstream::stdout().lock(), &tried);
    Ok(if tried.iter().all(selftest::Beside::holds) { exit::PASSED } else { exit::FAILED })
}
