//! Which differences between two targets are likely to have one cause: what makes them appear, or what they look like, is the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    bucket::{Bucket, size},
    case::{Ask, Case, Sent, Step, Talk, Who},
    catalogue::decoded,
    finding::Oracle,
};
use crate::{suite::Mode, target::OPERATIONS};

/// The beginning of a mark that names an endpoint.
const AT: &str = "only at ";
/// How long a part of a path is uncommon.
const LONG: usize = 64;
/// In how many cases a mode must have been the only one to be part of the cause.
const ENOUGH: usize = 3;

/// Says of differences of which other one they are likely to follow, and puts them behind it. What was made small has little left that
/// it can do without: two that still have something uncommon between them are likely to come from there. The smallest leads.
pub(super) fn gather(mut buckets: Vec<Bucket>) -> Vec<Bucket> {
    let of: Vec<BTreeSet<String>> =
        buckets.iter().map(|one| if one.is_alike() { marks(one) } else { BTreeSet::new() }).collect();
    // Two that never come alone are one.
    let together = |one: &Bucket, other: &Bucket| {
        one.is_alike()
            && other.is_alike()
            && one.also.contains(&other.cause)
            && other.also.contains(&one.cause)
    };
    // What a case cannot do without and differs already is where the rest comes from; unless it differs all the time.
    let comes_of = |one: &Bucket, other: &Bucket| one.is_alike() && one.before.contains(&other.cause);
    // A set of buckets a leader, named by the place of any of them.
    let mut leads: Vec<usize> = (0..buckets.len()).collect();
    let mut known: BTreeMap<&String, usize> = BTreeMap::new();
    for (at, marks) in of.iter().enumerate() {
        for mark in marks {
            join(&mut leads, at, *known.entry(mark).or_insert(at));
        }
        for other in 0..at {
            let (one, other_one) = (&buckets[at], &buckets[other]);
            if together(one, other_one) || comes_of(one, other_one) || comes_of(other_one, one) {
                join(&mut leads, at, other);
            }
        }
    }
    let mut sets: BTreeMap<usize, Vec<Bucket>> = BTreeMap::new();
    for (lead, bucket) in leads.into_iter().zip(buckets.drain(..)) {
        sets.entry(lead).or_default().push(bucket);
    }
    for set in sets.into_values() {
        let smallest = set.iter().enumerate().min_by_key(|(_, one)| size(&one.small.case));
        let at = smallest.map_or(0, |(at, _)| at);
        let cause = set.get(at).map(|one| one.cause.clone());
        let (first, rest): (Vec<_>, Vec<_>) = set.into_iter().enumerate().partition(|(one, _)| *one == at);
        buckets.extend(first.into_iter().map(|(_, one)| one));
        buckets.extend(rest.into_iter().map(|(_, one)| Bucket { follows: cause.clone(), ..one }));
    }
    buckets
}

/// Makes two sets one.
fn join(leads: &mut [usize], one: usize, other: usize) {
    let (from, to) = (leads[one], leads[other]);
    leads.iter_mut().filter(|lead| **lead == from).for_each(|lead| *lead = to);
}

/// What tells where a difference comes from.
fn marks(bucket: &Bucket) -> BTreeSet<String> {
    let mut each = bucket.cases.iter().map(|(case, step, _)| asked(case, *step));
    let first = each.next().unwrap_or_default();
    let mut marks = each.fold(first, |all, one| all.intersection(&one).cloned().collect());
    // Questions in a language of their own differ by what they ask, and not by where.
    let asks = marks.iter().any(|mark| mark.starts_with("member ") || mark.starts_with("operator "));
    if asks {
        marks.retain(|mark| !mark.starts_with(AT));
    }
    // Most that write do so with POST; what still takes another method when it is small needs it.
    let method = |(case, step, _): &(Case, usize, Mode)| match case.steps.get(*step) {
        Some(Step::Ask(ask)) => Some(ask.method.clone()),
        _ => None,
    };
    let methods: BTreeSet<_> = bucket.cases.iter().map(method).collect();
    if let (Some(Some(one)), true) = (methods.first(), methods.len() == 1 && bucket.cases.len() >= ENOUGH) {
        marks.extend(matches!(one.as_str(), "PUT" | "DELETE").then(|| format!("method {one}")));
    }
    let mut modes = bucket.cases.iter().map(|(_, _, mode)| *mode);
    if bucket.cases.len() >= ENOUGH && modes.all(|mode| mode == Mode::Development) {
        marks.insert("in Development Mode".to_owned());
    }
    marks.extend(looks(&bucket.cause));
    marks
}

/// What the second refuses and the first does not, and the other way round.
const REFUSED: &str = "refused now";
const OPEN: &str = "not refused any more";

/// What two differences may look alike in: an end of a text, a refusal, the item whose member it is.
fn looks(cause: &str) -> Vec<String> {
    let ends =
        |rest: &str| rest.split_once(" against ").map(|(one, other)| (one.to_owned(), other.to_owned()));
    if let Some((one, other)) = cause.strip_prefix("status ").and_then(ends) {
        // A refusal is one whatever is refused, or was.
        let code = |text: &str| text.split([' ', ',']).next().unwrap_or_default().to_owned();
        let (one, other) = (code(&one), code(&other));
        // That something is answered at all is nothing uncommon.
        return match (one.as_str(), other.as_str()) {
            (_, "401" | "403") => vec![REFUSED.to_owned()],
            ("401" | "403", _) => vec![OPEN.to_owned()],
            (_, "200" | "204") => vec![format!("no {one} any more")],
            ("404", _) => vec![format!("no {one} any more"), format!("{other} now")],
            _ => vec![format!("{other} now")],
        };
    }
    if cause.starts_with("let through by the first") {
        return vec![REFUSED.to_owned()];
    }
    if cause.starts_with("refused by the first") {
        return vec![OPEN.to_owned()];
    }
    if let Some((name, how)) = cause.strip_prefix("header ").and_then(|rest| rest.split_once([' ', ':'])) {
        // Of types only what comes before their parameters counts.
        let kind = |text: &str| text.trim().split(';').next().unwrap_or_default().to_owned();
        return vec![match ends(how) {
            Some((one, other)) => format!("{name} {} to {}", kind(&one), kind(&other)),
            None => format!("header {name} differs"),
        }];
    }
    let text = cause.strip_prefix("error text ").or(cause.strip_prefix("text "));
    if let Some((one, other)) = text.and_then(ends) {
        return vec![format!("from {one}"), format!("to {other}")];
    }
    let place = cause.strip_prefix("member ").or(cause.strip_prefix("members within "));
    match place.and_then(|rest| Some((rest.split_once(' ')?, cause.starts_with("members")))) {
        Some(((place, how), true)) => vec![format!("{place} {how}")],
        Some(((place, how), false)) => {
            let item = place.rsplit_once('.').map_or("", |(item, _)| item);
            let how = how.split(':').next().unwrap_or_default();
            if item.is_empty() { vec![] } else { vec![format!("{item} {how}")] }
        }
        None => vec![],
    }
}

/// What is uncommon in the step that fails, and in what leads to it.
fn asked(case: &Case, step: usize) -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    match case.steps.get(step) {
        Some(Step::Ask(ask)) => request(ask, &mut marks),
        Some(Step::Talk(talk)) => conversation(talk, &mut marks),
        _ => {}
    }
    marks
}

fn caller(who: &Who, marks: &mut BTreeSet<String>) {
    // Most ask without a key, or with one as it should be.
    if !matches!(who, Who::Nobody | Who::Bearer(_)) {
        marks.insert(format!("by {}", who.kind().split(' ').next().unwrap_or_default()));
    }
}

fn request(ask: &Ask, marks: &mut BTreeSet<String>) {
    caller(&ask.who, marks);
    if !matches!(ask.method.as_str(), "GET" | "POST" | "PUT" | "DELETE") {
        marks.insert(format!("method {}", ask.method));
    }
    marks.extend(ask.headers.iter().map(|(name, _)| format!("header {}", name.to_lowercase())));
    if ask.announced.is_some() {
        marks.insert("a length without a body".to_owned());
    }
    let (path, query) = ask.target.split_once('?').unwrap_or((&ask.target, ""));
    if path.contains('%') {
        marks.insert("an escape in the path".to_owned());
    }
    if path.split('/').any(|part| part.len() >= LONG) {
        marks.insert("a long path".to_owned());
    }
    if let Some(path) = path.strip_prefix("/api/v1/").filter(|path| !path.is_empty()) {
        marks.insert(format!("{AT}{path}"));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match decoded(value).and_then(|text| serde_json::from_str(&text).ok()) {
            Some(value @ (Value::Object(_) | Value::Array(_))) => language(&value, marks),
            _ => marks.extend([format!("parameter {name}")]),
        }
    }
    if let Ok(value) = serde_json::from_slice(&ask.body.0) {
        language(&value, marks);
    }
}

/// The names of members that languages of questions give: those of the question, and operators.
fn language(value: &Value, marks: &mut BTreeSet<String>) {
    for name in ["query", "textSearch", "groupBy", "orderBy", "databases", "page", "interval"] {
        if value.get(name).is_some() {
            marks.insert(format!("member {name}"));
        }
    }
    match value {
        Value::Object(members) => {
            marks.extend(
                members.keys().filter(|name| name.starts_with('$')).map(|name| format!("operator {name}")),
            );
            members.values().for_each(|one| language(one, marks));
        }
        Value::Array(items) => items.iter().for_each(|one| language(one, marks)),
        _ => {}
    }
}

fn conversation(talk: &Talk, marks: &mut BTreeSet<String>) {
    caller(&talk.who, marks);
    for sent in &talk.frames {
        let mark = match sent {
            Sent::Message(bytes) | Sent::Fragments(bytes, _) => {
                let text = String::from_utf8_lossy(&bytes.0);
                let method = text.split('|').nth(1).unwrap_or_default();
                marks.extend(text.contains(" where ").then(|| "a condition".to_owned()));
                // Over the bridge it is the same endpoint.
                let path = text.split('|').nth(2).and_then(|key| key.strip_prefix("api:"));
                marks.extend(path.map(|path| format!("{AT}{}", path.split('?').next().unwrap_or(path))));
                match method {
                    "get" | "" => None,
                    method if OPERATIONS.iter().any(|(known, _)| *known == method) => {
                        Some(format!("message {method}"))
                    }
                    _ => Some("a message of no method".to_owned()),
                }
            }
            Sent::Ping(_) => Some("ping".to_owned()),
            Sent::Pong(_) => Some("pong".to_owned()),
            Sent::Close(_) => Some("close".to_owned()),
            Sent::Broken { .. } => Some("a broken frame".to_owned()),
        };
        marks.extend(mark);
    }
}

impl Bucket {
    fn is_alike(&self) -> bool {
        self.small.finding.oracle == Oracle::Alike
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{finding::Finding, shrink::Small};

    fn bucket(cause: &str, target: &str, headers: &[&str]) -> Bucket {
        let ask = Ask {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: headers.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect(),
            ..Ask::default()
        };
        let case = Case { steps: vec![Step::Ask(ask)] };
        let mut finding = Finding::new(Oracle::Alike, "x", "", "");
        finding.cause = cause.to_owned();
        let (mode, also, before) = (Mode::Guarded, vec![], vec![]);
        let small = Small { case: case.clone(), finding, step: 0, number: 1, mode, steps: 0, also, before };
        Bucket {
            endpoints: BTreeSet::new(),
            cause: cause.to_owned(),
            cases: vec![(case, 0, Mode::Guarded)],
            small,
            seen: 1,
            also: BTreeSet::new(),
            before: BTreeSet::new(),
            follows: None,
        }
    }

    fn led(buckets: Vec<Bucket>) -> Vec<(String, Option<String>)> {
        gather(buckets).into_iter().map(|one| (one.cause, one.follows)).collect()
    }

    #[test]
    fn what_needs_the_same_or_looks_the_same_follows_the_smallest() {
        let own = |text: &str| text.to_owned();
        let by_header = vec![
            bucket("header vary another one", "/api/v1/longer", &["Origin"]),
            bucket("status 200 against 403, asked by who may", "/", &["Origin"]),
            bucket("header date another one", "/", &["Accept"]),
        ];
        let status = own("status 200 against 403, asked by who may");
        assert_eq!(
            led(by_header),
            [
                (status.clone(), None),
                (own("header vary another one"), Some(status)),
                (own("header date another one"), None)
            ]
        );
        let texts = [
            "error text \"a\" against \"x\"",
            "error text \"b\" against \"x\"",
            "error text \"c\" against \"d\"",
        ];
        let followers = |causes: &[&str]| {
            let buckets = causes.iter().map(|cause| bucket(cause, "/", &[])).collect();
            led(buckets).into_iter().filter(|(_, follows)| follows.is_some()).count()
        };
        assert_eq!(followers(&texts), 1);
        assert_eq!(followers(&["member .r[].a of another value", "member .r[].b of another value"]), 1);
        assert_eq!(followers(&["member .a of another value", "member .b of another value"]), 0);
        assert_eq!(followers(&["status 404 a against 401, x", "status 404 b against 401, y"]), 1);
        assert_eq!(followers(&["status 404 against 200, x", "status 404 against 405, x"]), 1);
        let html = ["content-type: a/b; c=d against e/f; c=d", "content-type: a/b; v=1 against e/f; v=1"];
        assert_eq!(followers(&html.map(|one| format!("header {one}")).each_ref().map(String::as_str)), 1);
        assert_eq!(
            followers(&["header a another one", "header a missing at the first", "header b another one"]),
            1
        );
    }

    #[test]
    fn what_needs_a_step_that_differs_follows_it() {
        let first = bucket("status 405 against 200, x", "/a", &[]);
        let mut second = bucket("text \"a\" against \"b\"", "/a/longer", &[]);
        assert!(led(vec![second.clone(), first.clone()]).iter().all(|(_, follows)| follows.is_none()));
        second.before = BTreeSet::from([first.cause.clone()]);
        let told = led(vec![second, first]);
        assert_eq!(told[1].1.as_ref(), Some(&told[0].0));
    }
}
