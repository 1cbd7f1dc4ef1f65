//! What a run does to a target of somebody else's: one run at a time, no longer and no faster than asked, and
//! nothing left behind.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::common::{Answer, Ended, command, dumb, program};
use portmaster_conformance::exit;
use portmaster_simulator::Simulator;
use tokio::{net::TcpListener, task::spawn_blocking};

#[tokio::test]
async fn a_dry_run_asks_nothing_and_says_what_would_run() {
    let target = ["run", "--dry-run", "--target", "http://127.0.0.1:1"];
    let Ended { status, stdout: text, .. } =
        program(&[&target[..], &["actions/ui/reload", "headers/success"]].concat()).await;
    assert_eq!(status, exit::PASSED, "{text}");
    assert!(text.contains("skip  writes     actions/ui/reload: no key with User permission"), "{text}");
    assert!(text.contains("of 7 checks 6 would run\n  by class: 6 read\n"), "{text}");
    let Ended { status, stderr: error, .. } = program(&[&target[..], &["--contract", "auto"]].concat()).await;
    assert_eq!(status, exit::USAGE);
    assert!(error.starts_with("error: a dry run asks the target nothing"), "{error}");
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
    for Ended { status, stderr: error, .. } in [run, fuzz] {
        assert_eq!(status, exit::USAGE);
        assert!(error.starts_with(&format!("error: another run is checking {url}")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_ends_a_run() {
    let core = Simulator::builder().start().await.unwrap();
    let args = ["run", "--target", core.url(), "--rate", "5", "--time-limit", "1s", "badges", "headers"];
    let begun = Instant::now();
    let Ended { status, stdout: text, .. } = program(&args).await;
    assert_eq!(status, exit::TIME_OVER, "{text}");
    assert!(text.contains("the time limit came first"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// A server that is no core at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_pages_of_html_ends_in_time_without_a_panic_and_leaves_no_lock() {
    let pages = dumb(|_| Answer::new(200, "text/html", "<html>hello</html>")).await;
    let url = pages.address.to_string();
    for limit in ["1s", "200ms"] {
        let args = ["run", "--target", &url, "--allow", "disruptive", "--time-limit", limit];
        let Ended { status, stdout: text, stderr: error } = program(&args).await;
        assert!([exit::TIME_OVER, exit::FAILED, exit::UNREACHABLE].contains(&status), "{status}: {error}");
        assert!(!format!("{text}{error}").contains("panicked"), "{text}{error}");
    }
    let name = url.replace(|char: char| !char.is_ascii_alphanumeric(), "-");
    let lock = std::env::temp_dir().join(format!("portmaster-conformance-{name}.lock"));
    assert!(!lock.exists(), "{}", lock.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_be_left_as_it_was_found_is_a_failure_and_no_wrong_command() {
    let rules = "extends: home-office
rules:
  - when: { request: { path: ui/reload } }
    then: [{ change: { config: { filter/askTimeout: 77 } } }]
  - when: { change: config/filter/askTimeout }
    then: [{ change: { config: { filter/askTimeout: 77 } } }]";
    let scenario = portmaster_simulator::Scenario::parse("stubborn", rules).unwrap();
    let core =
        Simulator::builder().world(scenario).api_key("admin?read=admin&write=admin").start().await.unwrap();
    let args =
        ["run", "--target", core.url(), "--admin-key", "admin", "--allow", "writes", "actions/ui/reload"];
    let Ended { status, stdout: text, stderr: error } = program(&args).await;
    assert_eq!(status, exit::FAILED, "{text}{error}");
    assert!(error.contains("is not as it was before the run: config:filter/askTimeout"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_kept() {
    let core = Simulator::builder().start().await.unwrap();
    let begun = Instant::now();
    let Ended { status, stdout: text, .. } =
        program(&["run", "--target", core.url(), "--rate", "20", "headers/success"]).await;
    assert_eq!(status, exit::PASSED, "{text}");
    // Six checks and the look at the target: at least seven requests, six gaps of 50 ms.
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

/// A run that gets these signals while it changes a core, and whether the core is as it was.
#[cfg(unix)]
async fn ended_by(signals: &[i32]) -> (Ended, bool) {
    let core = Simulator::builder().api_key("mine?read=admin&write=admin").start().await.unwrap();
    let before = core.state()["config"].clone();
    let args = ["run", "--target", core.url(), "--admin-key", "mine", "--provision", "--allow", "writes"];
    let run = command(&[&args[..], &["--rate", "20", "websocket", "badges"]].concat()).spawn().unwrap();
    while core.state()["config"] == before {
        tokio::task::yield_now().await;
    }
    let pid = run.id().to_string();
    for signal in signals {
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }
    let ended = spawn_blocking(move || run.wait_with_output().unwrap()).await.unwrap().into();
    (ended, core.state()["config"] == before)
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_puts_back_what_it_changed() {
    for signal in portmaster_wire::ends::signals() {
        let (ended, is_as_before) = ended_by(&[*signal]).await;
        let text = ended.stdout;
        assert_eq!(ended.status, exit::INTERRUPTED, "{signal}: {text}");
        assert!(text.contains("interrupted"), "{text}");
        assert!(is_as_before, "{signal}: {text}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_wait_is_told_what_stays() {
    let (ended, _) = ended_by(&[2, 15]).await;
    assert_eq!(ended.status, exit::INTERRUPTED, "{}", ended.stdout);
    assert!(ended.stderr.starts_with("ended at once: what was changed"), "{}", ended.stderr);
}
