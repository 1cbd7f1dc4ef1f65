//! The self-test itself: it says who noticed a mutant, and it fails when nobody did.

use crate::common::program;
use portmaster_conformance::{
    exit,
    selftest::{self, SelfTest},
};
use portmaster_fixtures::{Contract, Mutant};

async fn tried(ids: &[&str]) -> SelfTest {
    let mutants: Vec<_> = ids.iter().map(|id| Mutant::named(id).unwrap()).collect();
    selftest::try_mutants(Contract::Docs, &mutants, 1, 2, |_| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutant_is_noticed_by_those_whose_concern_it_is() {
    let mut test = tried(&["credentials/expired-key", "headers/server-named"]).await;
    let killers: Vec<_> = test.trials.iter().map(|trial| trial.killers.clone()).collect();
    let expired = [
        "credentials/permissions/expired-key",
        "credentials/bearer/expired-key",
        "credentials/basic/expired-key",
    ];
    assert_eq!(killers, [expired.map(str::to_owned).to_vec(), vec!["headers/no-server".to_owned()]]);
    assert!(test.holds(), "without all mutants nobody is toothless");

    test.trials[1].killers.clear();
    assert!(!test.holds());
    test.complete = true;
    let toothless = test.toothless().len();
    assert_eq!(toothless, test.checks.len() - expired.len() - test.failing.len());
    let mut page = vec![];
    selftest::write_markdown(&mut page, &test).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.contains("1 of 2 are noticed") && page.contains("Notices nothing: `headers/no-server`"),
        "{page}"
    );
}

/// `docs/mutants.md` has those of docs.
#[tokio::test(flavor = "multi_thread")]
async fn the_mutants_that_docs_cannot_have_are_noticed() {
    let others: Vec<_> = Mutant::all().iter().filter(|one| !one.suits(Contract::Docs)).collect();
    assert!(!others.is_empty());
    let test = selftest::try_mutants(Contract::V2_2, &others, 1, 2, |_| {}).await;
    let survivors: Vec<_> = test.survivors().map(|one| &one.id).collect();
    assert!(survivors.is_empty() && test.trials.len() == others.len(), "{survivors:?}");
}

#[tokio::test]
async fn wrong_names_are_usage_errors() {
    let output = program(&["self-test", "--mutant", "headers/no-sniff"]).await;
    assert_eq!(output.status, exit::USAGE);
    assert_eq!(
        output.stderr,
        "error: no mutant is called \"headers/no-sniff\"; did you mean \"headers/no-nosniff\"?\n"
    );
    let output = program(&["self-test", "--mutant", "content/accept-heeded", "--contract", "v2.2"]).await;
    assert_eq!(output.status, exit::USAGE);
}
