//! The report for people: failures first, then a table of families.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use comfy_table::{CellAlignment, Table, presets};

use super::About;
use crate::{
    checks::FAMILIES,
    suite::{Evidence, Record, Run, Verdict},
};

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[1;32m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Writes the report. Colours are written as escape sequences; strip them where they are not wanted.
pub fn write(out: &mut impl Write, run: &Run, about: &About) -> io::Result<()> {
    for record in &run.records {
        match &record.verdict {
            Verdict::Fail(evidence) => failure(out, RED, "FAIL", record, evidence)?,
            Verdict::Error(text) => {
                writeln!(out, "{RED}ERROR{PLAIN} {BOLD}{}{PLAIN}\n      {text}\n", record.id)?;
            }
            _ => {}
        }
    }
    for record in &run.records {
        match &record.verdict {
            Verdict::Warn(evidence) => failure(out, YELLOW, "WARN", record, evidence)?,
            Verdict::Stale(reason) => {
                writeln!(out, "{RED}STALE{PLAIN} {BOLD}{}{PLAIN}", record.id)?;
                writeln!(out, "      it passes; take it out of the baseline, which says: {reason}\n")?;
            }
            _ => {}
        }
    }
    expected(out, run)?;
    skips(out, run)?;
    writeln!(out, "{}\n", table(run))?;
    summary(out, run, about)
}

fn failure(
    out: &mut impl Write,
    colour: &str,
    word: &str,
    record: &Record,
    evidence: &Evidence,
) -> io::Result<()> {
    writeln!(
        out,
        "{colour}{word}{PLAIN} {BOLD}{}{PLAIN} {DIM}{}{} · {}{PLAIN}",
        record.id,
        record.level,
        if record.finding { " · finding" } else { "" },
        record.clause
    )?;
    writeln!(out, "     {}", record.sentence)?;
    writeln!(out, "     expected  {}", evidence.expected)?;
    writeln!(out, "     got       {}", evidence.got)?;
    writeln!(out, "     {DIM}{}{PLAIN}\n", evidence.curl)
}

/// The failures that the baseline knows, in two lines each.
fn expected(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let mut any = false;
    for record in &run.records {
        if let Verdict::Expected(_, reason) = &record.verdict {
            any = true;
            writeln!(out, "{DIM}expected failure{PLAIN} {}\n{DIM}     {reason}{PLAIN}", record.id)?;
        }
    }
    if any { writeln!(out) } else { Ok(()) }
}

/// Why checks were skipped, and how many for each reason.
fn skips(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let mut reasons = BTreeMap::new();
    for record in &run.records {
        if let Verdict::Skip(reason) = record.verdict {
            *reasons.entry(reason).or_insert(0_usize) += 1;
        }
    }
    for (reason, count) in &reasons {
        writeln!(out, "{DIM}skipped {count:>4}  {reason}{PLAIN}")?;
    }
    if reasons.is_empty() { Ok(()) } else { writeln!(out) }
}

fn table(run: &Run) -> Table {
    const COLUMNS: [&str; 7] = ["pass", "fail", "warn", "expected-failure", "stale", "skip", "error"];
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(
        ["family"]
            .into_iter()
            .chain(COLUMNS.map(|one| if one == "expected-failure" { "expected" } else { one })),
    );
    for family in FAMILIES {
        let records: Vec<_> = run.records.iter().filter(|record| record.family() == family.name).collect();
        if records.is_empty() {
            continue;
        }
        let mut row = vec![family.name.to_owned()];
        for column in COLUMNS {
            let count = records.iter().filter(|record| record.verdict.name() == column).count();
            row.push(if count == 0 { "·".to_owned() } else { count.to_string() });
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn summary(out: &mut impl Write, run: &Run, about: &About) -> io::Result<()> {
    if let Some(found) = &about.found {
        writeln!(out, "contract {}: {found}\n", about.contract)?;
    }
    let (failed, errors, stale) = (run.count("fail"), run.count("error"), run.count("stale"));
    let ran = run.records.len() - run.count("skip");
    let (colour, word) = match (failed + errors + stale, ran) {
        (0, 0) => (YELLOW, "nothing ran".to_owned()),
        (0, _) => (GREEN, format!("{} passed", run.count("pass"))),
        (_, _) => (RED, format!("{failed} failed, {errors} errors, {} passed", run.count("pass"))),
    };
    let listed = match (run.count("expected-failure"), stale) {
        (0, 0) => String::new(),
        (known, 0) => format!(", {known} failed as expected"),
        (known, _) => format!(", {known} failed as expected, {stale} stale baseline entries"),
    };
    let end = if run.interrupted { ", interrupted" } else { "" };
    writeln!(
        out,
        "{colour}{word}{PLAIN}{listed} of {} checks in {:.1} s{end} · contract {} · seed {} · {}",
        run.records.len(),
        run.took.as_secs_f32(),
        about.contract,
        about.seed,
        about.target,
    )
}
