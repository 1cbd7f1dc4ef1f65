//! Where two JSON values differ.

use serde_json::{Number, Value};

use super::{
    difference::{Difference, Sort},
    kind::Kind,
};

/// The longest value that a difference shows, in characters.
const SHOWN: usize = 120;

/// Where `got` is another value than `expected`. `path` is the place of both.
pub(crate) fn differences(expected: &Value, got: &Value, path: &str, out: &mut Vec<Difference>) {
    match (expected, got) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                let path = format!("{path}.{key}");
                match found.get(key) {
                    Some(other) => differences(value, other, &path, out),
                    None => out.push(Difference::new(Sort::Missing, path, shown(value), "absent")),
                }
            }
            for (key, value) in found.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                let place = format!("{path}.{key}");
                out.push(Difference::new(Sort::Surplus, place, "absent", shown(value)));
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() != found.len() => {
            let items = |count| format!("{count} items");
            let (wanted, found) = (items(wanted.len()), items(found.len()));
            out.push(Difference::new(Sort::Length, root(path), wanted, found));
        }
        (Value::Array(wanted), Value::Array(found)) => {
            for (index, (one, other)) in wanted.iter().zip(found).enumerate() {
                differences(one, other, &format!("{path}[{index}]"), out);
            }
        }
        _ if same_scalar(expected, got) => {}
        _ => {
            let (one, other) = (Kind::of(expected), Kind::of(got));
            let sort = match one == other {
                true => Sort::Value,
                false => Sort::Type(format!("{} against {}", one.name(), other.name())),
            };
            out.push(Difference::new(sort, root(path), shown(expected), shown(got)));
        }
    }
}

fn same_scalar(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        _ => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    // 1 and 1.0 are the same number, two large integers that share a float are not.
    one == other || ((one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64())
}

/// The path of a value, which for the whole body is empty.
pub(crate) fn root(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// A value in so many characters.
pub(crate) fn shown(value: &Value) -> String {
    shortened(&value.to_string())
}

/// The beginning of a text.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Both texts from the beginning of the line in which they part.
pub(crate) fn parting(one: &str, other: &str) -> [String; 2] {
    let mut line = 0;
    for ((at, a), b) in one.char_indices().zip(other.chars()) {
        if a != b {
            break;
        }
        if a == '\n' && one.len() > at + 1 && other.len() > at + 1 {
            line = at + 1;
        }
    }
    [one, other].map(|text| {
        let before = if line == 0 { "" } else { "…" };
        format!("{before}{:?}", shortened(&text[line..]))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_their_place() {
        let one = json!({"a": [{"b": 1}, {"b": 2}], "c": 1, "d": [1], "e": {}});
        let other = json!({"a": [{"b": 1.0}, {"b": "2"}], "x": null, "d": [], "e": {}});
        let mut out = vec![];
        differences(&one, &other, "", &mut out);
        let out: Vec<_> = out.iter().map(|one| one.to_string()).collect();
        assert_eq!(
            out,
            [
                ".a[1].b: expected 2, got \"2\"",
                ".c: expected 1, got absent",
                ".d: expected 1 items, got 0 items",
                ".x: expected absent, got null",
            ]
        );
    }

    #[test]
    fn texts_are_shown_where_they_part() {
        assert_eq!(parting("a\nbc\nd", "a\nbx"), ["…\"bc\\nd\"", "…\"bx\""]);
        assert_eq!(parting("é", ""), ["\"é\"", "\"\""]);
        assert_eq!(parting("é\nü", "é\n"), ["\"é\\nü\"", "\"é\\n\""]);
    }

    #[test]
    fn large_integers_stay_apart() {
        assert!(!same_scalar(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992_u64)));
        assert!(same_scalar(&json!(3), &json!(3.0)));
    }
}
