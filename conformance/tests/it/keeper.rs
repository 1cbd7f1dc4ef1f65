//! Targets that fall, or never stand: what the program says of them, and that it ends.

use std::time::{Duration, Instant};

use portmaster_conformance::exit;
use portmaster_simulator::{Contract, Simulator};
use tokio::net::TcpListener;

use super::common::program;

/// Whether a JUnit file can be read, and how many cases it has.
fn cases(file: &std::path::Path) -> usize {
    let text = std::fs::read_to_string(file).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    document.descendants().filter(|node| node.has_tag_name("testcase")).count()
}

#[tokio::test]
async fn a_command_that_ends_is_said_with_its_status() {
    let command = "sh -c 'echo no data folder >&2; exit 3' {addr}";
    let ended = program(&["run", "--launch", command, "headers"]).await;
    assert_eq!(ended.status, exit::UNREACHABLE);
    assert!(ended.stderr.contains("it ended with status 3 before it was ready"), "{}", ended.stderr);
    assert!(ended.stderr.contains("no data folder"), "{}", ended.stderr);
    let none = program(&["run", "--launch", "core --listen", "headers"]).await;
    assert_eq!(none.status, exit::USAGE);
    assert!(none.stderr.contains("{addr} must stand"), "{}", none.stderr);
}

#[tokio::test]
async fn a_target_that_never_answers_is_left_in_time_and_its_report_is_valid() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xml");
    let report = format!("junit={}", file.display());
    let begun = Instant::now();
    let ended =
        program(&["run", "--target", &url, "--time-limit", "1s", "--report", &report, "headers"]).await;
    assert_eq!(ended.status, exit::TIME_OVER, "{}", ended.stderr);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(cases(&file) > 10);
}

#[tokio::test]
async fn a_target_that_is_not_there_has_a_valid_report() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xml");
    let report = format!("junit={}", file.display());
    let ended = program(&["run", "--target", "http://127.0.0.1:1", "--report", &report, "headers"]).await;
    assert_eq!(ended.status, exit::UNREACHABLE);
    assert!(cases(&file) > 10);
}

#[tokio::test]
async fn keys_that_nobody_knows_end_a_run_at_once() {
    let core = Simulator::builder().api_key("right?read=admin&write=admin").start().await.unwrap();
    let run =
        async |key| program(&["run", "--target", core.url(), "--admin-key", key, "headers/success"]).await;
    let wrong = run("wrong-key").await;
    assert_eq!(wrong.status, exit::USAGE, "{}", wrong.stdout);
    assert!(wrong.stderr.contains("does not take the admin-key"), "{}", wrong.stderr);
    assert_eq!(wrong.stderr.lines().count(), 1, "{}", wrong.stderr);
    assert_ne!(run("right").await.status, exit::USAGE);
}

#[tokio::test]
async fn a_target_that_hangs_ends_the_run_with_what_was_on_its_way() {
    let core = Simulator::builder()
        .contract(Contract::Docs)
        .healthy(true)
        .mutant("process/hangs")
        .api_key("right?read=admin&write=admin")
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.jsonl");
    let report = format!("json={}", file.display());
    let ended =
        program(&["run", "--target", core.url(), "--admin-key", "right", "--report", &report, "--seed", "1"])
            .await;
    assert_eq!(ended.status, exit::UNREACHABLE, "{}", ended.stderr);
    assert!(ended.stderr.contains("unanswered for 10 s"), "{}", ended.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"target/hang\"") && text.contains("on its way:"), "{}", ended.stdout);
    assert!(text.contains("target-gone"), "{}", ended.stdout);
}
