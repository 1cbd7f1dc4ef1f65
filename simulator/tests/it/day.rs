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
    // Ended connections stay for ten minutes; of those that were there in the first hours some take longer to end.
    let most = connections[5];
    assert!(connections[6..].iter().all(|count| *count <= most + most / 5), "{connections:?}");
}
