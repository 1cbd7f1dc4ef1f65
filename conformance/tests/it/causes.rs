//! One cause, one failure: what every report says of a target that lacks an endpoint, and of one that could not be asked.

use portmaster_conformance::exit;
use portmaster_simulator::{Contract, Simulator};
use serde_json::Value;

use super::common::{Answer, Asked, Behind, Ended, Target, misbehaving_as, program};

/// A core without interop/ping: it neither lists nor answers it.
async fn without_interop_ping() -> Target {
    misbehaving_as(Contract::V2_2, Behind::Guarded, |asked: &Asked, answer: &mut Answer| {
        let path = asked.target.split('?').next().unwrap();
        if path.starts_with("/api/v1/interop/ping") {
            *answer = Answer::new(404, "text/plain; charset=utf-8", "Not found.\n");
        } else if path == "/api/v1/endpoints" && answer.status == 200 {
            let mut list: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
            list.retain(|entry| entry["Path"] != "interop/ping");
            answer.body = serde_json::to_vec(&list).unwrap();
        }
    })
    .await
}

/// What `run` says of it, and the reports of these formats.
async fn ran<const N: usize>(
    target: &str,
    contract: &str,
    what: &[&str],
    formats: [&str; N],
) -> (Ended, [String; N]) {
    let folder = tempfile::tempdir().unwrap();
    let file = |format: &str| folder.path().join(format);
    let reports: Vec<_> =
        formats.iter().map(|one| format!("--report={one}={}", file(one).display())).collect();
    let mut words = vec!["run", "--target", target, "--contract", contract, "--seed", "1"];
    words.extend(["--user-key", "test-user-key-90ab", "--admin-key", "test-admin-key-90ab"]);
    words.extend(reports.iter().map(String::as_str));
    words.extend(what);
    let ended = program(&words).await;
    (ended, formats.map(|format| std::fs::read_to_string(file(format)).unwrap()))
}

fn checks(report: &str) -> Vec<Value> {
    let lines = report.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "check").collect()
}

#[tokio::test]
async fn a_missing_endpoint_is_one_failure_in_every_report() {
    let target = without_interop_ping().await;
    let url = target.address.to_string();
    let formats = ["json", "junit", "html", "markdown", "tap"];
    let (ended, [json, junit, html, markdown, tap]) =
        ran(&url, "v2.2", &["endpoint:interop/ping", "endpoint:ping"], formats).await;
    assert_eq!(ended.status, exit::FAILED, "{}", ended.stdout);
    let all = checks(&json);
    let failed: Vec<_> = all.iter().filter(|one| one["verdict"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{}", ended.stdout);
    assert_eq!(failed[0]["id"], "catalogue/exists/interop/ping");
    assert_eq!(failed[0]["cause"], "no endpoint interop/ping");
    let follows: Vec<_> = all.iter().filter(|one| one["reason"] == "same-cause").collect();
    assert!(follows.len() > 8, "{}", ended.stdout);
    assert!(follows.iter().all(|one| one["cause"] == "no endpoint interop/ping"));
    let more = format!("and {} checks more for this cause: no endpoint interop/ping", follows.len());
    for (format, text) in
        [("text", &ended.stdout), ("junit", &junit), ("html", &html), ("markdown", &markdown), ("tap", &tap)]
    {
        assert!(text.contains(&more), "{format}: {text}");
    }
    let by = "no endpoint interop/ping, as catalogue/exists/interop/ping shows";
    assert_eq!(junit.matches(by).count(), follows.len());
    assert_eq!(tap.matches(by).count(), follows.len());
    // While it ran, the failure was said once.
    assert!(ended.stderr.matches("fail ").count() <= 1, "{}", ended.stderr);
}

#[tokio::test]
async fn a_listed_endpoint_that_no_contract_has_is_one_failure_too() {
    let target = misbehaving_as(Contract::V2_2, Behind::Guarded, |asked: &Asked, answer: &mut Answer| {
        if asked.target == "/api/v1/endpoints" && answer.status == 200 {
            let mut list: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
            let mut new = list.iter().find(|entry| entry["Path"] == "ping").unwrap().clone();
            new["Path"] = "brand/new".into();
            list.push(new);
            answer.body = serde_json::to_vec(&list).unwrap();
        }
    })
    .await;
    let url = target.address.to_string();
    for contract in ["target", "auto"] {
        let (ended, [json]) = ran(&url, contract, &["endpoint:brand/new"], ["json"]).await;
        let all = checks(&json);
        let failed: Vec<_> = all.iter().filter(|one| one["verdict"] == "fail").collect();
        assert_eq!(failed.len(), 1, "{contract}: {}", ended.stdout);
        assert_eq!(failed[0]["cause"], "no endpoint brand/new");
        assert!(all.iter().any(|one| one["reason"] == "same-cause"), "{contract}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn without_the_check_that_shows_it_best_another_does() {
    let target = without_interop_ping().await;
    let url = target.address.to_string();
    let (ended, [json]) = ran(&url, "v2.2", &["badges/interop/ping", "badges/ping"], ["json"]).await;
    let failed: Vec<_> = checks(&json).into_iter().filter(|one| one["verdict"] == "fail").collect();
    assert_eq!((failed.len(), ended.status), (1, exit::FAILED), "{}", ended.stdout);
    // Who knows of the endpoint that it is missing knows what follows, in another part of the run, too.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known.yaml").display().to_string();
    std::fs::write(&file, "catalogue/exists/interop/ping: it came with 2.1.19\n").unwrap();
    let (ended, _) = ran(&url, "v2.2", &["badges/interop/ping", "--baseline", &file], []).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stdout);
}

#[tokio::test]
async fn a_version_between_two_says_once_what_it_lacks() {
    let target = without_interop_ping().await;
    let url = target.address.to_string();
    let (ended, [json]) = ran(&url, "auto", &["catalogue", "badges/*/no-key"], ["json"]).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stdout);
    assert!(
        ended.stdout.contains("its list of endpoints is that of v2.2 without interop/ping;"),
        "{}",
        ended.stdout
    );
    let about: Vec<_> = checks(&json)
        .into_iter()
        .filter(|one| one["id"].as_str().unwrap().contains("interop/ping"))
        .collect();
    assert_eq!(about.len(), 1);
    assert_eq!((&about[0]["level"], &about[0]["verdict"]), (&"INFO".into(), &"warn".into()));
}

#[tokio::test]
async fn a_target_that_cannot_be_asked_is_one_failure() {
    let core = Simulator::builder().api_key("right?read=admin&write=admin").start().await.unwrap();
    for (target, name, cause) in
        [(core.url(), "keys", "does not take the user-key"), ("http://127.0.0.1:1", "start", "127.0.0.1:1")]
    {
        let (_, [json]) = ran(target, "docs", &["headers"], ["json"]).await;
        let mut all = checks(&json);
        let befell = all.pop().unwrap();
        assert_eq!((&befell["id"], &befell["verdict"]), (&format!("target/{name}").into(), &"fail".into()));
        assert!(befell["cause"].as_str().unwrap().contains(cause), "{befell}");
        assert!(
            all.iter().all(|one| one["reason"] == "same-cause" && one["cause"] == befell["cause"]),
            "{json}"
        );
    }
}
