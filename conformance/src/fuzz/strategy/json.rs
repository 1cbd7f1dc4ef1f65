//! JSON like an example, JSON of any sort, and its other forms.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::{
    extremes,
    text::{text, word},
};
use crate::fuzz::case::Bytes;

/// A single value of any type.
pub(super) fn scalar() -> BoxedStrategy<Value> {
    one_of![
        2 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        2 => select(vec![0_i64, 1, -1, 2, 4, 443, 100, 65_536, i64::MAX, i64::MIN]).prop_map(Value::from),
        1 => select(vec![0.5, -1.5, 1e300, 1e19]).prop_map(|number: f64| json!(number)),
        4 => text().prop_map(Value::from),
    ]
    .boxed()
}

/// A value of any form, small.
pub(super) fn any_json() -> BoxedStrategy<Value> {
    scalar()
        .prop_recursive(3, 12, 4, |inner| {
            one_of![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                vec((word(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
        .boxed()
}

/// Values like the example: mostly as it is, with members left out, added or of another type.
pub(super) fn like(example: &Value) -> BoxedStrategy<Value> {
    match example {
        Value::Object(members) => {
            let each: Vec<_> = members
                .iter()
                .map(|(name, value)| {
                    let name = name.clone();
                    // The simplest is to leave it out.
                    one_of![2 => Just(None), 7 => like(value).prop_map(Some), 1 => any_json().prop_map(Some)]
                        .prop_map(move |value| value.map(|value| (name.clone(), value)))
                        .boxed()
                })
                .collect();
            let more = one_of![9 => Just(None), 1 => (word(), any_json()).prop_map(Some)];
            (each, more)
                .prop_map(|(members, more)| {
                    Value::Object(members.into_iter().flatten().chain(more).collect::<Map<_, _>>())
                })
                .boxed()
        }
        Value::Array(items) if !items.is_empty() => {
            let items: Vec<_> = items.iter().map(like).collect();
            let item = prop::strategy::Union::new(items);
            vec(one_of![8 => item, 1 => scalar()], 0..4).prop_map(Value::from).boxed()
        }
        other => one_of![6 => Just(other.clone()), 3 => scalar(), 1 => any_json()].boxed(),
    }
}

/// How a value is written.
#[derive(Clone, Debug)]
enum Form {
    Json,
    Yaml,
    /// Something else, that is said too often.
    Extreme(String),
    /// JSON cut after so many percent, and this behind it.
    Broken(usize, &'static str),
}

/// A value's bytes as JSON, as YAML, or broken.
pub(super) fn written(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Bytes> {
    let junk = select(vec!["", "}", "\u{0}", ",", "\"", " x", "\u{feff}"]);
    let form = one_of![
        80 => Just(Form::Json),
        10 => Just(Form::Yaml),
        10 => (0_usize..100, junk).prop_map(|(percent, junk)| Form::Broken(percent, junk)),
        1 => extremes::document().prop_map(Form::Extreme),
    ];
    (value, form)
        .prop_map(|(value, form)| match form {
            Form::Json => value.to_string().into(),
            Form::Yaml => serde_saphyr::to_string(&value).unwrap_or_default().into(),
            Form::Extreme(text) => text.into(),
            Form::Broken(percent, junk) => {
                let mut bytes = value.to_string().into_bytes();
                bytes.truncate(bytes.len() * percent / 100);
                bytes.extend(junk.as_bytes());
                Bytes(bytes)
            }
        })
        .boxed()
}
