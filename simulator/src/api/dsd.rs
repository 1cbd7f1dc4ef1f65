//! Reading data by its form, as the cores' library for labelled data does: a body by its Content-Type, a record by its format
//! byte (core-2.2 §6.6, websocket §5.3).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    go::{
        cbor,
        decode::{DecodeError, Soft},
        dump, json,
        read::Raw,
        yaml,
    },
    limits,
};

/// What is said of a type that is not read.
pub(crate) const INCOMPATIBLE: &str = "dsd: format is incompatible with operation";

/// Reads a body with `decode`, which is told how forgiving the form is. Without a type it is JSON; CBOR, MessagePack and YAML
/// are read, too.
///
/// # Errors
/// With the core's words when the type is not known or the body is not of it.
pub(crate) fn read<T>(
    body: &[u8],
    content_type: &str,
    decode: impl FnOnce(Raw<'_>, Soft) -> Result<T, DecodeError>,
) -> Result<T, String> {
    let too_long = || format!("dsd: failed to unpack: data of more than {} bytes", limits::LABELLED);
    let (name, document) = match form(content_type).as_str() {
        "" | "json" => ("json", Ok(Cow::Borrowed(body))),
        "cbor" | "msgpack" | "yaml" | "yml" if body.len() > limits::LABELLED => return Err(too_long()),
        "cbor" => (
            "cbor",
            cbor::read(body, limits::PACKED_NESTING).map_err(|error| unread(body, error)).map(written),
        ),
        "msgpack" => ("msgpack", from_msgpack(body).map(written)),
        "yaml" | "yml" => ("yaml", yaml::to_json(body).map(Cow::Owned)),
        _ => return Err(INCOMPATIBLE.to_owned()),
    };
    let document: Result<Cow<'_, [u8]>, String> = document;
    document
        .and_then(|document| {
            let raw = Raw::checked(&document)?;
            match name {
                "yaml" => {
                    decode(raw, Soft::of_yaml()).map_err(|error| format!("error unmarshaling JSON: {error}"))
                }
                _ => decode(raw, Soft::default()).map_err(|error| match (error.wanted(), body.first()) {
                    (Some(wanted), Some(first)) if name == "cbor" => no_map(*first, wanted),
                    _ => error.to_string(),
                }),
            }
        })
        .map_err(|error| format!("dsd: failed to unpack {name}: {error}, data: {}", dump::first_line(body)))
}

/// The form that a record's format byte stands for.
///
/// # Errors
/// When it is none that can be read.
pub(crate) fn labelled(format: u8) -> Result<&'static str, String> {
    match format {
        b'J' => Ok("json"),
        b'Y' => Ok("yaml"),
        b'C' => Ok("cbor"),
        b'M' => Ok("msgpack"),
        _ => Err(INCOMPATIBLE.to_owned()),
    }
}

/// Reads MessagePack, unless it is none, nests too deeply, or is no map: all that is read here is a structure.
fn from_msgpack(body: &[u8]) -> Result<Value, String> {
    match body.first() {
        Some(0x91..=0x9f | 0xdc | 0xdd) => {
            return Err("msgpack: number of fields in array-encoded struct has changed".to_owned());
        }
        None | Some(0x80..=0x90 | 0xc0 | 0xde | 0xdf) => {}
        Some(code) => return Err(format!("msgpack: unexpected code={code:x} decoding map length")),
    }
    let mut reader = rmp_serde::Deserializer::from_read_ref(body);
    reader.set_max_depth(limits::PACKED_NESTING);
    Value::deserialize(&mut reader).map_err(|error| msgpack(&error))
}

/// What CBOR that is no map says of that.
fn no_map(first: u8, wanted: &str) -> String {
    let kind = cbor::KINDS[usize::from(first >> 5)];
    let more =
        if kind == "array" { " (cannot decode CBOR array to struct without toarray option)" } else { "" };
    format!("cbor: cannot unmarshal {kind} into Go value of type {wanted}{more}")
}

/// The part of a type that says the form: what follows the first slash, without parameters.
pub(super) fn form(content_type: &str) -> String {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.split_once('/').map_or(media, |(_, form)| form).to_ascii_lowercase()
}

fn unread(body: &[u8], error: cbor::ReadError) -> String {
    match error {
        cbor::ReadError::Early if body.is_empty() => "EOF".to_owned(),
        cbor::ReadError::Early => "unexpected EOF".to_owned(),
        cbor::ReadError::Argument(major, info) => {
            let kind = cbor::KINDS[usize::from(major)];
            format!("cbor: invalid additional information {info} for type {kind}")
        }
        cbor::ReadError::Break => "cbor: unexpected \"break\" code".to_owned(),
        cbor::ReadError::Extra(count, from) => {
            format!("cbor: {count} bytes of extraneous data starting at index {from}")
        }
        cbor::ReadError::Invalid => "cbor: invalid data".to_owned(),
    }
}

/// Where a value was due there was nothing, or not all of one.
fn msgpack(error: &rmp_serde::decode::Error) -> String {
    use rmp_serde::decode::Error::{InvalidDataRead, InvalidMarkerRead};
    match error {
        InvalidMarkerRead(_) => "EOF",
        InvalidDataRead(_) => "unexpected EOF",
        _ => "msgpack: invalid data",
    }
    .to_owned()
}

fn written(value: Value) -> Cow<'static, [u8]> {
    Cow::Owned(json::to_vec(&value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::go::decode::At;

    fn text(body: &[u8], content_type: &str) -> Result<String, String> {
        read(body, content_type, |raw, _| Ok(raw.literal().into_owned()))
    }

    #[test]
    fn every_form_is_read() {
        let value = json!({"a": [1, "x"]});
        let mut cbor = Vec::new();
        ciborium::into_writer(&value, &mut cbor).unwrap();
        for (body, content_type) in [
            (br#"{"a":[1,"x"]}"#.to_vec(), ""),
            (br#"{"a":[1,"x"]}"#.to_vec(), "Application/JSON; charset=utf-8"),
            (cbor, "application/cbor"),
            (rmp_serde::to_vec_named(&value).unwrap(), "application/msgpack"),
            (b"a:\n  - 1\n  - x\n".to_vec(), "text/yaml"),
        ] {
            assert_eq!(text(&body, content_type).as_deref(), Ok(r#"{"a":[1,"x"]}"#), "{content_type}");
        }
    }

    #[test]
    fn errors_show_the_data() {
        assert_eq!(
            text(b"garbage", ""),
            Err(format!(
                "dsd: failed to unpack json: invalid character 'g' looking for beginning of value, data: {}",
                "67 61 72 62 61 67 65                              |garbage|"
            ))
        );
        // Whatever reads it here, its own words stay out of the answer.
        for (body, content_type, error) in [
            (&b"{}"[..], "application/cbor", "unexpected EOF"),
            (b"", "application/cbor", "EOF"),
            (b"\xff", "application/cbor", "cbor: unexpected \"break\" code"),
            (
                b"\x1c",
                "application/cbor",
                "cbor: invalid additional information 28 for type positive integer",
            ),
            (b"\"x\"", "application/cbor", "cbor: 2 bytes of extraneous data starting at index 1"),
            (b"", "application/msgpack", "EOF"),
            (b"\x81", "application/msgpack", "EOF"),
            (b"\x81\xa2x", "application/msgpack", "unexpected EOF"),
            (b"\x92", "application/msgpack", "msgpack: number of fields in array-encoded struct has changed"),
            (b"{}", "application/msgpack", "msgpack: unexpected code=7b decoding map length"),
            (b"\xc1", "application/msgpack", "msgpack: unexpected code=c1 decoding map length"),
        ] {
            let said = text(body, content_type).unwrap_err();
            assert!(said.contains(&format!(": {error}, data: ")), "{said}");
        }
        // What is no map says what it is in CBOR's words.
        let kind = |body: &[u8]| {
            let said = read(body, "application/cbor", |raw, mut soft| {
                soft.wrong(At::member("", ""), raw, "x.T");
                soft.unless(())
            });
            said.unwrap_err()
        };
        assert!(
            kind(b"\x01")
                .contains(": cbor: cannot unmarshal positive integer into Go value of type x.T, data")
        );
        assert!(
            kind(b"\x80").contains("type x.T (cannot decode CBOR array to struct without toarray option), ")
        );
        assert_eq!(text(b"{}", "garbage"), Err(INCOMPATIBLE.to_owned()));
        assert!(text(b"", "application/json").unwrap_err().ends_with("data: <empty>"));
    }
}
