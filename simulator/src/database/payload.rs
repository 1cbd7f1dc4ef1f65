//! What clients write: a format byte, then the data (websocket §3.3).

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{
    api::dsd::{self, INCOMPATIBLE},
    go::structure::Structure,
};

/// A payload of at least two bytes.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    /// The format.
    pub(super) format: u8,
    /// The data.
    pub(super) data: Bytes,
}

impl Payload {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { format: bytes.first().copied().unwrap_or(b'J'), data: bytes.slice(1.min(bytes.len())..) }
    }

    /// Reads the payload into a structure, in whatever form it came.
    pub(super) fn read(
        &self,
        structure: &Structure,
        other_formats: bool,
    ) -> Result<Map<String, Value>, String> {
        let form = match self.format {
            b'J' => "json",
            other if other_formats => dsd::labelled(other)?,
            _ => return Err(INCOMPATIBLE.to_owned()),
        };
        dsd::read(&self.data, form, structure)
    }
}

/// Whether `core:` and `cache:` store a format, or why not.
pub(super) fn storable(format: u8, stored: portmaster_fixtures::StoredFormats) -> Result<(), String> {
    use portmaster_fixtures::StoredFormats;
    let mismatch = "could not dump model, wrapped object format mismatch";
    match stored {
        StoredFormats::Any => Ok(()),
        StoredFormats::Json if format == b'J' => Ok(()),
        StoredFormats::Json => Err(mismatch.to_owned()),
        StoredFormats::Known => match format {
            b'J' | b'Y' | b'C' | b'M' | b'G' | 1 => Ok(()),
            0 => Err(mismatch.to_owned()),
            _ => Err(INCOMPATIBLE.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::go::structure::Type;

    const NAMED: Structure =
        Structure { holder: "Named", name: "main.Named", fields: &[("Name", Type::Text("string"))] };

    fn read(bytes: &'static [u8], others: bool) -> Result<Value, String> {
        Payload::new(Bytes::from_static(bytes)).read(&NAMED, others).map(Value::Object)
    }

    #[test]
    fn every_form_is_read() {
        let named = |name: &str| Ok(json!({ "Name": name }));
        assert_eq!(read(b"J{\"Name\":\"x\"}", false), named("x"));
        assert_eq!(read(b"YName: x", true), named("x"));
        assert_eq!(read(b"M\x81\xa4Name\xa1x", true), named("x"));
        assert_eq!(read(b"C\xa1dNameax", true), named("x"));
        assert_eq!(read(b"YName: x", false), Err(INCOMPATIBLE.to_owned()));
        assert_eq!(read(b"X{}", true), Err(INCOMPATIBLE.to_owned()));
        // YAML takes a number for a text, as it does in imports.
        assert_eq!(read(b"YName: 5", true), named("5"));
    }

    #[test]
    fn errors_name_the_form_and_show_the_data() {
        for (bytes, said) in [
            (
                &b"J{\"Name\":5}"[..],
                "json: json: cannot unmarshal number into Go struct field Named.Name of type string, data: 7b 22",
            ),
            (
                b"YName: [1]",
                "yaml: error unmarshaling JSON: json: cannot unmarshal array into Go struct field Named.Name of type \
                 string, data: 4e 61",
            ),
            (
                b"Ya: b: c",
                "yaml: error converting YAML to JSON: yaml: mapping values are not allowed in this context, data: 61 3a",
            ),
            (b"C\xa1aa", "cbor: unexpected EOF, data: a1 61 61"),
            (b"M\x81", "msgpack: EOF, data: 81"),
            (b"M\x81\xa4N", "msgpack: unexpected EOF, data: 81 a4"),
        ] {
            let error = read(bytes, true).unwrap_err();
            assert!(error.starts_with(&format!("dsd: failed to unpack {said}")), "{error}");
        }
    }
}
