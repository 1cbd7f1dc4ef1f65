//! Profiles in the format of `runtime/pprof`: the public `profile.proto`, compressed with gzip.

use std::collections::BTreeMap;

use super::gzip;
use crate::ordered::ordered;

/// A profile (message `perftools.profiles.Profile`). Texts are indices into `string_table`.
#[derive(Clone, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct Profile {
    /// What each value of a sample is.
    #[cfg_attr(test, prost(message, repeated, tag = "1"))]
    pub sample_type: Vec<ValueType>,
    /// The samples.
    #[cfg_attr(test, prost(message, repeated, tag = "2"))]
    pub sample: Vec<Sample>,
    /// The programs and libraries.
    #[cfg_attr(test, prost(message, repeated, tag = "3"))]
    pub mapping: Vec<Mapping>,
    /// Places in the code.
    #[cfg_attr(test, prost(message, repeated, tag = "4"))]
    pub location: Vec<Location>,
    /// Functions.
    #[cfg_attr(test, prost(message, repeated, tag = "5"))]
    pub function: Vec<Function>,
    /// All texts; the first is empty.
    #[cfg_attr(test, prost(string, repeated, tag = "6"))]
    pub string_table: Vec<String>,
    /// When it was taken, ns since the Unix epoch.
    #[cfg_attr(test, prost(int64, tag = "9"))]
    pub time_nanos: i64,
    /// How long it took, ns.
    #[cfg_attr(test, prost(int64, tag = "10"))]
    pub duration_nanos: i64,
    /// What is counted between samples.
    #[cfg_attr(test, prost(message, optional, tag = "11"))]
    pub period_type: Option<ValueType>,
    /// How much of it.
    #[cfg_attr(test, prost(int64, tag = "12"))]
    pub period: i64,
    /// The value that is shown first.
    #[cfg_attr(test, prost(int64, tag = "14"))]
    pub default_sample_type: i64,
}

/// A kind of value and its unit.
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct ValueType {
    /// The kind.
    #[cfg_attr(test, prost(int64, tag = "1"))]
    pub r#type: i64,
    /// The unit.
    #[cfg_attr(test, prost(int64, tag = "2"))]
    pub unit: i64,
}

/// Values at a stack.
#[derive(Clone, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct Sample {
    /// The stack, innermost location first.
    #[cfg_attr(test, prost(uint64, repeated, tag = "1"))]
    pub location_id: Vec<u64>,
    /// A value for each sample type.
    #[cfg_attr(test, prost(int64, repeated, tag = "2"))]
    pub value: Vec<i64>,
    /// What else is known.
    #[cfg_attr(test, prost(message, repeated, tag = "3"))]
    pub label: Vec<Label>,
}

/// A number that belongs to a sample.
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct Label {
    /// Its name.
    #[cfg_attr(test, prost(int64, tag = "1"))]
    pub key: i64,
    /// The number.
    #[cfg_attr(test, prost(int64, tag = "3"))]
    pub num: i64,
}

/// A program in memory.
#[derive(Clone, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct Mapping {
    /// Its number, from 1.
    #[cfg_attr(test, prost(uint64, tag = "1"))]
    pub id: u64,
    /// Where it begins.
    #[cfg_attr(test, prost(uint64, tag = "2"))]
    pub memory_start: u64,
    /// Where it ends.
    #[cfg_attr(test, prost(uint64, tag = "3"))]
    pub memory_limit: u64,
    /// Its path.
    #[cfg_attr(test, prost(int64, tag = "5"))]
    pub filename: i64,
    /// Whether functions are known.
    #[cfg_attr(test, prost(bool, tag = "7"))]
    pub has_functions: bool,
    /// Whether source files are known.
    #[cfg_attr(test, prost(bool, tag = "8"))]
    pub has_filenames: bool,
    /// Whether line numbers are known.
    #[cfg_attr(test, prost(bool, tag = "9"))]
    pub has_line_numbers: bool,
}

/// A place in the code.
#[derive(Clone, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct Location {
    /// Its number, from 1.
    #[cfg_attr(test, prost(uint64, tag = "1"))]
    pub id: u64,
    /// The program's number.
    #[cfg_attr(test, prost(uint64, tag = "2"))]
    pub mapping_id: u64,
    /// The address.
    #[cfg_attr(test, prost(uint64, tag = "3"))]
    pub address: u64,
    /// The line.
    #[cfg_attr(test, prost(message, repeated, tag = "4"))]
    pub line: Vec<Line>,
}

/// A line of a function.
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct Line {
    /// The function's number.
    #[cfg_attr(test, prost(uint64, tag = "1"))]
    pub function_id: u64,
    /// The line's number.
    #[cfg_attr(test, prost(int64, tag = "2"))]
    pub line: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(not(test), derive(Debug, Default))]
#[cfg_attr(test, derive(prost::Message))]
pub struct Function {
    /// Its number, from 1.
    #[cfg_attr(test, prost(uint64, tag = "1"))]
    pub id: u64,
    /// Its name.
    #[cfg_attr(test, prost(int64, tag = "2"))]
    pub name: i64,
    /// Its name in the program.
    #[cfg_attr(test, prost(int64, tag = "3"))]
    pub system_name: i64,
    /// Its source file.
    #[cfg_attr(test, prost(int64, tag = "4"))]
    pub filename: i64,
}

/// The texts of a profile while it is made.
#[derive(Debug)]
pub struct Texts {
    list: Vec<String>,
    by_text: BTreeMap<String, i64>,
}

impl Texts {
    /// Only the empty text, which comes first.
    pub fn new() -> Self {
        Self { list: vec![String::new()], by_text: ordered([(String::new(), 0)]) }
    }

    /// The index of a text.
    pub fn index(&mut self, text: &str) -> i64 {
        if let Some(&index) = self.by_text.get(text) {
            return index;
        }
        let index = i64::try_from(self.list.len()).unwrap_or(i64::MAX);
        self.list.push(text.to_owned());
        self.by_text.insert(text.to_owned(), index);
        index
    }

    /// A kind of value and its unit.
    pub fn value_type(&mut self, kind: &str, unit: &str) -> ValueType {
        ValueType { r#type: self.index(kind), unit: self.index(unit) }
    }

    /// All texts.
    pub fn into_list(self) -> Vec<String> {
        self.list
    }
}

/// The compressed profile, the same bytes for the same profile.
pub fn compress(profile: &Profile) -> Vec<u8> {
    gzip::stored(&written(|out| profile.write(out)))
}

/// A message that is written field by field.
trait Written {
    fn write(&self, out: &mut Vec<u8>);
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number; zero is not written.
fn number(out: &mut Vec<u8>, tag: u64, value: u64) {
    if value != 0 {
        varint(out, tag << 3);
        varint(out, value);
    }
}

fn signed(out: &mut Vec<u8>, tag: u64, value: i64) {
    number(out, tag, value as u64);
}

fn bytes(out: &mut Vec<u8>, tag: u64, value: &[u8]) {
    varint(out, tag << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn packed(out: &mut Vec<u8>, tag: u64, values: impl ExactSizeIterator<Item = u64>) {
    if values.len() > 0 {
        bytes(out, tag, &written(|out| values.for_each(|value| varint(out, value))));
    }
}

fn messages<'m>(out: &mut Vec<u8>, tag: u64, all: impl IntoIterator<Item = &'m (impl Written + 'm)>) {
    for one in all {
        bytes(out, tag, &written(|out| one.write(out)));
    }
}

impl Written for Profile {
    fn write(&self, out: &mut Vec<u8>) {
        messages(out, 1, &self.sample_type);
        messages(out, 2, &self.sample);
        messages(out, 3, &self.mapping);
        messages(out, 4, &self.location);
        messages(out, 5, &self.function);
        self.string_table.iter().for_each(|text| bytes(out, 6, text.as_bytes()));
        signed(out, 9, self.time_nanos);
        signed(out, 10, self.duration_nanos);
        messages(out, 11, &self.period_type);
        signed(out, 12, self.period);
        signed(out, 14, self.default_sample_type);
    }
}

impl Written for ValueType {
    fn write(&self, out: &mut Vec<u8>) {
        signed(out, 1, self.r#type);
        signed(out, 2, self.unit);
    }
}

impl Written for Sample {
    fn write(&self, out: &mut Vec<u8>) {
        packed(out, 1, self.location_id.iter().copied());
        packed(out, 2, self.value.iter().map(|value| *value as u64));
        messages(out, 3, &self.label);
    }
}

impl Written for Label {
    fn write(&self, out: &mut Vec<u8>) {
        signed(out, 1, self.key);
        signed(out, 3, self.num);
    }
}

impl Written for Mapping {
    fn write(&self, out: &mut Vec<u8>) {
        number(out, 1, self.id);
        number(out, 2, self.memory_start);
        number(out, 3, self.memory_limit);
        signed(out, 5, self.filename);
        number(out, 7, self.has_functions.into());
        number(out, 8, self.has_filenames.into());
        number(out, 9, self.has_line_numbers.into());
    }
}

impl Written for Location {
    fn write(&self, out: &mut Vec<u8>) {
        number(out, 1, self.id);
        number(out, 2, self.mapping_id);
        number(out, 3, self.address);
        messages(out, 4, &self.line);
    }
}

impl Written for Line {
    fn write(&self, out: &mut Vec<u8>) {
        number(out, 1, self.function_id);
        signed(out, 2, self.line);
    }
}

impl Written for Function {
    fn write(&self, out: &mut Vec<u8>) {
        number(out, 1, self.id);
        signed(out, 2, self.name);
        signed(out, 3, self.system_name);
        signed(out, 4, self.filename);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn what_is_written_is_what_others_write() {
        let profile = Profile {
            sample_type: vec![ValueType { r#type: 1, unit: 2 }],
            sample: vec![Sample {
                location_id: vec![1, 300],
                value: vec![-1, 0, i64::MAX],
                label: vec![Label { key: 3, num: 1 << 40 }],
            }],
            mapping: vec![Mapping {
                id: 1,
                memory_limit: u64::MAX,
                has_functions: true,
                ..Mapping::default()
            }],
            location: vec![Location {
                id: 1,
                line: vec![Line { function_id: 1, line: 77 }],
                ..Location::default()
            }],
            function: vec![Function { id: 1, name: 4, system_name: 5, filename: 6 }],
            string_table: vec![String::new(), "cpu".to_owned(), "ä".repeat(100)],
            time_nanos: 1,
            duration_nanos: 2,
            period_type: Some(ValueType::default()),
            period: 3,
            default_sample_type: 4,
        };
        assert_eq!(written(|out| profile.write(out)), profile.encode_to_vec());
        assert_eq!(written(|out| Profile::default().write(out)), Profile::default().encode_to_vec());
    }
}
