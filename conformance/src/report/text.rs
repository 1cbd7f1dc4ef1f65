//! The report for people: failures first, then a table of families.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use super::{
    about::Report,
    causes::Causes,
    families::families,
    format::Format,
    tally::{self, Tally},
    words::{harmless, seconds},
};
use crate::suite::{Evidence, Record, Run, Verdict};

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[1;32m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

pub(super) const FORMAT: Format = Format {
    name: "text",
    about: "as in the terminal",
    write: |out, report| {
        let mut text = vec![];
        write(&mut text, report)?;
        // A file has no colours.
        out.write_all(&anstream::adapter::strip_bytes(&text).into_vec())
    },
};

/// Writes the report. Colours are written as escape sequences; strip them where they are not wanted.
pub fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let run = &report.run;
    let causes = Causes::of(run);
    for record in &run.records {
        match &record.verdict {
            Verdict::Fail(evidence) => failure(out, RED, "FAIL", record, evidence, &causes)?,
            Verdict::Error(text) => {
                let text = harmless(text);
                writeln!(out, "{RED}ERROR{PLAIN} {BOLD}{}{PLAIN}\n      {text}\n", record.id)?;
            }
            _ => {}
        }
    }
    for record in &run.records {
        match &record.verdict {
            Verdict::Warn(evidence) => failure(out, YELLOW, "WARN", record, evidence, &causes)?,
            Verdict::Stale(reason) => {
                writeln!(out, "{RED}STALE{PLAIN} {BOLD}{}{PLAIN}", record.id)?;
                writeln!(out, "      it passes; take it out of the baseline, which says: {reason}\n")?;
            }
            _ => {}
        }
    }
    expected(out, run, &causes)?;
    skips(out, run)?;
    if !run.records.is_empty() {
        writeln!(out, "{}\n", table(run))?;
    }
    summary(out, report)
}

fn failure<'a>(
    out: &mut dyn Write,
    colour: &str,
    word: &str,
    record: &'a Record,
    evidence: &Evidence,
    causes: &Causes<'a>,
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
    writeln!(out, "     expected  {}", harmless(&evidence.expected))?;
    // Evidence of a target that fell has several lines.
    writeln!(out, "     got       {}", harmless(&evidence.got).replace('\n', "\n               "))?;
    if let Some(more) = causes.more(record) {
        writeln!(out, "     {BOLD}{}{PLAIN}", harmless(&more))?;
    }
    writeln!(out, "     {DIM}{}{PLAIN}\n", harmless(&evidence.curl).replace('\n', "\n     "))
}

/// The failures that the baseline knows, in a few lines each.
fn expected(out: &mut dyn Write, run: &Run, causes: &Causes<'_>) -> io::Result<()> {
    let mut any = false;
    for record in &run.records {
        if let Verdict::Expected(_, reason) = &record.verdict {
            any = true;
            writeln!(out, "{DIM}expected failure{PLAIN} {}\n{DIM}     {reason}{PLAIN}", record.id)?;
            if let Some(more) = causes.more(record) {
                writeln!(out, "{DIM}     {}{PLAIN}", harmless(&more))?;
            }
        }
    }
    if any { writeln!(out) } else { Ok(()) }
}

/// Why checks were skipped, and how many for each reason.
fn skips(out: &mut dyn Write, run: &Run) -> io::Result<()> {
    let reasons = tally::skips(&run.records);
    for (reason, count) in &reasons {
        writeln!(out, "{DIM}skipped {count:>4}  {reason}{PLAIN}")?;
    }
    if reasons.is_empty() { Ok(()) } else { writeln!(out) }
}

fn table(run: &Run) -> Table {
    let mut table = Table::new();
    let heads = Tally::default().columns().map(|(head, _)| head);
    table.load_style(presets::NOTHING).set_header(["family"].into_iter().chain(heads));
    for (family, _) in families() {
        let tally = Tally::of(run.records.iter().filter(|record| record.family() == family));
        if tally.total() == 0 {
            continue;
        }
        let counts =
            tally.columns().map(|(_, count)| if count == 0 { "·".to_owned() } else { count.to_string() });
        table.add_row([family.to_owned()].into_iter().chain(counts));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn summary(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Report { about, run } = report;
    if let Some(found) = &about.found {
        writeln!(out, "contract {}: {found}\n", about.contract)?;
    }
    let tally = Tally::of(&run.records);
    let colour = match tally.bad() {
        0 if tally.total() == tally.skip => YELLOW,
        0 => GREEN,
        _ => RED,
    };
    let end = if run.interrupted { ", interrupted" } else { "" };
    let part = about.shard.as_ref();
    let part = part.map(|one| format!(" · part {}/{} of {} checks", one.part, one.of, one.checks));
    writeln!(
        out,
        "{colour}{}{PLAIN} of {} checks in {}{end} · contract {} · seed {} · {}{}",
        tally.verdict(),
        tally.total(),
        seconds(run.took),
        about.contract,
        about.seed,
        about.target,
        part.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use crate::report::example;

    #[test]
    fn failures_come_first_and_the_tally_last() {
        let mut text = vec![];
        super::write(&mut text, &example::report()).unwrap();
        let text = anstream::adapter::strip_bytes(&text).into_vec();
        example::assert_snapshot("text", &String::from_utf8(text).unwrap());
    }
}
