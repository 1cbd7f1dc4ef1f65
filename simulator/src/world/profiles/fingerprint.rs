//! How programs are recognised, and the ids that follow from it (websocket §5.3).

use serde::{Deserialize, Serialize};
use sha3::{Digest, Sha3_256};

use super::Rejected;
use crate::go::{base58, regexp};

/// One way in which a program is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Fingerprint {
    /// `tag`, `cmdline`, `env` or `path`.
    pub r#type: String,
    /// The name of the tag or of the variable.
    pub key: String,
    /// `equals`, `prefix` or `regex`.
    pub operation: String,
    /// What it is compared with.
    pub value: String,
    /// The key of the profile that it came from.
    pub merged_from: String,
}

impl Fingerprint {
    /// A binary by its path.
    pub fn path(path: &str) -> Self {
        Self {
            r#type: "path".to_owned(),
            operation: "equals".to_owned(),
            value: path.to_owned(),
            ..Self::default()
        }
    }

    /// Whether it is a fingerprint.
    ///
    /// # Errors
    /// With the core's words when it is not.
    pub fn check(&self) -> Result<(), Rejected> {
        let Self { r#type, key, operation, value, .. } = self;
        let error = match r#type.as_str() {
            "tag" | "env" if key.is_empty() => Some(format!("{type} fingerprint is missing key")),
            "tag" | "env" | "cmdline" | "path" => match operation.as_str() {
                "equals" | "prefix" => None,
                "regex" => regexp::compile(value)
                    .is_err()
                    .then(|| format!("failed to compile regex fingerprint: {value}")),
                _ => Some(format!("unknown fingerprint operation: \"{operation}\"")),
            },
            _ => Some(format!("unknown fingerprint type: \"{type}\"")),
        };
        error.map_or(Ok(()), |error| Err(Rejected::Fingerprint(error)))
    }
}

/// What stands before a SHA3-256 hash of 32 bytes, so that readers know what it is.
const SHA3_256: [u8; 2] = [0x11, 32];

/// The id of a profile with these fingerprints, whatever their order.
pub fn derived_id(fingerprints: &[Fingerprint]) -> String {
    let mut sorted: Vec<&Fingerprint> = fingerprints.iter().collect();
    sorted.sort();
    let mut bytes = Vec::new();
    number(&mut bytes, sorted.len());
    for one in sorted {
        number(&mut bytes, 1);
        for (tag, part) in [(2, &one.r#type), (3, &one.key), (4, &one.operation), (5, &one.value)] {
            if !part.is_empty() {
                number(&mut bytes, tag);
                number(&mut bytes, part.len());
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    let hash = [&SHA3_256[..], &Sha3_256::digest(&bytes)].concat();
    base58::encode(&hash)
}

/// Writes a number of variable length, seven bits a byte, the lowest first.
fn number(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_as_cores_derive_them() {
        let paths = |paths: &[&str]| {
            derived_id(&paths.iter().map(|path| Fingerprint::path(path)).collect::<Vec<_>>())
        };
        assert_eq!(paths(&[]), "PTRqsPqWLdaAB6N55QWfKJ3TF5MqViTYcMSBGJb4gBqKY3");
        assert_eq!(paths(&["/tmp/zz1"]), "PTLB7jij2iyhopxMqY9wLdmVgHKGQuV9bXtohaQYUyf362");
        assert_eq!(
            paths(&["/usr/lib/firefox/firefox", "/usr/bin/wget"]),
            "PTcUbXqM99nVC8zUhyp55CxrTUQ7Wmj1Zxhpa3bXciEVyo"
        );
    }

    #[test]
    fn what_is_no_fingerprint_is_named() {
        let print = |r#type: &str, key: &str, operation: &str, value: &str| Fingerprint {
            r#type: r#type.to_owned(),
            key: key.to_owned(),
            operation: operation.to_owned(),
            value: value.to_owned(),
            merged_from: String::new(),
        };
        for (fingerprint, error) in [
            (print("nope", "", "equals", "x"), "unknown fingerprint type: \"nope\""),
            (print("path", "", "nope", "x"), "unknown fingerprint operation: \"nope\""),
            (print("path", "", "regex", "[a"), "failed to compile regex fingerprint: [a"),
            (print("env", "", "equals", "x"), "env fingerprint is missing key"),
            (print("tag", "", "equals", "x"), "tag fingerprint is missing key"),
        ] {
            let rejected = fingerprint.check().unwrap_err();
            assert_eq!(rejected.to_string(), format!("invalid fingerprint: {error}"));
        }
        assert_eq!(print("tag", "k", "prefix", "x").check(), Ok(()));
    }

    proptest! {
        #[test]
        fn the_order_of_fingerprints_is_nothing_and_a_value_is_everything(
            values in proptest::collection::btree_set("[a-z/]{1,300}", 2..5)
        ) {
            let prints: Vec<_> = values.iter().map(|value| Fingerprint::path(value)).collect();
            let turned: Vec<_> = prints.iter().rev().cloned().collect();
            prop_assert_eq!(derived_id(&prints), derived_id(&turned));
            prop_assert_ne!(derived_id(&prints), derived_id(&prints[1..]));
        }
    }
}
