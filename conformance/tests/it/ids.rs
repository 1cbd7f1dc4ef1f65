//! Ids are for ever: baselines and bookmarks rest on them. A removed or renamed one shows in the snapshot's
//! diff.

use std::collections::BTreeSet;

use portmaster_conformance::{
    checks::{self, FAMILIES},
    suite::Check,
};
use portmaster_fixtures::Contract;

#[test]
fn ids_stay_what_they_are() {
    let mut seen = BTreeSet::new();
    let all = Contract::ALL.into_iter().flat_map(checks::all);
    let all: Vec<_> = all.filter(|check| seen.insert(check.id.clone())).collect();
    let line = |check: &Check| {
        format!("{:<6} {} ({})", check.level, check.id, Contract::ranges(&checks::contracts_of(&check.id)))
    };
    let lines: Vec<_> = all.iter().map(line).collect();
    insta::with_settings!({ snapshot_path => "../../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("conformance-ids", lines.join("\n"));
    });
}

#[test]
fn ids_are_unique_and_can_be_typed() {
    for contract in Contract::ALL {
        typed(contract);
    }
}

fn typed(contract: Contract) {
    let mut seen = BTreeSet::new();
    for check in checks::all(contract) {
        let typed = check.id.chars().all(|c| c.is_ascii_alphanumeric() || "/-.:_".contains(c));
        assert!(typed, "{}", check.id);
        assert!(FAMILIES.iter().any(|family| family.name == check.family()), "{}", check.id);
        assert!(seen.insert(check.id.clone()), "{} stands twice", check.id);
    }
}
