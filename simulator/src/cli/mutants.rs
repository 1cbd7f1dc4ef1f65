//! `mutants`: what `--mutant` takes.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use portmaster_fixtures::Mutant;

/// A line a mutant: its name, what it does wrong, and the contracts if not all can have it.
pub(crate) fn list() -> ExitCode {
    let mut out = io::stdout().lock();
    let width = Mutant::all().iter().map(|one| one.id.len()).max().unwrap_or_default();
    for mutant in Mutant::all() {
        let only: Vec<_> = mutant.contracts.iter().map(|one| one.name()).collect();
        let only = if only.is_empty() { String::new() } else { format!(" ({} only)", only.join(", ")) };
        // A reader that closes early has what it wanted.
        if writeln!(out, "{:<width$}  {}{only}", mutant.id, mutant.about).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}
