//! The checksum that exports carry: BLAKE2b-256 of the document without it, marked as such, in Base58.
//!
//! The rule reproduces all checksums that were recorded with their full texts.

use blake2::{Blake2b, Digest, digest::consts::U32};
use serde_json::{Map, Value};

use super::{fault::SyncFault, pretty::pretty};
use crate::go::{json, read::Raw};

/// What stands before a BLAKE2b-256 hash of 32 bytes, so that readers know what it is.
const BLAKE2B_256: [u8; 2] = [0x19, 32];

/// The member of a JSON document.
const MEMBER: &str = "_jess-checksum";

/// The comment of a YAML document.
const COMMENT: &str = "# jess-checksum: ";

fn checksum(text: &str) -> String {
    let hash: [u8; 32] = Blake2b::<U32>::digest(text.as_bytes()).into();
    bs58::encode([&BLAKE2B_256[..], &hash].concat()).into_string()
}

/// A document as JSON with its checksum.
pub(super) fn signed_json(document: &Map<String, Value>) -> String {
    let bytes = json::to_vec(document);
    // Our own JSON is valid; were it not, the document would be empty and every test of it fail.
    let text = Raw::checked(&bytes).map(|raw| pretty(raw, MEMBER)).unwrap_or_default() + "\n";
    let open = text.trim_end().trim_end_matches('}').trim_end();
    format!("{open},\n \"{MEMBER}\": \"{}\"\n}}\n", checksum(&text))
}

/// A document as YAML with its checksum.
pub(super) fn signed_yaml(text: &str) -> String {
    let text = text.trim_end();
    format!("{text}\n\n{COMMENT}{}\n", checksum(text))
}

/// Whether a JSON document is as it was signed; one without a checksum passes.
pub(super) fn verify_json(document: Raw<'_>) -> Result<(), SyncFault> {
    let sums: Vec<String> =
        document.members().filter(|(name, _)| name == MEMBER).map(|(_, sum)| sum.string()).collect();
    verify(&sums, &(pretty(document, MEMBER) + "\n"))
}

/// Whether a YAML document is as it was signed; one without a checksum passes.
pub(super) fn verify_yaml(text: &str) -> Result<(), SyncFault> {
    let sums: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix(COMMENT)).map(|sum| sum.trim().to_owned()).collect();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(COMMENT)).collect();
    verify(&sums, lines.join("\n").trim_end())
}

fn verify(sums: &[String], text: &str) -> Result<(), SyncFault> {
    if sums.is_empty() || sums.iter().all(|sum| *sum == checksum(text)) {
        Ok(())
    } else {
        Err(SyncFault::Checksum)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::go::yaml;

    fn members(document: &Value) -> &Map<String, Value> {
        document.as_object().unwrap()
    }

    #[test]
    fn checksums_are_as_recorded() {
        let document = json!({"type": "single-setting", "id": "filter/defaultAction", "value": "block"});
        assert_eq!(
            signed_json(members(&document)),
            "{\n \"id\": \"filter/defaultAction\",\n \"type\": \"single-setting\",\n \"value\": \"block\",\n \
             \"_jess-checksum\": \"ZwiDFNNLEUsgXdkkX8x4hcZqMrVdiLRrYV8hQvvjDpxSf1\"\n}\n"
        );
        assert_eq!(
            signed_yaml("type: single-setting\nid: filter/defaultAction\nvalue: block\n"),
            "type: single-setting\nid: filter/defaultAction\nvalue: block\n\n\
             # jess-checksum: ZwjHFSxJH2NUwEJoi9pHQJ38CAHkcJ1ihETFQ7gttgVBJD\n"
        );
    }

    #[test]
    fn the_form_of_json_is_nothing() {
        let text = signed_json(members(&json!({"type": "settings", "config": {"a": {"b": [1, true]}}})));
        let value: Value = serde_json::from_str(&text).unwrap();
        let compact = value.to_string();
        assert_eq!(verify_json(Raw::checked(compact.as_bytes()).unwrap()), Ok(()));
    }

    proptest! {
        #[test]
        fn any_change_is_seen(value in "[a-z]{1,20}", at in any::<prop::sample::Index>(), to in b'a'..=b'z') {
            let document = json!({"type": "single-setting", "id": "x", "value": value});
            for (text, is_json) in [
                (signed_json(members(&document)), true),
                (signed_yaml(&yaml::document(members(&document), &[])), false),
            ] {
                let verified = |text: &str| {
                    if is_json { verify_json(Raw::checked(text.as_bytes()).unwrap()) } else { verify_yaml(text) }
                };
                prop_assert_eq!(verified(&text), Ok(()));
                let mut bytes = text.clone().into_bytes();
                // Only letters of the value: the text stays a document.
                let start = text.find(&value).unwrap();
                let place = start + at.index(value.len());
                if bytes[place] != to && text.matches(&value).count() == 1 {
                    bytes[place] = to;
                    prop_assert_eq!(verified(std::str::from_utf8(&bytes).unwrap()), Err(SyncFault::Checksum));
                }
            }
        }
    }
}
