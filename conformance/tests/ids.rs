//! Ids are for ever: baselines and bookmarks rest on them. A removed or renamed one shows in the snapshot's
//! diff.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use portmaster_conformance::checks::{self, FAMILIES};
use portmaster_fixtures::Contract;

#[test]
fn ids_stay_what_they_are() {
    let lines: Vec<_> =
        checks::all(Contract::Docs).iter().map(|check| format!("{:<6} {}", check.level, check.id)).collect();
    insta::with_settings!({ snapshot_path => "../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("conformance-ids", lines.join("\n"));
    });
}

#[test]
fn ids_are_unique_and_can_be_typed() {
    let mut seen = BTreeSet::new();
    for check in checks::all(Contract::Docs) {
        let typed = check.id.chars().all(|c| c.is_ascii_alphanumeric() || "/-.:_".contains(c));
        assert!(typed, "{}", check.id);
        assert!(FAMILIES.iter().any(|family| family.name == check.family()), "{}", check.id);
        assert!(seen.insert(check.id.clone()), "{} stands twice", check.id);
    }
}
