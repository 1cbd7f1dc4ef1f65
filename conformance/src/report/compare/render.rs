//! A comparison for people and for programs.

use std::io::{self, Write};

use super::{Change, Comparison, Side};
use crate::{report::words::harmless, suite::Evidence};

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[1;32m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

impl Comparison {
    /// The lists, each with its name, what it means, its colour, and whether evidence belongs to it. What
    /// matters most comes last, where a terminal's reader is.
    pub(crate) fn lists(&self) -> [(&'static str, &'static str, &'static str, &[Change]); 7] {
        [
            ("gone", "only in the older report", DIM, &self.gone),
            ("new", "only in the newer report", DIM, &self.added),
            ("unchecked", "ran before, was skipped now", YELLOW, &self.unchecked),
            ("warns", "worth knowing, and not so before", YELLOW, &self.warns),
            ("still failing", "failed before, fails now", YELLOW, &self.still_failing),
            ("fixed", "failed before, holds now", GREEN, &self.fixed),
            ("broken", "did not fail before, fails now", RED, &self.broken),
        ]
    }

    /// The counts in one line, what matters most first.
    pub(crate) fn tally(&self) -> String {
        let lists = self.lists();
        let told = lists.iter().rev().filter(|(name, _, _, list)| *name == "broken" || !list.is_empty());
        let counts = told.map(|(name, _, _, list)| format!("{} {name}", list.len()));
        format!("{}, {} as before", counts.collect::<Vec<_>>().join(", "), self.same)
    }

    /// Writes it for a terminal, with colours as escape sequences.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, about, colour, list) in self.lists() {
            if list.is_empty() {
                continue;
            }
            writeln!(out, "{colour}{name}{PLAIN} {DIM}{about}{PLAIN}")?;
            for change in list {
                let Change { id, level, .. } = change;
                writeln!(out, "  {BOLD}{id}{PLAIN} {DIM}{level}{PLAIN} {}", change.verdicts())?;
                if matches!(name, "broken" | "warns") || (name == "new" && change.new == Some("fail")) {
                    for line in change.told() {
                        writeln!(out, "     {}", harmless(&line))?;
                    }
                }
            }
            writeln!(out)?;
        }
        writeln!(out, "{DIM}old{PLAIN}  {}\n{DIM}new{PLAIN}  {}", self.old.line(), self.new.line())?;
        let colour = if self.broken.is_empty() { GREEN } else { RED };
        writeln!(out, "{colour}{}{PLAIN}", self.tally())
    }

    /// Writes it as Markdown, for a pull request.
    pub fn write_markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let sign = if self.broken.is_empty() { "✅" } else { "❌" };
        writeln!(out, "## {sign} {}\n", self.tally())?;
        writeln!(out, "- old: {}\n- new: {}", self.old.line(), self.new.line())?;
        for (name, about, _, list) in self.lists().into_iter().rev() {
            if list.is_empty() {
                continue;
            }
            let open = if name == "broken" { " open" } else { "" };
            writeln!(out, "\n<details{open}><summary><b>{name}: {}</b> ({about})</summary>\n", list.len())?;
            for change in list {
                writeln!(out, "- `{}` {} {}", change.id, change.level, change.verdicts())?;
                if name == "broken" {
                    let fenced = crate::report::markdown::fenced(&change.told().join("\n"));
                    writeln!(out, "\n  {}\n", fenced.replace('\n', "\n  "))?;
                }
            }
            writeln!(out, "\n</details>")?;
        }
        Ok(())
    }

    /// Writes it as one JSON object.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

impl Side {
    pub(crate) fn line(&self) -> String {
        format!(
            "{}, contract {}, seed {}, {} checks",
            harmless(&self.target),
            self.contract,
            self.seed,
            self.checks
        )
    }
}

impl Change {
    pub(crate) fn verdicts(&self) -> String {
        match (self.old, self.new) {
            (Some(old), Some(new)) if old == new => new.to_owned(),
            (Some(old), Some(new)) => format!("{old} → {new}"),
            (old, new) => old.or(new).unwrap_or_default().to_owned(),
        }
    }

    /// What there is to tell of what does not hold now, in lines.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut told = vec![self.sentence.clone()];
        if let Some(Evidence { expected, got, curl, .. }) = &self.evidence {
            told.extend([format!("expected  {expected}"), format!("got       {got}"), curl.clone()]);
        }
        told.extend(self.error.clone());
        told
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        report::{Report, compare, example},
        suite::{SkipReason, Verdict},
    };

    fn pair() -> (Report, Report) {
        let (old, mut new) = (example::report(), example::report());
        new.about.seed = 8;
        let records = &mut new.run.records;
        let failed = records[1].verdict.clone();
        let mut added = records[1].clone();
        added.id = "actions/pung".to_owned();
        for record in records.iter_mut() {
            record.verdict = match record.id.as_str() {
                // Broke, and failed when it ran for the first time.
                "actions/ping" | "badges/ping/GET/admin-key" => failed.clone(),
                "badges/ping/GET/user-key" => Verdict::Pass,
                "badges/spn/map/:map/pins/GET/no-key" => Verdict::Skip(SkipReason::NoMap),
                _ => continue,
            };
        }
        records.insert(2, added);
        records.retain(|record| record.id != "content/length/ping/GET");
        (old, new)
    }

    fn written(write: impl Fn(&super::Comparison, &mut Vec<u8>)) -> String {
        let (old, new) = pair();
        let mut text = vec![];
        write(&compare(&old, &new), &mut text);
        String::from_utf8(anstream::adapter::strip_bytes(&text).into_vec()).unwrap()
    }

    #[test]
    fn every_list_is_shown() {
        example::assert_snapshot("compare-text", &written(|one, out| one.write_text(out).unwrap()));
        example::assert_snapshot("compare-markdown", &written(|one, out| one.write_markdown(out).unwrap()));
        example::assert_snapshot("compare-json", &written(|one, out| one.write_json(out).unwrap()));
    }

    #[test]
    fn equal_reports_have_nothing_to_tell() {
        let report = example::report();
        let comparison = compare(&report, &report);
        assert!(comparison.broken.is_empty() && comparison.fixed.is_empty() && comparison.added.is_empty());
        let failing: Vec<_> = comparison.still_failing.iter().map(|one| one.id.as_str()).collect();
        let wanted =
            ["actions/pong", "badges/ping/GET/user-key", "methods/foreign/ping", "findings/short-key"];
        assert_eq!((failing, comparison.same), (wanted.to_vec(), 7));
    }
}
