//! What clients write: a format byte, then the data (websocket §3.3).

use bytes::Bytes;

use crate::{
    api::dsd,
    go::{json, yaml},
    limits,
};

const INCOMPATIBLE: &str = "dsd: format is incompatible with operation";

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

    /// The payload as a JSON text, whatever its format. Whether it is well-formed shows when it is read.
    pub(super) fn json(&self, other_formats: bool) -> Result<Bytes, String> {
        if self.format != b'J' && self.data.len() > limits::LABELLED {
            return Err(format!("data of more than {} bytes", limits::LABELLED));
        }
        let read = match self.format {
            b'J' => return Ok(self.data.clone()),
            b'Y' if other_formats => {
                let read = yaml::to_json(&self.data).map(Bytes::from);
                return read.map_err(|fault| format!("dsd: failed to unpack yaml: {fault}"));
            }
            b'C' if other_formats => dsd::from_cbor(&self.data).map_err(|fault| ("cbor", fault.to_string())),
            b'M' if other_formats => {
                dsd::from_msgpack(&self.data).map_err(|fault| ("msgpack", fault.to_string()))
            }
            _ => return Err(INCOMPATIBLE.to_owned()),
        };
        let value = read.map_err(|(form, fault)| format!("dsd: failed to unpack {form}: {fault}"))?;
        Ok(json::to_vec(&value).into())
    }

    /// The first line of Go's hex dump without its offset, which the cores add to what they cannot read.
    pub(super) fn dump(&self) -> String {
        let line = &self.data[..self.data.len().min(16)];
        let mut hex = String::with_capacity(70);
        for at in 0..16 {
            if at == 8 {
                hex.push(' ');
            }
            hex.push_str(&line.get(at).map_or("   ".to_owned(), |byte| format!("{byte:02x} ")));
        }
        let text: String = line
            .iter()
            .map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' })
            .collect();
        format!("{hex} |{text}|")
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
    use super::*;

    #[test]
    fn what_cannot_be_read_is_dumped_as_go_does() {
        let dump = |data: &'static [u8]| Payload { format: b'J', data: Bytes::from_static(data) }.dump();
        assert_eq!(dump(b"[1]"), "5b 31 5d                                          |[1]|");
        assert_eq!(dump(b"{\"ID\":5}"), "7b 22 49 44 22 3a 35 7d                           |{\"ID\":5}|");
        assert!(dump(b"0123456789abcdefXYZ").ends_with("64 65 66  |0123456789abcdef|"));
    }

    #[test]
    fn other_formats_become_json() {
        let json = |bytes: &'static [u8], others| Payload::new(Bytes::from_static(bytes)).json(others);
        assert_eq!(json(b"Ya: b", true), Ok(Bytes::from_static(b"{\"a\":\"b\"}")));
        assert_eq!(json(b"M\x81\xa1a\x01", true), Ok(Bytes::from_static(b"{\"a\":1}")));
        assert_eq!(json(b"Ya: b", false), Err(INCOMPATIBLE.to_owned()));
        assert_eq!(json(b"X{}", true), Err(INCOMPATIBLE.to_owned()));
    }
}
