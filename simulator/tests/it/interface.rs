//! What stands in for a real user interface, in a real browser: it fills charts up to the browser's present, and no frame
//! takes long.
//!
//! Needs Chromium (or what `CHROMIUM` names): `cargo test --test it -- --ignored interface::`.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::browser::Browser;
use serde_json::{Value, json};

/// The longest that a frame may take, milliseconds.
const FRAME: f64 = 200.0;

/// The program, serving the charts; killed when the test is over.
struct Running(Child, String);

impl Running {
    fn start(flags: &[&str]) -> Self {
        let charts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/interface");
        let mut child = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"))
            .args(["--listen", "127.0.0.1:0", "--ready", "json", "--dev-mode", "--ui", charts])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = ready["api"].as_str().unwrap().to_owned();
        Self(child, url)
    }

    fn page(&self, query: &str) -> String {
        format!("{}/ui/modules/portmaster/{query}", self.1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn charts_are_filled_up_to_the_present_without_a_long_frame() {
    for (contract, charts) in [("v2.2", ""), ("docs", "?active")] {
        let running = Running::start(&["--contract", contract]);
        let mut browser = Browser::start().await;
        browser.open(&running.page(charts)).await;
        browser.until("document.body.dataset.ready === 'yes'").await;
        let rounds = browser.value("window.seen").await;
        let rounds = rounds.as_array().unwrap();
        // On a busy machine a frame may wait for others; what the charts themselves cost is in each of them.
        let took = rounds.iter().filter_map(|round| round["took"].as_f64()).fold(f64::INFINITY, f64::min);
        assert!(took < FRAME, "{contract}: the quickest frame took {took} ms: {rounds:#?}");
        for round in rounds {
            assert!(round["points"].as_u64().unwrap() < 500, "{contract}: {} points", round["points"]);
            assert!(round["active"].as_u64().unwrap() > 0, "{contract}: nothing is active");
            let chart = round["chart"].as_array().unwrap();
            assert!(chart.len() >= 60, "{contract}: the chart has {} points", chart.len());
        }
        assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
    }
}

/// What the test above is there for: with the written start there would be a point for each ten seconds since then.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_world_of_long_ago_would_fill_charts_for_ever() {
    let running = Running::start(&["--contract", "v2.2", "--start", "2020-01-01T00:00:00Z"]);
    let mut browser = Browser::start().await;
    browser.open(&running.page("?wait")).await;
    browser.until("typeof window.toFill === 'function'").await;
    let points = browser.value("window.toFill()").await;
    assert!(points.as_u64().unwrap() > 1_000_000, "{points}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn charts_do_not_slope_to_zero() {
    let running = Running::start(&["--contract", "v2.2", "--clock", "x120", "--netquery-latency", "0"]);
    let mut browser = Browser::start().await;
    browser.open(&running.page("?wait")).await;
    browser.until("typeof window.round === 'function'").await;
    let first = browser.value("window.round()").await;
    // Twenty minutes of the world: all connections of the first look have ended long ago.
    let then =
        first["chart"].as_array().and_then(|chart| chart.last()).unwrap()["timestamp"].as_i64().unwrap();
    browser
        .value(&format!(
            "(async () => {{ for (;;) {{ const {{ chart }} = await window.round();
              if (chart.length > 0 && chart[chart.length - 1].timestamp > {}) return true; }} }})()",
            then + 1_200
        ))
        .await;
    let last = browser.value("window.round()").await;
    let level = |round: &Value| {
        let chart = round["chart"].as_array().unwrap();
        chart.iter().filter_map(|point| point["value"].as_f64()).sum::<f64>() / chart.len() as f64
    };
    let (before, after) = (level(&first), level(&last));
    assert!(after > before / 2.0 && after < before * 2.0, "active on average: {before}, then {after}");
    assert!(!last["traffic"].as_array().unwrap().is_empty(), "{}", json!(last["traffic"]));
}
