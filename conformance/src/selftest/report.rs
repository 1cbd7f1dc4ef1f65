//! What came out of a self-test, for the terminal and as a page.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::trial::{SelfTest, Trial};
use crate::checks::FAMILIES;

/// How many of the checks that kill a mutant are named.
const NAMED: usize = 4;

/// Writes the result for a person: what is amiss first, then the mutants with those that killed them.
pub fn write_text(out: &mut dyn Write, test: &SelfTest) -> io::Result<()> {
    let width = test.trials.iter().map(|one| one.mutant.id.len()).max().unwrap_or_default();
    for trial in &test.trials {
        let mutant = trial.mutant;
        writeln!(
            out,
            "{:<width$}  {:>4}  {}",
            mutant.id,
            trial.killers.len(),
            killers(trial, test.complete)
        )?;
        for id in &trial.broken {
            writeln!(out, "{:<width$}        could not be carried out: {id}", "")?;
        }
    }
    writeln!(out)?;
    for mutant in test.survivors() {
        writeln!(out, "SURVIVED  {}: {}", mutant.id, mutant.about)?;
    }
    let toothless = test.toothless();
    for check in &toothless {
        writeln!(out, "TOOTHLESS {}: {}", check.id, check.sentence)?;
    }
    let killed = test.trials.len() - test.survivors().count();
    writeln!(out, "{killed} of {} mutants killed in {:.0} s", test.trials.len(), test.took.as_secs_f32())?;
    if test.complete {
        let (able, all, failing) = (test.able(), test.checks.len(), test.failing.len());
        writeln!(out, "{able} of {all} checks of {} kill one, {failing} fail without any", test.contract)?;
    }
    Ok(())
}

/// The checks that killed a mutant, the first few or all of them.
fn killers(trial: &Trial, short: bool) -> String {
    let (named, rest) =
        trial.killers.split_at(trial.killers.len().min(if short { NAMED } else { usize::MAX }));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    format!("{}{more}", named.join(" "))
}

/// Writes the page `docs/mutants.md`.
pub fn write_markdown(out: &mut dyn Write, test: &SelfTest) -> io::Result<()> {
    let killed = test.trials.len() - test.survivors().count();
    let toothless = test.toothless();
    write!(
        out,
        "# Mutants

Proof that the checks can fail: `portmaster-conformance self-test` runs all {checks} checks of the contract
{contract} against a simulator with each of these misbehaviours (`fixtures/mutants`). {killed} of {all} are noticed;
{able} of {checks} checks notice at least one. This page is what the self-test writes.

A simulator with one of them: `portmaster-simulator --mutant {example}`.

",
        contract = test.contract,
        checks = test.checks.len(),
        all = test.trials.len(),
        able = test.able(),
        example = test.trials.first().map_or("ID", |trial| &trial.mutant.id),
    )?;
    if !test.failing.is_empty() {
        writeln!(out, "These fail without any of them, as the baseline says, and so can fail:\n")?;
        for id in &test.failing {
            writeln!(out, "- `{id}`")?;
        }
        writeln!(out)?;
    }
    table(out, test)?;
    writeln!(out, "\n## Who notices what\n")?;
    for trial in &test.trials {
        let mutant = trial.mutant;
        writeln!(out, "- **`{}`** {}", mutant.id, mutant.about)?;
        let (named, rest) = trial.killers.split_at(trial.killers.len().min(NAMED));
        let named: Vec<_> = named.iter().map(|id| format!("`{id}`")).collect();
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        writeln!(out, "  {}{more}", named.join(", "))?;
    }
    for check in toothless {
        writeln!(out, "\nNotices nothing: `{}`", check.id)?;
    }
    Ok(())
}

/// How many checks of each family notice a mutant.
fn table(out: &mut dyn Write, test: &SelfTest) -> io::Result<()> {
    let families: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    writeln!(out, "| mutant | {} |", families.join(" | "))?;
    writeln!(out, "|---|{}", "--:|".repeat(families.len()))?;
    for trial in &test.trials {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for id in &trial.killers {
            *counts.entry(id.split('/').next().unwrap_or_default()).or_insert(0) += 1;
        }
        let cells: Vec<_> = families
            .iter()
            .map(|family| counts.get(family).map_or(String::new(), usize::to_string))
            .collect();
        writeln!(out, "| `{}` | {} |", trial.mutant.id, cells.join(" | "))?;
    }
    Ok(())
}
