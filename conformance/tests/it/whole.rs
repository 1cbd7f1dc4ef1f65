//! The whole suite against the embedded simulator: everything runs. That everything passes but what is known
//! is the subject of `baselines.rs`.

use std::time::Duration;

use crate::common::{run, verdicts};
use portmaster_conformance::{
    suite::{Context, SkipReason, Verdict},
    target::Client,
};
use portmaster_fixtures::Contract;

#[tokio::test(flavor = "multi_thread")]
async fn only_the_world_makes_the_embedded_run_skip() {
    for contract in Contract::ALL {
        let context = Context::embedded(contract, 1, Client::new(Duration::from_secs(30)));
        let run = run(&context, &[]).await;
        // Never for want of a key or of permission.
        let world = [SkipReason::NoSuccess, SkipReason::NothingToSee];
        let skipped =
            verdicts(&run, |one| matches!(one.verdict, Verdict::Skip(reason) if !world.contains(&reason)));
        assert!(skipped.is_empty(), "{contract}: {skipped:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_verdicts() {
    let ids = ["paths", "origin", "catalogue"];
    let mut seen = vec![];
    for _ in 0..2 {
        let context = Context::embedded(Contract::Docs, 5, Client::new(Duration::from_secs(30)));
        seen.push(verdicts(&run(&context, &ids).await, |_| true));
    }
    assert!(seen[0].len() > 100 && seen[0] == seen[1]);
}
