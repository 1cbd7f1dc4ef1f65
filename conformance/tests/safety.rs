//! What a run does to a target of somebody else's: one run at a time, no longer and no faster than asked, and
//! nothing left behind.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use portmaster_conformance::exit;
use portmaster_simulator::Simulator;
use tokio::{net::TcpListener, task::spawn_blocking};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portmaster-conformance"));
    command
        .args(args)
        .env_remove("USER_KEY")
        .env_remove("ADMIN_KEY")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn ended(child: Child) -> Output {
    spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

async fn program(args: &[&str]) -> (u8, String, String) {
    let output = ended(command(args).spawn().unwrap()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (u8::try_from(output.status.code().unwrap()).unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_dry_run_asks_nothing_and_says_what_would_run() {
    let target = ["run", "--dry-run", "--target", "http://127.0.0.1:1"];
    let (status, text, _) = program(&[&target[..], &["actions/ui/reload", "headers/success"]].concat()).await;
    assert_eq!(status, exit::PASSED, "{text}");
    assert!(text.contains("skip  writes     actions/ui/reload: no key with User permission"), "{text}");
    assert!(text.contains("of 7 checks 6 would run\n  by class: 6 read\n"), "{text}");
    let (status, _, fault) = program(&[&target[..], &["--contract", "auto"]].concat()).await;
    assert_eq!(status, exit::USAGE);
    assert!(fault.starts_with("error: a dry run asks the target nothing"), "{fault}");
}

#[tokio::test]
async fn two_runs_do_not_meet_on_one_target() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut first = command(&["run", "--target", &url]).spawn().unwrap();
    // The first run has connected: it holds the target.
    let _connection = listener.accept().await.unwrap();
    let run = program(&["run", "--target", &url]).await;
    let fuzz = program(&["fuzz", "--target", &url, "--cases", "1"]).await;
    first.kill().unwrap();
    first.wait().unwrap();
    for (status, _, fault) in [run, fuzz] {
        assert_eq!(status, exit::USAGE);
        assert!(fault.starts_with(&format!("error: another run is checking {url}")), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_ends_a_run() {
    let core = Simulator::builder().start().await.unwrap();
    let args = ["run", "--target", core.url(), "--rate", "5", "--time-limit", "1s", "badges", "headers"];
    let begun = Instant::now();
    let (status, text, _) = program(&args).await;
    assert_eq!(status, exit::TIME_OVER, "{text}");
    assert!(text.contains("the time limit came first"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_kept() {
    let core = Simulator::builder().start().await.unwrap();
    let begun = Instant::now();
    let (status, text, _) =
        program(&["run", "--target", core.url(), "--rate", "20", "headers/success"]).await;
    assert_eq!(status, exit::PASSED, "{text}");
    // Six checks and the look at the target: at least seven requests, six gaps of 50 ms.
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_puts_back_what_it_changed() {
    let core = Simulator::builder().api_key("mine?read=admin&write=admin").start().await.unwrap();
    let before = core.state()["config"].clone();
    let args = [
        "run",
        "--target",
        core.url(),
        "--admin-key",
        "mine",
        "--provision",
        "--allow",
        "writes",
        "--rate",
        "20",
        "websocket",
        "badges",
    ];
    let run = command(&args).spawn().unwrap();
    while core.state()["config"] == before {
        tokio::task::yield_now().await;
    }
    let told = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(told.success());
    let output = ended(run).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(exit::INTERRUPTED.into()), "{text}");
    assert!(text.contains("interrupted"), "{text}");
    assert_eq!(core.state()["config"], before);
}
