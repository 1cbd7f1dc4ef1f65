//! Values of CBOR and MessagePack, and how they fit Go's structures: by the rules and with the words of `fxamacker/cbor` and
//! `vmihailenco/msgpack`.

use std::cell::Cell;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    structure::{Structure, Type},
    time,
};

/// The names of CBOR's major types.
pub const KINDS: [&str; 8] = [
    "positive integer", "negative integer", "byte string", "UTF-8 text string", "array", "map", "tag",
    "primitives",
];

/// A value with the byte that it begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The byte.
    pub first: u8,
    /// The value.
    pub value: Packed,
}

/// What both forms have.
#[derive(Clone, Debug, PartialEq)]
pub enum Packed {
    /// Nothing.
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A text.
    Text(String),
    /// An instant.
    Time(Timestamp),
    /// A list.
    List(Vec<Item>),
    /// Values by keys.
    Map(Vec<(Item, Item)>),
}

/// Why bytes are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// They end where more is due.
    End,
    /// They end within what is due.
    Early,
    /// A byte of this major type has an argument that none has.
    Argument(u8, u8),
    /// An end of what has no end.
    Break,
    /// So many bytes are behind the value, which is so long.
    Extra(usize, usize),
    /// They are more values than we hold.
    Many,
    /// It is of another form, nests too deeply, or has what JSON has not.
    Invalid,
}

/// What a reader may still read: it walks down by recursion, and an item takes some 60 times as much memory as its byte.
#[derive(Clone, Copy)]
pub(super) struct Room<'a> {
    depth: usize,
    values: &'a Cell<usize>,
}

impl<'a> Room<'a> {
    /// For so many values, lists and maps in each other no deeper than that.
    pub(super) fn new(depth: usize, values: &'a Cell<usize>) -> Self {
        Self { depth, values }
    }

    /// Takes one value more.
    pub(super) fn value(self) -> Result<(), ReadError> {
        self.values.set(self.values.get().checked_sub(1).ok_or(ReadError::Many)?);
        Ok(())
    }

    /// What there is within a list or map.
    pub(super) fn within(self) -> Result<Self, ReadError> {
        Ok(Self { depth: self.depth.checked_sub(1).ok_or(ReadError::Invalid)?, ..self })
    }
}

/// The form that a value came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// CBOR.
    Cbor,
    /// MessagePack.
    MsgPack,
}

impl From<Packed> for Value {
    fn from(packed: Packed) -> Self {
        match packed {
            Packed::Nil => Self::Null,
            Packed::Bool(truth) => truth.into(),
            Packed::Int(number) => i64::try_from(number).map_or_else(
                |_| u64::try_from(number).map_or_else(|_| (number as f64).into(), Self::from),
                Self::from,
            ),
            Packed::Float(number) => number.into(),
            Packed::Bytes(bytes) => STANDARD.encode(bytes).into(),
            Packed::Text(text) => text.into(),
            Packed::Time(at) => at.to_string().into(),
            Packed::List(list) => list.into_iter().map(|one| Self::from(one.value)).collect(),
            Packed::Map(members) => {
                let text = |key: Item| match key.value {
                    Packed::Text(text) => text,
                    other => Self::from(other).to_string(),
                };
                let members = members.into_iter().map(|(key, item)| (text(key), Self::from(item.value)));
                Self::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

/// The place of a value: the outermost structure, and its member that the value is in.
#[derive(Clone, Copy)]
struct Place {
    form: Form,
    top: &'static str,
    member: Option<&'static str>,
}

impl Place {
    /// What is said of a value that begins with this byte and is of the wrong type: CBOR names what is wanted, MessagePack what it was
    /// about to read.
    fn wrong(self, first: u8, wanted: &str, read: &str) -> String {
        match self.form {
            Form::MsgPack => {
                let unlike = if read == "map length" { "unexpected" } else { "invalid" };
                format!("msgpack: {unlike} code={first:x} decoding {read}")
            }
            Form::Cbor => {
                let kind = KINDS[usize::from(first >> 5)];
                let into = match self.member {
                    Some(member) => format!("struct field {}.{member}", self.top),
                    None => "value".to_owned(),
                };
                format!("cbor: cannot unmarshal {kind} into Go {into} of type {wanted}")
            }
        }
    }
}

impl Item {
    /// Makes of this what JSON has for a structure.
    ///
    /// # Errors
    /// The form's words for the first value, in the order of the bytes, that does not fit.
    pub fn fit(&mut self, form: Form, structure: &Structure) -> Result<(), String> {
        self.fill(structure, Place { form, top: structure.name, member: None })
    }

    /// A structure's members, of which CBOR takes the first of a name in any case of letters, MessagePack the last in Go's.
    /// Go's names are known where they are not others on the wire: those begin with a small letter.
    fn fill(&mut self, structure: &Structure, place: Place) -> Result<(), String> {
        let first = self.first;
        let wrong = || place.wrong(first, structure.name, "map length");
        let members = match &mut self.value {
            Packed::Nil => return Ok(()),
            Packed::Map(members) => members,
            Packed::List(_) if place.form == Form::Cbor => {
                return Err(format!(
                    "{} (cannot decode CBOR array to struct without toarray option)",
                    wrong()
                ));
            }
            Packed::List(list) if list.is_empty() => {
                self.value = Packed::Map(Vec::new());
                return Ok(());
            }
            Packed::List(_) => {
                return Err("msgpack: number of fields in array-encoded struct has changed".to_owned());
            }
            _ => return Err(wrong()),
        };
        let known = structure.known();
        let mut filled = Vec::new();
        for (mut key, mut item) in std::mem::take(members) {
            let Packed::Text(name) = &mut key.value else {
                if place.form == Form::MsgPack {
                    return Err(place.wrong(key.first, "string", "string/bytes length"));
                }
                continue;
            };
            let exact = place.form == Form::MsgPack;
            let found =
                known.iter().find(|(known, ..)| match exact && known.starts_with(char::is_uppercase) {
                    true => *known == name.as_str(),
                    false => known.eq_ignore_ascii_case(name),
                });
            let Some((known, kind, _)) = found else { continue };
            if !exact && filled.contains(known) {
                continue;
            }
            filled.push(*known);
            item.fit_type(kind, Place { member: place.member.or(Some(*known)), ..place })?;
            members.push((key, item));
        }
        Ok(())
    }

    fn fit_type(&mut self, kind: &Type, place: Place) -> Result<(), String> {
        let msgpack = place.form == Form::MsgPack;
        let wrong = |item: &Self, wanted: &str, read: &str| Err(place.wrong(item.first, wanted, read));
        if self.value == Packed::Nil {
            return Ok(());
        }
        match kind {
            Type::Text(wanted) => self.fit_text(wanted, place),
            Type::Bool if matches!(self.value, Packed::Bool(_)) => Ok(()),
            Type::Bool => wrong(self, "bool", "bool"),
            Type::Int(wanted) => {
                let read = if wanted.starts_with('u') { "uint64" } else { "int64" };
                self.fit_int(wanted, read, place)
            }
            Type::Byte(wanted) => self.fit_int(wanted, "uint64", place),
            Type::Bytes => match &mut self.value {
                Packed::Bytes(_) => Ok(()),
                Packed::Text(text) if msgpack => {
                    self.value = Packed::Bytes(std::mem::take(text).into_bytes());
                    Ok(())
                }
                Packed::List(list) if !msgpack => {
                    let mut bytes = Vec::with_capacity(list.len());
                    for one in list {
                        one.fit_int("uint8", "uint64", place)?;
                        bytes.push(if let Packed::Int(byte) = one.value { byte as u8 } else { 0 });
                    }
                    self.value = Packed::Bytes(bytes);
                    Ok(())
                }
                _ => wrong(self, "[]uint8", "string/bytes length"),
            },
            Type::Object => self.fit_map("map[string]interface {}", place, |one| one.fit_any(place)),
            Type::Texts => self.fit_map("map[string]string", place, |one| one.fit_text("string", place)),
            Type::Named(wanted, structure) => self.fit_map(wanted, place, |one| one.fill(structure, place)),
            Type::One(structure) => self.fill(structure, place),
            Type::List(wanted, structure) => self.fit_list(wanted, place, |one| one.fill(structure, place)),
            Type::Strings => self.fit_list("[]string", place, |one| one.fit_text("string", place)),
            Type::Time => self.fit_time(place),
            Type::Any | Type::Kind(_) | Type::Embedded(_) | Type::Hidden(_) => self.fit_any(place),
        }
    }

    /// Whatever it is. MessagePack has texts for keys in it, CBOR what Go can compare: a list in a key in a key would be quoted
    /// once for each, and so twice as long each time.
    fn fit_any(&mut self, place: Place) -> Result<(), String> {
        match &mut self.value {
            Packed::List(list) => list.iter_mut().try_for_each(|one| one.fit_any(place)),
            Packed::Map(members) => members.iter_mut().try_for_each(|(key, item)| {
                let unfit = match &key.value {
                    _ if place.form == Form::MsgPack => {
                        return key.fit_text("string", place).and(item.fit_any(place));
                    }
                    Packed::List(_) => "[]interface {}",
                    Packed::Map(_) => "map[interface {}]interface {}",
                    _ => return item.fit_any(place),
                };
                Err(format!("cbor: invalid map key type: {unfit}"))
            }),
            _ => Ok(()),
        }
    }

    fn fit_text(&mut self, wanted: &str, place: Place) -> Result<(), String> {
        match &self.value {
            Packed::Nil | Packed::Text(_) => Ok(()),
            Packed::Bytes(bytes) if place.form == Form::MsgPack => {
                self.value = Packed::Text(String::from_utf8_lossy(bytes).into_owned());
                Ok(())
            }
            _ => Err(place.wrong(self.first, wanted, "string/bytes length")),
        }
    }

    /// A whole number: CBOR tells those that are too large, MessagePack cuts their bits.
    fn fit_int(&mut self, wanted: &str, read: &str, place: Place) -> Result<(), String> {
        let first = self.first;
        let wrong = || place.wrong(first, wanted, read);
        let Packed::Int(number) = &mut self.value else {
            return if self.value == Packed::Nil { Ok(()) } else { Err(wrong()) };
        };
        // What has a name of its own here is a byte.
        let (least, most, cut) = match wanted {
            "int" | "int64" => (i128::from(i64::MIN), i128::from(i64::MAX), *number as i64 as i128),
            "uint64" => (0, i128::from(u64::MAX), *number as u64 as i128),
            "int8" => (i128::from(i8::MIN), i128::from(i8::MAX), *number as i8 as i128),
            _ => (0, i128::from(u8::MAX), *number as u8 as i128),
        };
        if place.form == Form::MsgPack {
            *number = cut;
            return Ok(());
        }
        if (least..=most).contains(number) {
            return Ok(());
        }
        Err(match *number {
            below if below < i128::from(i64::MIN) => format!("{} ({below} overflows Go's int64)", wrong()),
            below if below < 0 && least == 0 => wrong(),
            beyond => format!("{} ({beyond} overflows {wanted})", wrong()),
        })
    }

    fn fit_map(
        &mut self,
        wanted: &str,
        place: Place,
        mut each: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let Packed::Map(members) = &mut self.value else {
            return Err(place.wrong(self.first, wanted, "map length"));
        };
        for (key, item) in members {
            key.fit_text("string", place)?;
            each(item)?;
        }
        Ok(())
    }

    fn fit_list(
        &mut self,
        wanted: &str,
        place: Place,
        mut each: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let Packed::List(list) = &mut self.value else {
            return Err(place.wrong(self.first, wanted, "array length"));
        };
        list.iter_mut().try_for_each(&mut each)
    }

    /// An instant: in CBOR also the seconds since 1970, or a text.
    fn fit_time(&mut self, place: Place) -> Result<(), String> {
        let seconds = match &self.value {
            Packed::Time(_) => return Ok(()),
            Packed::Text(text) if place.form == Form::Cbor => {
                return match time::stored_form(text) {
                    Ok(_) => Ok(()),
                    Err(error) => Err(format!("cbor: cannot set {text} for time.Time: {error}")),
                };
            }
            Packed::Int(seconds) if place.form == Form::Cbor => i64::try_from(*seconds).ok(),
            Packed::Float(seconds) if place.form == Form::Cbor => Some(*seconds as i64),
            _ => return Err(place.wrong(self.first, "time.Time", "ext len")),
        };
        // What no year has stays unset.
        let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        self.value = at.map_or(Packed::Nil, Packed::Time);
        Ok(())
    }
}
