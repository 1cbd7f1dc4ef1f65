//! Why two answers differ, as far as the answers tell: by what sort of difference it is, not by where it was seen.

use std::collections::BTreeMap;

use super::{
    answered::Answered,
    circumstance::Circumstance,
    difference::{Difference, Sort},
};
use crate::keeper::normalised;

/// How many places of one sort in one answer are causes each; more are one, named by what they have in common.
const FEW: usize = 5;

/// A cause in words that tell it from others, and the places where it shows.
pub(crate) type Cause = (String, Vec<Difference>);

/// The causes of the differences between two answers.
pub(crate) fn causes(
    circumstance: Circumstance,
    answers: [&Answered; 2],
    differences: Vec<Difference>,
) -> Vec<Cause> {
    let mut causes: BTreeMap<String, Vec<Difference>> = BTreeMap::new();
    let mut members: BTreeMap<&str, BTreeMap<String, Vec<Difference>>> = BTreeMap::new();
    for one in differences {
        let place = one.general_place();
        let words = match &one.sort {
            Sort::Status => status(circumstance, answers),
            Sort::Header => header(&place, &one),
            Sort::Text => text(answers, &one),
            Sort::Message => {
                let (expected, got) = (normalised(&one.expected), normalised(&one.got));
                format!("{place}: {expected} against {got}")
            }
            Sort::Type(types) if place == "body" => format!("body: {types}"),
            sort => {
                members.entry(member(sort)).or_default().entry(place).or_default().push(one);
                continue;
            }
        };
        causes.entry(words).or_default().push(one);
    }
    for (what, mut places) in members {
        if places.len() > FEW {
            let words = format!("members within {} {what}", common(places.keys()));
            causes.entry(words).or_default().extend(places.into_values().flatten());
            continue;
        }
        for (place, several) in std::mem::take(&mut places) {
            let types = match several.first().map(|one| &one.sort) {
                Some(Sort::Type(types)) => format!(": {types}"),
                _ => String::new(),
            };
            causes.entry(format!("member {place} {what}{types}")).or_default().extend(several);
        }
    }
    causes.into_iter().collect()
}

/// What is said of a member that differs in that way.
fn member(sort: &Sort) -> &'static str {
    match sort {
        Sort::Missing => "missing at the second",
        Sort::Surplus => "missing at the first",
        Sort::Type(_) => "of another type",
        Sort::Length => "of another length",
        _ => "of another value",
    }
}

/// What is said where no endpoint is (core-1.x §5.1).
const NOWHERE: &str = "Not found.";

/// Whether the second says that nothing is there, and the first something else: then what the first says does not matter.
fn lost([one, other]: [&Answered; 2]) -> bool {
    let nowhere =
        |answer: &Answered| answer.status == 404 && answer.bytes().trim_ascii() == NOWHERE.as_bytes();
    one.status > 0 && nowhere(other) && !nowhere(one)
}

/// What is said of that.
pub(crate) const LOST: &str = "nothing is there at the second";

fn status(circumstance: Circumstance, [one, other]: [&Answered; 2]) -> String {
    if lost([one, other]) {
        return LOST.to_owned();
    }
    let refused = |answer: &Answered| matches!(answer.status, 401 | 403);
    // Who is told that there is no such method was not let through.
    let is_asked = circumstance != Circumstance::Elsewhere && one.status != 405;
    match (refused(one), refused(other)) {
        (true, true) => format!("refused by both, with {} against {}", one.status, other.status),
        // Who hears of another error need not have been let through.
        (true, false) if is_asked && other.status >= 400 => {
            format!("refused by the first, {} by the second, {circumstance}", said(other))
        }
        (true, false) if is_asked && other.status > 0 => {
            format!("refused by the first, let through by the second, {circumstance}")
        }
        (false, true) if is_asked && one.status > 0 => {
            format!("let through by the first, refused by the second, {circumstance}")
        }
        _ => format!("status {} against {}, {circumstance}", said(one), said(other)),
    }
}

/// A status, with the text where the status does not say everything.
fn said(answer: &Answered) -> String {
    let text = String::from_utf8_lossy(answer.bytes());
    let line = normalised(text.lines().next().unwrap_or_default());
    match answer.status {
        0 => format!("none ({line})"),
        status @ (401 | 403 | 404 | 405) => status.to_string(),
        status if status >= 400 && !line.is_empty() => format!("{status} {line}"),
        status => status.to_string(),
    }
}

fn header(place: &str, one: &Difference) -> String {
    match (one.expected.as_str(), one.got.as_str()) {
        ("absent", _) => format!("{place} missing at the first"),
        (_, "absent") => format!("{place} missing at the second"),
        // Types are few, and say what they are about.
        (expected, got) if place == "header content-type" => format!("{place}: {expected} against {got}"),
        _ => format!("{place} another one"),
    }
}

fn text([one, other]: [&Answered; 2], difference: &Difference) -> String {
    if lost([one, other]) {
        return LOST.to_owned();
    }
    let bare = |text: &str| normalised(text.trim_start_matches('…').trim_matches('"'));
    let (expected, got) = (bare(&difference.expected), bare(&difference.got));
    let what = if one.succeeded() { "text" } else { "error text" };
    match expected == got {
        true => format!("{what} with other names or numbers: {expected}"),
        false => format!("{what} \"{expected}\" against \"{got}\""),
    }
}

/// The place that all these places lie within.
fn common<'a>(places: impl Iterator<Item = &'a String>) -> String {
    let steps = |place: &str| -> Vec<String> {
        place.split_inclusive([']', '.']).map(|step| step.to_owned()).collect()
    };
    let all: Vec<Vec<String>> = places.map(|place| steps(place)).collect();
    let Some(first) = all.first() else { return ".".to_owned() };
    let shared = |at: usize| all.iter().all(|one| one.len() > at + 1 && one.get(at) == first.get(at));
    let length = (0..first.len()).take_while(|&at| shared(at)).count();
    let place: String = first.iter().take(length).map(String::as_str).collect();
    match place.trim_end_matches('.') {
        "" => "the body".to_owned(),
        place => place.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contrast::{Bytes, Comparison};

    fn answer(status: u16, body: &str) -> Answered {
        Answered { status, body: Some(Bytes(body.into())), ..Answered::default() }
    }

    fn words(circumstance: Circumstance, one: &Answered, other: &Answered) -> Vec<String> {
        let differences = Comparison::of(one, other).by_value();
        causes(circumstance, [one, other], differences).into_iter().map(|(words, _)| words).collect()
    }

    #[test]
    fn a_status_is_a_cause_with_who_asked() {
        use Circumstance::{Elsewhere, May, MayNot};
        let of = |circumstance, one, other| {
            words(circumstance, &answer(one, "a\n"), &answer(other, "b\n")).remove(0)
        };
        assert_eq!(of(MayNot, 401, 403), "refused by both, with 401 against 403");
        assert_eq!(of(May, 200, 403), "let through by the first, refused by the second, asked by who may");
        assert_eq!(of(May, 500, 401), of(May, 200, 403));
        assert_eq!(of(Elsewhere, 404, 401), "status 404 against 401, where no endpoint is");
        assert_eq!(of(May, 200, 500), "status 200 against 500 b, asked by who may");
        assert_eq!(
            of(MayNot, 401, 200),
            "refused by the first, let through by the second, asked by who may not"
        );
        assert_eq!(of(MayNot, 401, 400), "refused by the first, 400 b by the second, asked by who may not");
    }

    #[test]
    fn what_is_nowhere_is_one_cause_whatever_it_was() {
        let nowhere = answer(404, "Not found.\n");
        for (status, text) in [(200, "{}"), (401, "who?\n"), (404, "Map not found.\n"), (500, "no\n")] {
            assert_eq!(words(Circumstance::May, &answer(status, text), &nowhere), [LOST]);
        }
        assert_ne!(words(Circumstance::May, &nowhere, &answer(404, "nope\n")), [LOST]);
        assert_ne!(words(Circumstance::May, &answer(200, "{}"), &answer(404, "Map not found.\n")), [LOST]);
    }

    #[test]
    fn members_are_causes_by_their_place_and_many_are_one() {
        let of = |one: serde_json::Value, other: serde_json::Value| {
            words(Circumstance::May, &answer(200, &one.to_string()), &answer(200, &other.to_string()))
        };
        assert_eq!(
            of(json!([{"a": 1, "b": 1}, {"a": 2, "b": 2}]), json!([{"a": 3, "b": 1}, {"a": 4, "b": "2"}])),
            ["member [].a of another value", "member [].b of another type: number against string"]
        );
        let many = |value: u8| json!({"x": {"y": {"a": value, "b": value, "c": value, "d": value, "e": value, "f": value}}});
        assert_eq!(of(many(1), many(2)), ["members within .x.y of another value"]);
        assert_eq!(
            of(json!({"a": 1}), json!({"b": 1})),
            ["member .a missing at the second", "member .b missing at the first"]
        );
    }

    #[test]
    fn texts_are_causes_by_their_words() {
        let of = |one: &str, other: &str| words(Circumstance::May, &answer(500, one), &answer(500, other));
        assert_eq!(
            of("open 12.png: no", "open 34.png: no"),
            ["error text with other names or numbers: open 0.png: no"]
        );
        assert_eq!(of("not found", "no such map"), ["error text \"not found\" against \"no such map\""]);
    }
}
