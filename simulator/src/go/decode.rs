//! Filling typed requests from JSON, with the core's words for a member of the wrong type.
//!
//! The core remembers the first wrong type and reads on; an error inside a part that reads itself (the selection, the
//! conditions, the order) ends the reading and is the one reported. [`Soft`] and `?` stand for these two.

use std::{fmt, str::FromStr};

use serde_json::Value;

use super::read::{Kind, Raw};

/// A member of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongType {
    found: String,
    wanted: &'static str,
    holder: &'static str,
    path: String,
}

/// Why a request cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A member has the wrong type.
    Type(WrongType),
    /// Anything else, in its final words.
    Text(String),
}

impl DecodeError {
    /// The error as seen from the member that holds the part in which it happened.
    pub fn within(self, at: At<'_>) -> Self {
        match self {
            Self::Type(error) => {
                let path =
                    if error.path.is_empty() { at.path() } else { format!("{}.{}", at.path(), error.path) };
                Self::Type(WrongType { holder: at.holder, path, ..error })
            }
            text @ Self::Text(_) => text,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(WrongType { found, wanted, holder, path }) if holder.is_empty() && path.is_empty() => {
                write!(f, "json: cannot unmarshal {found} into Go value of type {wanted}")
            }
            Self::Type(WrongType { found, wanted, holder, path }) => {
                write!(
                    f,
                    "json: cannot unmarshal {found} into Go struct field {holder}.{path} of type {wanted}"
                )
            }
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The place of a value: the structure that messages name, and the path of members.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    holder: &'static str,
    parent: &'a str,
    member: &'a str,
}

impl<'a> At<'a> {
    /// The document itself.
    pub const TOP: Self = Self { holder: "", parent: "", member: "" };

    /// A member of a structure.
    pub fn member(holder: &'static str, member: &'a str) -> Self {
        Self { holder, parent: "", member }
    }

    /// A member of a structure that is itself a member.
    pub fn nested(holder: &'static str, parent: &'a str, member: &'a str) -> Self {
        Self { holder, parent, member }
    }

    /// The path of members that leads here.
    pub fn path(self) -> String {
        if self.parent.is_empty() {
            self.member.to_owned()
        } else {
            format!("{}.{}", self.parent, self.member)
        }
    }
}

/// The first wrong type that was met.
#[derive(Debug, Default)]
pub struct Soft {
    first: Option<WrongType>,
    /// Whether numbers and truths are taken for texts, as Go's reader of YAML takes them where a text is wanted.
    pub any_text: bool,
}

impl Soft {
    /// For a document that came as YAML.
    pub fn of_yaml() -> Self {
        Self { first: None, any_text: true }
    }

    fn save(&mut self, at: At<'_>, found: String, wanted: &'static str) {
        self.first.get_or_insert_with(|| WrongType { found, wanted, holder: at.holder, path: at.path() });
    }

    /// Remembers that a value has the wrong type.
    pub fn wrong(&mut self, at: At<'_>, raw: Raw<'_>, wanted: &'static str) {
        self.save(at, raw.kind().name().to_owned(), wanted);
    }

    /// What was read, unless a type was wrong.
    pub fn unless<T>(self, value: T) -> Result<T, DecodeError> {
        self.first.map_or(Ok(value), |error| Err(DecodeError::Type(error)))
    }

    /// A string into its place; `null` leaves it alone.
    pub fn string(&mut self, raw: Raw<'_>, at: At<'_>, wanted: &'static str, into: &mut String) {
        match raw.kind() {
            Kind::String => *into = raw.string(),
            Kind::Number | Kind::Bool if self.any_text => *into = raw.literal().into_owned(),
            Kind::Null => {}
            _ => self.wrong(at, raw, wanted),
        }
    }

    /// Truth into its place.
    pub fn bool(&mut self, raw: Raw<'_>, at: At<'_>, into: &mut bool) {
        match raw.kind() {
            Kind::Bool => *into = raw.is_true(),
            Kind::Null => {}
            _ => self.wrong(at, raw, "bool"),
        }
    }

    /// A whole number of some type into its place.
    pub fn whole<N: FromStr + Into<Value>>(
        &mut self,
        raw: Raw<'_>,
        at: At<'_>,
        wanted: &'static str,
        into: &mut Value,
    ) {
        match raw.kind() {
            Kind::Number => match raw.literal().parse::<N>() {
                Ok(number) => *into = number.into(),
                Err(_) => self.save(at, format!("number {}", raw.literal()), wanted),
            },
            Kind::Null => {}
            _ => self.wrong(at, raw, wanted),
        }
    }

    /// A whole number into its place.
    pub fn int(&mut self, raw: Raw<'_>, at: At<'_>, into: &mut i64) {
        match raw.kind() {
            Kind::Number => match raw.literal().parse() {
                Ok(value) => *into = value,
                Err(_) => self.save(at, format!("number {}", raw.literal()), "int"),
            },
            Kind::Null => {}
            _ => self.wrong(at, raw, "int"),
        }
    }

    /// A number into its place.
    pub fn float(&mut self, raw: Raw<'_>, at: At<'_>, into: &mut Option<f64>) {
        match raw.kind() {
            Kind::Number => *into = self.number(raw, at),
            Kind::Null => *into = None,
            _ => self.wrong(at, raw, "float64"),
        }
    }

    /// The value of a number, if it is in range.
    pub fn number(&mut self, raw: Raw<'_>, at: At<'_>) -> Option<f64> {
        let literal = raw.literal();
        let value = literal.parse().ok().filter(|value: &f64| value.is_finite());
        if value.is_none() {
            self.save(at, format!("number {literal}"), "float64");
        }
        value
    }

    /// A list of strings into its place; `list` and `element` are the types' names.
    pub fn strings(
        &mut self,
        raw: Raw<'_>,
        at: At<'_>,
        (list, element): (&'static str, &'static str),
        into: &mut Option<Vec<String>>,
    ) {
        match raw.kind() {
            Kind::Array => {
                *into = Some(
                    raw.elements()
                        .map(|one| {
                            let mut text = String::new();
                            self.string(one, at, element, &mut text);
                            text
                        })
                        .collect(),
                );
            }
            Kind::Null => *into = None,
            _ => self.wrong(at, raw, list),
        }
    }
}

/// The members of an object for a structure: calls `each` with the known name, matched without regard to case.
/// Unknown members are passed over; anything but an object or `null` has the wrong type.
pub fn members<'a>(
    raw: Raw<'a>,
    at: At<'_>,
    wanted: &'static str,
    names: &[&'static str],
    soft: &mut Soft,
    mut each: impl FnMut(&'static str, Raw<'a>, &mut Soft) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    match raw.kind() {
        Kind::Object => {
            for (name, value) in raw.members() {
                if let Some(known) = names.iter().find(|known| known.eq_ignore_ascii_case(&name)) {
                    each(known, value, soft)?;
                }
            }
        }
        Kind::Null => {}
        _ => soft.wrong(at, raw, wanted),
    }
    Ok(())
}
