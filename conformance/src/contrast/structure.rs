//! The structure that JSON values have in common: which members there are, which of them always, and of
//! what types.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use serde_json::Value;

use super::{
    difference::{Difference, Sort},
    kind::Kind,
    value::root,
};

/// Objects with more members than this may be maps, whose keys are data.
const FIELDS: usize = 12;
/// How many items of an array are looked at; the others are alike.
const ITEMS: usize = 50;

/// What a place in several values has in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Structure {
    /// Every type that was seen there.
    kinds: BTreeSet<Kind>,
    /// How many objects were seen there.
    objects: usize,
    /// Their members.
    members: BTreeMap<String, Member>,
    /// The items of all arrays that were seen there; none when all were empty.
    items: Option<Box<Structure>>,
    /// The structure of any value, where the keys are data; found out when it is first asked for.
    any: OnceLock<Option<Box<Structure>>>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    structure: Structure,
    /// How many objects had it.
    seen: usize,
}

impl Structure {
    /// Takes one more value in.
    pub(crate) fn absorb(&mut self, value: &Value) {
        self.kinds.insert(Kind::of(value));
        match value {
            Value::Array(items) => {
                for item in items {
                    self.items.get_or_insert_default().absorb(item);
                }
            }
            Value::Object(members) => {
                self.objects += 1;
                for (key, value) in members {
                    if !self.members.contains_key(key) {
                        self.members.insert(key.clone(), Member::default());
                    }
                    if let Some(member) = self.members.get_mut(key) {
                        member.seen += 1;
                        member.structure.absorb(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.kinds.extend(&other.kinds);
        self.objects += other.objects;
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().merge(items);
        }
        for (key, member) in &other.members {
            let own = self.members.entry(key.clone()).or_default();
            own.seen += member.seen;
            own.structure.merge(&member.structure);
        }
    }

    /// Whether the keys are data: there are many, and most of them are not in every object.
    fn is_map(&self) -> bool {
        let constant = self.members.values().filter(|member| member.seen == self.objects).count();
        self.members.len() > FIELDS && constant * 3 < self.members.len()
    }

    /// The structure of any value of a map; none of an object whose keys are names.
    fn any_member(&self) -> Option<&Self> {
        let merged = || {
            let mut any = Self::default();
            for member in self.members.values() {
                any.merge(&member.structure);
            }
            Box::new(any)
        };
        self.any.get_or_init(|| self.is_map().then(merged)).as_deref()
    }

    /// Where a value does not have this structure: it has another type, lacks a member that all had, or has
    /// one that none had. A place where nothing but null was seen may have any type.
    pub(crate) fn differences(&self, value: &Value, path: &str, out: &mut Vec<Difference>) {
        let kind = Kind::of(value);
        let unknown = self.kinds.iter().eq([&Kind::Null]);
        if !unknown && !self.kinds.contains(&kind) {
            let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.name()).collect();
            let (expected, got) = (kinds.join(" or "), kind.name());
            let sort = Sort::Type(format!("{expected} against {got}"));
            out.push(Difference::new(sort, root(path), expected, got));
            return;
        }
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().take(ITEMS).enumerate() {
                    if let Some(structure) = &self.items {
                        structure.differences(item, &format!("{path}[{index}]"), out);
                    }
                }
            }
            Value::Object(members) => {
                if let Some(any) = self.any_member() {
                    for (key, value) in members {
                        any.differences(value, &format!("{path}.{key}"), out);
                    }
                    return;
                }
                for (key, member) in &self.members {
                    match members.get(key) {
                        Some(value) => {
                            member.structure.differences(value, &format!("{path}.{key}"), out);
                        }
                        None if member.seen == self.objects => {
                            out.push(Difference::new(
                                Sort::Missing,
                                format!("{path}.{key}"),
                                "a member",
                                "absent",
                            ));
                        }
                        None => {}
                    }
                }
                for (key, value) in members.iter().filter(|(key, _)| !self.members.contains_key(*key)) {
                    let got = Kind::of(value).name();
                    let place = format!("{path}.{key}");
                    out.push(Difference::new(Sort::Surplus, place, "no such member", got));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(seen: &[Value], value: &Value) -> Vec<String> {
        let mut structure = Structure::default();
        for one in seen {
            structure.absorb(one);
        }
        let mut out = vec![];
        structure.differences(value, "", &mut out);
        out.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn members_that_always_were_there_must_be_there() {
        let seen = [json!({"a": 1, "b": "x"}), json!({"a": null})];
        assert!(differences(&seen, &json!({"a": 7})).is_empty());
        assert_eq!(
            differences(&seen, &json!({"b": 1, "c": []})),
            [
                ".a: expected a member, got absent",
                ".b: expected string, got number",
                ".c: expected no such member, got array"
            ]
        );
    }

    #[test]
    fn what_was_null_or_empty_may_become_anything() {
        assert!(differences(&[json!({"a": null, "b": []})], &json!({"a": 1, "b": [1, "x"]})).is_empty());
        assert_eq!(differences(&[json!([1])], &json!([2, "x"])), ["[1]: expected number, got string"]);
        assert_eq!(differences(&[json!([])], &json!({})), [".: expected array, got object"]);
    }

    #[test]
    fn keys_that_are_data_need_not_return() {
        let map = |from: u32, value: Value| -> Value {
            (from..from + 10).map(|n| (format!("192.0.2.{n}"), value.clone())).collect()
        };
        let seen = [map(0, json!({"n": 1})), map(100, json!({"n": 2}))];
        assert!(differences(&seen, &map(200, json!({"n": 3}))).is_empty());
        let wrong = differences(&seen, &json!({"192.0.2.9": {"n": "3"}}));
        assert_eq!(wrong, [".192.0.2.9.n: expected number, got string"]);
    }
}
