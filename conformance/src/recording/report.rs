//! What came out of a replay, for people and for programs.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use super::replay::{Differing, Outcome};
use crate::suite::Class;

/// How many differences of one exchange a person is shown.
const SHOWN: usize = 3;
/// How many exchanges of one endpoint a person is shown.
const EXAMPLES: usize = 3;

/// Writes what differs by endpoint, and then how much agrees. At most `show` exchanges are shown.
pub(crate) fn write_text(out: &mut dyn Write, outcome: &Outcome, show: usize) -> io::Result<()> {
    let mut endpoints: BTreeMap<&str, Vec<&Differing>> = BTreeMap::new();
    for one in &outcome.differing {
        endpoints.entry(&one.endpoint).or_default().push(one);
    }
    let mut left = show;
    for (endpoint, several) in &endpoints {
        if left == 0 {
            break;
        }
        let times = if several.len() == 1 { String::new() } else { format!(" ({} times)", several.len()) };
        writeln!(out, "{endpoint}{times}")?;
        for one in several.iter().take(EXAMPLES.min(left)) {
            left -= 1;
            let setup = if one.setup.is_empty() { String::new() } else { format!(" [{}]", one.setup) };
            writeln!(out, "  {}{setup}", one.id)?;
            for difference in one.differences.iter().take(SHOWN) {
                writeln!(out, "    {}", difference.place)?;
                writeln!(out, "      expected  {}", difference.expected)?;
                writeln!(out, "      got       {}", difference.got)?;
            }
            if one.differences.len() > SHOWN {
                writeln!(out, "    and {} more places", one.differences.len() - SHOWN)?;
            }
        }
    }
    let unseen = outcome.differing.len() - (show - left).min(outcome.differing.len());
    if unseen > 0 && !outcome.differing.is_empty() {
        writeln!(out, "{unseen} more that differ are not shown; --format json lists them all")?;
    }
    for (group, (good, all)) in &outcome.groups {
        writeln!(out, "{good:6} of {all:6}  {group}")?;
    }
    for (class, lines) in &outcome.left_out {
        let (what, flag) = match class {
            Class::Read | Class::Writes => ("change something", "writes"),
            Class::Disruptive => ("disrupt the target", "disruptive"),
            Class::Final => ("stop the target", "disruptive"),
        };
        writeln!(out, "{lines} that would {what} are left out (--allow {flag} sends them)")?;
    }
    let (good, all) = outcome.counts();
    writeln!(out, "{good} of {all} agree ({:.2} %)", outcome.share() * 100.0)
}

#[derive(Serialize)]
struct Document<'a> {
    replayed: usize,
    agree: usize,
    share: f64,
    groups: BTreeMap<&'a str, Group>,
    /// How many lines were not allowed, and were not sent, by what they do.
    left_out: &'a BTreeMap<Class, usize>,
    differing: &'a [Differing],
}

#[derive(Serialize)]
struct Group {
    replayed: usize,
    agree: usize,
}

/// Writes all of it as one JSON document.
pub(crate) fn write_json(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let (agree, replayed) = outcome.counts();
    let groups = outcome.groups.iter();
    let groups = groups.map(|(name, &(agree, replayed))| (name.as_str(), Group { replayed, agree }));
    let document = Document {
        replayed,
        agree,
        share: outcome.share(),
        groups: groups.collect(),
        left_out: &outcome.left_out,
        differing: &outcome.differing,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
