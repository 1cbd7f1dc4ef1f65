//! What came of a campaign, for people and for programs.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::Serialize;
use serde_json::json;

use super::{
    case::{Step, Talk},
    failure::Failure,
    finding::Oracle,
    summary::Summary,
};

/// The number of the schema of the lines that [`write_jsonl`] writes.
const SCHEMA: u32 = 1;

/// What a report says beside the outcome.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The target's URL, or "embedded simulator".
    pub target: String,
    /// The contract, or the list of endpoints.
    pub contract: String,
    /// The seed.
    pub seed: u64,
    /// Which part, as in `2/5`.
    pub shard: String,
}

/// Writes it for people: each cause with its smallest case, then the figures.
pub fn write_text(
    out: &mut dyn Write,
    summary: &Summary,
    files: &[Option<PathBuf>],
    heading: &Heading,
) -> io::Result<()> {
    for (failure, file) in summary.failures.iter().zip(files) {
        let places = match failure.endpoints.as_slice() {
            [one] => one.clone(),
            many => format!("{} endpoints", many.len()),
        };
        if failure.follows.is_some() {
            write!(out, "     and so, on {places}, seen {} times: {}", failure.seen, failure.cause)?;
            match file {
                Some(file) => writeln!(out, "\n     {}", file.display())?,
                None => writeln!(out)?,
            }
            continue;
        }
        write!(out, "FAIL {} on {places}, seen {} times", failure.oracle.name(), failure.seen)?;
        let [expected, got] = match failure.oracle {
            Oracle::Alike => {
                write!(out, ": {}", failure.cause)?;
                ["first   ", "second  "]
            }
            _ => ["expected", "got     "],
        };
        writeln!(out)?;
        writeln!(out, "     {expected} {}", failure.expected)?;
        writeln!(out, "     {got} {}", told_got(failure))?;
        for line in told(failure) {
            writeln!(out, "     {line}")?;
        }
        if let Some(file) = file {
            writeln!(out, "     {}", file.display())?;
        }
    }
    for one in &summary.unconfirmed {
        let (oracle, got) = (one.oracle.name(), one.got.replace('\n', " "));
        writeln!(out, "once {oracle} on {}, {} times, and not again: {got}", one.endpoint, one.seen)?;
    }
    if let Some(gone) = &summary.gone {
        writeln!(out, "the target went: {gone}")?;
    }
    let seconds = summary.took.as_secs_f64();
    let rate = if seconds > 0.0 { summary.cases as f64 / seconds } else { 0.0 };
    writeln!(
        out,
        "{} causes of failure; {} cases ({} requests and messages) in {seconds:.1} s, {rate:.0} cases/s",
        summary.causes(),
        summary.cases,
        summary.sent,
    )?;
    writeln!(
        out,
        "target {}, contract {}, seed {}, shard {}, digest {:016x}{}",
        heading.target,
        heading.contract,
        heading.seed,
        heading.shard,
        summary.digest,
        if summary.interrupted { ", interrupted" } else { "" },
    )
}

/// What came: evidence of a fall in its lines, anything else in one.
fn told_got(failure: &Failure) -> String {
    failure.got.replace('\n', if failure.oracle.is_fall() { "\n              " } else { " " })
}

/// How many lines a case takes at most.
const LINES: usize = 12;

/// The case in a few lines.
fn told(failure: &Failure) -> Vec<String> {
    let shown = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut short: String = text.chars().take(160).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        short
    };
    let mut curls = failure.curl.iter();
    let mut lines: Vec<String> = vec![];
    let spoken = |talk: &Talk| {
        let frame = |sent| format!("  {}", shown(serde_json::to_string(sent).unwrap_or_default().as_bytes()));
        let mut lines = vec![format!("websocket, by {}:", talk.who.kind())];
        lines.extend(talk.frames.iter().map(frame));
        lines
    };
    for step in &failure.steps.steps {
        match step {
            Step::Ask(_) => lines.extend(curls.next().map(|line| shown(line.as_bytes()))),
            Step::Talk(talk) => lines.extend(spoken(talk)),
            Step::Meet(all) => {
                lines.push(format!("{} at the same time:", all.len()));
                for one in all.iter().flat_map(|case| &case.steps) {
                    match one {
                        Step::Ask(ask) => {
                            lines.push(format!("  {} {}", ask.method, shown(ask.target.as_bytes())))
                        }
                        Step::Talk(talk) => lines.extend(spoken(talk)),
                        Step::Raw(_) | Step::Meet(_) => {}
                    }
                }
            }
            Step::Raw(bytes) => lines.push(format!("bytes {:?}", shown(&bytes.0))),
        }
    }
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("(and {more} lines)"));
    }
    lines
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Failure {
        file: Option<String>,
        #[serde(flatten)]
        failure: &'a Failure,
    },
    Unconfirmed {
        oracle: Oracle,
        endpoint: &'a str,
        got: &'a str,
        seen: u64,
    },
}

/// Writes it as JSON Lines: one with `"type": "fuzz"`, one for each `failure` (its file and what is in it) and each
/// `unconfirmed`, and one with `"type": "summary"`.
pub fn write_jsonl(
    out: &mut dyn Write,
    summary: &Summary,
    files: &[Option<PathBuf>],
    heading: &Heading,
) -> io::Result<()> {
    let program = concat!("portmaster-conformance ", env!("CARGO_PKG_VERSION"));
    let Heading { target, contract, seed, shard } = heading;
    let first = json!({
        "type": "fuzz", "schema": SCHEMA, "program": program, "target": target, "contract": contract, "seed": seed,
        "shard": shard,
    });
    line(out, &first)?;
    for (failure, file) in summary.failures.iter().zip(files) {
        line(out, &Line::Failure { file: file.as_ref().map(|file| file.display().to_string()), failure })?;
    }
    for one in &summary.unconfirmed {
        line(
            out,
            &Line::Unconfirmed { oracle: one.oracle, endpoint: &one.endpoint, got: &one.got, seen: one.seen },
        )?;
    }
    let last = json!({
        "type": "summary", "failures": summary.failures.len(), "unconfirmed": summary.unconfirmed.len(), "cases": summary.cases,
        "sent": summary.sent, "ms": u64::try_from(summary.took.as_millis()).unwrap_or(u64::MAX),
        "digest": format!("{:016x}", summary.digest), "gone": summary.gone, "interrupted": summary.interrupted,
    });
    line(out, &last)
}

fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
