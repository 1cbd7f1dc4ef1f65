//! Result rows as JSON: which name a column gets, and how its values are shown (netquery §3.6).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use rusqlite::{Row, types::ValueRef};

use super::{
    columns::{Column, Shown},
    dialect::Dialect,
    output,
};
use crate::go::print;

/// How to write the rows of one result.
pub(crate) struct RowWriter<'a> {
    dialect: &'a Dialect,
    /// The columns in the order of their keys.
    columns: Vec<Shape<'a>>,
    /// The names in the order of the result, for messages.
    names: Vec<&'a str>,
}

struct Shape<'a> {
    /// The place in the result.
    index: usize,
    /// `"name": `
    key: Vec<u8>,
    /// The column of the schema that has the same name, if values are to be shown as its values.
    column: Option<&'a Column>,
}

/// Why a row cannot be shown.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The database failed.
    Database(rusqlite::Error),
    /// A value does not have the type of the column that it is named after.
    Type(String),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl<'a> RowWriter<'a> {
    /// For a result with these column names; `typed` shows values as the columns of the same name.
    pub(crate) fn new(names: Vec<&'a str>, typed: bool, dialect: &'a Dialect) -> Self {
        let mut by_key = std::collections::BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            let repeated = names[index + 1..].contains(name);
            if repeated && !dialect.behaviour.keeps_duplicates {
                continue;
            }
            by_key.insert(if repeated { "" } else { name }, index);
        }
        let columns = by_key
            .into_iter()
            .map(|(name, index)| {
                let mut key = Vec::new();
                output::string(&mut key, name.as_bytes());
                key.extend_from_slice(b": ");
                Shape { index, key, column: dialect.column(names[index]).filter(|_| typed) }
            })
            .collect();
        Self { dialect, columns, names }
    }

    /// Writes all rows as an array, or `null` if there is none, as a member of the answer; says how many there were.
    pub(crate) fn write_all(&self, out: &mut Vec<u8>, mut rows: rusqlite::Rows<'_>) -> Result<u64, RowError> {
        let mut count = 0;
        while let Some(row) = rows.next()? {
            out.extend_from_slice(if count == 0 { b"[" } else { b"," });
            output::line(out, 2);
            self.write(out, row)?;
            count += 1;
        }
        if count == 0 {
            out.extend_from_slice(b"null");
        } else {
            output::line(out, 1);
            out.push(b']');
        }
        Ok(count)
    }

    fn write(&self, out: &mut Vec<u8>, row: &Row<'_>) -> Result<(), RowError> {
        for (place, shape) in self.columns.iter().enumerate() {
            out.extend_from_slice(if place == 0 { b"{" } else { b"," });
            output::line(out, 3);
            out.extend_from_slice(&shape.key);
            let value = row.get_ref(shape.index)?;
            match shape.column {
                None => raw(out, value),
                Some(column) => {
                    if !typed(out, column, value) {
                        return Err(RowError::Type(self.type_error(column, value, row)?));
                    }
                }
            }
        }
        output::line(out, 2);
        out.push(b'}');
        Ok(())
    }

    fn type_error(&self, column: &Column, value: ValueRef<'_>, row: &Row<'_>) -> Result<String, RowError> {
        let found = match value {
            ValueRef::Null => "NULL",
            ValueRef::Integer(_) => "INTEGER",
            ValueRef::Real(_) => "FLOAT",
            ValueRef::Text(_) => "TEXT",
            ValueRef::Blob(_) => "BLOB",
        };
        let name = column.name;
        let wanted = column.shown.type_name();
        let mut text = format!(
            "failed to decode column {name}: decode: unexpected column type SQLITE_{found} for column {name} \
             with field type {wanted}"
        );
        if self.dialect.behaviour.shows_row {
            let mut pairs = std::collections::BTreeMap::new();
            for (index, name) in self.names.iter().enumerate() {
                pairs.insert(*name, printed(row.get_ref(index)?));
            }
            let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
            text.push_str(&format!(": map[{}]", pairs.join(" ")));
        }
        Ok(text)
    }
}

/// A value as messages print it.
fn printed(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "<nil>".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => print::float(value),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => {
            format!("[{}]", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(" "))
        }
    }
}

/// A value as it is stored.
fn raw(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Integer(value) => output::integer(out, value),
        ValueRef::Real(value) => output::number(out, value),
        ValueRef::Text(text) => output::string(out, text),
        ValueRef::Blob(bytes) => {
            output::string(out, BASE64_STANDARD.encode(bytes).as_bytes());
        }
    }
}

/// A value as the values of a column are shown; false if it has another type.
fn typed(out: &mut Vec<u8>, column: &Column, value: ValueRef<'_>) -> bool {
    match (column.shown, value) {
        (_, ValueRef::Null) if column.nullable => out.extend_from_slice(b"null"),
        (Shown::Text, ValueRef::Null) => out.extend_from_slice(b"\"\""),
        (Shown::Text, ValueRef::Text(text)) => output::string(out, text),
        (Shown::Bool, ValueRef::Null) => out.extend_from_slice(b"false"),
        (Shown::Bool, ValueRef::Integer(value)) => {
            out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
        }
        (Shown::Int(..) | Shown::Float, ValueRef::Null) => out.push(b'0'),
        (Shown::Int(bits, signed, _), ValueRef::Integer(value)) => wrapped(out, value, bits, signed),
        (Shown::Float, ValueRef::Real(value)) => output::number(out, value),
        (Shown::Time, ValueRef::Text(text)) => return stored_time(out, text),
        (Shown::Time, ValueRef::Integer(seconds)) => return unix_time(out, seconds),
        (Shown::Json, ValueRef::Blob(json)) => output::reindented(out, json, 3),
        _ => return false,
    }
    true
}

/// A whole number in as many bits as the core keeps.
fn wrapped(out: &mut Vec<u8>, value: i64, bits: u8, signed: bool) {
    let unused = 64 - u32::from(bits);
    if signed {
        output::integer(out, (value << unused) >> unused);
    } else {
        out.extend_from_slice((value.cast_unsigned() << unused >> unused).to_string().as_bytes());
    }
}

/// `YYYY-MM-DD HH:MM:SS` as RFC 3339.
fn stored_time(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let form = b"0000-00-00 00:00:00";
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if text.len() != form.len() || !text.iter().zip(form).all(fits) {
        return false;
    }
    out.push(b'"');
    out.extend_from_slice(&text[..10]);
    out.push(b'T');
    out.extend_from_slice(&text[11..]);
    out.extend_from_slice(b"Z\"");
    true
}

fn unix_time(out: &mut Vec<u8>, seconds: i64) -> bool {
    let Ok(time) = Timestamp::from_second(seconds) else { return false };
    output::string(out, time.to_string().as_bytes());
    true
}
