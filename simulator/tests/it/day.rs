//! A day in the life of the home office, moved by hand: it takes no time worth mentioning, and nothing piles up.

use std::time::{Duration, Instant};

use portmaster_simulator::{ClockMode, Scenario, Simulator};

#[tokio::test(flavor = "multi_thread")]
async fn a_day_passes_in_less_than_a_minute_and_leaves_nothing_behind() {
    let scenario = Scenario::parse("day", include_str!("day.yaml")).expect("a scenario");
    let builder = Simulator::builder().world(scenario).clock(ClockMode::Manual);
    let simulator = builder.start().await.expect("a simulator");
    let began = Instant::now();
    let mut connections = Vec::new();
    for _ in 0..12 {
        simulator.advance(Duration::from_secs(2 * 3600));
        connections.push(simulator.state()["connections"]["count"].as_u64().expect("a number"));
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(60), "the day took {took:?}");
    // Programs do more in some hours than in others, and nothing piles up.
    let most = |hours: &[u64]| hours.iter().copied().max().unwrap_or_default();
    let (before, after) = (most(&connections[..6]), most(&connections[6..]));
    assert!(after <= before + before / 2, "{connections:?}");
    assert!(connections.iter().all(|count| *count > 30), "{connections:?}");
}
