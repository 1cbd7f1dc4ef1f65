//! The shipped baselines: on a core of each version, with its defects, the suite has no unexpected result and
//! the baseline no stale entry.

use std::{path::PathBuf, time::Duration};

use crate::common::verdicts;
use portmaster_conformance::{
    checks,
    suite::{self, Allowed, Baseline, Context, Run},
    target::Client,
};
use portmaster_fixtures::Contract;

fn shipped(name: &str) -> Baseline {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("baselines").join(name);
    Baseline::open(&file).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Everything that a contract demands, of the given targets.
async fn everything(contract: Contract, context: &Context) -> Run {
    let checks = checks::all(contract);
    suite::run(&checks, context, Allowed::ALL, |_, _| {}, std::future::pending()).await
}

fn client() -> Client {
    Client::new(Duration::from_secs(30))
}

async fn fits(contract: Contract, core: Contract, name: &str) {
    let mut run = everything(contract, &Context::imitated(contract, core, 1, client())).await;
    if let Some(folder) = std::env::var_os("WRITE_BASELINES") {
        let text = Baseline::of(&run, &shipped(name)).text();
        std::fs::write(PathBuf::from(folder).join(name), text).unwrap();
    }
    let baseline = shipped(name);
    baseline.only_names(&checks::all(contract)).unwrap();
    baseline.apply(&mut run);
    let unexpected =
        verdicts(&run, |one| !matches!(one.verdict.name(), "pass" | "skip" | "warn" | "expected-failure"));
    assert!(unexpected.is_empty(), "{name}: {unexpected:#?}");
    assert_eq!(run.count("expected-failure"), baseline.len(), "{name}");
}

/// The contracts of cores, as opposed to the page's.
fn observed() -> impl Iterator<Item = Contract> {
    Contract::ALL.into_iter().filter(|one| !one.behaviour().defects.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_on_every_core() {
    for core in observed() {
        let version = core.name().trim_start_matches('v');
        fits(Contract::Docs, core, &format!("docs-on-{version}.yaml")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_core_on_its_own_contract() {
    for core in observed() {
        fits(core, core, &format!("{core}.yaml")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_defects_only_findings_remain() {
    for contract in Contract::ALL {
        let name = format!("healthy.yaml for {contract}");
        let baseline = shipped("healthy.yaml").only(&checks::all(contract));
        let mut run = everything(contract, &Context::embedded(contract, 1, client())).await;
        baseline.apply(&mut run);
        let amiss = verdicts(&run, |one| matches!(one.verdict.name(), "fail" | "stale" | "error"));
        assert!(amiss.is_empty(), "{name}: {amiss:#?}");
        assert_eq!(run.count("expected-failure"), baseline.len(), "{name}");
        let expected = |one: &suite::Record| one.verdict.name() == "expected-failure";
        assert!(run.records.iter().filter(|one| expected(one)).all(|one| one.finding), "{name}");
    }
}
