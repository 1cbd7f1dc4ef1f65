//! How the parts of a world are saved that JSON has no form for.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use base64::{Engine, engine::general_purpose::STANDARD};

/// Bytes: as a text if they are one, so that a person can read them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Text(String),
    Base64(String),
}

impl Form {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    fn bytes<E: Error>(self) -> Result<Vec<u8>, E> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64(text) => {
                STANDARD.decode(text).map_err(|error| E::custom(format!("base64: {error}")))
            }
        }
    }
}

/// Whether a number says nothing.
pub(super) fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Bytes.
pub(super) mod bytes {
    use super::{Deserialize, Deserializer, Form, Serialize, Serializer};

    pub(in crate::world) fn serialize<S: Serializer>(
        data: &::bytes::Bytes,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        Form::of(data).serialize(to)
    }

    pub(in crate::world) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<::bytes::Bytes, D::Error> {
        Ok(Form::deserialize(from)?.bytes()?.into())
    }
}

/// Files by their names.
pub(super) mod files {
    use std::{collections::BTreeMap, sync::Arc};

    use super::{Deserialize, Deserializer, Form, Serializer};
    use crate::ordered::ordered;

    type Files = BTreeMap<String, Arc<[u8]>>;

    pub(in crate::world) fn serialize<S: Serializer>(files: &Files, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(files.iter().map(|(name, data)| (name, Form::of(data))))
    }

    pub(in crate::world) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Files, D::Error> {
        let read = BTreeMap::<String, Form>::deserialize(from)?;
        let read: Vec<_> = read
            .into_iter()
            .map(|(name, form)| Ok((name, form.bytes()?.into())))
            .collect::<Result<_, _>>()?;
        Ok(ordered(read))
    }
}

/// A map whose keys are no texts, as a list of pairs.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use crate::ordered::ordered;

    pub(in crate::world) fn serialize<S, K, V>(map: &BTreeMap<K, V>, to: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        K: Serialize,
        V: Serialize,
    {
        to.collect_seq(map)
    }

    pub(in crate::world) fn deserialize<'de, D, K, V>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        D: Deserializer<'de>,
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
    {
        Ok(ordered(Vec::<(K, V)>::deserialize(from)?))
    }
}
