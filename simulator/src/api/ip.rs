//! Addresses in answers: a text where people read, sixteen bytes in CBOR, as Go's `net.IP` is (core-2.2 §4).

use std::net::IpAddr;

use serde::{Serialize, Serializer};

/// An address of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ip(pub(super) IpAddr);

impl Serialize for Ip {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            // As one text: piece by piece each would be looked through for what is escaped.
            return serializer.serialize_str(&self.0.to_string());
        }
        let sixteen = match self.0 {
            IpAddr::V4(four) => four.to_ipv6_mapped(),
            IpAddr::V6(six) => six,
        };
        serializer.serialize_bytes(&sixteen.octets())
    }
}

/// No address is an empty text, or no bytes.
pub(super) fn or_none<S: Serializer>(ip: &Option<Ip>, serializer: S) -> Result<S::Ok, S::Error> {
    match ip {
        Some(ip) => ip.serialize(serializer),
        None if serializer.is_human_readable() => serializer.serialize_str(""),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::Ip;
    use crate::go::{cbor, tree::Node};

    #[test]
    fn an_address_is_text_in_json_and_bytes_in_cbor() {
        let ip = Ip("192.0.2.1".parse().unwrap());
        assert_eq!(serde_json::to_string(&ip).unwrap(), "\"192.0.2.1\"");
        let cbor = cbor::to_vec(&Node::of(&ip).unwrap());
        assert_eq!(cbor, [0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]);
    }
}
