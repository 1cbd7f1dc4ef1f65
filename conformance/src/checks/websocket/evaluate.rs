//! A small reference for the query language (websocket §4): conditions, how they are written, and whether a
//! record satisfies them.

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Map, Value, json};

/// A condition.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// A single one.
    Test(Test),
    /// All of them.
    All(Vec<Condition>),
    /// Any of them.
    Any(Vec<Condition>),
    /// Not that one, which is a group.
    Not(Box<Condition>),
}

/// A condition on one field.
#[derive(Clone, Debug)]
pub(super) struct Test {
    field: &'static str,
    operator: &'static str,
    value: String,
    negated: Negated,
}

/// Whether, and where, `not` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Negated {
    No,
    Before,
    Within,
}

impl Condition {
    /// What comes after the word where.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Test(test) => test.text(),
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
            Self::Not(inner) => format!("not {}", inner.grouped()),
        }
    }

    fn grouped(&self) -> String {
        match self {
            Self::Test(test) => test.text(),
            Self::Not(_) => self.text(),
            Self::All(_) | Self::Any(_) => format!("({})", self.text()),
        }
    }

    /// Whether a record satisfies it.
    pub(super) fn holds(&self, record: &Value) -> bool {
        match self {
            Self::Test(test) => test.holds(record),
            Self::All(parts) => parts.iter().all(|part| part.holds(record)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(record)),
            Self::Not(inner) => !inner.holds(record),
        }
    }
}

fn joined(parts: &[Condition], word: &str) -> String {
    parts.iter().map(Condition::grouped).collect::<Vec<_>>().join(word)
}

impl Test {
    fn text(&self) -> String {
        let (before, within) = match self.negated {
            Negated::No => ("", ""),
            Negated::Before => ("not ", ""),
            Negated::Within => ("", "not "),
        };
        let value = match self.operator {
            "exists" | "ex" => String::new(),
            _ => format!(" {}", quoted(&self.value)),
        };
        format!("{before}{} {within}{}{value}", self.field, self.operator)
    }

    fn holds(&self, record: &Value) -> bool {
        let found = find(record, self.field);
        let holds = match self.operator {
            "exists" | "ex" => found.is_some(),
            _ => found.is_some_and(|found| self.compares(&found)),
        };
        holds != (self.negated != Negated::No)
    }

    fn compares(&self, found: &Value) -> bool {
        let value = self.value.as_str();
        let text = |test: &dyn Fn(&str) -> bool| found.as_str().is_some_and(test);
        // A record's number loses its fraction; the condition's has none.
        #[allow(clippy::cast_possible_truncation, reason = "that is the rule")]
        let whole = |test: &dyn Fn(i64, i64) -> bool| {
            found.as_f64().zip(value.parse().ok()).is_some_and(|(found, value)| test(found as i64, value))
        };
        let real = |test: &dyn Fn(f64, f64) -> bool| {
            found.as_f64().zip(value.parse().ok()).is_some_and(|(found, value)| test(found, value))
        };
        match self.operator {
            "==" => whole(&|a, b| a == b),
            ">" => whole(&|a, b| a > b),
            ">=" => whole(&|a, b| a >= b),
            "<" => whole(&|a, b| a < b),
            "<=" => whole(&|a, b| a <= b),
            "f==" => real(&|a, b| a == b),
            "f>" => real(&|a, b| a > b),
            "f>=" => real(&|a, b| a >= b),
            "f<" => real(&|a, b| a < b),
            "f<=" => real(&|a, b| a <= b),
            "sameas" | "s==" => text(&|found| found == value),
            "contains" | "co" => text(&|found| found.contains(value)),
            "startswith" | "sw" => text(&|found| found.starts_with(value)),
            "endswith" | "ew" => text(&|found| found.ends_with(value)),
            "in" => text(&|found| value.split(',').any(|part| part == found)),
            "matches" | "re" => text(&|found| Regex::new(value).is_ok_and(|regex| regex.is_match(found))),
            "is" => found.as_bool() == Some(matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True")),
            _ => false,
        }
    }
}

/// What a path leads to: members by name, entries by place, `#` for how many there are.
fn find(record: &Value, path: &str) -> Option<Value> {
    let mut at = record.clone();
    for step in path.split('.') {
        at = match (&at, step) {
            (Value::Array(entries), "#") => json!(entries.len()),
            (Value::Array(entries), place) => entries.get(place.parse::<usize>().ok()?)?.clone(),
            (Value::Object(members), name) => members.get(name)?.clone(),
            _ => return None,
        };
    }
    Some(at)
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || ".,^$+*-[]".contains(c);
    if !value.is_empty() && value.chars().all(plain) { value.to_owned() } else { format!("\"{value}\"") }
}

const FIELDS: [&str; 9] = ["n", "m", "s", "b", "o.a", "o.s", "l.0", "l.#", "none"];

fn tests() -> impl Strategy<Value = Test> {
    let operation = one_of![
        (prop::sample::select(vec!["==", ">", ">=", "<", "<="]), (-3_i64..4).prop_map(|n| n.to_string())),
        (
            prop::sample::select(vec!["f==", "f>", "f>=", "f<", "f<="]),
            prop::sample::select(vec!["0.5", "1", "-1.9", "1.9", "2e0", "-3"]).prop_map(str::to_owned)
        ),
        (
            prop::sample::select(vec![
                "sameas", "s==", "contains", "co", "startswith", "sw", "endswith", "ew"
            ]),
            "[abé (),]{0,2}"
        ),
        (Just("in"), prop::collection::vec("[abé ()]{0,2}", 2..4).prop_map(|parts| parts.join(","))),
        (
            prop::sample::select(vec!["matches", "re"]),
            prop::sample::select(vec!["^a", "b$", "a.b", "[ab]+", "é", "a*", "(a|b) "])
                .prop_map(str::to_owned)
        ),
        (
            Just("is"),
            prop::sample::select(vec![
                "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"
            ])
            .prop_map(str::to_owned)
        ),
        (prop::sample::select(vec!["exists", "ex"]), Just(String::new())),
    ];
    let negated = prop::sample::select(vec![Negated::No, Negated::No, Negated::Before, Negated::Within]);
    (prop::sample::select(FIELDS.to_vec()), operation, negated)
        .prop_map(|(field, (operator, value), negated)| Test { field, operator, value, negated })
}

/// Conditions that every core can read: at the root none ends with a group (websocket §4.2).
pub(super) fn conditions() -> impl Strategy<Value = Condition> {
    let inner = tests().prop_map(Condition::Test).prop_recursive(3, 10, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        let group = one_of![several.clone().prop_map(Condition::All), several.prop_map(Condition::Any)];
        (group, any::<bool>())
            .prop_map(|(group, not)| if not { Condition::Not(Box::new(group)) } else { group })
    });
    (prop::collection::vec(inner, 0..3), tests(), any::<bool>()).prop_map(|(mut parts, last, all)| {
        parts.push(Condition::Test(last));
        if all { Condition::All(parts) } else { Condition::Any(parts) }
    })
}

/// Records whose fields may be anything, or missing.
pub(super) fn records() -> impl Strategy<Value = Value> {
    let value = one_of![
        (-3_i64..4).prop_map(Value::from),
        prop::sample::select(vec![0.5, 1.9, -1.9, 2.0]).prop_map(Value::from),
        "[abé (),]{0,3}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let members =
        prop::collection::btree_map(prop::sample::select(vec!["n", "m", "s", "b"]), value.clone(), 0..5);
    let nested = prop::collection::btree_map(prop::sample::select(vec!["a", "s"]), value.clone(), 0..3);
    let list = prop::collection::vec(value, 0..3);
    (members, prop::option::of(nested), prop::option::of(list)).prop_map(|(members, nested, list)| {
        let mut record: Map<_, _> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if let Some(nested) = nested {
            record.insert("o".to_owned(), json!(nested));
        }
        if let Some(list) = list {
            record.insert("l".to_owned(), Value::from(list));
        }
        Value::Object(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(field: &'static str, operator: &'static str, value: &str, negated: Negated) -> Condition {
        Condition::Test(Test { field, operator, value: value.to_owned(), negated })
    }

    #[test]
    fn conditions_are_written_as_the_grammar_wants() {
        let group =
            Condition::Any(vec![test("n", "==", "1", Negated::No), test("s", "co", "a b", Negated::Within)]);
        let all =
            Condition::All(vec![Condition::Not(Box::new(group)), test("b", "exists", "", Negated::Before)]);
        assert_eq!(all.text(), r#"not (n == 1 or s not co "a b") and not b exists"#);
    }

    #[test]
    fn conditions_hold_by_type() {
        let record = json!({ "n": 1.9, "s": "ab", "b": true, "o": { "a": null }, "l": [2, 3] });
        for (field, operator, value, holds) in [
            ("n", "==", "1", true),
            ("n", "f==", "1", false),
            ("s", "==", "1", false),
            ("s", "in", "a,ab", true),
            ("s", "re", "^b", false),
            ("b", "is", "T", true),
            ("n", "is", "T", false),
            ("o.a", "exists", "", true),
            ("o.s", "exists", "", false),
            ("l.#", "==", "2", true),
            ("l.0", ">", "2", false),
        ] {
            assert_eq!(
                test(field, operator, value, Negated::No).holds(&record),
                holds,
                "{field} {operator} {value}"
            );
            assert_eq!(test(field, operator, value, Negated::Within).holds(&record), !holds);
        }
    }
}
