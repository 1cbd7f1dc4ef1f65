//! The whole suite against the embedded simulator: everything runs. That everything passes but what is known
//! is the subject of `baselines.rs`.

use std::time::Duration;

use crate::common::{run, verdicts};
use portmaster_conformance::{
    suite::{Context, Keys, Mode, SkipReason, Verdict},
    target::{Address, Client},
};
use portmaster_fixtures::Contract;
use portmaster_simulator::Simulator;

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

/// Endpoints that decide themselves who may ask say 401 to somebody without a key, and nothing is wrong with that.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_without_a_key_is_no_alarm() {
    for contract in Contract::ALL {
        let core = Simulator::builder().contract(contract).healthy(true).api_key("some?read=user");
        let core = core.start().await.unwrap();
        let address: Address = core.url().parse().unwrap();
        let client = Client::new(Duration::from_secs(30));
        let context = Context::foreign(address, Mode::Guarded, Keys::default(), contract, 1, client);
        let run = run(&context, &["content/*", "badges/*"]).await;
        let failed = verdicts(&run, |one| one.verdict.name() == "fail");
        assert!(failed.is_empty(), "{contract}: {failed:#?}");
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
