//! Targets that are launched: the simulator as a program of its own, kept by `run`, `record` and `replay`.

use std::{collections::BTreeMap, path::Path};

use portmaster_conformance::exit;
use serde_json::Value;

use super::common::{PROGRAM, command, ended, program};

/// The command line that launches the simulator, which is built with the workspace.
fn simulator(more: &str) -> String {
    let name = format!("portmaster-simulator{}", std::env::consts::EXE_SUFFIX);
    let path = Path::new(PROGRAM).with_file_name(name);
    assert!(path.is_file(), "{} is built with the workspace", path.display());
    format!("'{}' --listen {{addr}} --data {{data}} --control off {more}", path.display())
}

/// The verdict of each check of a run, and why it was skipped if it was.
async fn verdicts(more: &[&str]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.jsonl");
    let report = format!("json={}", file.display());
    let ended = program(&[&["run", "--seed", "1", "--report", &report], more].concat()).await;
    assert_ne!(ended.status, exit::UNREACHABLE, "{}", ended.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| line["type"] == "check")
        .map(|line| (word(&line["id"]), format!("{}{}", word(&line["verdict"]), word(&line["reason"]))))
        .collect()
}

#[tokio::test]
async fn a_launched_simulator_has_the_report_of_the_embedded_one() {
    let what = ["credentials", "devmode", "badges/ping", "actions/core", "websocket/handshake"];
    let command = simulator("--external-auth {auth}");
    let launched = verdicts(&[&["--launch", &command][..], &what].concat()).await;
    let embedded = verdicts(&what).await;
    assert!(launched.keys().any(|id| id.starts_with("credentials/session/")));
    assert_eq!(launched, embedded);
}

#[tokio::test]
async fn without_a_word_for_its_authenticator_it_grants_nothing() {
    let launched = verdicts(&["--launch", &simulator(""), "credentials/session"]).await;
    assert!(launched.values().all(|verdict| verdict == "skipnot-granted"), "{launched:?}");
}

#[tokio::test]
async fn what_was_recorded_is_replayed_on_a_launched_target_in_every_setup() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.jsonl").display().to_string();
    let what = ["credentials", "badges/ping", "devmode/internal", "actions/core/restart", "actions/ping"];
    let ended = program(&[&["record", "--seed", "1", "-o", &file][..], &what].concat()).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stderr);
    // It ends at a restart, and somebody has to start it again.
    let command = simulator("--external-auth {auth} --mutant process/exits-on-restart");
    let ended = program(&["replay", &file, "--launch", &command]).await;
    assert_eq!(ended.status, exit::PASSED, "{}{}", ended.stdout, ended.stderr);
    let command = simulator("--external-auth {auth} --mutant credentials/no-such");
    let ended = program(&["replay", &file, "--launch", &command]).await;
    assert_eq!(ended.status, exit::UNREACHABLE, "{}", ended.stderr);
}

#[tokio::test]
async fn diff_launches_a_target_and_says_how_it_is_not_a_simulator() {
    let diff = async |launched: &[&str]| {
        let what = ["diff", "--seed", "3", "--cases", "100", "headers/success", "structure/config"];
        program(&[&what, launched].concat()).await
    };
    let alike = diff(&["--launch", &simulator("--external-auth {auth}")]).await;
    assert_eq!(alike.status, exit::PASSED, "{}{}", alike.stdout, alike.stderr);
    assert!(alike.stdout.ends_with(", all answered alike\n"), "{}", alike.stdout);
    let other = diff(&["--launch", &simulator("--external-auth {auth} --mutant headers/no-nosniff")]).await;
    assert_eq!(other.status, exit::FAILED, "{}", other.stderr);
    assert!(other.stdout.contains("header x-content-type-options missing"), "{}", other.stdout);
    assert!(other.stdout.contains("1 cause"), "{}", other.stdout);
}

/// A program with the flags of a core 2.x.
#[cfg(unix)]
#[tokio::test]
async fn diff_knows_how_to_start_a_core() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("core");
    let script = format!(
        "#!/bin/sh\n\
         [ \"$1\" = --help ] && echo ' --api-address --bin-dir --data-dir ' && exit\n\
         exec {} --contract v2.2\n",
        simulator("").replace("{addr}", "\"$3\"").replace("{data}", "\"$5\"")
    );
    std::fs::write(&core, script).unwrap();
    std::fs::set_permissions(&core, std::fs::Permissions::from_mode(0o755)).unwrap();
    let core = core.to_str().unwrap();
    let ended = program(&["diff", "--core", core, "--contract", "v2.2", "endpoint:config/*"]).await;
    assert_eq!(ended.status, exit::PASSED, "{}{}", ended.stdout, ended.stderr);
}

/// Ended outright, the suite can do nothing any more; what it has launched goes with it, and the next suite removes what it left.
#[cfg(unix)]
#[tokio::test]
async fn what_was_launched_ends_with_a_suite_that_is_killed() {
    use std::io::{BufRead, BufReader, Read};
    let folder = tempfile::tempdir().unwrap();
    let there = |name: &str| folder.path().join(name);
    let pipe = there("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // What it has launched holds the pipe as long as it lives, with a child that listens to nobody.
    let script = format!("exec 3>{}; echo up >&3; trap '' TERM; sleep 40 & wait", pipe.display());
    let launched = format!("sh -c \"{script}\" {{addr}}");
    let suite = |launched: &str| {
        let mut suite = command(&["run", "--launch", launched]);
        suite.env("TMPDIR", folder.path());
        suite
    };
    let mut first = suite(&launched).spawn().unwrap();
    let closed = tokio::task::spawn_blocking(move || {
        let mut pipe = BufReader::new(std::fs::File::open(pipe).unwrap());
        pipe.read_line(&mut String::new()).unwrap();
        first.kill().unwrap();
        first.wait().unwrap();
        pipe.read_to_end(&mut vec![]).unwrap()
    });
    let limit = std::time::Duration::from_secs(20);
    assert_eq!(tokio::time::timeout(limit, closed).await.unwrap().unwrap(), 0);
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left(), 2, "the pipe, and the folder of who was killed");
    assert_eq!(ended(suite("false {addr}")).await.status, exit::UNREACHABLE);
    assert_eq!(left(), 1, "only the pipe");
}

#[cfg(unix)]
#[test]
fn who_does_not_listen_is_told_of_while_it_is_waited_for() {
    use std::io::{BufRead, BufReader};
    let launched = "sh -c 'echo here I am; exec sleep 60' {addr}";
    let mut suite = command(&["run", "--launch", launched]).spawn().unwrap();
    let said = BufReader::new(suite.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> =
        said.skip_while(|line| !line.contains("nothing listens on 127.0.0.1:")).take(3).collect();
    assert_eq!(said[2].trim(), "here I am", "{said:?}");
    suite.kill().unwrap();
    suite.wait().unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_core_is_better_launched() {
    let ended = program(&["run", "--core", "/bin/sh"]).await;
    assert_eq!(ended.status, exit::UNREACHABLE, "{}", ended.stderr);
    assert!(ended.stderr.contains("--launch 'COMMAND' starts it"), "{}", ended.stderr);
}
