//! The report as JSON Lines.
//!
//! One object a line. The first has `"type": "run"` and `schema`, `program`, `target`, `contract`, `found`
//! (how the contract was found, if it was not named), `seed`;
//! then one with `"type": "check"` for each check, in the suite's order: `id`, `family`, `level` (MUST,
//! SHOULD, INFO), `class` (read, writes, disruptive, final), `clause`, `sentence`, `verdict` (pass, fail,
//! warn, expected-failure, stale, skip, error), `ms`; whatever did not hold has `expected`, `got` and `curl`, a skip
//! `reason`, an error `error`, what stands in the baseline `baseline` (its reason); a finding has `finding`. The last has `"type": "summary"` with the counts and `ms`. Members may be added without a new
//! `schema` number.

use std::io::{self, Write};

use serde::Serialize;

use super::About;
use crate::suite::{Class, Evidence, Level, Record, Run, SkipReason, Verdict};

/// The number of the schema above.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Run {
        schema: u32,
        program: &'a str,
        target: &'a str,
        contract: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        found: Option<&'a str>,
        seed: u64,
    },
    Check {
        id: &'a str,
        family: &'a str,
        level: Level,
        class: Class,
        clause: &'a str,
        sentence: &'a str,
        verdict: &'a str,
        ms: u128,
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        evidence: Option<&'a Evidence>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<SkipReason>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        baseline: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        finding: bool,
    },
    Summary {
        pass: usize,
        fail: usize,
        warn: usize,
        expected_failure: usize,
        stale: usize,
        skip: usize,
        error: usize,
        interrupted: bool,
        ms: u128,
    },
}

pub(super) fn write(out: &mut impl Write, run: &Run, about: &About) -> io::Result<()> {
    let first = Line::Run {
        schema: SCHEMA,
        program: concat!("portmaster-conformance ", env!("CARGO_PKG_VERSION")),
        target: &about.target,
        contract: &about.contract,
        found: about.found.as_deref(),
        seed: about.seed,
    };
    line(out, &first)?;
    for record in &run.records {
        line(out, &check(record))?;
    }
    let last = Line::Summary {
        pass: run.count("pass"),
        fail: run.count("fail"),
        warn: run.count("warn"),
        expected_failure: run.count("expected-failure"),
        stale: run.count("stale"),
        skip: run.count("skip"),
        error: run.count("error"),
        interrupted: run.interrupted,
        ms: run.took.as_millis(),
    };
    line(out, &last)
}

fn line(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn check(record: &Record) -> Line<'_> {
    let (mut evidence, mut reason, mut error, mut baseline) = (None, None, None, None);
    match &record.verdict {
        Verdict::Pass => {}
        Verdict::Fail(one) | Verdict::Warn(one) => evidence = Some(one),
        Verdict::Expected(one, reason) => {
            evidence = Some(one);
            baseline = Some(reason.as_str());
        }
        Verdict::Stale(reason) => baseline = Some(reason.as_str()),
        Verdict::Skip(one) => reason = Some(*one),
        Verdict::Error(one) => error = Some(one.as_str()),
    }
    Line::Check {
        id: &record.id,
        family: record.family(),
        level: record.level,
        class: record.class,
        clause: &record.clause,
        sentence: &record.sentence,
        verdict: record.verdict.name(),
        ms: record.took.as_millis(),
        evidence,
        reason,
        error,
        baseline,
        finding: record.finding,
    }
}
