//! A short summary in Markdown, for pull requests and the summaries of CI jobs.

use std::io::{self, Write};

use super::{
    about::Report,
    causes::Causes,
    families::families,
    format::Format,
    tally::{self, Tally},
    words::{harmless, seconds},
};
use crate::suite::{Evidence, Record, Verdict};

/// How many failures are told; a job's summary on GitHub may have one MiB.
const TOLD: usize = 50;

pub(super) const FORMAT: Format = Format { name: "markdown", about: "a summary in Markdown", write };

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Report { about, run } = report;
    let tally = Tally::of(&run.records);
    let sign = match tally.bad() {
        0 if tally.total() == tally.skip => "⚪",
        0 => "✅",
        _ => "❌",
    };
    writeln!(out, "## {sign} Conformance: {}\n", tally.outcome())?;
    let target = code(&about.target);
    let contract = code(&about.contract);
    write!(out, "{target} against the contract {contract}, seed {}, {}", about.seed, seconds(run.took))?;
    if let Some(part) = &about.shard {
        write!(out, ", part {} of {}", part.part, part.of)?;
    }
    writeln!(out, "{}.", if run.interrupted { ". **Interrupted**" } else { "" })?;
    if let Some(found) = &about.found {
        writeln!(out, "The contract was found: {found}.")?;
    }
    let causes = Causes::of(run);
    let of = |wanted: fn(&Verdict) -> bool| {
        let all: Vec<_> = run.records.iter().filter(|record| wanted(&record.verdict)).collect();
        all
    };
    let bad = |one: &Verdict| matches!(one, Verdict::Fail(_) | Verdict::Error(_) | Verdict::Stale(_));
    told(out, "Failed", true, &of(bad), &causes)?;
    told(out, "Warnings", false, &of(|one| matches!(one, Verdict::Warn(_))), &causes)?;
    told(out, "Failed as expected", false, &of(|one| matches!(one, Verdict::Expected(..))), &causes)?;
    table(out, report, tally)?;
    skips(out, report)
}

fn told<'a>(
    out: &mut dyn Write,
    head: &str,
    open: bool,
    records: &[&'a Record],
    causes: &Causes<'a>,
) -> io::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n### {head}: {}\n", records.len())?;
    for record in records.iter().take(TOLD) {
        one(out, record, open, causes)?;
    }
    match records.len().saturating_sub(TOLD) {
        0 => Ok(()),
        more => writeln!(out, "… and {more} more."),
    }
}

fn one<'a>(out: &mut dyn Write, record: &'a Record, open: bool, causes: &Causes<'a>) -> io::Result<()> {
    let finding = if record.finding { " · finding" } else { "" };
    writeln!(
        out,
        "<details{}><summary><code>{}</code> · {}{finding} · {}</summary>\n",
        if open { " open" } else { "" },
        tagless(&record.id),
        record.level,
        tagless(&record.clause)
    )?;
    let more = causes.more(record).map(|more| format!("{more}\n")).unwrap_or_default();
    let shown = |Evidence { expected, got, curl, .. }: &Evidence| {
        format!("expected  {expected}\ngot       {got}\n{more}\n{curl}")
    };
    let text = match &record.verdict {
        Verdict::Fail(evidence) | Verdict::Warn(evidence) => shown(evidence),
        Verdict::Expected(evidence, reason) => format!("{reason}\n\n{}", shown(evidence)),
        Verdict::Stale(reason) => format!("it passes; take it out of the baseline, which says: {reason}"),
        Verdict::Error(text) => text.clone(),
        Verdict::Pass | Verdict::Skip(_) => String::new(),
    };
    writeln!(out, "{}\n\n{}\n\n</details>\n", tagless(&record.sentence), fenced(&text))
}

fn table(out: &mut dyn Write, report: &Report, whole: Tally) -> io::Result<()> {
    // Only columns in which something stands.
    let used: Vec<_> = (0..7).filter(|&at| at == 0 || whole.columns()[at].1 > 0).collect();
    let row = |name: &str, tally: Tally| {
        let counts = used.iter().map(|&at| match tally.columns()[at].1 {
            0 => "·".to_owned(),
            count => count.to_string(),
        });
        format!("| {name} | {} |", counts.collect::<Vec<_>>().join(" | "))
    };
    let heads: Vec<_> = used.iter().map(|&at| whole.columns()[at].0).collect();
    writeln!(
        out,
        "\n### Families\n\n| family | {} |\n|---|{}",
        heads.join(" | "),
        "--:|".repeat(used.len())
    )?;
    for (family, _) in families() {
        let records = report.run.records.iter().filter(|record| record.family() == family);
        let tally = Tally::of(records);
        if tally.total() > 0 {
            writeln!(out, "{}", row(family, tally))?;
        }
    }
    writeln!(out, "{}", row("**all**", whole))
}

fn skips(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let reasons = tally::skips(&report.run.records);
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nSkipped:\n")?;
    for (reason, count) in reasons {
        writeln!(out, "- {count}: {reason}")?;
    }
    Ok(())
}

/// A text that no Markdown and no HTML gets out of: in a fence longer than any within.
pub(super) fn fenced(text: &str) -> String {
    let text = harmless(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// The same within a line.
fn code(text: &str) -> String {
    let text = harmless(text).replace(['`', '\n'], " ");
    format!("`{text}`")
}

/// A text within which no tag begins.
fn tagless(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use crate::report::example;

    #[test]
    fn failures_stand_before_the_families() {
        let mut text = vec![];
        super::write(&mut text, &example::report()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("````text\nexpected"), "a fence of three ends at three");
        example::assert_snapshot("markdown", &text);
    }

    #[test]
    fn it_stays_short_however_much_fails() {
        let mut report = example::report();
        let failed = report.run.records[1].clone();
        report.run.records = vec![failed; 5_000];
        let mut text = vec![];
        super::write(&mut text, &report).unwrap();
        assert!(text.len() < 100_000, "{}", text.len());
        assert!(String::from_utf8(text).unwrap().contains("… and 4950 more."));
    }
}
