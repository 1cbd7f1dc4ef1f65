//! Which differences between two targets are likely to have one cause: what makes them appear, or what they look like, is the same.

use std::collections::{BTreeMap, BTreeSet};

use portmaster_fixtures::Permission;
use serde_json::Value;

use super::{
    bucket::{Bucket, EVERYWHERE, size},
    case::{Ask, Case, Sent, Step, Talk, Who},
    catalogue::{Catalogue, Known, decoded},
    finding::{Finding, Oracle},
};
use crate::{
    contrast::{Circumstance, LOST, levels},
    keeper::normalised,
    suite::{Mode, Tier},
    target::OPERATIONS,
};

/// What the bridge says of an endpoint's refusal.
const BRIDGED: &str = "bridged api call returned unexpected error code 40";
/// The beginning of a mark that names an endpoint.
const AT: &str = "only at ";
/// How long a part of a path is uncommon.
const LONG: usize = 64;
/// How much of a path may stand behind an endpoint's for it to be beside that one.
const NEAR: usize = 16;
/// In how many cases a mode must have been the only one to be part of the cause.
const ENOUGH: usize = 3;

/// Says of differences of which other one they are likely to follow, and puts them behind it. What was made small has little left that
/// it can do without: two that still have something uncommon between them are likely to come from there. The smallest leads.
pub(super) fn gather(mut buckets: Vec<Bucket>, catalogue: &Catalogue) -> Vec<Bucket> {
    let of: Vec<BTreeSet<String>> = buckets
        .iter()
        .map(|one| if one.is_alike() { marks(one, catalogue) } else { BTreeSet::new() })
        .collect();
    // Two that never come alone are one.
    let together = |one: &Bucket, other: &Bucket| {
        one.is_alike()
            && other.is_alike()
            && one.also.contains(&other.cause)
            && other.also.contains(&one.cause)
    };
    // Of two one may show where the other does not, if that is seldom: an answer to HEAD has no body that could differ.
    let companions = |one: &Bucket, other: &Bucket| {
        one.is_alike()
            && other.is_alike()
            && one.cases.len() >= ENOUGH
            && one.also.contains(&other.cause)
            && other.seen <= 2 * one.seen
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
            let related = |one: &Bucket, other: &Bucket| comes_of(one, other) || companions(one, other);
            if together(one, other_one) || related(one, other_one) || related(other_one, one) {
                join(&mut leads, at, other);
            }
        }
    }
    // Where rights differ in one direction, or the second asks everybody for the same, all that tells of them comes of that. What an endpoint
    // says of who asks is no direction beside the right to ask.
    let in_direction = |mark: &str, own: bool| {
        let of_mark = of.iter().enumerate().filter(|(at, marks)| {
            marks.contains(mark) && (own || !buckets[*at].cause.ends_with(&Circumstance::Open.to_string()))
        });
        of_mark.map(|(at, _)| at).max_by_key(|at| buckets[*at].seen)
    };
    let directions = |own| [REFUSED, OPEN].map(|mark| in_direction(mark, own));
    let lead = match if directions(false) == [None; 2] { directions(true) } else { directions(false) } {
        [Some(refused), Some(open)] if asks_for_one_level(&buckets, &of) => {
            join(&mut leads, refused, open);
            Some(open)
        }
        [Some(lead), None] | [None, Some(lead)] => Some(lead),
        _ => None,
    };
    if let Some(lead) = lead {
        for (at, one) in buckets.iter().enumerate() {
            if one.is_alike() && (tells_of_rights(one) || of[at].contains(REFUSED) || of[at].contains(OPEN)) {
                join(&mut leads, at, lead);
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

/// Whether one permission explains whom the second refuses and whom it lets through where the first does not: all it refuses have less, all
/// others have as much. It has to be the same to read, or to write.
fn asks_for_one_level(buckets: &[Bucket], of: &[BTreeSet<String>]) -> bool {
    let held = |mark: &'static str| {
        let marked = buckets.iter().zip(of).filter(|(_, marks)| marks.contains(mark));
        let cases = marked.flat_map(|(one, _)| &one.cases);
        cases.filter_map(|(case, step, mode)| {
            let Some(Step::Ask(ask)) = case.steps.get(*step) else { return None };
            let (read, write) = levels(ask.who.tier(), *mode);
            let writes = matches!(ask.method.as_str(), "POST" | "PUT" | "DELETE");
            Some((writes, if writes { write } else { read }))
        })
    };
    let sides: BTreeSet<bool> = held(REFUSED).chain(held(OPEN)).map(|(writes, _)| writes).collect();
    let (most, least) = (held(REFUSED).map(|(_, held)| held).max(), held(OPEN).map(|(_, held)| held).min());
    sides.len() == 1 && most.zip(least).is_some_and(|(most, least)| most < least)
}

/// What tells where a difference comes from.
fn marks(bucket: &Bucket, catalogue: &Catalogue) -> BTreeSet<String> {
    let mut each = bucket.cases.iter().map(|(case, step, _)| asked(case, *step, catalogue));
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
    marks.extend(exchanged(&bucket.cause, &bucket.small.finding));
    marks.extend(instead(&bucket.cause));
    if bucket.cause.ends_with("of another value") {
        marks.extend(forms(&bucket.small.finding));
    }
    if bucket.cause.ends_with("of another length") {
        marks.extend(lengths(&bucket.small.finding));
    }
    if bucket.cause == LOST && bucket.endpoints.len() >= EVERYWHERE
        || bucket.cause == "header location another one" && leads_out(&bucket.small.finding)
    {
        marks.insert("no way to the endpoints".to_owned());
    }
    marks
}

/// The kind of message that only one of them says, where the other is silent; one without a name is one more of those.
fn exchanged(cause: &str, finding: &Finding) -> Vec<String> {
    let (who, told) = match cause {
        "nothing is said by the first" => ("second", &finding.got),
        "nothing is said by the second" => ("first", &finding.expected),
        _ => return cause.starts_with(NAMELESS).then(|| cause.to_owned()).into_iter().collect(),
    };
    let mut parts = told.split('|');
    let nameless = parts.next().is_some_and(|before| before.ends_with('"'));
    let mut marks: Vec<_> = nameless.then(|| format!("{NAMELESS} by the {who}")).into_iter().collect();
    marks.extend(parts.next().map(|kind| kind.trim_end_matches('"')).map(|kind| match who {
        "second" => format!("{kind} more"),
        _ => format!("no {kind} any more"),
    }));
    marks
}

/// What is missing and what is there more, where one kind of message came in the place of another.
fn instead(cause: &str) -> Vec<String> {
    let kinds = cause.strip_prefix("message: ").and_then(|rest| rest.split_once(" against "));
    let Some((one, other)) = kinds else { return vec![] };
    let marks = [(one, format!("no {one} any more")), (other, format!("{other} more"))];
    marks.into_iter().filter(|(kind, _)| *kind != "nothing").map(|(_, mark)| mark).collect()
}

/// Whether a difference is one of rights as well, where those differ: who is refused shows in how, in the session that is begun, and in
/// what is said of rights; the bridge says no more of a refusal than that the call failed.
fn tells_of_rights(bucket: &Bucket) -> bool {
    let cause = bucket.cause.as_str();
    let begins = ["refused by both, ", "header set-cookie ", "header www-authenticate "];
    let rights = [".Read", ".Write", ".ReadRole", ".WriteRole"];
    let member = cause.strip_prefix("member ").and_then(|rest| rest.split(' ').next());
    begins.iter().any(|one| cause.starts_with(one))
        || member.is_some_and(|member| rights.contains(&member))
        // What the second asks a permission for has none at the first, or is the list of who has which.
        || cause.starts_with("status 405 against 40")
        || member.is_some_and(|member| member.ends_with("core/apiKeys"))
        || (cause.starts_with("error text ") && cause.contains("bridged api call"))
        || (cause == "message: error against success" && bucket.small.finding.expected.contains(BRIDGED))
        || bucket.cases.iter().all(|(case, step, _)| case.steps.iter().take(*step).any(calls_unheard))
}

/// Whether it asks an endpoint over the bridge, on a connection that ends before everybody is answered.
fn calls_unheard(step: &Step) -> bool {
    let Step::Talk(talk) = step else { return false };
    let calls = |sent: &Sent| match sent {
        Sent::Message(bytes) | Sent::Fragments(bytes, _) => {
            String::from_utf8_lossy(&bytes.0).contains("|api:")
        }
        _ => false,
    };
    talk.frames.iter().any(calls) && talk.frames.iter().any(Sent::ends)
}

/// What both say, without the place where they say it.
fn values(finding: &Finding) -> [&str; 2] {
    [&finding.expected, &finding.got]
        .map(|told| told.rsplit_once(": ").map_or(told.as_str(), |(_, value)| value))
}

/// Whether the first leads on to where endpoints are, and the second does not.
fn leads_out(finding: &Finding) -> bool {
    let [one, other] = values(finding).map(|place| place.starts_with("/api/v1/"));
    one && !other
}

/// How long a list is for each of them: one that shows in two places is the same, unless it is so short that others are as well.
fn lengths(finding: &Finding) -> Option<String> {
    let [one, other] = values(finding);
    let count = |told: &str| told.split(' ').next()?.parse::<usize>().ok();
    (count(one)?.min(count(other)?) >= ENOUGH).then(|| format!("from {one} to {other}"))
}

/// In what form a value is written by each of them, where that differs: with a zone or without, say.
fn forms(finding: &Finding) -> Option<String> {
    let [one, other] = [&finding.expected, &finding.got].map(|told| {
        let value = told.split_once(": ").map_or(told.as_str(), |(_, value)| value);
        normalised(value.trim_matches('"'))
    });
    let is_form = |text: &str| text.contains('0') && !text.contains(char::is_alphabetic);
    (one != other && is_form(&one) && is_form(&other)).then(|| format!("from the form {one} to {other}"))
}

/// What the second refuses and the first does not, and the other way round.
const REFUSED: &str = "refused now";
const OPEN: &str = "not refused any more";
/// How a cause begins that answers do not say what they belong to.
const NAMELESS: &str = "more answers without a name";
/// What stands behind an answer is behind its text where nobody says how long that is.
const BEHIND: &str = "more behind the answer";
const HEADLESS: &str = "without its first line";

/// What two differences may look alike in: an end of a text, a refusal, the item whose member it is.
fn looks(cause: &str) -> Vec<String> {
    let ends =
        |rest: &str| rest.split_once(" against ").map(|(one, other)| (one.to_owned(), other.to_owned()));
    if let Some((one, other)) = cause.strip_prefix("status ").and_then(ends) {
        // A refusal is one whatever is refused, or was.
        let code = |text: &str| text.split([' ', ',']).next().unwrap_or_default().to_owned();
        let (one, other) = (code(&one), code(&other));
        // Another error is none the more open.
        if matches!(one.as_str(), "401" | "403") && other.starts_with(['4', '5']) && one != other {
            return vec![format!("{other} now")];
        }
        // Nor is one refused who is told no more that there is no such method.
        if one == "405" && matches!(other.as_str(), "401" | "403") {
            return vec!["no 405 any more".to_owned()];
        }
        // That something is answered at all is nothing uncommon.
        return match (one.as_str(), other.as_str()) {
            (_, "401" | "403") => vec![REFUSED.to_owned()],
            ("401" | "403", _) => vec![OPEN.to_owned()],
            (_, "200" | "204") => vec![format!("no {one} any more")],
            ("404" | "405", _) => vec![format!("no {one} any more"), format!("{other} now")],
            _ => vec![format!("{other} now")],
        };
    }
    if cause.starts_with("let through by the first") {
        return vec![REFUSED.to_owned()];
    }
    if let Some(rest) = cause.strip_prefix("refused by the first, ") {
        let status = rest.split(' ').next().filter(|word| word.parse::<u16>().is_ok());
        let now = status.map(|status| format!("{status} now"));
        return [OPEN.to_owned()].into_iter().chain(now).collect();
    }
    if cause == LOST {
        return vec!["404 now".to_owned()];
    }
    if cause.starts_with("bytes behind the answer") {
        return vec![BEHIND.to_owned()];
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
        let bare = |text: &str| text.trim_matches('"').replace("\\n", "");
        if one != other && bare(&one) == bare(&other) {
            return vec![BEHIND.to_owned()];
        }
        let mut looks = vec![format!("from {one}"), format!("to {other}")];
        // Causes cut long texts off.
        let rest = one.trim_matches('"').split_once("\\n").map(|(_, rest)| rest);
        let same = |rest: &str, other: &str| rest == other || (!rest.is_empty() && other.starts_with(rest));
        let (tags, others) = (tags(&one), tags(&other));
        looks.extend(tags.symmetric_difference(&others).map(|tag| format!("marked up with {tag}")));
        looks.extend(rest.filter(|rest| same(rest, other.trim_matches('"'))).map(|_| HEADLESS.to_owned()));
        return looks;
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

/// The tags of HTML in a text, as Markdown may hold them too.
fn tags(text: &str) -> BTreeSet<&str> {
    let named = text.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
    let names = named.map(|(name, _)| name.trim_start_matches('/'));
    names.filter(|name| !name.is_empty() && name.chars().all(|one| one.is_ascii_lowercase())).collect()
}

/// What is uncommon in the step that fails, and in what leads to it.
fn asked(case: &Case, step: usize, catalogue: &Catalogue) -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    match case.steps.get(step) {
        Some(Step::Ask(ask)) => request(ask, catalogue, &mut marks),
        Some(Step::Talk(talk)) => conversation(talk, catalogue, &mut marks),
        Some(Step::Raw(bytes)) => {
            let word = bytes.0.split(|&byte| byte == b' ').next().unwrap_or_default();
            if (1..16).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase) {
                marks.extend(uncommon(&String::from_utf8_lossy(word)));
            }
        }
        _ => {}
    }
    marks
}

/// A method that is hardly ever used.
fn uncommon(method: &str) -> Option<String> {
    let is_common = matches!(method, "GET" | "POST" | "PUT" | "DELETE");
    (!is_common).then(|| format!("method {method}"))
}

fn caller(who: &Who, marks: &mut BTreeSet<String>) {
    // Most ask without a key, or with one as it should be.
    if !matches!(who, Who::Nobody | Who::Bearer(_)) {
        marks.insert(format!("by {}", who.kind().split(' ').next().unwrap_or_default()));
    }
    let scheme = match who {
        Who::Basic(..) => Some("basic".to_owned()),
        Who::Stranger(text) | Who::Twice(_, text) => {
            text.split_once(' ').map(|(scheme, _)| scheme.to_lowercase())
        }
        _ => None,
    };
    marks.extend(scheme.map(|scheme| format!("by the scheme {scheme}")));
}

/// Which key is shown though it is none that opens what is asked, or nothing has to be opened.
fn key(ask: &Ask, known: Option<&Known>) -> Option<String> {
    let Who::Bearer(tier) = ask.who else { return None };
    let write = matches!(ask.method.as_str(), "POST" | "PUT" | "DELETE");
    let required = known.map(|known| if write { known.endpoint.write } else { known.endpoint.read })?;
    let (read, written) = levels(Some(tier), Mode::Guarded);
    let needed = required > Permission::Anyone && (if write { written } else { read }) >= required;
    let holder = match tier {
        Tier::Expired => "who has an expired key",
        Tier::User | Tier::UserRead | Tier::Future => "a user",
        _ => return None,
    };
    (!needed).then(|| format!("by {holder}"))
}

/// The endpoint that is asked, or, beside all of them, the one that the path begins with, or is a letter too short for.
fn nearest<'c>(path: &str, catalogue: &'c Catalogue) -> Option<&'c Known> {
    let whole = decoded(path)?;
    let path = whole.strip_prefix("/api/v1/")?;
    let ends = path.char_indices().map(|(at, _)| at).chain([path.len()]).rev();
    let longer = || catalogue.find(&format!("{path}{}", path.chars().next_back()?));
    ends.filter(|end| path.len() - end <= NEAR).find_map(|end| catalogue.find(&path[..end])).or_else(longer)
}

fn request(ask: &Ask, catalogue: &Catalogue, marks: &mut BTreeSet<String>) {
    caller(&ask.who, marks);
    marks.extend(key(ask, catalogue.of_target(&ask.target)));
    marks.extend(uncommon(&ask.method));
    marks.extend(ask.headers.iter().map(|(name, _)| format!("header {}", name.to_lowercase())));
    if ask.announced.is_some() {
        marks.insert("a length without a body".to_owned());
    }
    let (path, query) = ask.target.split_once('?').unwrap_or((&ask.target, ""));
    if !path.starts_with('/') {
        marks.insert("a target with scheme and host".to_owned());
    }
    if path.contains('%') {
        marks.insert("an escape in the path".to_owned());
    }
    if path.trim_start_matches("/api/v1/").contains(|letter: char| letter.is_ascii_uppercase()) {
        marks.insert("capitals in the path".to_owned());
    }
    if path.split('/').any(|part| part.len() >= LONG) {
        marks.insert("a long path".to_owned());
    }
    if let Some(known) = nearest(path, catalogue) {
        marks.insert(format!("{AT}{}", known.slug));
    } else if let Some(path) = path.strip_prefix("/api/v1/").filter(|path| !path.is_empty()) {
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

fn conversation(talk: &Talk, catalogue: &Catalogue, marks: &mut BTreeSet<String>) {
    caller(&talk.who, marks);
    for sent in &talk.frames {
        let mark = match sent {
            Sent::Message(bytes) | Sent::Fragments(bytes, _) => {
                let text = String::from_utf8_lossy(&bytes.0);
                let method = text.split('|').nth(1).unwrap_or_default();
                marks.extend(text.contains(" where ").then(|| "a condition".to_owned()));
                // Over the bridge it is the same endpoint.
                let path = text.split('|').nth(2).and_then(|key| key.strip_prefix("api:"));
                marks.extend(path.map(|path| {
                    let path = path.split('?').next().unwrap_or(path);
                    format!("{AT}{}", catalogue.find(path).map_or(path, |known| known.slug.as_str()))
                }));
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
    use crate::fuzz::{case::Bytes, shrink::Small};
    use portmaster_fixtures::Contract;

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
        let catalogue = Catalogue::new(Contract::V2_2.endpoints());
        gather(buckets, &catalogue).into_iter().map(|one| (one.cause, one.follows)).collect()
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
        assert_eq!(followers(&["status 307 against 400, x", "status 403 against 400, x"]), 1);
        assert_eq!(followers(&["status 405 against 200, x", "status 405 against 500 y, x"]), 1);
        assert_eq!(
            followers(&["refused by the first, 400 a by the second, x", "status 200 against 400, x"]),
            1
        );
        assert_eq!(followers(&["status 200 against 400, x", "status 200 against 500, x"]), 0);
        assert_eq!(followers(&["bytes behind the answer of the second", "text \"a\" against \"a\\n\""]), 1);
        let headless = ["error text \"a\\n\" against \"\"", "error text \"b c\\nd\" against \"de\\n\""];
        assert_eq!(followers(&headless), 1);
        assert_eq!(followers(&["error text \"a\\nb\" against \"c\"", headless[0]]), 0);
        assert_eq!(followers(&["message: done against new", "message: done against nothing"]), 1);
        let html = ["content-type: a/b; c=d against e/f; c=d", "content-type: a/b; v=1 against e/f; v=1"];
        assert_eq!(followers(&html.map(|one| format!("header {one}")).each_ref().map(String::as_str)), 1);
        assert_eq!(
            followers(&["header a another one", "header a missing at the first", "header b another one"]),
            1
        );
    }

    #[test]
    fn what_tells_of_rights_follows_where_they_differ() {
        let refused = "let through by the first, refused by the second, asked by who may";
        let open = "refused by the first, let through by the second, asked by who may not";
        let symptoms = [
            "refused by both, with 401 against 403",
            "header set-cookie missing at the second",
            "header www-authenticate another one",
            "member .ReadRole of another value",
            "error text \"bridged api call returned unexpected error code 0\" against \"a\"",
        ];
        let followers = |rights: &[&str]| {
            let all = rights.iter().chain(&symptoms).map(|cause| bucket(cause, "/", &[])).collect();
            led(all).into_iter().filter(|(_, follows)| follows.is_some()).count()
        };
        let each = symptoms.len();
        assert_eq!((followers(&[refused]), followers(&[open])), (each, each));
        // Which of two it would come of is not known.
        assert_eq!((followers(&[]), followers(&[refused, open])), (0, 0));
        // An endpoint that says of itself who asks says of rights, too, and is no direction of its own.
        let own = "let through by the first, refused by the second, where neither key nor method decides";
        assert_eq!((followers(&[open, own]), followers(&[refused, own])), (each + 1, each + 1));
        assert_eq!(followers(&[own]), each);
    }

    #[test]
    fn what_the_bridge_says_of_rights_follows_and_what_it_does_unheard() {
        let open = bucket("refused by the first, let through by the second, asked by who may not", "/", &[]);
        let follows = |one: Bucket| led(vec![open.clone(), one]).iter().any(|(_, follows)| follows.is_some());
        let mut answered = bucket("message: error against success", "/", &[]);
        assert!(!follows(answered.clone()));
        answered.small.finding.expected = format!("message: binary \"1|error|{BRIDGED}5\"");
        assert!(follows(answered));
        let behind = |frames: &[Sent]| {
            let mut one = bucket("text \"a\" against \"b\"", "/", &[]);
            for (case, step, _) in &mut one.cases {
                case.steps.insert(0, Step::Talk(Talk { frames: frames.to_vec(), ..Talk::default() }));
                *step = 1;
            }
            one
        };
        let call = Sent::Message(Bytes(b"1|update|api:spn/reinit|J{}".to_vec()));
        assert!(follows(behind(&[call.clone(), Sent::Close(1000)])));
        assert!(!follows(behind(&[call])) && !follows(behind(&[Sent::Close(1000)])));
    }

    #[test]
    fn different_things_stay_apart() {
        let causes = [
            "nothing is there at the second",
            "refused by the first, let through by the second, asked by who may not",
            "let through by the first, refused by the second, asked by who may",
            "refused by both, with 401 against 403",
            "status 200 against 500 a, asked by who may",
            "status 405 against 413 b, where neither key nor method decides",
            "bytes behind the answer of the second",
            "error text \"a\" against \"b\"",
            "header a missing at the second",
            "member .a.b of another value",
            "message: done against nothing",
            "message: nothing against upd",
            "message: error against success",
            "<, > and & in JSON escaped against as they are",
        ];
        let buckets = causes.iter().map(|cause| bucket(cause, "/", &[])).collect();
        let told = led(buckets);
        assert!(told.iter().all(|(_, follows)| follows.is_none()), "{told:#?}");
    }

    #[test]
    fn what_is_beside_an_endpoint_is_near_it() {
        let of = |targets: [&str; 2]| {
            let each = targets.map(|target| format!("/api/v1/{target}"));
            let (one, other) = ("member .a of another value", "header x another one");
            let told = led(vec![bucket(one, &each[0], &[]), bucket(other, &each[1], &[])]);
            told.iter().filter(|(_, follows)| follows.is_some()).count()
        };
        assert_eq!(of(["spn/map/main/graph.html", "spn/map/nope/graph.svg"]), 1);
        assert_eq!(of(["spn/map/main/graph.html", "spn/map/main/graph.html/x"]), 1);
        assert_eq!(of(["spn/map/main/graph.html", "spn/map/main/pins"]), 0);
        assert_eq!(of(["nope", "ping"]), 0);
    }

    #[test]
    fn a_key_that_opens_nothing_counts_and_one_that_is_needed_does_not() {
        let by = |tier, target: &str| {
            let mut one = bucket("member .a of another value", target, &[]);
            for (case, _, _) in &mut one.cases {
                for step in &mut case.steps {
                    if let Step::Ask(ask) = step {
                        ask.who = Who::Bearer(tier);
                    }
                }
            }
            marks(&one, &Catalogue::new(Contract::V2_2.endpoints()))
                .into_iter()
                .find(|one| one.starts_with("by "))
        };
        assert_eq!(by(Tier::User, "/api/v1/network/gateways"), None);
        assert_eq!(by(Tier::User, "/api/v1/ping").as_deref(), Some("by a user"));
        assert_eq!(
            by(Tier::Expired, "/api/v1/network/gateways").as_deref(),
            Some("by who has an expired key")
        );
    }

    #[test]
    fn what_never_comes_alone_and_seldom_without_follows() {
        let first = bucket("header a missing at the first", "/a", &["X"]);
        let mut second = bucket("error text \"a\" against \"b\"", "/a/longer", &[]);
        second.also = BTreeSet::from([first.cause.clone()]);
        second.cases = vec![second.cases[0].clone(); ENOUGH];
        let joined = |seen| {
            led(vec![Bucket { seen, ..first.clone() }, second.clone()])
                .iter()
                .any(|(_, follows)| follows.is_some())
        };
        assert!(joined(2) && !joined(3));
    }

    #[test]
    fn instants_in_another_form_are_one_cause() {
        let of = |values: [&str; 2]| {
            let mut one = bucket("member .a of another value", "/", &[]);
            [one.small.finding.expected, one.small.finding.got] =
                values.map(|value| format!("GET /: \"{value}\""));
            forms(&one.small.finding)
        };
        assert!(of(["2026-03-16T08:30:00Z", "2026-03-16 08:30:00"]).is_some());
        assert!(of(["2026-03-16T08:30:00Z", "2026-03-17T08:30:01Z"]).is_none() && of(["a", "b"]).is_none());
    }

    #[test]
    fn a_message_that_is_missing_is_one_cause_wherever_it_shows() {
        let of = |causes: [&str; 2], said: &str| {
            let mut buckets: Vec<_> = causes.iter().map(|cause| bucket(cause, "/", &[])).collect();
            buckets[0].small.finding.expected = format!("message: \"{said}\"");
            led(buckets).iter().filter(|(_, follows)| follows.is_some()).count()
        };
        let silent = "nothing is said by the second";
        assert_eq!(of([silent, "message: done against nothing"], "1|done"), 1);
        assert_eq!(of([silent, "message: del against nothing"], "1|done"), 0);
        assert_eq!(of(["message: nothing against done", "message: ok against done"], ""), 1);
        assert_eq!(of(["message: done against nothing", "message: nothing against done"], ""), 0);
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
