//! What a difference looks like, whatever was asked.

use std::collections::BTreeSet;

use super::{
    ENOUGH,
    rights::{OPEN, REFUSED},
};
use crate::{contrast::LOST, fuzz::finding::Finding, keeper::normalised};

/// How a cause begins that answers do not say what they belong to.
const NAMELESS: &str = "more answers without a name";
/// What stands behind an answer is behind its text where nobody says how long that is.
const BEHIND: &str = "more behind the answer";
const HEADLESS: &str = "without its first line";

/// What two differences may look alike in: an end of a text, a refusal, the item whose member it is.
pub(super) fn looks(cause: &str) -> Vec<String> {
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

/// The kind of message that only one of them says, where the other is silent; one without a name is one more of those.
pub(super) fn exchanged(cause: &str, finding: &Finding) -> Vec<String> {
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
pub(super) fn instead(cause: &str) -> Vec<String> {
    let kinds = cause.strip_prefix("message: ").and_then(|rest| rest.split_once(" against "));
    let Some((one, other)) = kinds else { return vec![] };
    let marks = [(one, format!("no {one} any more")), (other, format!("{other} more"))];
    marks.into_iter().filter(|(kind, _)| *kind != "nothing").map(|(_, mark)| mark).collect()
}

/// What both say, without the place where they say it.
fn values(finding: &Finding) -> [&str; 2] {
    [&finding.expected, &finding.got]
        .map(|told| told.rsplit_once(": ").map_or(told.as_str(), |(_, value)| value))
}

/// Whether the first leads on to where endpoints are, and the second does not.
pub(super) fn leads_out(finding: &Finding) -> bool {
    let [one, other] = values(finding).map(|place| place.starts_with("/api/v1/"));
    one && !other
}

/// How long a list is for each of them: one that shows in two places is the same, unless it is so short that others are as well.
pub(super) fn lengths(finding: &Finding) -> Option<String> {
    let [one, other] = values(finding);
    let count = |told: &str| told.split(' ').next()?.parse::<usize>().ok();
    (count(one)?.min(count(other)?) >= ENOUGH).then(|| format!("from {one} to {other}"))
}

/// In what form a value is written by each of them, where that differs: with a zone or without, say.
pub(super) fn forms(finding: &Finding) -> Option<String> {
    let [one, other] = [&finding.expected, &finding.got].map(|told| {
        let value = told.split_once(": ").map_or(told.as_str(), |(_, value)| value);
        normalised(value.trim_matches('"'))
    });
    let is_form = |text: &str| text.contains('0') && !text.contains(char::is_alphabetic);
    (one != other && is_form(&one) && is_form(&other)).then(|| format!("from the form {one} to {other}"))
}
