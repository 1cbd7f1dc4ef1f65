//! docs/checks.md and docs/traceability.md are made of the checks. `UPDATE_DOCS=1` writes them anew.

use std::{collections::BTreeSet, path::PathBuf};

use portmaster_conformance::{checks, docs, suite::Level};
use portmaster_fixtures::Contract;

fn same(name: &str, wanted: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, wanted).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = written.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    assert!(
        written == wanted,
        "docs/{name} is not what the checks say (first at line {}): UPDATE_DOCS=1 cargo test -p portmaster-conformance \
         --test it docs:: writes it anew",
        differs.map_or(written.lines().count().min(wanted.lines().count()), |line| line) + 1,
    );
}

#[test]
fn the_list_of_checks_is_what_the_checks_are() {
    same("checks.md", &docs::checks_table("Every check", &docs::every_check()));
}

#[test]
fn the_traceability_is_what_the_checks_are() {
    same("traceability.md", &docs::traceability().unwrap());
}

#[test]
fn every_sentence_is_observed_or_says_why_not() {
    let page = docs::page();
    assert!(page.len() > 200, "{}", page.len());
    let mut last = 0;
    for one in &page {
        assert!(one.line > last, "line {} stands twice, or in disorder", one.line);
        last = one.line;
        assert!(
            one.checks.is_empty() == one.unobserved.is_some(),
            "line {}: checks, or why there are none",
            one.line
        );
        one.observed_by().unwrap();
    }
}

#[test]
fn everything_that_the_page_demands_stands_at_a_sentence() {
    let traced: BTreeSet<String> =
        docs::page().iter().flat_map(|one| one.observed_by().unwrap()).map(|check| check.id).collect();
    let all = checks::all(Contract::Docs);
    let untraced: Vec<_> =
        all.iter().filter(|one| one.level == Level::Must && !traced.contains(&one.id)).collect();
    assert!(untraced.is_empty(), "{untraced:?}");
}
