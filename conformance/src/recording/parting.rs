//! Where two targets part, and why: for people and for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::diff::{Diff, Why};
use crate::contrast::shortened;

/// How many causes a person is shown.
const CAUSES: usize = 40;
/// How many places and endpoints of each.
const SHOWN: usize = 3;

/// Writes what differs, cause by cause, and a line that sums up.
pub(crate) fn write_text(out: &mut dyn Write, diff: &Diff, names: [&str; 2]) -> io::Result<()> {
    for why in diff.causes.iter().take(CAUSES) {
        write_cause(out, why, names)?;
    }
    if diff.causes.len() > CAUSES {
        writeln!(out, "and {} more causes; --format json lists all", diff.causes.len() - CAUSES)?;
    }
    let (endpoints, concerned) = diff.endpoints;
    let Diff { questions, differing, causes, .. } = diff;
    match differing {
        0 => writeln!(out, "{questions} questions to {endpoints} endpoints, all answered alike"),
        _ => writeln!(
            out,
            "{differing} of {questions} questions are answered differently, at {concerned} of {endpoints} endpoints, for {}",
            counted(causes.len(), "cause")
        ),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn write_cause(out: &mut dyn Write, why: &Why, names: [&str; 2]) -> io::Result<()> {
    let width = names.iter().map(|name| name.len()).max().unwrap_or_default();
    let count = counted(why.questions, "question");
    let mut places: Vec<_> = why.endpoints.iter().collect();
    places.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let shown: Vec<_> = places.iter().take(SHOWN).map(|(name, _)| name.as_str()).collect();
    let more = match places.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more endpoints"),
    };
    writeln!(out, "{}", why.cause)?;
    writeln!(out, "  {count}, at {}{more}", shown.join(", "))?;
    let Some(example) = why.partings.first() else { return Ok(()) };
    writeln!(out, "  {} ({})", shortened(&example.question), example.credentials)?;
    for one in example.differences.iter().take(SHOWN) {
        writeln!(out, "    {}", one.place)?;
        writeln!(out, "      {:width$}  {}", names[0], one.expected)?;
        writeln!(out, "      {:width$}  {}", names[1], one.got)?;
    }
    if example.differences.len() > SHOWN {
        writeln!(out, "    and {} more places", example.differences.len() - SHOWN)?;
    }
    writeln!(out, "    {}", example.curl)
}

#[derive(Serialize)]
struct Document<'a> {
    targets: [&'a str; 2],
    questions: usize,
    alike: usize,
    causes: &'a [Why],
    volatile: Vec<Volatile<'a>>,
}

#[derive(Serialize)]
struct Volatile<'a> {
    endpoint: &'a str,
    place: &'a str,
}

/// Writes all of it as one JSON document. In differences, `expected` is the first target's.
pub(crate) fn write_json(out: &mut dyn Write, diff: &Diff, names: [&str; 2]) -> io::Result<()> {
    let volatile = diff.masks.iter().map(|(endpoint, place)| Volatile { endpoint, place });
    let document = Document {
        targets: names,
        questions: diff.questions,
        alike: diff.questions - diff.differing,
        causes: &diff.causes,
        volatile: volatile.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
