//! The report as JSON Lines, written and read.
//!
//! One object a line: `run` first, a `check` for each check in the suite's order, then the `summary`, and last
//! the `times`. All but the last are the same whenever the target answers the same. The form is published as a
//! JSON Schema (`schema/report.schema.json`).

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    about::{About, Report},
    format::Format,
    tally::Tally,
};
use crate::{
    shard::Part,
    suite::{Class, Evidence, Level, Record, Run, SkipReason, Verdict},
};

/// The version of the form. Members may be added without a new one.
const VERSION: u32 = 1;

/// A line of a report.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    /// The first line: what was checked, against what.
    Run(Head),
    /// What came of one check.
    Check(Entry),
    /// How many checks ended how.
    Summary(Summary),
    /// The last line: how long it took. Nothing else in a report depends on time.
    Times(Times),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Head {
    /// The version of this form, which is 1. Members may be added without a new version.
    version: u32,
    /// What wrote the report, with its version.
    program: String,
    /// The target's URL, or "embedded simulator".
    target: String,
    /// The contract, or the list of endpoints, that was checked against.
    contract: String,
    /// How the contract was found, if it was not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    /// The seed of drawn values.
    seed: u64,
    /// Which part of the checks this report is about; absent when it is about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<Part>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// The check's id, for example `credentials/bearer/expired-key`.
    id: String,
    /// The first part of the id.
    family: String,
    level: Level,
    class: Class,
    /// Where the sentence comes from.
    clause: String,
    /// What is checked, in one sentence.
    sentence: String,
    /// Whether it is a finding: what observed cores do, and their maintainers may not want.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    finding: bool,
    /// What stands behind it and may stand behind other checks, too. One of those with the same cause tells it, the others are
    /// skipped for the reason `same-cause` or `target-gone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(flatten)]
    ended: Ended,
}

/// How a check ended.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "kebab-case")]
enum Ended {
    /// The sentence holds.
    Pass,
    /// It does not hold, and it is binding.
    Fail(Evidence),
    /// It does not hold, and it is not binding.
    Warn(Evidence),
    /// It does not hold, as the baseline says.
    ExpectedFailure {
        #[serde(flatten)]
        evidence: Evidence,
        /// The baseline's reason.
        baseline: String,
    },
    /// It holds, though the baseline says that it does not.
    Stale {
        /// The baseline's reason.
        baseline: String,
    },
    /// It was not checked.
    Skip { reason: SkipReason },
    /// It could not be checked.
    Error {
        /// Why not.
        error: String,
    },
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Summary {
    #[serde(flatten)]
    tally: Tally,
    /// Whether the run was interrupted.
    interrupted: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Times {
    /// How long the run took, in microseconds; of merged reports, all of them together.
    micros: u64,
    /// How long each check took, in microseconds, by its id. What was skipped took no time.
    checks: BTreeMap<String, u64>,
}

/// The JSON Schema of a report's lines (draft 2020-12), a text.
pub const JSON_SCHEMA: &str = include_str!("../../schema/report.schema.json");

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not a line of a report.
    #[error("line {line}: {error}")]
    Line {
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it, and what was expected.
        error: String,
    },
    /// The last lines are missing.
    #[error("it ends after line {lines}, before its {expected}; did the run end early?")]
    Short {
        /// How many lines there are.
        lines: usize,
        /// What was expected next.
        expected: &'static str,
    },
}

pub(super) const FORMAT: Format = Format { name: "json", about: "JSON Lines", write };

impl Report {
    /// Writes it as JSON Lines.
    pub(crate) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        write(out, self)
    }
}

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Report { about, run } = report;
    let first = Line::Run(Head {
        version: VERSION,
        program: concat!("portmaster-conformance ", env!("CARGO_PKG_VERSION")).to_owned(),
        target: about.target.clone(),
        contract: about.contract.clone(),
        found: about.found.clone(),
        seed: about.seed,
        shard: about.shard.clone(),
    });
    let summary = Line::Summary(summary(run));
    let took = |record: &Record| (record.id.clone(), micros(record.took));
    let ran = run.records.iter().filter(|record| !record.took.is_zero());
    let times = Line::Times(Times { micros: micros(run.took), checks: ran.map(took).collect() });
    let checks = run.records.iter().map(|record| Line::Check(Entry::of(record)));
    for line in [first].into_iter().chain(checks).chain([summary, times]) {
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Reads a report.
pub(super) fn read(text: &str) -> Result<Report, ReadError> {
    let mut lines = text.lines().enumerate().map(|(at, text)| (at + 1, text));
    let short = |lines, expected| ReadError::Short { lines, expected };
    let (line, first) = lines.next().ok_or(short(0, "first line, of type run"))?;
    let Line::Run(head) = parse(line, first)? else {
        return Err(wrong(line, "expected a line of type run, which begins a report"));
    };
    if head.version != VERSION {
        let error = format!("the report has version {}, expected {VERSION}", head.version);
        return Err(wrong(line, error));
    }
    let mut records: Vec<Record> = vec![];
    let mut places = BTreeMap::new();
    let mut last = line;
    let counted = loop {
        let (line, text) = lines.next().ok_or(short(last, "summary"))?;
        last = line;
        match parse(line, text)? {
            Line::Check(entry) => {
                if let Some(before) = places.insert(entry.id.clone(), line) {
                    return Err(wrong(line, format!("{} stands in line {before} already", entry.id)));
                }
                records.push(entry.record());
            }
            Line::Summary(summary) => break summary,
            _ => return Err(wrong(line, "expected a line of type check or summary")),
        }
    };
    let summary_line = last;
    let (line, text) = lines.next().ok_or(short(last, "times"))?;
    let Line::Times(times) = parse(line, text)? else {
        return Err(wrong(line, "expected a line of type times"));
    };
    for record in &mut records {
        let spent = times.checks.get(&record.id).copied().unwrap_or_default();
        record.took = Duration::from_micros(spent);
    }
    if let Some((line, _)) = lines.next() {
        return Err(wrong(line, "expected the end of the report"));
    }
    let run = Run { records, took: Duration::from_micros(times.micros), interrupted: counted.interrupted };
    if summary(&run) != counted {
        return Err(wrong(
            summary_line,
            "the summary does not count the lines before it; expected all of them",
        ));
    }
    let Head { target, contract, found, seed, shard, .. } = head;
    Ok(Report { about: About { target, contract, found, seed, shard }, run })
}

/// Reads a line, whose number is only told.
pub(super) fn parse<T: serde::de::DeserializeOwned>(line: usize, text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| {
        let column = error.column();
        let text = error.to_string();
        // serde_json counts lines itself, and this is always its first.
        let text = text.split(" at line 1 column").next().unwrap_or_default();
        let error = match error.classify() {
            serde_json::error::Category::Data => format!("{text}; expected a line of a report"),
            _ => format!("expected a line of a report, in JSON: {text} at column {column}"),
        };
        ReadError::Line { line, error }
    })
}

pub(super) fn wrong(line: usize, error: impl Into<String>) -> ReadError {
    ReadError::Line { line, error: error.into() }
}

fn summary(run: &Run) -> Summary {
    Summary { tally: Tally::of(&run.records), interrupted: run.interrupted }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Entry {
    fn of(record: &Record) -> Self {
        let ended = match record.verdict.clone() {
            Verdict::Pass => Ended::Pass,
            Verdict::Fail(evidence) => Ended::Fail(evidence),
            Verdict::Warn(evidence) => Ended::Warn(evidence),
            Verdict::Expected(evidence, baseline) => Ended::ExpectedFailure { evidence, baseline },
            Verdict::Stale(baseline) => Ended::Stale { baseline },
            Verdict::Skip(reason) => Ended::Skip { reason },
            Verdict::Error(error) => Ended::Error { error },
        };
        Self {
            id: record.id.clone(),
            family: record.family().to_owned(),
            level: record.level,
            class: record.class,
            clause: record.clause.clone(),
            sentence: record.sentence.clone(),
            finding: record.finding,
            cause: record.cause.clone(),
            ended,
        }
    }

    fn record(self) -> Record {
        let verdict = match self.ended {
            Ended::Pass => Verdict::Pass,
            Ended::Fail(evidence) => Verdict::Fail(evidence),
            Ended::Warn(evidence) => Verdict::Warn(evidence),
            Ended::ExpectedFailure { evidence, baseline } => Verdict::Expected(evidence, baseline),
            Ended::Stale { baseline } => Verdict::Stale(baseline),
            Ended::Skip { reason } => Verdict::Skip(reason),
            Ended::Error { error } => Verdict::Error(error),
        };
        Record {
            id: self.id,
            level: self.level,
            finding: self.finding,
            class: self.class,
            clause: self.clause,
            sentence: self.sentence,
            verdict,
            cause: self.cause,
            took: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{report::example, schema::published};

    #[test]
    fn what_is_written_is_read_back_and_fits_the_schema() {
        let text = example::written(write);
        let read = read(&text).unwrap();
        let mut again = vec![];
        write(&mut again, &read).unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), text);
        assert_eq!(read.run.records[1].took, Duration::from_micros(1500));
        let schema = published::<Line>("report", "A line of a report of portmaster-conformance");
        let validator = jsonschema::validator_for(&schema).unwrap();
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(validator.is_valid(&value), "{line}");
            let mut without = value.clone();
            without.as_object_mut().unwrap().remove(if value["type"] == "check" {
                "verdict"
            } else {
                "type"
            });
            assert!(!validator.is_valid(&without), "{line}");
        }
    }

    #[test]
    fn only_the_last_line_depends_on_time() {
        let mut slower = example::report();
        slower.run.took *= 2;
        slower.run.records.iter_mut().for_each(|record| record.took *= 3);
        let mut bytes = vec![];
        write(&mut bytes, &slower).unwrap();
        let (text, slower) = (example::written(write), String::from_utf8(bytes).unwrap());
        let differ: Vec<_> = text.lines().zip(slower.lines()).filter(|(one, other)| one != other).collect();
        assert!(differ.len() == 1 && differ[0].0.starts_with(r#"{"type":"times""#), "{differ:?}");
    }

    #[test]
    fn what_is_no_report_says_where() {
        let text = example::written(write);
        let lines: Vec<_> = text.lines().collect();
        let with = |at: usize, line: &str| {
            let mut lines = lines.clone();
            lines[at] = line;
            lines.join("\n")
        };
        let count = lines.len();
        let summary = format!("line {}: the summary does not count the lines before it", count - 1);
        for (text, wanted) in [
            (
                String::new(),
                "it ends after line 0, before its first line, of type run; did the run end early?",
            ),
            (lines[..3].join("\n"), "it ends after line 3, before its summary; did the run end early?"),
            (lines[..count - 1].join("\n"), &format!("it ends after line {}, before its times", count - 1)),
            ("hello".to_owned(), "line 1: expected a line of a report, in JSON: expected value at column 1"),
            (
                with(1, "{\"type\":"),
                "line 2: expected a line of a report, in JSON: EOF while parsing a value",
            ),
            (with(0, lines[1]), "line 1: expected a line of type run"),
            (
                with(0, &lines[0].replace("\"version\":1", "\"version\":9")),
                "line 1: the report has version 9, expected 1",
            ),
            (
                with(1, r#"{"type":"chekc"}"#),
                "line 2: unknown variant `chekc`, expected one of `run`, `check`",
            ),
            (
                with(1, &lines[1].replace("MUST", "MAY")),
                "line 2: unknown variant `MAY`, expected one of `MUST`",
            ),
            (with(2, lines[1]), "line 3: actions/ping stands in line 2 already"),
            (
                [&lines[..1], &lines[2..]].concat().join("\n"),
                &summary.replace(&(count - 1).to_string(), &(count - 2).to_string()),
            ),
            (format!("{text}{}", lines[0]), &format!("line {}: expected the end of the report", count + 1)),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}\nwanted {wanted}");
        }
    }
}
