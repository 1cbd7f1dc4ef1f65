//! The program as a user meets it.

use crate::common::{Answer, Behind, command, dumb, ended, misbehaving_as, program};
use portmaster_conformance::{checks, exit};
use portmaster_fixtures::Contract;
use serde_json::Value;

#[tokio::test]
async fn a_wrong_id_names_its_neighbour() {
    let output = program(&["run", "badges/pin/GET"]).await;
    assert_eq!(output.status, exit::USAGE);
    let text = "error: no check is called \"badges/pin/GET\"; did you mean \"badges/ping/GET\"?\n";
    assert_eq!(output.stderr, text);
}

#[tokio::test]
async fn wrong_flags_are_usage_errors() {
    for args in [
        &["run", "--contract", "v9"][..],
        &["run", "--target", "https://127.0.0.1:1"],
        &["run", "--report", "pdf=x"],
        &["run", "--report", "json=/no/such/folder/x"],
        &["run", "--report", "json=-"],
        &["run", "--provision"],
        &["run", "--contract", "auto"],
        &["run", "--contract", "target"],
        &["run", "--contract", "no/such.json", "--target", "http://127.0.0.1:1"],
        &["run", "--baseline", "/no/such/file"],
        &["run", "--write-baseline", "/no/such/folder/x"],
        &["run", "--report", "json=twice.none", "--report", "html=./twice.none"],
        &["run", "--report", "json=twice.none", "--write-baseline", "twice.none"],
        &["diff", "--target", "http://127.0.0.1:1", "--timeout", "0"],
        &["diff", "--target", "http://127.0.0.1:1", "--timeout", "99999999999999999999"],
        &["explain", "nothing-like-it"],
        &["frobnicate"],
    ] {
        let output = program(args).await;
        assert_eq!((output.status, output.stdout.as_str()), (exit::USAGE, ""), "{args:?}");
        assert!(output.stderr.starts_with("error: "), "{args:?}: {}", output.stderr);
    }
}

#[tokio::test]
async fn numbers_are_asked_for_in_words() {
    for (args, least) in [
        (&["run", "--seed", "-1"][..], 0),
        (&["run", "--rate", "0"], 1),
        (&["fuzz", "--seed", "0x10"], 0),
        (&["fuzz", "--cases", "many"], 0),
        (&["self-test", "--jobs", "0"], 1),
    ] {
        let output = program(args).await;
        assert_eq!(output.status, exit::USAGE, "{args:?}");
        let words = format!("expected a whole number from {least}\n");
        assert!(output.stderr.contains(&words), "{args:?}: {}", output.stderr);
    }
}

#[tokio::test]
async fn an_unreachable_target_is_said_so() {
    // Port 1 of the loopback: nobody listens there.
    let output = program(&["run", "--target", "http://127.0.0.1:1"]).await;
    assert_eq!(output.status, exit::UNREACHABLE);
    let text = output.stderr;
    assert!(text.starts_with("error: http://127.0.0.1:1: cannot connect to "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[tokio::test]
async fn without_a_target_a_simulator_is_checked() {
    let output = program(&["run", "--seed", "7", "headers/success", "origin/none"]).await;
    assert_eq!(output.status, exit::PASSED, "{}", output.stdout);
    let text = output.stdout;
    assert!(text.contains("7 passed of 7 checks") && text.contains("seed 7"), "{text}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_report_that_is_lost_is_said_and_the_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.jsonl");
    let mut run = command(&["run", "headers/success", "--report", &format!("json={}", file.display())]);
    run.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let output = ended(run).await;
    assert_eq!(output.status, exit::USAGE, "{}", output.stderr);
    assert!(output.stderr.contains("error: cannot write to standard output: "), "{}", output.stderr);
    assert!(std::fs::metadata(file).unwrap().len() > 0);
}

#[tokio::test]
async fn without_keys_nothing_runs_that_needs_them() {
    let target = dumb(|_| Answer::new(404, "text/plain", "")).await;
    let output =
        program(&["run", "--target", &target.address.to_string(), "credentials/bearer/user-key"]).await;
    assert_eq!(output.status, exit::NOTHING);
    let text = output.stdout;
    assert!(text.contains("skipped    1  no key with User permission (--user-key)"), "{text}");
}

#[tokio::test]
async fn nothing_changes_a_foreign_target_unasked() {
    let target = dumb(|asked| {
        assert!(!asked.target.contains("reload") && !asked.target.contains("logout"), "{}", asked.head);
        Answer::new(404, "text/plain", "")
    })
    .await;
    let url = target.address.to_string();
    let ids = ["methods/interchangeable/ui/reload/POST", "parameters/spn/account/logout"];
    let output = program(&["run", "--target", &url, "--admin-key", "k", ids[0], ids[1]]).await;
    assert_eq!(output.status, exit::NOTHING);
    let text = output.stdout;
    assert!(text.contains("needs --allow writes") && text.contains("needs --allow disruptive"), "{text}");
}

#[tokio::test]
async fn failures_can_be_repeated_and_keep_secrets() {
    // A target that gives away what it is sent.
    let target = dumb(|asked| Answer::new(500, "text/plain", &asked.head)).await;
    let folder = tempfile::tempdir().unwrap();
    let (json, text) = (folder.path().join("report.jsonl"), folder.path().join("report.txt"));
    let output = program(&[
        "run",
        "--target",
        &target.address.to_string(),
        "--user-key",
        "sesame-4711",
        "--seed",
        "3",
        "--report",
        &format!("json={}", json.display()),
        "--report",
        &format!("text={}", text.display()),
        "credentials/bearer/user-key",
        "credentials/elsewhere/query",
        "credentials/basic/no-colon",
    ])
    .await;
    assert_eq!(output.status, exit::FAILED);
    let (json, text) = (std::fs::read_to_string(json).unwrap(), std::fs::read_to_string(text).unwrap());
    for shown in [&output.stdout, &output.stderr, &json, &text] {
        // c2VzYW1l is the beginning of the key in base64, as Basic credentials carry it.
        assert!(!shown.contains("sesame") && !shown.contains("c2VzYW1l"), "{shown}");
    }
    let curl = format!(
        "curl -isS -H \"Authorization: Bearer $USER_KEY\" {}/api/v1/network/gateways",
        target.address
    );
    assert!(output.stdout.contains(&curl), "{}", output.stdout);
    assert_eq!(output.stdout, text);

    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(
        (&lines[0]["type"], &lines[0]["version"], &lines[0]["seed"]),
        (&"run".into(), &1.into(), &3.into())
    );
    assert_eq!(lines[1]["id"], "credentials/bearer/user-key");
    assert_eq!((&lines[1]["verdict"], &lines[1]["level"]), (&"fail".into(), &"MUST".into()));
    assert_eq!((&lines[1]["expected"], &lines[1]["curl"]), (&"status 200".into(), &curl.into()));
    assert_eq!((&lines[4]["type"], &lines[4]["fail"]), (&"summary".into(), &3.into()));
}

#[tokio::test]
async fn keys_of_any_length_do() {
    let target = dumb(|_| Answer::new(404, "text/plain", "")).await;
    let url = target.address.to_string();
    let output = program(&["run", "--target", &url, "--user-key", "k", "credentials"]).await;
    assert_eq!(output.status, exit::FAILED);
    assert!(!output.stdout.contains("ERROR"), "{}", output.stdout);
    for key in ["", "two words", "a\nb"] {
        let output = program(&["run", "--target", &url, "--admin-key", key]).await;
        assert_eq!(output.status, exit::USAGE, "{key:?}");
        assert_eq!(output.stderr, "error: the admin-key is empty or has characters that no header carries\n");
    }
}

#[tokio::test]
async fn checks_are_listed_in_three_forms() {
    let count = checks::all(Contract::Docs).len();
    let text = program(&["list"]).await.stdout;
    assert_eq!(text.lines().count(), count);
    let json: Vec<Value> =
        serde_json::from_str(&program(&["list", "--format", "json"]).await.stdout).unwrap();
    assert_eq!(json.len(), count);
    let markdown = program(&["list", "--format", "markdown"]).await.stdout;
    assert_eq!(markdown.lines().filter(|line| line.starts_with("| `")).count(), count);
}

#[tokio::test]
async fn a_check_explains_itself() {
    let output = program(&["explain", "badges/dns/clear/POST/user-key"]).await;
    assert_eq!(output.status, exit::PASSED);
    insta::assert_snapshot!(output.stdout, @r"
    badges/dns/clear/POST/user-key
      user-key may call POST dns/clear (needs User).
      MUST · page: Clear cached DNS records · class disruptive
      contracts: all
      endpoint: dns/clear
      tags: security, disruptive
      needs: Development Mode off, a user key
    ");
}

#[tokio::test]
async fn a_baseline_makes_failures_expected_and_notices_stale_entries() {
    let target = dumb(|_| Answer::new(404, "text/plain; charset=utf-8", "Not found.\n")).await;
    let url = target.address.to_string();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let ids = ["actions/ping", "content/error/not-found"];
    let run =
        async |file: &str| program(&["run", "--target", &url, "--baseline", file, ids[0], ids[1]]).await;

    let output = run(&write("known.yaml", "actions/ping: it is no core\n")).await;
    assert_eq!(output.status, exit::PASSED, "{}", output.stdout);
    let text = output.stdout;
    assert!(text.contains("expected failure actions/ping\n     it is no core\n"), "{text}");
    assert!(text.contains("1 passed, 1 failed as expected of 2 checks"), "{text}");

    let both = "{\"actions/ping\": \"x\", \"content/error/not-found\": \"it was so\"}";
    let output = run(&write("stale.json", both)).await;
    assert_eq!(output.status, exit::FAILED);
    assert!(output.stdout.contains("STALE content/error/not-found"), "{}", output.stdout);

    let output = run(&write("empty.yaml", "")).await;
    assert_eq!(output.status, exit::FAILED);

    let file = write("unknown.yaml", "actions/pong: a typing error\n");
    let output = run(&file).await;
    assert_eq!(output.status, exit::USAGE);
    assert_eq!(output.stderr, format!("error: {file}: no check is called \"actions/pong\"\n"));

    let written = folder.path().join("written.yaml").display().to_string();
    let output = program(&["run", "--target", &url, "--write-baseline", &written, ids[0], ids[1]]).await;
    assert_eq!(output.status, exit::PASSED);
    assert_eq!(run(&written).await.status, exit::PASSED);
}

#[tokio::test]
async fn the_contract_is_found_or_taken_from_the_target() {
    let target = misbehaving_as(Contract::V1_6, Behind::Guarded, |_, answer| {
        answer.replace(r#""Path":"ping""#, r#""Path":"brand/new/{thing:[a-f]{3}}""#);
    })
    .await;
    let url = target.address.to_string();
    let output = program(&["run", "--target", &url, "--contract", "auto", "origin/none"]).await;
    let text = output.stdout;
    assert!(
        text.contains(
            "contract v1.6: its list of endpoints is that of v1.6 without ping, with brand/new/:thing beside;"
        ),
        "{text}"
    );

    let output = program(&["run", "--target", &url, "--contract", "target", "catalogue"]).await;
    let text = output.stdout;
    assert!(text.contains("a list of 71 endpoints"), "{text}");
    // What the target lists and does not have is found.
    assert!(text.contains("FAIL catalogue/exists/brand/new/:thing") && text.contains("1 failed"), "{text}");
}
