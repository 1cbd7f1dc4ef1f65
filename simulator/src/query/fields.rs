//! What conditions look at.

use crate::{
    go::{gjson, sjson},
    limits::Work,
};

/// A field's value, as far as operators can use it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number of JSON: integer and float operators take it.
    Number {
        /// The number without its fraction.
        int: i64,
        /// The number.
        float: f64,
    },
    /// An integer field of a structure: integer operators take it.
    Int(i64),
    /// A float field of a structure: float operators take it.
    Float(f64),
    /// A text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// Anything else: it is there.
    Other,
}

/// A record that conditions can be asked of (websocket §4.4).
pub trait Fields {
    /// The value that a selector leads to; `None` if there is none, or if finding it costs more than there is.
    fn field(&self, selector: &str, work: &Work) -> Option<Value>;
}

/// A record that is stored as JSON: its selectors are gjson paths.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(pub &'a str);

impl Fields for Json<'_> {
    fn field(&self, selector: &str, work: &Work) -> Option<Value> {
        let found = gjson::get(self.0, selector, work)?;
        Some(match found.as_bytes().first()? {
            b'"' => Value::Text(sjson::unquoted(found.as_bytes()).into_owned()),
            b't' => Value::Bool(true),
            b'f' => Value::Bool(false),
            b'-' | b'0'..=b'9' => {
                let float: f64 = found.parse().unwrap_or(0.0);
                Value::Number { int: found.parse().unwrap_or(float as i64), float }
            }
            _ => Value::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_lead_into_json() {
        let record =
            Json(r#"{"n":1.9,"S":"banana","m":{"k":"v","d":{"e":5}},"l":["x","y"],"a.b":"dot","z":null}"#);
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let field = |selector| record.field(selector, &Work::new(1 << 20));
        assert_eq!(field("n"), Some(Value::Number { int: 1, float: 1.9 }));
        assert_eq!(field("m.k"), text("v"));
        assert_eq!(field("m.d.e"), Some(Value::Number { int: 5, float: 5.0 }));
        assert_eq!(field("l.0"), text("x"));
        assert_eq!(field("l.#"), Some(Value::Number { int: 2, float: 2.0 }));
        assert_eq!(field(r"a\.b"), text("dot"));
        assert_eq!(field("a.b"), None);
        assert_eq!(field("m.*"), text("v"));
        assert_eq!(field(r#"l.#(=="x")"#), text("x"));
        assert_eq!(field("S.@this"), text("banana"));
        assert_eq!(field("z"), Some(Value::Other));
        assert_eq!(field("_meta.Created"), None);
    }

    proptest! {
        #[test]
        fn no_selector_is_too_odd(selector in r#"[a-cSl.#|@()=\[\]{}\\*?!%<>:,"'~0-9é -]{0,16}"#) {
            let _ = Json(r#"{"a":{"b":[1,{"c":"é"},null,true]},"S":"ab","l":["x","y"]}"#).field(&selector, &Work::new(1 << 20));
        }
    }
}
