//! The checksum that exports carry: BLAKE2b-256 of the document without it, marked as such, in Base58.
//!
//! The rule reproduces all checksums that were recorded with their full texts.

use blake2::{Blake2b, Digest, digest::consts::U32};
use serde_json::{Map, Value};

use super::{error::SyncError, pretty::pretty};
use crate::go::{base58, json, read::Raw};

/// What stands before a BLAKE2b-256 hash of 32 bytes, so that readers know what it is.
const BLAKE2B_256: [u8; 2] = [0x19, 32];

/// The member of a JSON document.
const MEMBER: &str = "_jess-checksum";

/// What the comments of a YAML document that are not part of it begin with.
const MARK: &str = "# jess-";

/// The comment of a YAML document with its checksum.
const COMMENT: &str = "# jess-checksum: ";

fn checksum(text: &str) -> String {
    let hash: [u8; 32] = Blake2b::<U32>::digest(text.as_bytes()).into();
    base58::encode(&[&BLAKE2B_256[..], &hash].concat())
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
pub(super) fn verify_json(document: Raw<'_>) -> Result<(), SyncError> {
    let sums: Vec<String> =
        document.members().filter(|(name, _)| name == MEMBER).map(|(_, sum)| sum.string()).collect();
    verify(&sums, &(pretty(document, MEMBER) + "\n"))
}

/// Whether a YAML document is as it was signed; one without a checksum passes. No line that begins with `# jess-` is part of
/// the sum, nor are blank lines around the text; line ends count as they are.
pub(super) fn verify_yaml(text: &str) -> Result<(), SyncError> {
    let sums: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix(COMMENT)).map(|sum| sum.trim().to_owned()).collect();
    let lines: Vec<&str> = text.split('\n').filter(|line| !line.starts_with(MARK)).collect();
    verify(&sums, lines.join("\n").trim())
}

fn verify(sums: &[String], text: &str) -> Result<(), SyncError> {
    sums.iter().try_for_each(|sum| {
        labelled(sum)
            .map_err(|error| SyncError::NoChecksum(format!("failed to parse labeled hash: {error}")))?;
        if *sum == checksum(text) { Ok(()) } else { Err(SyncError::Checksum) }
    })
}

/// Whether a text is a hash with its label: a number for the algorithm, then the length of the hash and the hash.
fn labelled(sum: &str) -> Result<(), String> {
    let bytes = base58::decode(sum)?;
    let mut rest = bytes.as_slice();
    let mut number = |what: &str| -> Result<usize, String> {
        let end = rest.iter().position(|byte| *byte < 0x80).filter(|end| *end < 8);
        let end =
            end.ok_or_else(|| format!("failed to parse {what}: container: not enough data to return"))?;
        let (digits, after) = rest.split_at(end + 1);
        rest = after;
        Ok(digits.iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f)))
    };
    number("algorithm")?;
    let length = number("digest")?;
    if rest.len() < length {
        return Err("failed to parse digest: container: not enough data to return".to_owned());
    }
    Ok(())
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
    fn comments_and_blank_lines_around_yaml_are_no_part_of_it() {
        let signed = signed_yaml("type: settings\nconfig: {}\n");
        let (text, sum) = signed.split_once("\n\n").unwrap();
        for same in
            [format!("\n\n{text}\n\n{sum}\n\n"), format!("# jess-signature: x\n{sum}{text}\n# jess-other\n")]
        {
            assert_eq!(verify_yaml(&same), Ok(()), "{same}");
        }
        for other in [
            signed.replace('\n', "\r\n"),
            signed.replace("# jess", "# c\n# jess"),
            signed.replace("type: ", "type:  "),
        ] {
            assert_eq!(verify_yaml(&other), Err(SyncError::Checksum), "{other}");
        }
    }

    #[test]
    fn what_is_no_checksum_matches_nothing() {
        let reason =
            "failed to parse labeled hash: failed to parse digest: container: not enough data to return";
        assert_eq!(
            verify_yaml("type: settings\n# jess-checksum: Zw\n"),
            Err(SyncError::NoChecksum(reason.to_owned()))
        );
        assert!(verify_yaml("type: settings\n# jess-checksum: \n").is_err());
        assert!(verify_json(Raw::checked(br#"{"type":"settings","_jess-checksum":""}"#).unwrap()).is_err());
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
                    prop_assert_eq!(verified(std::str::from_utf8(&bytes).unwrap()), Err(SyncError::Checksum));
                }
            }
        }
    }
}
