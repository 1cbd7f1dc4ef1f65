//! What is different between two worlds, in the words of the state.

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    limits,
    world::{Connection, World},
};

/// A difference.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Difference {
    /// Where, by slashes, as in `/state/{path}`; beside the state there are `clock` and, by their ids, `rows` of connections.
    path: String,
    /// What it was; absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// What it is; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// What is looked at of a world that is compared with another: of its connections those that are not the same there.
pub(super) fn seen(world: &World, other: &World) -> Value {
    let mut seen = world.state();
    let is_same = |one: &Arc<Connection>| {
        let there = other.connections.get(one.id());
        there.is_some_and(|there| Arc::ptr_eq(there, one) || there.row() == one.row())
    };
    let rows = world.connections.values().filter(|one| !is_same(one));
    let rows: Map<String, Value> =
        rows.map(|one| (one.id().to_owned(), serde_json::to_value(one.row()).unwrap_or_default())).collect();
    if let Some(members) = seen.as_object_mut() {
        members.insert("rows".to_owned(), rows.into());
        members.insert("clock".to_owned(), json!({ "now": world.now(), "mode": world.clock.mode() }));
    }
    seen
}

/// All differences, in the order of their paths.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(before), Some(after), &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after || found.len() >= limits::DIFFERENCES {
        return;
    }
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            compare(&below, old.get(name), new.get(name), found);
        }
        return;
    }
    found.push(Difference { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_compared_one_by_one_and_lists_as_a_whole() {
        let before = json!({ "a": { "b": 1, "c": [1, 2], "gone": null }, "same": { "x": 1 } });
        let after = json!({ "a": { "b": 2, "c": [1, 3], "new": "n" }, "same": { "x": 1 } });
        let told: Vec<String> =
            between(&before, &after).iter().map(|one| serde_json::to_string(one).expect("JSON")).collect();
        assert_eq!(
            told,
            [
                r#"{"path":"a/b","before":1,"after":2}"#,
                r#"{"path":"a/c","before":[1,2],"after":[1,3]}"#,
                r#"{"path":"a/gone","before":null}"#,
                r#"{"path":"a/new","after":"n"}"#,
            ]
        );
    }
}
