//! Where two targets part, for people and for programs.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use super::{
    diff::{Diff, Kind, Part},
    value::shortened,
};

/// How many questions of an endpoint a person is shown, and how many places of each.
const SHOWN: usize = 3;

/// Writes what differs, endpoint by endpoint, and a line that sums up.
pub(crate) fn write_text(out: &mut dyn Write, diff: &Diff, names: [&str; 2]) -> io::Result<()> {
    let width = names.iter().map(|name| name.len()).max().unwrap_or_default();
    for (endpoint, part) in diff.parts.iter().filter(|(_, part)| !part.partings.is_empty()) {
        writeln!(out, "{endpoint}: {} of {} questions", part.partings.len(), part.questions)?;
        for parting in part.partings.iter().take(SHOWN) {
            let kind = match parting.kind {
                Kind::Structure => "structure",
                Kind::Value => "values",
            };
            writeln!(out, "  {} ({}): {kind}", shortened(&parting.question), parting.credentials)?;
            for one in parting.differences.iter().take(SHOWN) {
                writeln!(out, "    {}", one.place)?;
                writeln!(out, "      {:width$}  {}", names[0], one.expected)?;
                writeln!(out, "      {:width$}  {}", names[1], one.got)?;
            }
            if parting.differences.len() > SHOWN {
                writeln!(out, "    and {} more places", parting.differences.len() - SHOWN)?;
            }
        }
        if part.partings.len() > SHOWN {
            writeln!(out, "  and {} more questions", part.partings.len() - SHOWN)?;
        }
    }
    let (equal, all) = diff.counts();
    let endpoints = diff.parts.values().filter(|part| !part.partings.is_empty()).count();
    match all - equal {
        0 => writeln!(out, "{all} questions to {} endpoints, all answered alike", diff.parts.len()),
        differ => writeln!(
            out,
            "{differ} of {all} questions are answered differently, at {endpoints} of {} endpoints",
            diff.parts.len()
        ),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    targets: [&'a str; 2],
    questions: usize,
    alike: usize,
    endpoints: &'a BTreeMap<String, Part>,
    volatile: Vec<Volatile<'a>>,
}

#[derive(Serialize)]
struct Volatile<'a> {
    endpoint: &'a str,
    place: &'a str,
}

/// Writes all of it as one JSON document. In differences, `expected` is the first target's.
pub(crate) fn write_json(out: &mut dyn Write, diff: &Diff, names: [&str; 2]) -> io::Result<()> {
    let (alike, questions) = diff.counts();
    let volatile = diff.masks.iter().map(|(endpoint, place)| Volatile { endpoint, place });
    let document =
        Document { targets: names, questions, alike, endpoints: &diff.parts, volatile: volatile.collect() };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
