//! What is uncommon in what was asked.

use std::collections::BTreeSet;

use portmaster_fixtures::Permission;
use serde_json::Value;

use super::AT;
use crate::{
    contrast::levels,
    fuzz::{
        case::{Ask, Case, Sent, Step, Talk, Who},
        catalogue::{Catalogue, Known, decoded},
    },
    suite::{Mode, Tier},
    target::OPERATIONS,
};

/// How long a part of a path is uncommon.
const LONG: usize = 64;
/// How much of a path may stand behind an endpoint's for it to be beside that one.
const NEAR: usize = 16;

/// What is uncommon in the step that fails, and in what leads to it.
pub(super) fn asked(case: &Case, step: usize, catalogue: &Catalogue) -> BTreeSet<String> {
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
    let write = ask.writes();
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
