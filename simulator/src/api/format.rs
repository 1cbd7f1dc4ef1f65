//! The form of a structured answer: JSON, or what the Accept header asks for where the contract negotiates.

use hyper::{HeaderMap, header::ACCEPT, http::HeaderValue};
use portmaster_fixtures::Behaviour;
use serde::Serialize;

use super::typed;
use crate::go::{cbor, json, msgpack, tree::Node, yaml2};

/// A form that structured answers can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON as Go writes it.
    #[default]
    Json,
    /// CBOR.
    Cbor,
    /// MessagePack.
    MsgPack,
    /// YAML with sorted keys.
    Yaml,
    /// Nothing that the caller takes.
    Unacceptable,
}

impl Format {
    /// What a caller asks for: the first type that is known, whatever its weight; JSON where a wildcard stands
    /// (core-2.2 §4).
    pub fn asked(headers: &HeaderMap, behaviour: &Behaviour) -> Self {
        if !behaviour.negotiates {
            return Self::Json;
        }
        let accept = headers.get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
        Self::accepted(&String::from_utf8_lossy(accept))
    }

    /// What an Accept header asks for; JSON if it is empty.
    pub(super) fn accepted(accept: &str) -> Self {
        if accept.is_empty() {
            return Self::Json;
        }
        let accept = accept.to_lowercase();
        let mut wildcard = false;
        for entry in accept.split(',') {
            let media = entry.split(';').next().unwrap_or_default().trim();
            let kind = media.split_once('/').map_or(media, |(_, kind)| kind);
            match kind {
                "json" => return Self::Json,
                "cbor" => return Self::Cbor,
                "msgpack" => return Self::MsgPack,
                "yaml" | "yml" => return Self::Yaml,
                "*" => wildcard = true,
                _ => {}
            }
        }
        if wildcard { Self::Json } else { Self::Unacceptable }
    }

    /// Its media type; none for JSON, whose is the endpoint's.
    pub fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Json | Self::Unacceptable => None,
            Self::Cbor => Some("application/cbor"),
            Self::MsgPack => Some("application/msgpack"),
            Self::Yaml => Some("application/yaml; charset=utf-8"),
        }
    }

    /// Writes a structure.
    ///
    /// # Errors
    /// When it cannot be written so, in the core's words.
    pub fn write(self, value: &impl Serialize) -> Result<Vec<u8>, String> {
        match self {
            Self::Json => Ok(json::to_vec(value)),
            Self::Cbor => tree(value).map(|node| cbor::to_vec(&typed::for_cbor(node))),
            Self::MsgPack => tree(value).map(|node| msgpack::to_vec(&typed::for_msgpack(node))),
            Self::Yaml => serde_json::from_slice(&json::to_vec(value))
                .map(|value| yaml2::to_string(&value).into_bytes())
                .map_err(|error| error.to_string()),
            Self::Unacceptable => Err("dsd: format is incompatible with operation".to_owned()),
        }
    }
}

/// The structure as Go knows it.
fn tree(value: &impl Serialize) -> Result<Node, String> {
    Node::of(value).map(typed::typed).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use hyper::http::HeaderValue;
    use portmaster_fixtures::Contract;
    use serde_json::{Value, json};

    use super::*;

    fn asked(accept: &'static str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        Format::asked(&headers, Contract::V2_2.behaviour())
    }

    #[test]
    fn the_first_known_type_counts_and_weights_do_not() {
        for (accept, format) in [
            ("application/cbor", Format::Cbor),
            ("text/html, APPLICATION/MSGPACK;q=0.1, application/json", Format::MsgPack),
            ("text/yaml", Format::Yaml),
            ("json", Format::Json),
            ("text/html,*/*;q=0.1", Format::Json),
            ("text/html", Format::Unacceptable),
            (",", Format::Unacceptable),
            ("application/problem+json", Format::Unacceptable),
            ("", Format::Json),
        ] {
            assert_eq!(asked(accept), format, "{accept}");
        }
    }

    #[test]
    fn the_same_structure_comes_in_every_form() {
        let value = json!({"b": [1, "x"], "a": null});
        let bytes = |format: Format| format.write(&value).unwrap();
        let cbor: Value = ciborium::from_reader(bytes(Format::Cbor).as_slice()).unwrap();
        let msgpack: Value = rmp_serde::from_slice(&bytes(Format::MsgPack)).unwrap();
        let yaml: Value = serde_saphyr::from_slice(&bytes(Format::Yaml)).unwrap();
        assert_eq!((&cbor, &msgpack, &yaml), (&value, &value, &value));
    }
}
