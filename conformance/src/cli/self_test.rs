//! `self-test`.

use std::{fs, io, num::NonZero, thread::available_parallelism};

use portmaster_fixtures::Mutant;

use super::{Trouble, args::SelfTestArgs, run::progress_bar};
use crate::{
    exit,
    selftest::{self, Trial},
};

pub(super) async fn run(args: SelfTestArgs) -> Result<u8, Trouble> {
    let usage = |fault: &dyn std::fmt::Display| Trouble::Usage(fault.to_string());
    let named: Result<Vec<_>, _> = args.mutant.iter().map(|id| Mutant::named(id)).collect();
    let named = named.map_err(|fault| usage(&fault))?;
    let all: Vec<_> = Mutant::all().iter().filter(|one| one.suits(args.contract)).collect();
    if let Some(other) = named.iter().find(|one| !one.suits(args.contract)) {
        return Err(usage(&format!("the mutant \"{}\" is none of the contract {}", other.id, args.contract)));
    }
    let mutants = if named.is_empty() { all } else { named };
    // Trials often wait for answers that never come.
    let jobs = args.jobs.unwrap_or_else(|| 3 * available_parallelism().map_or(1, NonZero::get));
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
        written.map_err(|fault| usage(&format!("cannot write {}: {fault}", file.display())))?;
    }
    Ok(if test.holds() { exit::PASSED } else { exit::FAILED })
}
