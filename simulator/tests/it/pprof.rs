//! Go's own tool reads the profiles. Needs `go`, and is run by name: `cargo test --test it -- --ignored pprof::`.

use crate::common;
use std::process::Command;

use portmaster_simulator::{ClockMode, Contract, Simulator};

/// The lines of `go tool pprof -top`.
fn top(profile: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile");
    std::fs::write(&file, profile).unwrap();
    let output = Command::new("go").args(["tool", "pprof", "-top"]).arg(&file).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs go"]
async fn go_reads_every_profile() {
    for contract in [Contract::Docs, Contract::V2_2] {
        let simulator = Simulator::builder().contract(contract).clock(ClockMode::Frozen).dev_mode(true);
        let simulator = simulator.start().await.unwrap();
        for (path, kind) in [
            ("debug/cpu?duration=10s", "Type: cpu"),
            ("debug/heap", "Type: inuse_space"),
            ("debug/allocs", "Type: alloc_space"),
        ] {
            let answer = common::ask(simulator.addr(), "GET", &format!("/api/v1/{path}"), &[], "");
            assert_eq!(answer.status(), 200, "{path}");
            let lines = top(&answer.body);
            assert!(lines.iter().any(|line| line == kind), "{contract} {path}: {lines:#?}");
            // A table of functions, the first of which has some of it.
            let head = lines.iter().position(|line| line.trim_start().starts_with("flat  flat%")).unwrap();
            let first = &lines[head + 1];
            let mut words = first.split_whitespace();
            assert!(words.next().is_some_and(|flat| !flat.starts_with('0')), "{first}");
            // The package and the function.
            assert!(words.next_back().is_some_and(|name| name.contains('.')), "{first}");
        }
    }
}
