//! Reports of the parts of a fuzz campaign, read from JSON Lines and joined.
//!
//! The same cause found by several parts is one failure, with the endpoints and the number of times of all. What
//! else a failure says is taken as it stands, from the part that has the smallest case.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    jsonl::{ReadError, parse, wrong},
    merge::{MergeError, complete, same},
    words::{harmless, seconds},
};
use crate::shard::Shard;

/// What came of a campaign, or of a part of it.
#[derive(Clone, Debug)]
pub struct Campaign {
    head: Head,
    failures: Vec<Failure>,
    once: Vec<Once>,
    summary: Summary,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Fuzz(Head),
    Failure(Failure),
    Unconfirmed(Once),
    Summary(Summary),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    target: String,
    contract: String,
    seed: u64,
    shard: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Failure {
    oracle: String,
    cause: String,
    endpoints: BTreeSet<String>,
    expected: String,
    got: String,
    seen: u64,
    case: u64,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What was seen and did not happen again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Once {
    oracle: String,
    endpoint: String,
    got: String,
    seen: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Summary {
    failures: usize,
    unconfirmed: usize,
    cases: u64,
    sent: u64,
    ms: u64,
    digest: String,
    gone: Option<String>,
    interrupted: bool,
}

/// Whether a text begins as the report of a campaign does.
pub(super) fn begins(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    serde_json::from_str::<Value>(first).is_ok_and(|line| line["type"] == "fuzz")
}

/// Reads the report of a campaign.
pub(super) fn read(text: &str) -> Result<Campaign, ReadError> {
    let mut lines = text.lines().enumerate().map(|(at, text)| (at + 1, text));
    let (line, first) = lines.next().unwrap_or((1, ""));
    let Line::Fuzz(head) = parse(line, first)? else {
        return Err(wrong(line, "expected a line of type fuzz, which begins a campaign's report"));
    };
    let (mut failures, mut once) = (vec![], vec![]);
    let mut last = line;
    loop {
        let Some((line, text)) = lines.next() else {
            return Err(ReadError::Short { lines: last, expected: "summary" });
        };
        last = line;
        match parse(line, text)? {
            Line::Failure(failure) => failures.push(failure),
            Line::Unconfirmed(one) => once.push(one),
            Line::Summary(summary) => return Ok(Campaign { head, failures, once, summary }),
            Line::Fuzz(_) => {
                return Err(wrong(line, "expected a line of type failure, unconfirmed or summary"));
            }
        }
    }
}

/// What came out of a campaign, in a line.
pub(crate) fn outcome(failures: usize, cases: u64) -> String {
    format!("{failures} causes of failure in {cases} cases")
}

impl Campaign {
    /// Joins the reports of all parts of a campaign, each with the name of its file.
    pub fn merge(parts: Vec<(String, Self)>) -> Result<Self, MergeError> {
        let Some((first, one)) = parts.first() else { return Err(MergeError::Nothing) };
        let mut known = vec![];
        let mut of = None;
        for (file, part) in &parts {
            let shard: Shard =
                part.head.shard.parse().map_err(|_| MergeError::Whole { file: file.clone() })?;
            let said = |head: &Head| [head.target.clone(), head.contract.clone(), head.seed.to_string()];
            let ([target, contract, seed], [a, b, c]) = (said(&one.head), said(&part.head));
            let expected = *of.get_or_insert(shard.of());
            same(
                first,
                file,
                [
                    ("number of parts", expected.to_string(), shard.of().to_string()),
                    ("target", target, a),
                    ("contract", contract, b),
                    ("seed", seed, c),
                ],
            )?;
            known.push((file.as_str(), shard.part()));
        }
        complete(known.into_iter(), of.unwrap_or(1))?;

        let mut head = one.head.clone();
        head.shard = "1/1".to_owned();
        let mut failures = BTreeMap::<(String, String), Failure>::new();
        let mut once = BTreeMap::<(String, String, String), Once>::new();
        let (mut summary, mut digest) = (Summary::nothing(), 0_u64);
        for (_, part) in parts {
            for failure in part.failures {
                let key = (failure.oracle.clone(), failure.cause.clone());
                match failures.remove(&key) {
                    Some(before) => failures.insert(key, before.join(failure)),
                    None => failures.insert(key, failure),
                };
            }
            for one in part.once {
                let key = (one.oracle.clone(), one.endpoint.clone(), one.got.clone());
                once.entry(key).and_modify(|before| before.seen += one.seen).or_insert(one);
            }
            summary.add(&part.summary);
            // A campaign's digest is the sum of those of its pieces.
            digest = digest.wrapping_add(u64::from_str_radix(&part.summary.digest, 16).unwrap_or_default());
        }
        let (failures, once): (Vec<_>, Vec<_>) =
            (failures.into_values().collect(), once.into_values().collect());
        summary.failures = failures.len();
        summary.unconfirmed = once.len();
        summary.digest = format!("{digest:016x}");
        Ok(Self { head, failures, once, summary })
    }

    /// The target, and what it was held against.
    pub(crate) fn about(&self) -> [&str; 2] {
        [&self.head.target, &self.head.contract]
    }

    /// What came out, in a line.
    pub(crate) fn line(&self) -> String {
        outcome(self.summary.failures, self.summary.cases)
    }

    /// Whether something failed, or the target went.
    pub fn failed(&self) -> bool {
        !self.failures.is_empty() || self.summary.gone.is_some()
    }

    /// Writes it as JSON Lines.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let lines = [Line::Fuzz(self.head.clone())]
            .into_iter()
            .chain(self.failures.iter().cloned().map(Line::Failure))
            .chain(self.once.iter().cloned().map(Line::Unconfirmed))
            .chain([Line::Summary(self.summary.clone())]);
        for line in lines {
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes it for people.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for failure in &self.failures {
            let endpoints = failure.endpoints.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            writeln!(
                out,
                "FAIL {} on {}, seen {} times",
                failure.oracle,
                harmless(&endpoints),
                failure.seen
            )?;
            writeln!(out, "     expected  {}", harmless(&failure.expected))?;
            writeln!(out, "     got       {}", harmless(&failure.got))?;
            if let Some(file) = failure.rest.get("file").and_then(Value::as_str) {
                writeln!(out, "     {}", harmless(file))?;
            }
            writeln!(out)?;
        }
        for one in &self.once {
            let Once { oracle, endpoint, got, seen } = one;
            writeln!(out, "once {oracle} on {}, {seen} times: {}", harmless(endpoint), harmless(got))?;
        }
        let Summary { failures, cases, sent, ms, gone, interrupted, .. } = &self.summary;
        if let Some(gone) = gone {
            writeln!(out, "the target went: {}", harmless(gone))?;
        }
        let took = seconds(std::time::Duration::from_millis(*ms));
        let end = if *interrupted { ", interrupted" } else { "" };
        let Head { target, contract, seed, .. } = &self.head;
        writeln!(
            out,
            "{failures} causes of failure in {cases} cases ({sent} requests and messages), {took}{end} · contract {contract} · seed {seed} · {}",
            harmless(target)
        )
    }
}

impl Failure {
    /// The same cause, seen by two parts.
    fn join(self, other: Self) -> Self {
        let seen = self.seen + other.seen;
        let endpoints = self.endpoints.union(&other.endpoints).cloned().collect();
        let smaller = if other.case < self.case { other } else { self };
        Self { seen, endpoints, ..smaller }
    }
}

impl Summary {
    fn nothing() -> Self {
        Self {
            failures: 0,
            unconfirmed: 0,
            cases: 0,
            sent: 0,
            ms: 0,
            digest: String::new(),
            gone: None,
            interrupted: false,
        }
    }

    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.sent += other.sent;
        self.ms += other.ms;
        self.gone = self.gone.take().or_else(|| other.gone.clone());
        self.interrupted |= other.interrupted;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(shard: &str, case: u64, cause: &str) -> (String, Campaign) {
        let lines = [
            json!({"type": "fuzz", "schema": 1, "program": "x", "target": "http://127.0.0.1:817",
                "contract": "v2.2", "seed": 7, "shard": shard}),
            json!({"type": "failure", "file": format!("{case}.json"), "schema": 1, "oracle": "crash",
                "endpoints": [format!("e{case}")], "expected": "an answer", "got": "\u{1b}none", "cause": cause,
                "seen": 2, "seed": 7, "case": case, "steps": {"steps": [u64::MAX]}}),
            json!({"type": "unconfirmed", "oracle": "slow", "endpoint": "ping", "got": "9 s", "seen": 1}),
            json!({"type": "summary", "failures": 1, "unconfirmed": 1, "cases": 100, "sent": 150, "ms": 2000,
                "digest": "ffffffffffffffff", "gone": null, "interrupted": false}),
        ];
        let text = lines.map(|line| format!("{line}\n")).concat();
        assert!(begins(&text));
        (format!("{shard}.jsonl").replace('/', "-of-"), read(&text).unwrap())
    }

    #[test]
    fn a_cause_found_twice_is_one_failure() {
        let parts = vec![part("2/3", 9, "a"), part("1/3", 4, "b"), part("3/3", 5, "a")];
        let whole = Campaign::merge(parts).unwrap();
        let mut bytes = vec![];
        whole.write(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 5);
        assert_eq!((&lines[0]["shard"], &lines[0]["program"]), (&json!("1/1"), &json!("x")));
        let a = &lines[1];
        assert_eq!((&a["cause"], &a["seen"], &a["case"]), (&json!("a"), &json!(4), &json!(5)));
        assert_eq!((&a["endpoints"], &a["file"]), (&json!(["e5", "e9"]), &json!("5.json")));
        assert_eq!(a["steps"]["steps"][0], json!(u64::MAX));
        assert_eq!(lines[3]["seen"], 3);
        let summary = json!({"type": "summary", "failures": 2, "unconfirmed": 1, "cases": 300, "sent": 450,
            "ms": 6000, "digest": "fffffffffffffffd", "gone": null, "interrupted": false});
        assert_eq!(lines[4], summary);
        assert!(whole.failed() && read(&text).is_ok());
        let mut shown = vec![];
        whole.write_text(&mut shown).unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            shown.contains("FAIL crash on e5, e9, seen 4 times\n") && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }

    #[test]
    fn parts_of_different_campaigns_are_refused() {
        let error = |parts| Campaign::merge(parts).unwrap_err().to_string();
        let missing = error(vec![part("1/3", 1, "a"), part("3/3", 1, "a")]);
        assert_eq!(missing, "of 3 parts these are missing: 2");
        let twice = error(vec![part("1/2", 1, "a"), part("1/2", 1, "a")]);
        assert_eq!(twice, "part 1 is in 1-of-2.jsonl and in 1-of-2.jsonl");
        let (file, mut other) = part("2/2", 1, "a");
        other.head.seed = 8;
        let seed = error(vec![part("1/2", 1, "a"), (file, other)]);
        assert_eq!(seed, "2-of-2.jsonl has another seed than 1-of-2.jsonl: 8, not 7");
    }
}
