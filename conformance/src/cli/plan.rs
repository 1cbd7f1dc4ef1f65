//! `run --dry-run`: what would run, what would not, and why.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::trouble::Trouble;
use crate::{
    exit,
    suite::{Allowed, Check, Context, SkipReason, plan},
};

/// Prints a line a check and a tally. Nothing is asked of the target.
pub(super) fn print(
    checks: &[Check],
    context: &Context,
    allowed: Allowed,
    target: &str,
) -> Result<u8, Trouble> {
    let skipped = plan(checks, context, allowed);
    let out = &mut io::stdout().lock();
    match written(out, checks, &skipped, target) {
        // A reader that closes early, like `head`, has what it wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Trouble::Usage(format!("cannot write the plan: {error}")))
        }
        _ if skipped.iter().all(Option::is_some) => Ok(exit::NOTHING),
        _ => Ok(exit::PASSED),
    }
}

fn written(
    out: &mut dyn Write,
    checks: &[Check],
    skipped: &[Option<SkipReason>],
    target: &str,
) -> io::Result<()> {
    let (mut run, mut left) = (BTreeMap::new(), BTreeMap::new());
    for (check, skipped) in checks.iter().zip(skipped) {
        match skipped {
            None => {
                *run.entry(check.class).or_insert(0_usize) += 1;
                writeln!(out, "run   {:<10} {}", check.class.name(), check.id)?;
            }
            Some(reason) => {
                *left.entry(*reason).or_insert(0_usize) += 1;
                writeln!(out, "skip  {:<10} {}: {reason}", check.class.name(), check.id)?;
            }
        }
    }
    let classes: Vec<_> = run.iter().map(|(class, count)| format!("{count} {}", class.name())).collect();
    writeln!(out, "\n{target}: of {} checks {} would run", checks.len(), run.values().sum::<usize>())?;
    if !classes.is_empty() {
        writeln!(out, "  by class: {}", classes.join(", "))?;
    }
    for (reason, count) in left {
        writeln!(out, "  skipped {count}: {reason}")?;
    }
    Ok(())
}
