//! Two targets that are set up alike are asked the same, and what differs is found as one cause.

use std::{ffi::OsString, path::Path, time::Duration};

use portmaster_conformance::{
    exit,
    fuzz::{Beside, Campaign, Failure, Oracle, Progress, Settings, Summary, Until},
    suite::{Allowed, Keys},
};
use portmaster_fixtures::Contract;
use portmaster_simulator::{ExternalAuth, Simulator};

use crate::common::{Ended, PROGRAM, command, ended};

/// A command that serves simulators, with a misbehaviour if one is named.
fn simulators(mutant: Option<&str>) -> Vec<OsString> {
    let mutant = mutant.into_iter().flat_map(|id| ["--mutant", id]);
    [PROGRAM, "simulators"].into_iter().chain(mutant).map(OsString::from).collect()
}

/// Compares simulators with others that may misbehave.
fn compared(contract: Contract, mutant: Option<&str>, only: &[&str], until: Until) -> Summary {
    let campaign = Campaign::new(Settings {
        target: None,
        started: false,
        beside: Some(Beside::Simulators(simulators(mutant))),
        keeper: None,
        contract,
        simulators: simulators(None),
        healthy: true,
        endpoints: None,
        keys: Keys::default(),
        allowed: Allowed::ALL,
        only: only.iter().map(|&one| one.to_owned()).collect(),
        seed: 5,
        limit: Duration::from_secs(10),
    });
    campaign.unwrap().run(until, "1/1".parse().unwrap(), 4, &Progress::default())
}

fn causes(summary: &Summary) -> Vec<String> {
    let told = |one: &Failure| format!("{} at {:?}: {}", one.oracle.name(), one.endpoints, one.cause);
    summary.failures.iter().filter(|one| one.follows.is_none()).map(told).collect()
}

#[test]
fn two_alike_answer_alike() {
    for contract in [Contract::Docs, Contract::V2_2] {
        let summary = compared(contract, None, &[], Until::Cases(2400));
        assert!(causes(&summary).is_empty(), "{contract}: {:#?}", summary.failures);
        assert_eq!((summary.cases, summary.gone), (2400, None));
    }
}

#[test]
fn a_misbehaviour_is_found_as_one_cause() {
    for (id, only, cause) in [
        (
            "headers/no-nosniff",
            &["network/*", "ping"][..],
            "header x-content-type-options missing at the second",
        ),
        (
            "badges/unauthorized-as-forbidden",
            &["network/*", "config/*"],
            "refused by both, with 401 against 403",
        ),
        ("websocket/answers-as-text", &["websocket"], "a binary frame against a text one"),
    ] {
        let summary = compared(Contract::Docs, Some(id), only, Until::Cases(400));
        let causes = causes(&summary);
        assert!(causes.len() == 1 && causes[0].ends_with(cause), "{id}: {causes:#?}");
        assert_eq!(summary.failures[0].oracle, Oracle::Alike);
    }
}

async fn simulator(mutant: Option<&str>) -> Simulator {
    let mut builder = Simulator::builder()
        .contract(Contract::V2_2)
        .external_auth(ExternalAuth::None)
        .api_key("very-secret-user-sesame?read=user&write=user")
        .api_key("very-secret-admin-sesame?read=admin&write=admin");
    if let Some(mutant) = mutant {
        builder = builder.mutant(mutant);
    }
    builder.start().await.unwrap()
}

async fn fuzz(folder: &Path, args: &[&str]) -> Ended {
    let mut command = command(&[&["fuzz"], args].concat());
    command.current_dir(folder);
    command.env("USER_KEY", "very-secret-user-sesame").env("ADMIN_KEY", "very-secret-admin-sesame");
    ended(command).await
}

#[tokio::test]
async fn a_running_target_is_compared_and_what_differs_is_kept_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (simulator(None).await, simulator(Some("headers/server-named")).await);
    let some = ["--contract", "v2.2", "--seed", "1", "--cases", "200"];
    let run = |args: &[&str]| {
        let args: Vec<String> = args.iter().chain(&some).map(|&one| one.to_owned()).collect();
        let folder = folder.path().to_owned();
        async move { fuzz(&folder, &args.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    let alike = run(&["--beside", good.url()]).await;
    assert_eq!(alike.status, exit::PASSED, "{}{}", alike.stdout, alike.stderr);
    for first in [vec![], vec!["--target", good.url()]] {
        let found = run(&[&first[..], &["--beside", bad.url()]].concat()).await;
        assert_eq!(found.status, exit::FAILED, "{}{}", found.stdout, found.stderr);
        assert!(found.stdout.contains("header server missing at the first\n"), "{}", found.stdout);
        assert_eq!(found.stdout.matches("FAIL alike").count(), 1, "{}", found.stdout);
    }
    let kept: Vec<_> =
        folder.path().join("fuzz-failures").read_dir().unwrap().map(|one| one.unwrap()).collect();
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    let (file, text) = (kept.path(), std::fs::read_to_string(kept.path()).unwrap());
    assert!(text.contains(bad.url()) && !text.contains("sesame"), "{text}");
    let again = |beside: &'static [&'static str], url: &str| {
        let args: Vec<String> = ["replay", file.to_str().unwrap()]
            .iter()
            .chain(beside)
            .map(|&one| one.to_owned())
            .chain([url.to_owned()])
            .collect();
        let folder = folder.path().to_owned();
        async move { fuzz(&folder, &args.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    let fails = again(&["--beside"], bad.url()).await;
    assert_eq!(
        (fails.status, fails.stdout.starts_with("still fails: alike")),
        (exit::FAILED, true),
        "{}",
        fails.stdout
    );
    assert_eq!(again(&["--beside"], good.url()).await.status, exit::PASSED);
    assert_eq!(again(&["--target"], bad.url()).await.status, exit::USAGE);
}
