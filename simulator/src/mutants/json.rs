//! Changes of JSON texts.

use portmaster_fixtures::mutant::{JsonChange, JsonEdit};
use serde_json::Value;

use crate::go::json;

/// A change of some values of a text.
#[derive(Debug)]
pub(super) struct Edit {
    path: Vec<String>,
    change: JsonChange,
}

impl Edit {
    pub(super) fn new(edit: &JsonEdit) -> Self {
        let path = edit.at.split('/').skip(1).map(str::to_owned).collect();
        Self { path, change: edit.change.clone() }
    }

    /// Changes what it finds in a value.
    fn apply(&self, value: &mut Value) {
        match self.path.as_slice() {
            [] => change(value, &self.change),
            path => walk(value, path, &self.change),
        }
    }
}

/// A text after all the changes; nothing if it is not JSON.
pub(super) fn edit_text(edits: &[Edit], text: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(text).ok()?;
    for edit in edits {
        edit.apply(&mut value);
    }
    Some(json::to_vec(&value))
}

/// Goes down a path that has at least one part.
fn walk(value: &mut Value, path: &[String], what: &JsonChange) {
    let [part, rest @ ..] = path else { return };
    if part == "**" {
        walk(value, rest, what);
        for child in children(value) {
            walk(child, path, what);
        }
        return;
    }
    if rest.is_empty() {
        match value {
            Value::Object(_) => change_members(value, part, what),
            Value::Array(elements) => change_elements(elements, part, what),
            _ => {}
        }
        return;
    }
    match value {
        Value::Object(members) => {
            let chosen = members.iter_mut().filter(|(name, _)| part == "*" || *name == part);
            chosen.for_each(|(_, child)| walk(child, rest, what));
        }
        Value::Array(elements) => {
            for at in chosen(elements.len(), part) {
                walk(&mut elements[at], rest, what);
            }
        }
        _ => {}
    }
}

fn children(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Object(members) => members.values_mut().collect(),
        Value::Array(elements) => elements.iter_mut().collect(),
        _ => Vec::new(),
    }
}

/// Which of so many elements a part of a path means.
fn chosen(count: usize, part: &str) -> Vec<usize> {
    match part {
        "*" => (0..count).collect(),
        "-" => count.checked_sub(1).into_iter().collect(),
        index => index.parse().ok().filter(|at| *at < count).into_iter().collect(),
    }
}

fn change_members(value: &mut Value, part: &str, what: &JsonChange) {
    let Value::Object(members) = value else { return };
    // Setting makes a member, too.
    if let (JsonChange::Set(new), false) = (what, part == "*") {
        members.insert(part.to_owned(), new.clone());
        return;
    }
    let names: Vec<String> = members.keys().filter(|name| part == "*" || *name == part).cloned().collect();
    for name in names {
        match what {
            JsonChange::Drop => _ = members.shift_remove(&name),
            JsonChange::Rename(other) => {
                if let Some(child) = members.shift_remove(&name) {
                    members.insert(other.clone(), child);
                }
            }
            _ => {
                if let Some(child) = members.get_mut(&name) {
                    change(child, what);
                }
            }
        }
    }
}

fn change_elements(elements: &mut Vec<Value>, part: &str, what: &JsonChange) {
    for at in chosen(elements.len(), part).into_iter().rev() {
        match what {
            JsonChange::Drop => _ = elements.remove(at),
            JsonChange::Repeat => elements.insert(at, elements[at].clone()),
            _ => change(&mut elements[at], what),
        }
    }
}

/// Changes a value where it stands.
fn change(value: &mut Value, what: &JsonChange) {
    match (what, &mut *value) {
        (JsonChange::Set(new), _) => *value = new.clone(),
        (JsonChange::Add(more), Value::Number(number)) => {
            let whole = number.as_i64().filter(|_| more.fract() == 0.0);
            // Mutants add small numbers.
            #[allow(clippy::cast_possible_truncation)]
            let sum = match (whole, number.as_f64()) {
                (Some(whole), _) => Value::from(whole.saturating_add(*more as i64)),
                (None, Some(float)) => Value::from(float + more),
                (None, None) => return,
            };
            *value = sum;
        }
        (JsonChange::Reverse, Value::Array(elements)) => elements.reverse(),
        (JsonChange::TakeFirst, Value::Array(elements)) if !elements.is_empty() => {
            *value = elements.swap_remove(0);
        }
        (JsonChange::AsText, Value::String(_)) => {}
        (JsonChange::AsText, other) => *value = Value::String(other.to_string()),
        _ => {}
    }
}

/// A JSON merge patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.shift_remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, at: &str, change: JsonChange) -> String {
        let edit = Edit::new(&JsonEdit { at: at.to_owned(), change });
        String::from_utf8(edit_text(&[edit], text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn values_are_found_and_changed() {
        let rows = r#"{"results":[{"n":1},{"n":2}]}"#;
        for (at, change, wanted) in [
            ("/results/*/n", JsonChange::Add(1.0), r#"{"results":[{"n":2},{"n":3}]}"#),
            ("/results/-", JsonChange::Repeat, r#"{"results":[{"n":1},{"n":2},{"n":2}]}"#),
            ("/results/0", JsonChange::Drop, r#"{"results":[{"n":2}]}"#),
            ("/results", JsonChange::Reverse, r#"{"results":[{"n":2},{"n":1}]}"#),
            ("/**/n", JsonChange::Drop, r#"{"results":[{},{}]}"#),
            ("/**/n", JsonChange::Rename("m".into()), r#"{"results":[{"m":1},{"m":2}]}"#),
            ("/results", JsonChange::TakeFirst, r#"{"results":{"n":1}}"#),
            ("/results/1/n", JsonChange::AsText, r#"{"results":[{"n":1},{"n":"2"}]}"#),
            ("/more", JsonChange::Set(Value::Null), r#"{"results":[{"n":1},{"n":2}],"more":null}"#),
            ("", JsonChange::Set(Value::from(7)), "7"),
            ("/none/of/these", JsonChange::Drop, rows),
        ] {
            assert_eq!(edited(rows, at, change.clone()), wanted, "{at} {change:?}");
        }
        assert!(edit_text(&[], b"no JSON").is_none());
    }

    #[test]
    fn a_patch_merges_and_drops() {
        let mut value = serde_json::json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut value, &serde_json::json!({ "a": { "b": null, "e": 3 }, "d": [2], "f": { "g": 4 } }));
        assert_eq!(value, serde_json::json!({ "a": { "c": 2, "e": 3 }, "d": [2], "f": { "g": 4 } }));
    }
}
