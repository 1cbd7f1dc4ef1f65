//! A small language for the structure of JSON, and a matcher that says where a value deviates.
//!
//! `string`, `bool`, `int`, `number`, `null` and `any` are types; `[T]` is an array of T, `{a: T, b?: T}` an
//! object with a member that may be absent, `{*: T}` an object whose members all are T; `T|U` is either. With
//! `…` as a member the object may have more.

use serde_json::Value;

/// A structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    String,
    Bool,
    Int,
    Number,
    Null,
    Any,
    Array(Box<Shape>),
    Map(Box<Shape>),
    Object { members: Vec<Member>, open: bool },
    Either(Vec<Shape>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    name: String,
    optional: bool,
    shape: Shape,
}

impl Shape {
    /// Reads a shape.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let shape = reader.either()?;
        reader.blank();
        if reader.rest.is_empty() { Ok(shape) } else { Err(format!("a shape ends before {:?}", reader.rest)) }
    }

    /// Says where `value` deviates: a path and what was expected there.
    pub(super) fn deviation(&self, value: &Value) -> Option<String> {
        self.at("$", value)
    }

    fn at(&self, path: &str, value: &Value) -> Option<String> {
        let wrong = || Some(format!("{path} is {}, expected {}", kind(value), self.name()));
        match (self, value) {
            (Self::Any, _)
            | (Self::String, Value::String(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Null, Value::Null)
            | (Self::Number, Value::Number(_)) => None,
            (Self::Int, Value::Number(number)) if number.is_i64() || number.is_u64() => None,
            (Self::Array(item), Value::Array(items)) => {
                items.iter().enumerate().find_map(|(index, one)| item.at(&format!("{path}[{index}]"), one))
            }
            (Self::Map(item), Value::Object(members)) => {
                members.iter().find_map(|(name, one)| item.at(&format!("{path}.{name}"), one))
            }
            (Self::Object { members, open }, Value::Object(found)) => {
                let missing = members.iter().find(|one| !one.optional && !found.contains_key(&one.name));
                if let Some(missing) = missing {
                    return Some(format!("{path} has no member {}", missing.name));
                }
                let known = |name: &str| members.iter().find(|one| one.name == name);
                found.iter().find_map(|(name, one)| match known(name) {
                    Some(member) => member.shape.at(&format!("{path}.{name}"), one),
                    None if *open => None,
                    None => Some(format!("{path} has a member {name} that it should not have")),
                })
            }
            (Self::Either(shapes), value) => {
                let deviations: Vec<_> = shapes.iter().map(|one| one.at(path, value)).collect();
                if deviations.iter().any(Option::is_none) {
                    return None;
                }
                // The one that got furthest says most, unless none got anywhere.
                let place = |text: &String| text.split(' ').next().map_or(0, str::len);
                deviations
                    .into_iter()
                    .flatten()
                    .filter(|text| place(text) > path.len())
                    .max_by_key(place)
                    .or_else(wrong)
            }
            _ => wrong(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::String => "a string".to_owned(),
            Self::Bool => "a boolean".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Any => "anything".to_owned(),
            Self::Array(_) => "an array".to_owned(),
            Self::Map(_) | Self::Object { .. } => "an object".to_owned(),
            Self::Either(shapes) => shapes.iter().map(Self::name).collect::<Vec<_>>().join(" or "),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.blank();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn need(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("expected {token:?} before {:?}", self.rest)) }
    }

    fn word(&mut self) -> &str {
        self.blank();
        let end =
            self.rest.find(|c: char| !(c.is_alphanumeric() || "_-".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn either(&mut self) -> Result<Shape, String> {
        let mut shapes = vec![self.one()?];
        while self.take("|") {
            shapes.push(self.one()?);
        }
        Ok(if shapes.len() == 1 { shapes.remove(0) } else { Shape::Either(shapes) })
    }

    fn one(&mut self) -> Result<Shape, String> {
        if self.take("[") {
            let item = self.either()?;
            self.need("]")?;
            return Ok(Shape::Array(Box::new(item)));
        }
        if self.take("{") {
            return self.object();
        }
        match self.word() {
            "string" => Ok(Shape::String),
            "bool" => Ok(Shape::Bool),
            "int" => Ok(Shape::Int),
            "number" => Ok(Shape::Number),
            "null" => Ok(Shape::Null),
            "any" => Ok(Shape::Any),
            other => Err(format!("unknown type {other:?}")),
        }
    }

    fn object(&mut self) -> Result<Shape, String> {
        if self.take("*") {
            self.need(":")?;
            let item = self.either()?;
            self.need("}")?;
            return Ok(Shape::Map(Box::new(item)));
        }
        let (mut members, mut open) = (vec![], false);
        while !self.take("}") {
            if self.take("…") {
                open = true;
            } else {
                let name = self.word().to_owned();
                let optional = self.take("?");
                self.need(":")?;
                members.push(Member { name, optional, shape: self.either()? });
            }
            self.take(",");
        }
        Ok(Shape::Object { members, open })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deviation(shape: &str, value: Value) -> Option<String> {
        Shape::read(shape).unwrap().deviation(&value)
    }

    #[test]
    fn values_of_the_shape_do_not_deviate() {
        assert_eq!(
            deviation("{a: [int], b?: string|null, …}", json!({"a": [1, 2], "b": null, "c": 3})),
            None
        );
        assert_eq!(deviation("{*: {x: number}}", json!({"k": {"x": 1.5}})), None);
        assert_eq!(deviation("[any]", json!([1, "a", {}])), None);
    }

    #[test]
    fn deviations_say_where() {
        for (shape, value, wanted) in [
            ("{a: int}", json!({"a": 1.5}), "$.a is a number with a fraction, expected a whole number"),
            ("{a: int}", json!({}), "$ has no member a"),
            ("{a: int}", json!({"a": 1, "b": 2}), "$ has a member b that it should not have"),
            ("[{a: string}]", json!([{"a": "x"}, {"a": null}]), "$[1].a is null, expected a string"),
            ("null|[string]", json!([1]), "$[0] is a whole number, expected a string"),
            ("string|null", json!(1), "$ is a whole number, expected a string or null"),
        ] {
            assert_eq!(deviation(shape, value).as_deref(), Some(wanted), "{shape}");
        }
    }

    #[test]
    fn broken_shapes_are_refused() {
        for text in ["", "[int", "{a int}", "text", "int int"] {
            assert!(Shape::read(text).is_err(), "{text}");
        }
    }
}
