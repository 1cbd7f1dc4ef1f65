//! Bodies in a recording: a text, or `{"b64": …}` when the bytes are no text.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Bytes that stand in a recording as a text where they are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Encoded { b64: String },
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)
            .map_err(|_| D::Error::custom("expected a text or {\"b64\": …}"))?;
        match written {
            Written::Text(text) => Ok(Self(text.into_bytes())),
            Written::Encoded { b64 } => STANDARD
                .decode(b64)
                .map(Self)
                .map_err(|error| D::Error::custom(format!("b64 holds no Base64: {error}"))),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Written::Encoded { b64: STANDARD.encode(&self.0) }.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_encoded_and_comes_back() {
        for (bytes, written) in [(b"a\n".to_vec(), r#""a\n""#), (vec![0xff, 0], r#"{"b64":"/wA="}"#)] {
            let text = serde_json::to_string(&Bytes(bytes.clone())).unwrap();
            assert_eq!(text, written);
            assert_eq!(serde_json::from_str::<Bytes>(&text).unwrap(), Bytes(bytes));
        }
        let error = serde_json::from_str::<Bytes>(r#"{"b64":"§"}"#).unwrap_err().to_string();
        assert!(error.starts_with("b64 holds no Base64"), "{error}");
    }
}
