//! The report in the Test Anything Protocol, version 14.
//!
//! What did not hold has a YAML diagnostic. What fails as the baseline says is a TODO, what is stale fails.

use std::io::{self, Write};

use serde_json::Value;

use super::{about::Report, causes::Causes, format::Format, words::harmless};
use crate::suite::{Evidence, Record, Verdict};

pub(super) const FORMAT: Format = Format { name: "tap", about: "TAP 14", write };

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Report { about, run } = report;
    writeln!(out, "TAP version 14\n1..{}", run.records.len())?;
    writeln!(out, "# {} · contract {} · seed {}", harmless(&about.target), about.contract, about.seed)?;
    let causes = Causes::of(run);
    for (at, record) in run.records.iter().enumerate() {
        point(out, at + 1, record, &causes)?;
    }
    if run.interrupted {
        writeln!(out, "# interrupted")?;
    }
    Ok(())
}

fn point<'a>(out: &mut dyn Write, number: usize, record: &'a Record, causes: &Causes<'a>) -> io::Result<()> {
    let holds = matches!(record.verdict, Verdict::Pass | Verdict::Warn(_) | Verdict::Skip(_));
    let word = if holds { "ok" } else { "not ok" };
    let directive = match &record.verdict {
        Verdict::Skip(reason) => format!(" # SKIP {}", escaped(&causes.reason(record, *reason))),
        Verdict::Expected(_, reason) => format!(" # TODO {}", escaped(reason)),
        _ => String::new(),
    };
    writeln!(out, "{word} {number} - {}{directive}", escaped(&record.id))?;
    let (severity, mut members) = match &record.verdict {
        Verdict::Pass | Verdict::Skip(_) => return Ok(()),
        Verdict::Fail(evidence) => ("fail", shown(evidence)),
        Verdict::Warn(evidence) => ("warning", shown(evidence)),
        Verdict::Expected(evidence, _) => ("todo", shown(evidence)),
        Verdict::Stale(reason) => (
            "fail",
            vec![("message", "it passes; take it out of the baseline"), ("baseline", reason.as_str())],
        ),
        Verdict::Error(text) => ("error", vec![("message", text.as_str())]),
    };
    let more = causes.more(record);
    members.extend(more.as_deref().map(|more| ("more", more)));
    let level = record.level.to_string();
    members.splice(
        0..0,
        [
            ("severity", severity),
            ("level", level.as_str()),
            ("clause", record.clause.as_str()),
            ("sentence", record.sentence.as_str()),
        ],
    );
    writeln!(out, "  ---")?;
    for (name, value) in members {
        // A JSON string is one in YAML, too.
        writeln!(out, "  {name}: {}", Value::from(value))?;
    }
    writeln!(out, "  duration_ms: {:.3}\n  ...", record.took.as_secs_f64() * 1000.0)
}

fn shown(evidence: &Evidence) -> Vec<(&'static str, &str)> {
    vec![("expected", &evidence.expected), ("got", &evidence.got), ("curl", &evidence.curl)]
}

/// A text in a test point's line, where a hash sign begins a directive.
fn escaped(text: &str) -> String {
    harmless(text).replace('\\', r"\\").replace('#', r"\#").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::report::example;

    #[test]
    fn a_point_is_a_check() {
        example::assert_snapshot("tap", &example::written(super::write));
    }

    /// Reads it as a harness does: plan, numbered points, directives, YAML blocks.
    #[test]
    fn a_harness_can_read_it() {
        let text = example::written(super::write);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("TAP version 14"));
        let plan: usize = lines.next().unwrap().strip_prefix("1..").unwrap().parse().unwrap();
        let (mut points, mut failed, mut blocks) = (0, vec![], 0);
        while let Some(line) = lines.next() {
            if line.starts_with("# ") {
                continue;
            }
            if line == "  ---" {
                let block: String = lines
                    .by_ref()
                    .take_while(|line| *line != "  ...")
                    .map(|line| format!("{}\n", line.strip_prefix("  ").unwrap()))
                    .collect();
                let members: BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(&block).unwrap();
                assert!(members["severity"].is_string() && members["duration_ms"].is_number(), "{block}");
                blocks += 1;
                continue;
            }
            points += 1;
            let (ok, rest) = match line.strip_prefix("not ") {
                Some(rest) => (false, rest),
                None => (true, line),
            };
            let rest = rest.strip_prefix(&format!("ok {points} - ")).unwrap();
            // A hash sign after a backslash is none of a directive.
            let directive = rest.replace(r"\#", "").split_once(" # ").map(|(_, one)| one.to_owned());
            if !ok && !directive.is_some_and(|one| one.starts_with("TODO ")) {
                failed.push(rest.to_owned());
            }
        }
        assert_eq!((points, blocks), (plan, 6));
        let bad =
            ["actions/pong", "badges/ping/GET/user-key", "content/length/ping/GET", "methods/foreign/ping"];
        assert_eq!(failed, bad);
    }
}
