//! Queries over connections take their time when a user interface of one's own is served, and only then.

use std::time::{Duration, Instant};

use crate::common::ask;
use portmaster_simulator::{Simulator, UI_NETQUERY_LATENCY};

/// How long an endpoint takes to answer.
async fn takes(with_ui: bool, latency: Option<Duration>, path: &'static str) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("index.html"), "<!doctype html>").expect("a file");
    let mut builder = Simulator::builder().scenario("fresh-install").dev_mode(true);
    if with_ui {
        builder = builder.ui(folder.path());
    }
    if let Some(latency) = latency {
        builder = builder.netquery_latency(latency);
    }
    let simulator = builder.start().await.expect("a simulator");
    let address = simulator.addr();
    let asking = tokio::task::spawn_blocking(move || {
        let begin = Instant::now();
        assert_eq!(ask(address, "GET", path, &[], "").status(), 200);
        begin.elapsed()
    });
    asking.await.expect("an answer")
}

#[tokio::test]
async fn answers_for_a_user_interface_are_not_too_quick() {
    let query = "/api/v1/netquery/query?q=%7B%7D";
    assert!(takes(true, None, query).await >= UI_NETQUERY_LATENCY);
    let long = Duration::from_millis(400);
    assert!(takes(false, Some(long), query).await >= long);
    // A quick answer is never certain on a busy machine; it is quicker than the long one at least once in some tries.
    let mut quick = Duration::MAX;
    for _ in 0..20 {
        quick = quick.min(takes(true, Some(Duration::ZERO), query).await);
        quick = quick.min(takes(true, None, "/api/v1/ping").await);
    }
    assert!(quick < UI_NETQUERY_LATENCY, "{quick:?}");
}
