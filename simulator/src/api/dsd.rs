//! Reading data by its form, as the cores' library for labelled data does: a body by its Content-Type, a record by its format
//! byte (core-2.2 §6.6, websocket §5.3).

use serde_json::{Map, Value};

use crate::{
    go::{
        cbor,
        decode::Soft,
        dump, json, msgpack,
        packed::{Form, Item, KINDS, ReadError},
        read::{Raw, TOO_MANY},
        structure::Structure,
        yaml,
    },
    limits,
};

/// What is said of a type that is not read.
pub(crate) const INCOMPATIBLE: &str = "dsd: format is incompatible with operation";

/// Reads a body into a structure. Without a type it is JSON; CBOR, MessagePack and YAML are read, too.
///
/// # Errors
/// With the core's words when the type is not known or the body is not of it.
pub(crate) fn read(
    body: &[u8],
    content_type: &str,
    structure: &Structure,
) -> Result<Map<String, Value>, String> {
    let (depth, values) = (limits::PACKED_NESTING, limits::JSON_VALUES);
    let (name, members) = match form(content_type).as_str() {
        "" | "json" => ("json", structure.read(body)),
        "cbor" | "msgpack" | "yaml" | "yml" if body.len() > limits::LABELLED => {
            return Err(format!("dsd: failed to unpack: data of more than {} bytes", limits::LABELLED));
        }
        "cbor" => ("cbor", unpacked(cbor::read(body, depth, values), Form::Cbor, structure)),
        "msgpack" => ("msgpack", unpacked(msgpack::read(body, depth, values), Form::MsgPack, structure)),
        "yaml" | "yml" => ("yaml", yaml::to_json(body).and_then(|document| from_yaml(&document, structure))),
        _ => return Err(INCOMPATIBLE.to_owned()),
    };
    members
        .map_err(|error| format!("dsd: failed to unpack {name}: {error}, data: {}", dump::first_line(body)))
}

fn from_yaml(document: &[u8], structure: &Structure) -> Result<Map<String, Value>, String> {
    let read = structure.decode(Raw::checked(document)?, Soft::of_yaml());
    read.map_err(|error| format!("error unmarshaling JSON: {error}"))
}

/// What fits a structure is then read as if it were JSON.
fn unpacked(
    read: Result<Item, ReadError>,
    form: Form,
    structure: &Structure,
) -> Result<Map<String, Value>, String> {
    let mut item = read.map_err(|error| unread(error, form))?;
    item.fit(form, structure)?;
    structure.read(&json::to_vec(&Value::from(item.value)))
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

/// The part of a type that says the form: what follows the first slash, without parameters.
pub(super) fn form(content_type: &str) -> String {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.split_once('/').map_or(media, |(_, form)| form).to_ascii_lowercase()
}

fn unread(error: ReadError, form: Form) -> String {
    match error {
        ReadError::End => "EOF".to_owned(),
        ReadError::Early => "unexpected EOF".to_owned(),
        ReadError::Argument(major, info) => {
            let kind = KINDS[usize::from(major)];
            format!("cbor: invalid additional information {info} for type {kind}")
        }
        ReadError::Break => "cbor: unexpected \"break\" code".to_owned(),
        ReadError::Extra(count, from) => {
            format!("cbor: {count} bytes of extraneous data starting at index {from}")
        }
        ReadError::Many => TOO_MANY.to_owned(),
        ReadError::Invalid => {
            format!("{}: invalid data", if form == Form::Cbor { "cbor" } else { "msgpack" })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::go::structure::Type;

    const INNER: Structure = Structure {
        holder: "Inner",
        name: "main.Inner",
        fields: &[
            ("Name", Type::Text("string")),
            ("At", Type::Time),
            ("Level", Type::Byte("main.Level")),
            ("Bytes", Type::Bytes),
        ],
    };

    const OUTER: Structure = Structure {
        holder: "Outer",
        name: "main.Outer",
        fields: &[
            ("Word", Type::Text("main.Word")),
            ("One", Type::One(&INNER)),
            ("Many", Type::List("[]main.Inner", &INNER)),
            ("Named", Type::Named("map[string]*main.Inner", &INNER)),
            ("Count", Type::Int("int64")),
            ("Flag", Type::Bool),
            ("Texts", Type::Texts),
            ("Strs", Type::Strings),
            ("Obj", Type::Object),
            ("Any", Type::Any),
        ],
    };

    fn cbor(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        ciborium::into_writer(value, &mut out).unwrap();
        out
    }

    fn msgpack(value: &Value) -> Vec<u8> {
        rmp_serde::to_vec_named(value).unwrap()
    }

    #[test]
    fn every_form_is_read() {
        let value =
            json!({ "Word": "x", "One": { "Name": "z", "Level": 7 }, "Strs": ["a"], "Any": [1, 2.5] });
        let read = |body: &[u8], content_type| read(body, content_type, &OUTER).unwrap();
        let all = read(value.to_string().as_bytes(), "");
        assert_eq!((&all["Strs"], &all["One"]["Level"]), (&json!(["a"]), &json!(7)));
        for (body, content_type) in [
            (value.to_string().into_bytes(), "Application/JSON; charset=utf-8"),
            (cbor(&value), "application/cbor"),
            (msgpack(&value), "application/msgpack"),
            (b"Word: x\nOne: { Name: z, Level: 7 }\nStrs: [a]\nAny: [1, 2.5]\n".to_vec(), "text/yaml"),
        ] {
            assert_eq!(read(&body, content_type), all, "{content_type}");
        }
        assert_eq!(super::read(b"{}", "garbage", &OUTER), Err(INCOMPATIBLE.to_owned()));
    }

    fn said(body: &[u8], content_type: &str) -> String {
        let said = read(body, content_type, &OUTER).unwrap_err();
        let said = said.strip_prefix("dsd: failed to unpack ").unwrap();
        let (said, _) = said.split_once(", data: ").unwrap();
        said.split_once(": ").unwrap().1.to_owned()
    }

    #[test]
    fn errors_show_the_data() {
        assert_eq!(
            read(b"garbage", "", &OUTER),
            Err(format!(
                "dsd: failed to unpack json: invalid character 'g' looking for beginning of value, data: {}",
                "67 61 72 62 61 67 65                              |garbage|"
            ))
        );
        assert!(read(b"", "application/json", &OUTER).unwrap_err().ends_with("data: <empty>"));
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
            (b"\xc4", "application/msgpack", "EOF"),
            (b"\xc5\x00", "application/msgpack", "unexpected EOF"),
            (
                b"\x91\x01",
                "application/msgpack",
                "msgpack: number of fields in array-encoded struct has changed",
            ),
            (b"{}", "application/msgpack", "msgpack: unexpected code=7b decoding map length"),
        ] {
            assert_eq!(said(body, content_type), error);
        }
    }

    #[test]
    fn what_would_grow_in_memory_is_refused() {
        let many = [&b"\x9f"[..], &b"\xf6".repeat(limits::JSON_VALUES), b"\xff"].concat();
        assert_eq!(said(&many, "application/cbor"), TOO_MANY);
        let many = [&b"\xdd\x00\x10\x00\x00"[..], &b"\xc0".repeat(1 << 20)].concat();
        assert_eq!(said(&many, "application/msgpack"), TOO_MANY);
        // A key in a key in a key would be quoted each time.
        let within =
            |name: &[u8], map: &[u8], nil: &[u8]| [name, &map.repeat(100), &nil.repeat(101)].concat();
        for name in [&b"\xa1\x63Any"[..], b"\xa1\x63Obj\xa1\x61a"] {
            assert_eq!(
                said(&within(name, b"\xa1", b"\xf6"), "application/cbor"),
                "cbor: invalid map key type: map[interface {}]interface {}"
            );
        }
        for name in [&b"\x81\xa3Any"[..], b"\x81\xa3Obj\x81\xa1a"] {
            assert_eq!(
                said(&within(name, b"\x81", b"\xc0"), "application/msgpack"),
                "msgpack: invalid code=81 decoding string/bytes length"
            );
        }
    }

    // What fxamacker/cbor 2.10 and vmihailenco/msgpack 5.4 say of the same bytes.
    #[test]
    fn what_does_not_fit_is_told_in_the_words_of_the_form() {
        let field = |kind: &str, member: &str, wanted: &str| {
            format!("cbor: cannot unmarshal {kind} into Go struct field main.Outer.{member} of type {wanted}")
        };
        let (text, array) = ("UTF-8 text string", "array");
        let toarray = " (cannot decode CBOR array to struct without toarray option)";
        for (value, in_cbor, in_msgpack) in [
            (
                json!(1),
                "cbor: cannot unmarshal positive integer into Go value of type main.Outer".to_owned(),
                "unexpected code=1 decoding map length",
            ),
            (
                json!({ "Word": true }),
                field("primitives", "Word", "main.Word"),
                "invalid code=c3 decoding string/bytes length",
            ),
            (
                json!({ "Word": -1 }),
                field("negative integer", "Word", "main.Word"),
                "invalid code=ff decoding string/bytes length",
            ),
            (
                json!({ "One": "x" }),
                field(text, "One", "main.Inner"),
                "unexpected code=a1 decoding map length",
            ),
            (
                json!({ "One": [1] }),
                field(array, "One", "main.Inner") + toarray,
                "number of fields in array-encoded struct has changed",
            ),
            (
                json!({ "One": { "Name": [] } }),
                field(array, "One", "string"),
                "invalid code=90 decoding string/bytes length",
            ),
            (
                json!({ "One": { "At": true } }),
                field("primitives", "One", "time.Time"),
                "invalid code=c3 decoding ext len",
            ),
            (
                json!({ "Many": {} }),
                field("map", "Many", "[]main.Inner"),
                "invalid code=80 decoding array length",
            ),
            (
                json!({ "Many": [1] }),
                field("positive integer", "Many", "main.Inner"),
                "unexpected code=1 decoding map length",
            ),
            (
                json!({ "Named": { "k": 1 } }),
                field("positive integer", "Named", "main.Inner"),
                "unexpected code=1 decoding map length",
            ),
            (
                json!({ "Count": 2.0 }),
                field("primitives", "Count", "int64"),
                "invalid code=cb decoding int64",
            ),
            (
                json!({ "Flag": 1, "Word": 1 }),
                field("positive integer", "Flag", "bool"),
                "invalid code=1 decoding bool",
            ),
            (
                json!({ "Texts": { "a": 1 } }),
                field("positive integer", "Texts", "string"),
                "invalid code=1 decoding string/bytes length",
            ),
            (
                json!({ "Strs": "x" }),
                field(text, "Strs", "[]string"),
                "invalid code=a1 decoding array length",
            ),
            (
                json!({ "Strs": [1] }),
                field("positive integer", "Strs", "string"),
                "invalid code=1 decoding string/bytes length",
            ),
            (
                json!({ "Obj": 300 }),
                field("positive integer", "Obj", "map[string]interface {}"),
                "unexpected code=cd decoding map length",
            ),
            (
                json!({ "One": { "Level": "x" } }),
                field(text, "One", "main.Level"),
                "invalid code=a1 decoding uint64",
            ),
        ] {
            assert_eq!(said(&cbor(&value), "application/cbor"), in_cbor, "{value}");
            assert_eq!(
                said(&msgpack(&value), "application/msgpack"),
                format!("msgpack: {in_msgpack}"),
                "{value}"
            );
        }
    }

    #[test]
    fn each_form_takes_what_its_library_takes() {
        let packed = |body: &[u8], form: &str| read(body, &format!("application/{form}"), &OUTER);
        // Numbers that are too large: CBOR tells, MessagePack cuts.
        let large = json!({ "One": { "Level": 300 } });
        let overflow = "cbor: cannot unmarshal positive integer into Go struct field main.Outer.One of type main.Level (300 overflows main.Level)";
        assert_eq!(said(&cbor(&large), "application/cbor"), overflow);
        assert_eq!(packed(&msgpack(&large), "msgpack").unwrap()["One"]["Level"], 44);
        let below = json!({ "One": { "Level": -1 } });
        assert!(
            said(&cbor(&below), "application/cbor")
                .ends_with("negative integer into Go struct field main.Outer.One of type main.Level")
        );
        assert_eq!(packed(&msgpack(&below), "msgpack").unwrap()["One"]["Level"], 255);
        // Names, and what comes twice.
        let small = json!({ "word": "x" });
        assert_eq!(packed(&cbor(&small), "cbor").unwrap()["Word"], "x");
        assert_eq!(packed(&msgpack(&small), "msgpack").unwrap()["Word"], "");
        assert_eq!(packed(b"\xa2dWordaadWordab", "cbor").unwrap()["Word"], "a");
        assert_eq!(packed(b"\x82\xa4Word\xa1a\xa4Word\xa1b", "msgpack").unwrap()["Word"], "b");
        // Instants and bytes.
        let epoch = json!({ "One": { "At": 1_767_323_045 } });
        assert_eq!(packed(&cbor(&epoch), "cbor").unwrap()["One"]["At"], "2026-01-02T03:04:05Z");
        let instant = b"\x81\xa3One\x81\xa2At\xd6\xff\x69\x57\x35\xa5";
        assert_eq!(packed(instant, "msgpack").unwrap()["One"]["At"], "2026-01-02T03:04:05Z");
        let never = json!({ "One": { "At": "x" } });
        assert!(
            said(&cbor(&never), "application/cbor")
                .starts_with("cbor: cannot set x for time.Time: parsing time \"x\"")
        );
        assert_eq!(packed(b"\xa1cOne\xa1eBytes\x42\x01\x02", "cbor").unwrap()["One"]["Bytes"], "AQI=");
        assert_eq!(packed(b"\x81\xa3One\x81\xa5Bytes\xa2ab", "msgpack").unwrap()["One"]["Bytes"], "YWI=");
        assert_eq!(packed(b"\x81\xa4Word\xc4\x01x", "msgpack").unwrap()["Word"], "x");
        for nothing in [&b"\x90"[..], b"\xc0", b"\x80\xff"] {
            assert_eq!(packed(nothing, "msgpack").unwrap()["Count"], 0);
        }
    }
}
