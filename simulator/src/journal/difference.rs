//! What a request has otherwise than was expected.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::entry::Body;

/// Something that was expected and is not so.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Difference {
    /// Where: `method`, `path`, `query NAME`, `header NAME`, `body` or `body /MEMBER/…`, a JSON pointer, `status`.
    pub what: String,
    /// What was expected; of texts a pattern, but in bodies.
    pub expected: Value,
    /// What was there; null if nothing was.
    pub got: Value,
}

/// How much of a long text a difference shows, characters.
const LONGEST_SHOWN: usize = 200;

impl Difference {
    pub(super) fn new(what: &str, expected: impl Into<Value>, got: impl Into<Value>) -> Self {
        Self { what: what.to_owned(), expected: expected.into(), got: got.into() }
    }

    /// Of a name that may come more than once.
    pub(super) fn found(what: String, expected: &str, found: &[&str]) -> Self {
        let got = match found {
            [] => Value::Null,
            [one] => Value::from(*one),
            more => more.iter().copied().map(Value::from).collect(),
        };
        Self { what, expected: expected.into(), got }
    }

    /// Where a body is not what was expected.
    pub(super) fn bodies(part: &Value, body: Option<&Body>, content_type: &str, all: &mut Vec<Self>) {
        let Some(body) = body.filter(|body| body.length > 0) else {
            return all.push(Self::new("body", part.clone(), Value::Null));
        };
        let text = body.text.as_deref().unwrap_or_default();
        if let Value::String(part) = part
            && text.contains(part.as_str())
        {
            return;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(found) => compare(part, &found, "", all),
            Err(_) => {
                let cut = if body.cut { ", cut at 64 KiB" } else { "" };
                let kind = if content_type.is_empty() { "without a type" } else { content_type };
                let shown = match &body.text {
                    Some(text) => Value::from(shown(text)),
                    None => Value::from(format!("{} bytes {kind}{cut}", body.length)),
                };
                all.push(Self::new("body", part.clone(), shown));
            }
        }
    }

    /// How much it counts.
    pub(super) fn weight(&self) -> u64 {
        match (self.what.as_str(), &self.expected, &self.got) {
            ("path", Value::String(expected), Value::String(got)) => path_distance(expected, got),
            ("method", ..) => 2,
            _ => 1,
        }
    }
}

/// How far two paths are from each other: segments that are alike count little, others fully.
fn path_distance(expected: &str, got: &str) -> u64 {
    let (expected, got): (Vec<&str>, Vec<&str>) = (expected.split('/').collect(), got.split('/').collect());
    let mut distance = 2 * expected.len().abs_diff(got.len()) as u64;
    for (one, other) in expected.iter().zip(&got) {
        distance += match likeness(one, other) {
            _ if one.contains('*') => 0,
            alike if alike >= 1.0 => 0,
            alike if alike >= 0.6 => 1,
            _ => 3,
        };
    }
    distance.max(1)
}

/// How alike two segments are, 1 if they are the same. Long ones are the same or not: the time grows with the product of
/// their lengths.
fn likeness(one: &str, other: &str) -> f64 {
    match one.len().max(other.len()) <= LONGEST_SHOWN {
        true => strsim::normalized_levenshtein(one, other),
        false => f64::from(u8::from(one == other)),
    }
}

/// The beginning of a long text.
fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Where `found` does not have what `told` says, member by member.
fn compare(told: &Value, found: &Value, at: &str, all: &mut Vec<Difference>) {
    let inside = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match (told, found) {
        (Value::Object(told), Value::Object(found)) => {
            for (name, value) in told {
                compare(value, found.get(name).unwrap_or(&Value::Null), &inside(name), all);
            }
        }
        (Value::Array(told), Value::Array(found)) if told.len() == found.len() => {
            for (place, (told, found)) in told.iter().zip(found).enumerate() {
                compare(told, found, &inside(&place.to_string()), all);
            }
        }
        _ if told == found || told.as_f64().is_some_and(|number| found.as_f64() == Some(number)) => {}
        _ => {
            let what = if at.is_empty() { "body".to_owned() } else { format!("body {at}") };
            all.push(Difference { what, expected: told.clone(), got: found.clone() });
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Value, text_in_body: bool| match value {
            Value::Null => "nothing".to_owned(),
            Value::String(text) if !text_in_body => text.clone(),
            value => shown(&value.to_string()),
        };
        let in_body = self.what.starts_with("body");
        write!(
            f,
            "{}: expected {}, got {}",
            self.what,
            text(&self.expected, in_body),
            text(&self.got, in_body)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_look_alike_are_near() {
        let to = |got| path_distance("/api/v1/config/options", got);
        assert_eq!(to("/api/v1/config/option"), 1);
        assert!(to("/api/v1/config/option") < to("/api/v1/config"));
        assert!(to("/api/v1/config") < to("/api/v1/network/gateways"));
    }

    #[test]
    fn differences_are_told_by_json_pointers() {
        let mut all = Vec::new();
        let told = serde_json::json!({ "a/b": { "c": [1, 2] }, "d": 1.0, "e": null });
        let found = serde_json::json!({ "a/b": { "c": [1, 3], "x": 0 }, "d": 1 });
        compare(&told, &found, "", &mut all);
        assert_eq!(
            all.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["body /a~1b/c/1: expected 2, got 3"]
        );
    }
}
