//! Conditions: what they are, and whether a record meets them.

use regex::Regex;

use super::{
    QueryError,
    fields::{Fields, Value},
};
use crate::{
    go::{number, quote::quote, regexp},
    limits::{self, Work},
};

/// What records must be like.
#[derive(Clone, Debug)]
pub enum Condition {
    /// All of these; true if there are none.
    All(Vec<Condition>),
    /// One of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A field compared with a value.
    Test(Test),
}

impl Condition {
    /// Whether a record meets it. A field that is missing or of another type meets no test. Where the work is spent,
    /// the answer says nothing.
    pub fn matches(&self, record: &impl Fields, work: &Work) -> bool {
        match self {
            Self::All(items) => items.iter().all(|item| item.matches(record, work)),
            Self::Any(items) => items.iter().any(|item| item.matches(record, work)),
            Self::Not(item) => !item.matches(record, work),
            Self::Test(test) => test.matches(record, work),
        }
    }

    /// The first value that is not one its operator takes.
    pub(super) fn check(&self) -> Result<(), QueryError> {
        match self {
            Self::All(items) | Self::Any(items) => items.iter().try_for_each(Self::check),
            Self::Not(item) => item.check(),
            Self::Test(Test { value: Wanted::Faulty(error), .. }) => Err(QueryError::Value(error.clone())),
            Self::Test(_) => Ok(()),
        }
    }
}

/// How a field is compared (websocket §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Int(Order),
    Float(Order),
    SameAs,
    Contains,
    StartsWith,
    EndsWith,
    In,
    Matches,
    Is,
    Exists,
}

/// An order of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Order {
    fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
        }
    }
}

impl Operator {
    /// What a byte costs that it looks at.
    fn cost(self) -> u64 {
        if self == Self::Matches { limits::REGEX_WORK } else { 1 }
    }

    /// The operator of a word.
    pub(super) fn named(word: &str) -> Option<Self> {
        let order = |word: &str| {
            Some(match word {
                "==" => Order::Equal,
                ">" => Order::Greater,
                ">=" => Order::GreaterOrEqual,
                "<" => Order::Less,
                "<=" => Order::LessOrEqual,
                _ => return None,
            })
        };
        if let Some(order) = order(word) {
            return Some(Self::Int(order));
        }
        if let Some(order) = word.strip_prefix('f').and_then(order) {
            return Some(Self::Float(order));
        }
        Some(match word {
            "sameas" | "s==" => Self::SameAs,
            "contains" | "co" => Self::Contains,
            "startswith" | "sw" => Self::StartsWith,
            "endswith" | "ew" => Self::EndsWith,
            "in" => Self::In,
            "matches" | "re" => Self::Matches,
            "is" => Self::Is,
            "exists" | "ex" => Self::Exists,
            _ => return None,
        })
    }
}

/// A field compared with a value.
#[derive(Clone, Debug)]
pub struct Test {
    key: String,
    operator: Operator,
    value: Wanted,
}

/// A value in the form that its operator wants.
#[derive(Clone, Debug)]
enum Wanted {
    Int(i64),
    Float(f64),
    Text(Vec<u8>),
    OneOf(Vec<Vec<u8>>),
    Pattern(Regex),
    Bool(bool),
    Nothing,
    Faulty(String),
}

impl Test {
    /// A test; a value that is not understood is reported by [`Condition::check`]. Where a letter was `cut`, its first byte
    /// is the value's last.
    pub(super) fn new(key: String, operator: Operator, value: &str, cut: Option<u8>) -> Self {
        let whole =
            value.strip_suffix(char::REPLACEMENT_CHARACTER).filter(|_| cut.is_some()).unwrap_or(value);
        let bytes: Vec<u8> = whole.bytes().chain(cut).collect();
        let quoted = || {
            let closed = quote(whole);
            let open = closed.strip_suffix('"').unwrap_or(&closed);
            cut.map_or_else(|| closed.clone(), |byte| format!("{open}\\x{byte:02x}\""))
        };
        let understood = match operator {
            Operator::Int(_) => number::int(value).map(Wanted::Int).map_err(|error| {
                format!("could not parse {value} to int64: {error} (hint: use \"sameas\" to compare strings)")
            }),
            Operator::Float(_) => number::float(value)
                .map(Wanted::Float)
                .map_err(|error| format!("could not parse {value} to float64: {error}")),
            Operator::Is => number::boolean(value)
                .map(Wanted::Bool)
                .map_err(|error| format!("could not parse {} to bool: {error}", quoted())),
            Operator::In => match bytes.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect::<Vec<_>>() {
                parts if parts.len() > 1 => Ok(Wanted::OneOf(parts)),
                _ => Err(format!("could not parse {} to []string", quoted())),
            },
            Operator::Matches if cut.is_some() => Err(format!(
                "could not compile regex {}: error parsing regexp: invalid UTF-8: `{value}`",
                quoted()
            )),
            Operator::Matches => regexp::compile(value)
                .map(Wanted::Pattern)
                .map_err(|error| format!("could not compile regex {}: {error}", quoted())),
            Operator::Exists => Ok(Wanted::Nothing),
            Operator::SameAs | Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                Ok(Wanted::Text(bytes))
            }
        };
        Self { key, operator, value: understood.unwrap_or_else(Wanted::Faulty) }
    }

    fn matches(&self, record: &impl Fields, work: &Work) -> bool {
        if !work.spend(1) {
            return false;
        }
        let Some(found) = record.field(&self.key, work) else { return false };
        match (self.operator, &self.value, found) {
            (Operator::Exists, ..) => true,
            (Operator::Int(order), Wanted::Int(wanted), Value::Int(int) | Value::Number { int, .. }) => {
                order.holds(int, *wanted)
            }
            (
                Operator::Float(order),
                Wanted::Float(wanted),
                Value::Float(float) | Value::Number { float, .. },
            ) => order.holds(float, *wanted),
            (Operator::Is, Wanted::Bool(wanted), Value::Bool(value)) => value == *wanted,
            (operator, wanted, Value::Text(text)) => match (operator, wanted) {
                _ if !work.spend(text.len() as u64 * operator.cost()) => false,
                (Operator::SameAs, Wanted::Text(wanted)) => text.as_bytes() == wanted,
                (Operator::Contains, Wanted::Text(wanted)) => {
                    wanted.is_empty() || text.as_bytes().windows(wanted.len()).any(|part| part == wanted)
                }
                (Operator::StartsWith, Wanted::Text(wanted)) => text.as_bytes().starts_with(wanted),
                (Operator::EndsWith, Wanted::Text(wanted)) => text.as_bytes().ends_with(wanted),
                (Operator::In, Wanted::OneOf(parts)) => parts.iter().any(|part| part == text.as_bytes()),
                (Operator::Matches, Wanted::Pattern(pattern)) => pattern.is_match(&text),
                _ => false,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        limits::Work,
        query::{Grammar, Json, Query},
    };

    const GRAMMAR: Grammar = Grammar { group_may_end: true, cuts_last_letter: false };

    fn holds(condition: &str) -> bool {
        let record = Json(r#"{"n":1,"f":1.9,"S":"apple pie","b":true,"limit":"x"}"#);
        let query = Query::parse(&format!("query a: where {condition}"), GRAMMAR).unwrap();
        query.condition.unwrap().matches(&record, &Work::new(1 << 20))
    }

    #[test]
    fn operators_compare_what_they_can() {
        for yes in [
            "n == 1", "f == 1", "f f> 1.8", "f f< inf", "n f== 0x1p0", "S sameas \"apple pie\"",
            "S co \"e p\"", "S contains \"\"", "S sw apple and S ew pie", "S in \"x,apple pie\"",
            "S re ^a.*e$", "b is T", "not b is false", "nope not exists", "not not n > 1",
            "(n == 2 or n == 1) b is true", "and n == 1 and and b is 1", "limit exists",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            "n sameas 1", "S == 1", "f f== nan", "S in x,apple", "nope exists", "n not >= 0", "b sameas true",
        ] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn values_are_checked_before_anything_runs() {
        for (condition, error) in [
            (
                "n == 0x1",
                "could not parse 0x1 to int64: strconv.ParseInt: parsing \"0x1\": invalid syntax (hint: use \"sameas\" to \
                 compare strings)",
            ),
            (
                "f f> 1e999",
                "could not parse 1e999 to float64: strconv.ParseFloat: parsing \"1e999\": value out of range",
            ),
            ("b is \"\"", "could not parse \"\" to bool: strconv.ParseBool: parsing \"\": invalid syntax"),
            ("S in banana", "could not parse \"banana\" to []string"),
            ("S re [a", "could not compile regex \"[a\": error parsing regexp: missing closing ]: `[a`"),
        ] {
            let got = Query::parse(&format!("query a: where {condition}"), GRAMMAR).unwrap_err();
            assert_eq!(got.to_string(), error);
        }
    }
}
