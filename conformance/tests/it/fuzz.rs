//! Fuzzing finds what observed cores do wrong without being told, nothing on those that do no wrong, and whatever else a
//! target does wrong.

use std::{ffi::OsString, sync::Mutex, time::Duration};

use crate::common::{Answer, Asked, Behind, Ended, command, dumb, misbehaving};
use portmaster_conformance::{
    fuzz::{Campaign, Failure, Oracle, Progress, Settings, Step, Summary, Until},
    shard::Shard,
    suite::{Allowed, Key, Keys, Mode, Tier},
    target::Address,
};
use portmaster_fixtures::Contract;

fn shard(text: &str) -> Shard {
    text.parse().unwrap()
}

fn own(contract: Contract, healthy: bool, seed: u64) -> Settings {
    Settings {
        target: None,
        started: false,
        beside: None,
        keeper: None,
        contract,
        simulators: simulators(),
        healthy,
        endpoints: None,
        keys: Keys::default(),
        allowed: Allowed::ALL,
        only: vec![],
        seed,
        limit: Duration::from_secs(20),
    }
}

/// What serves the simulators that are fuzzed.
fn simulators() -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_portmaster-conformance").into(), "simulators".into()]
}

fn run(settings: Settings, cases: u64) -> Summary {
    let campaign = Campaign::new(settings).unwrap();
    campaign.run(Until::Cases(cases), shard("1/1"), 4, &Progress::default())
}

fn told(summary: &Summary) -> Vec<String> {
    let told = |one: &Failure| format!("{} on {:?}: {}", one.oracle.name(), one.endpoints, one.cause);
    summary.failures.iter().map(told).collect()
}

/// Whether a failure of that oracle has all these words in its cause and endpoints.
fn has(summary: &Summary, oracle: Oracle, words: &[&str]) -> bool {
    summary.failures.iter().any(|one| {
        let text = format!("{} {:?}", one.cause, one.endpoints);
        one.oracle == oracle && words.iter().all(|word| text.contains(word))
    })
}

#[test]
fn defects_of_observed_cores_are_found() {
    for contract in [Contract::V1_0, Contract::V1_6, Contract::V2_2] {
        // Some families, to save time; within them nothing is told.
        let only = ["netquery/*", "broadcasts/*", "network/*"].map(str::to_owned).to_vec();
        let summary = run(Settings { only, ..own(contract, false, 7) }, 3000);
        let told = told(&summary);
        // An unknown key of one to three bytes (core-2.2 §8 Q1).
        assert!(has(&summary, Oracle::Authorised, &["200 (no body)"]), "{contract}: {told:#?}");
        // A search in a column that there is not, and a broadcast that shows nothing (core-2.2 §6.3, §6.5).
        assert!(has(&summary, Oracle::NoServerError, &["textSearch", "netquery/"]), "{contract}: {told:#?}");
        assert!(has(&summary, Oracle::NoServerError, &["broadcasts/simulate"]), "{contract}: {told:#?}");
    }
}

/// Every accident that is known of core 2.2.0, in the whole catalogue and with nothing told.
#[test]
fn all_that_crashes_core_2_2_is_found() {
    let summary = run(own(Contract::V2_2, false, 7), 12_000);
    let told = told(&summary);
    // An unknown key of one to three bytes (core-2.2 §8 Q1).
    assert!(has(&summary, Oracle::Authorised, &["200 (no body)"]), "{told:#?}");
    // A broadcast that shows nothing, and a search in a column that there is not (core-2.2 §6.3, §6.5).
    assert!(has(&summary, Oracle::NoServerError, &["broadcasts/simulate"]), "{told:#?}");
    assert!(has(&summary, Oracle::NoServerError, &["{textSearch: {fields: ", "netquery/"]), "{told:#?}");
    // Nothing in a list (netquery §2.3).
    let list = ["{$in: [null]}", "{$notIn: [null]}"];
    let found = list.iter().any(|list| has(&summary, Oracle::NoServerError, &[list, "netquery/"]));
    assert!(found, "{told:#?}");
}

#[test]
fn targets_without_defects_are_found_clean() {
    for contract in Contract::ALL {
        let summary = run(own(contract, true, 11), 3000);
        assert_eq!(told(&summary), Vec::<String>::new(), "{contract}");
        assert!(summary.unconfirmed.is_empty(), "{contract}: {:?}", summary.unconfirmed);
        assert_eq!((summary.cases, summary.gone), (3000, None));
    }
}

/// A simulator that ends its process is one failure among others: made small, kept and replayed.
#[test]
fn a_simulator_that_dies_is_a_failure_that_is_kept() {
    let dying = ["--mutant", "process/insert-panics"].map(OsString::from);
    let settings = || Settings {
        only: vec!["websocket".to_owned()],
        simulators: simulators().into_iter().chain(dying.clone()).collect(),
        ..own(Contract::V2_2, true, 3)
    };
    let summary = run(settings(), 1200);
    assert_eq!((summary.cases, &summary.gone), (1200, &None));
    let crash = summary.failures.iter().find(|one| one.oracle == Oracle::Crash);
    let crash = crash.unwrap_or_else(|| panic!("{:#?}", told(&summary)));
    assert!(crash.got.contains("it ended with status 2: panic: reflect.Set"), "{}", crash.got);
    let Some(Step::Talk(talk)) = crash.steps.steps.last() else { panic!("{:?}", crash.steps) };
    assert_eq!(talk.frames.len(), 1, "{talk:?}");

    let replayed = |settings| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(Campaign::new(settings).unwrap().replay(crash)).unwrap()
    };
    assert_eq!(replayed(settings()).map(|(oracle, ..)| oracle), Some(Oracle::Crash));
    assert_eq!(replayed(Settings { simulators: simulators(), ..settings() }), None);
}

#[test]
fn the_seed_decides_and_shards_are_parts() {
    let only = ["netquery/query", "network/*", "interop/ping", "websocket"].map(str::to_owned).to_vec();
    let campaign =
        |seed| Campaign::new(Settings { only: only.clone(), ..own(Contract::V2_2, false, seed) }).unwrap();
    let run = |seed, part, threads| {
        campaign(seed).run(Until::Cases(900), shard(part), threads, &Progress::default())
    };
    let (one, many) = (run(5, "1/1", 1), run(5, "1/1", 3));
    assert_eq!((one.digest, one.sent), (many.digest, many.sent));
    assert_eq!(one.failures, many.failures);
    assert_ne!(one.digest, run(6, "1/1", 3).digest);
    let parts = ["1/2", "2/2"].map(|part| run(5, part, 2));
    assert_eq!(parts[0].cases + parts[1].cases, one.cases);
    assert_eq!(parts[0].digest.wrapping_add(parts[1].digest), one.digest);
}

/// Fuzzes a target that stands before a simulator and changes its answers.
async fn fuzzed(only: &[&str], change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) -> Summary {
    let target = misbehaving(Behind::Guarded, change).await;
    fuzz(&target.address, only, 200).await
}

async fn fuzz(address: &Address, only: &[&str], cases: u64) -> Summary {
    let campaign = Campaign::new(foreign(address, only)).unwrap();
    let progress = Progress::default();
    let work = move || campaign.run(Until::Cases(cases), shard("1/1"), 2, &progress);
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn foreign(address: &Address, only: &[&str]) -> Settings {
    let mut keys = Keys::default();
    keys.insert(Key::new(Tier::User, "test-user-key-90ab"));
    keys.insert(Key::new(Tier::Admin, "test-admin-key-90ab"));
    Settings {
        target: Some((address.clone(), Mode::Guarded)),
        keys,
        allowed: Allowed { writes: false, disruptive: false },
        only: only.iter().map(|&one| one.to_owned()).collect(),
        limit: Duration::from_secs(5),
        ..own(Contract::Docs, false, 3)
    }
}

/// The oracles that object.
fn oracles(summary: &Summary) -> Vec<Oracle> {
    let mut all: Vec<Oracle> = summary.failures.iter().map(|one| one.oracle).collect();
    all.sort();
    all.dedup();
    all
}

const READS: &[&str] = &["network/*", "config/*", "auth/permissions", "ping"];

#[tokio::test(flavor = "multi_thread")]
async fn every_oracle_can_object() {
    let clean = fuzzed(READS, |_, _| {}).await;
    assert_eq!(told(&clean), Vec::<String>::new());
    type Wrong = fn(&Asked, &mut Answer);
    let cases: [(Oracle, Wrong); 9] = [
        (Oracle::Answered, |asked, answer| {
            // The simulator behind it sends none.
            if asked.method == "HEAD" {
                answer.body = b"a body".to_vec();
                answer.even_to_head = true;
            }
        }),
        (Oracle::NoServerError, |_, answer| {
            if answer.status == 200 {
                answer.status = 500;
            }
        }),
        (Oracle::Authorised, |_, answer| {
            if matches!(answer.status, 401 | 403) {
                answer.status = 200;
            }
        }),
        (Oracle::Admitted, |_, answer| {
            if answer.status == 200 {
                answer.status = 403;
                answer.body = b"Insufficient permissions.\n".to_vec();
            }
        }),
        (Oracle::Headers, |_, answer| answer.drop_header("X-Frame-Options")),
        (Oracle::Headers, |_, answer| answer.set_header("Content-Security-Policy", "default-src *")),
        (Oracle::Typed, |_, answer| {
            if answer.status == 200 {
                answer.set_header("Content-Type", "text/html; charset=utf-8");
            }
        }),
        (Oracle::Structured, |_, answer| answer.replace("{", "[")),
        (Oracle::Structured, |_, answer| answer.replace("Read", "Reed")),
    ];
    for (at, (oracle, change)) in cases.into_iter().enumerate() {
        let summary = fuzzed(READS, change).await;
        assert!(oracles(&summary).contains(&oracle), "case {at}, {oracle:?}: {:#?}", told(&summary));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_vary_are_found() {
    let count = Mutex::new(0);
    let vary = move |_: &Asked, answer: &mut Answer| {
        let mut count = count.lock().unwrap();
        *count += 1;
        answer.set_header("X-Count", &count.to_string());
    };
    assert_eq!(oracles(&fuzzed(READS, vary).await), [Oracle::Repeatable]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_answers_no_http_is_found() {
    // It closes the connection before the length that it announces.
    let short = dumb(|_| {
        let mut answer = Answer::new(200, "text/plain; charset=utf-8", "Pong.\n");
        answer.set_header("Content-Length", "600");
        answer
    });
    let summary = fuzz(&short.await.address, &["ping"], 20).await;
    assert!(oracles(&summary).contains(&Oracle::Answered), "{:#?}", told(&summary));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_small_and_can_be_sent_again() {
    let crash = |asked: &Asked, answer: &mut Answer| {
        if asked.method == "GET" && asked.target.contains("style=") && answer.status == 200 {
            answer.status = 500;
            answer.body = b"boom\n".to_vec();
        }
    };
    let target = misbehaving(Behind::Guarded, crash).await;
    let summary = fuzz(&target.address, &["debug/info"], 400).await;
    let [failure] = summary.failures.as_slice() else { panic!("{:#?}", told(&summary)) };
    let [Step::Ask(ask)] = failure.steps.steps.as_slice() else { panic!("{:?}", failure.steps) };
    // All that the failure needs, and the simplest of everything else.
    assert_eq!((ask.method.as_str(), ask.headers.len()), ("GET", 0), "{ask:?}");
    assert!(ask.target.starts_with("/api/v1/debug/info?style=") && ask.target.len() < 40, "{}", ask.target);

    let folder = tempfile::tempdir().unwrap();
    let file = failure.keep(folder.path()).unwrap();
    assert_eq!(&Failure::read(&file).unwrap(), failure);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("90ab"), "a key is in the file");
    let again = Campaign::new(foreign(&target.address, &[])).unwrap().replay(failure).await.unwrap();
    assert_eq!(again.map(|(oracle, step, _)| (oracle, step)), Some((Oracle::NoServerError, 0)));
    let healthy = misbehaving(Behind::Guarded, |_, _| {}).await;
    let mended = Campaign::new(foreign(&healthy.address, &[])).unwrap().replay(failure).await.unwrap();
    assert_eq!(mended, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_target_is_only_read() {
    let seen = std::sync::Arc::new(Mutex::new(vec![]));
    let noted = std::sync::Arc::clone(&seen);
    let note = move |asked: &Asked, _: &mut Answer| {
        noted.lock().unwrap().push((asked.method.clone(), asked.target.clone()));
    };
    let target = misbehaving(Behind::Guarded, note).await;
    let summary = fuzz(&target.address, &[], 800).await;
    assert!(summary.cases > 400, "{}", summary.cases);
    let harmless = ["netquery/query", "netquery/charts/", "interop/ping", "sync/"];
    for (method, target) in seen.lock().unwrap().iter() {
        let writes = matches!(method.as_str(), "POST" | "PUT" | "DELETE");
        assert!(!writes || harmless.iter().any(|one| target.contains(one)), "{method} {target}");
        assert!(!target.contains("app/auth"), "{target}");
    }
}

#[test]
fn the_command_line_says_what_came_out() {
    let folder = tempfile::tempdir().unwrap();
    let program = |args: &[&str]| {
        let mut command = command(&[&["fuzz"], args].concat());
        let Ended { status, stdout, stderr } = command.current_dir(folder.path()).output().unwrap().into();
        (status, stdout, stderr)
    };
    let found = [
        "--contract", "v2.2", "--seed", "7", "--cases", "800", "--only", "netquery/query", "--report",
        "json=r",
    ];
    let (status, out, err) = program(&found);
    assert_eq!(status, 1, "{out}{err}");
    assert!(err.contains("seed 7") && out.contains("seed 7"), "{out}{err}");
    let report = std::fs::read_to_string(folder.path().join("r")).unwrap();
    let lines: Vec<serde_json::Value> =
        report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines.last().unwrap()["type"]), (&"fuzz".into(), &"summary".into()));
    let file = lines[1]["file"].as_str().unwrap();
    let (status, out, _) = program(&["replay", file]);
    assert_eq!((status, out.starts_with("still fails: ")), (1, true), "{out}");

    assert_eq!(program(&["--for", "5"]).0, 2, "a span has a unit");
    assert_eq!(program(&["--only", "nope", "--cases", "1"]).0, 2);
    assert_eq!(program(&["--shard", "3/2", "--cases", "1"]).0, 2);
    assert_eq!(program(&["replay", "r"]).0, 2);
    assert_eq!(program(&["--cases", "0"]).0, 4);
    assert_eq!(program(&["--target", "http://127.0.0.1:1", "--cases", "1"]).0, 3);
    let (status, out, err) = program(&["--seed", "1", "--cases", "300"]);
    assert_eq!(status, 0, "{out}{err}");

    let (status, out, err) =
        program(&["--contract", "v2.2", "--seed", "7", "--cases", "400", "--out", "r/below-a-file"]);
    assert_eq!(status, 2, "{err}");
    assert!(
        err.contains("cannot write r/below-a-file") && out.contains("FAIL "),
        "what was found is told: {out}"
    );
}

/// Behind a request with a body the simulator's library adds the length to a refusal that has none otherwise.
#[test]
fn how_a_body_ends_is_no_other_answer() {
    let case = r#"{"schema":1,"oracle":"repeatable","endpoints":["nowhere"],"expected":"","got":"","cause":"","seen":1,
        "seed":1,"case":0,"shrunk_in":0,"target":{"contract":"docs","mode":"development"},"fails_at":1,"steps":[
        {"ask":{"method":"POST","target":"/api/v1/dns/clear","who":"nobody","headers":[],"body":"{"}},
        {"ask":{"method":"GET","target":"/api/v1/%","who":"nobody","twice":true}}],"curl":[]}"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    std::fs::write(&file, case).unwrap();
    let ended: Ended = command(&["fuzz", "replay", file.to_str().unwrap()]).output().unwrap().into();
    assert_eq!(ended.status, 0, "{}", ended.stdout);
}
