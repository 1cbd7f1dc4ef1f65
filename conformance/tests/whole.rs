//! The whole suite against the embedded simulator: everything runs, and everything passes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{run, verdicts};
use portmaster_conformance::{
    suite::{Context, SkipReason, Verdict},
    target::Client,
};
use portmaster_fixtures::Contract;

/// Parts of ids of what the simulator does not do yet. Empty this as it learns.
const AWAITED: [&str; 5] =
    ["netquery", "database-websocket", "graph:format", "limits/chunked", "structure/dns/cache/:query/known"];

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_simulator_honours_the_contract() {
    let context = Context::embedded(Contract::Docs, 1, Client::new(Duration::from_secs(30)));
    let run = run(&context, &[]).await;
    let awaited = |id: &str| AWAITED.iter().any(|part| id.contains(part));
    let bad = |verdict: &Verdict| matches!(verdict, Verdict::Fail(_) | Verdict::Error(_));
    let amiss = verdicts(&run, |one| bad(&one.verdict) && !awaited(&one.id));
    assert!(amiss.is_empty(), "{amiss:#?}");
    // Only what depends on the simulated world may be skipped, never for want of a key or of permission.
    let world = [SkipReason::NoSuccess, SkipReason::NothingToSee];
    let skipped =
        verdicts(&run, |one| matches!(one.verdict, Verdict::Skip(reason) if !world.contains(&reason)));
    assert!(skipped.is_empty(), "{skipped:#?}");
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
