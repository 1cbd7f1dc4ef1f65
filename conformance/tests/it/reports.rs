//! Reports as their readers meet them: in every format, in parts, joined and compared; and the examples of
//! docs/ci.md, whose steps are carried out as they are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use crate::common::{Answer, Ended, PROGRAM, command, dumb, ended};
use portmaster_conformance::exit;
use serde_json::Value;
use tempfile::TempDir;

/// Runs the program in a folder.
/// Runs the program in a folder.
async fn program(folder: &Path, args: &[&str]) -> Ended {
    let mut command = command(args);
    command.current_dir(folder);
    ended(command).await
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A report's lines without the last, which has the times, and without the ports of simulators.
fn timeless(report: &str) -> Vec<String> {
    let port = regex::Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    let mut lines: Vec<_> =
        report.lines().map(|line| port.replace_all(line, "127.0.0.1").into_owned()).collect();
    assert!(lines.pop().unwrap().starts_with(r#"{"type":"times""#));
    lines
}

#[tokio::test]
async fn keys_are_in_no_report() {
    // A target that gives away what it is sent, in its body and in a header.
    let target = dumb(|asked| {
        let mut answer = Answer::new(500, "text/plain", &asked.head);
        answer.set_header("X-Asked", &asked.head.replace(['\r', '\n'], " "));
        answer
    })
    .await;
    let url = target.address.to_string();
    let folder = TempDir::new().unwrap();
    let mut args = vec!["run", "--target", &url, "--seed", "3", "--user-key", "sesame-4711", "--admin-key"];
    args.extend(["simsalabim-0815", "--allow", "writes"]);
    let formats = ["json=r.jsonl", "junit=r.xml", "tap=r.tap", "markdown=r.md", "html=r.html", "text=r.txt"];
    for format in formats {
        args.extend(["--report", format]);
    }
    args.extend(["credentials", "badges/ping", "actions/ping", "content/type/ping", "websocket/handshake"]);
    let output = program(folder.path(), &args).await;
    assert_eq!(output.status, exit::FAILED, "{}", output.stderr);

    let mut shown = vec![output.stdout];
    for format in formats {
        let text = read(folder.path(), format.split_once('=').unwrap().1);
        // What was given away is there, and hidden.
        assert!(text.contains("$USER_KEY") && text.contains("$ADMIN_KEY"), "{text}");
        shown.push(text);
    }
    for format in ["text", "json", "markdown"] {
        let args = ["compare", "r.jsonl", "r.jsonl", "--format", format];
        shown.push(program(folder.path(), &args).await.stdout);
    }
    for text in shown {
        assert!(text.contains("credentials/bearer/user-key"), "{text}");
        // The first bytes of both keys in base64 as well, as Basic credentials carry them.
        for secret in ["sesame", "simsala", "c2VzYW1l", "c2ltc2Fs"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
}

#[tokio::test]
async fn merged_parts_are_the_whole_run() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let only = ["catalogue", "paths", "credentials", "origin", "findings", "headers", "limits"];
    let run = async |extra: &[&str]| program(folder, &[&["run", "--seed", "7"], extra, &only].concat()).await;
    assert_eq!(run(&["--report", "json=whole.jsonl"]).await.status, exit::PASSED);
    for part in 1..=3 {
        let report = format!("json={part}.jsonl");
        let output = run(&["--shard", &format!("{part}/3"), "--report", &report]).await;
        assert_eq!(output.status, exit::PASSED);
        assert!(output.stdout.contains(&format!("part {part}/3 of ")), "{}", output.stdout);
    }
    let merge =
        ["merge", "3.jsonl", "1.jsonl", "2.jsonl", "-o", "merged.jsonl", "--report", "html=merged.html"];
    let output = program(folder, &merge).await;
    assert_eq!(output.status, exit::PASSED, "{}", output.stderr);
    let [whole, merged] = ["whole.jsonl", "merged.jsonl"].map(|name| read(folder, name));
    assert_eq!(timeless(&whole), timeless(&merged));
    assert!(read(folder, "merged.html").contains("credentials/bearer/expired-key"));

    // Of each check that ran the time is kept.
    let times: Value = serde_json::from_str(merged.lines().last().unwrap()).unwrap();
    let ran = merged.lines().filter(|line| line.contains(r#""verdict":"pass""#)).count();
    assert!(times["checks"].as_object().unwrap().len() >= ran && ran > 200, "{ran}");

    let error = async |files: &[&str]| {
        let output = program(folder, &[&["merge"], files].concat()).await;
        assert_eq!((output.status, output.stdout.as_str()), (exit::USAGE, ""), "{files:?}");
        output.stderr
    };
    assert_eq!(error(&["1.jsonl", "3.jsonl"]).await, "error: of 3 parts these are missing: 2\n");
    let doubled = error(&["1.jsonl", "2.jsonl", "3.jsonl", "2.jsonl"]).await;
    assert_eq!(doubled, "error: part 2 is in 2.jsonl and in 2.jsonl\n");
    let whole = error(&["whole.jsonl"]).await;
    assert_eq!(
        whole,
        "error: whole.jsonl is the report of a whole run, not of a part (run --shard PART/PARTS)\n"
    );
}

#[tokio::test]
async fn parts_with_another_seed_do_not_fit() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    for (part, seed) in [("1/2", "1"), ("2/2", "2")] {
        let report = format!("json={seed}.jsonl");
        program(folder, &["run", "--seed", seed, "--shard", part, "--report", &report, "headers"]).await;
    }
    let output = program(folder, &["merge", "1.jsonl", "2.jsonl"]).await;
    assert_eq!(output.status, exit::USAGE);
    assert_eq!(output.stderr, "error: 2.jsonl has another seed than 1.jsonl: 2, not 1\n");
}

#[tokio::test]
async fn a_part_without_checks_is_done() {
    let folder = TempDir::new().unwrap();
    let mut statuses = vec![];
    for part in ["1/2", "2/2"] {
        let report = format!("json={}.jsonl", &part[..1]);
        let output = program(
            folder.path(),
            &["run", "--shard", part, "--report", &report, "headers/success/frame-options"],
        )
        .await;
        statuses.push((output.status, output.stdout.contains("1 passed of 1 checks")));
    }
    statuses.sort();
    assert_eq!(statuses, [(exit::PASSED, false), (exit::PASSED, true)]);
    let output = program(folder.path(), &["merge", "1.jsonl", "2.jsonl"]).await;
    assert!(output.stdout.contains("1 passed of 1 checks"));
}

#[tokio::test]
async fn what_broke_is_told_from_what_was_fixed() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let ids = ["actions/ping", "content/error/not-found"];
    for (name, answer) in [("pong", "Pong.\n"), ("lost", "Not found.\n")] {
        let target = dumb(move |asked| {
            let status = if asked.target == "/api/v1/ping" && answer == "Pong.\n" { 200 } else { 404 };
            Answer::new(status, "text/plain; charset=utf-8", answer)
        })
        .await;
        let (url, report) = (target.address.to_string(), format!("json={name}.jsonl"));
        program(folder, &["run", "--target", &url, "--report", &report, ids[0], ids[1]]).await;
    }
    let compare = async |old: &str, new: &str| program(folder, &["compare", old, new]).await;
    let output = compare("pong.jsonl", "pong.jsonl").await;
    assert_eq!(output.status, exit::PASSED);
    let output = compare("pong.jsonl", "lost.jsonl").await;
    assert_eq!(output.status, exit::FAILED);
    let told = output.stdout;
    assert!(told.contains("1 broken, 1 fixed, 0 as before"), "{told}");
    assert!(told.contains("actions/ping MUST pass → fail"), "{told}");
    let output = program(folder, &["compare", "pong.jsonl", "lost.jsonl", "--format", "json"]).await;
    let told: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(told["broken"][0]["id"], "actions/ping");
    assert_eq!(told["fixed"][0]["id"], "content/error/not-found");

    let mut lines: Vec<_> = read(folder, "pong.jsonl").lines().map(str::to_owned).collect();
    lines[2] = lines[2].replace("MUST", "PERHAPS");
    std::fs::write(folder.join("bad.jsonl"), lines.join("\n")).unwrap();
    std::fs::write(folder.join("short.jsonl"), &lines[0]).unwrap();
    for (file, wanted) in [
        ("none.jsonl", "cannot read none.jsonl: "),
        (
            "bad.jsonl",
            "bad.jsonl is no report in JSON Lines: line 3: unknown variant `PERHAPS`, expected one of",
        ),
        ("short.jsonl", "short.jsonl is no report in JSON Lines: it ends after line 1, before its summary"),
    ] {
        let output = compare("pong.jsonl", file).await;
        assert_eq!((output.status, output.stdout.as_str()), (exit::USAGE, ""), "{file}");
        let told = output.stderr;
        assert!(told.starts_with(&format!("error: {wanted}")) && told.lines().count() == 1, "{told}");
    }
}

#[tokio::test]
async fn the_schema_is_printed() {
    let output = program(Path::new("."), &["schema"]).await;
    let schema: Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(jsonschema::validator_for(&schema).is_ok());
    assert_eq!(schema["title"], "A line of a report of portmaster-conformance");
}

/// An example of docs/ci.md: the documents of its file.
fn example(name: &str) -> Vec<Value> {
    let file = format!("{}/../docs/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    text.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

/// Runs a step's script as the example's machine does: the program is on the path, and stops at a failure.
async fn script(folder: &Path, script: &str, variables: &BTreeMap<String, String>) -> Ended {
    let bin = Path::new(PROGRAM).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script]).current_dir(folder).envs(variables).env("PATH", path);
    ended(command).await
}

/// What a step of a workflow runs.
fn step(workflow: &Value, job: &str, name: &str) -> String {
    let steps = workflow["jobs"][job]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap()["run"].as_str().unwrap().to_owned()
}

/// Runs the step of each part of a matrix, as the workflow's machines do.
async fn every_part(folder: &Path, step: &str, parts: &[Value], variables: &BTreeMap<String, String>) {
    for part in parts {
        let run = step
            .replace("${{ matrix.part }}", &part.to_string())
            .replace("${{ strategy.job-total }}", &parts.len().to_string());
        assert!(!run.contains("${{"), "{run}");
        let output = script(folder, &run, variables).await;
        assert!(output.status == exit::PASSED, "{}{}", output.stdout, output.stderr);
    }
}

#[tokio::test]
async fn the_steps_of_the_github_example_do_what_they_say() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let workflow = &example("github-actions.yml")[0];
    let step = |job: &str, name: &str| step(workflow, job, name);
    let mut variables: BTreeMap<String, String> = serde_json::from_value(workflow["env"].clone()).unwrap();
    variables.insert("CHECKS".to_owned(), "headers origin badges/ping".to_owned());
    variables.insert("GITHUB_STEP_SUMMARY".to_owned(), folder.join("summary.md").display().to_string());
    let parts = workflow["jobs"]["part"]["strategy"]["matrix"]["part"].as_array().unwrap();
    every_part(folder, &step("part", "Check"), parts, &variables).await;
    let output = script(folder, &step("whole", "Merge"), &variables).await;
    assert!(output.status == exit::PASSED, "{}{}", output.stdout, output.stderr);
    let only = ["headers", "origin", "badges/ping"];
    program(
        folder,
        &[&["run", "--seed", &variables["SEED"], "--report", "json=whole.jsonl"], &only[..]].concat(),
    )
    .await;
    let [whole, merged] = ["whole.jsonl", "report.jsonl"].map(|name| timeless(&read(folder, name)));
    assert_eq!(whole, merged);
    assert!(read(folder, "summary.md").starts_with("## ✅ Conformance: "));
    assert!(read(folder, "junit.xml").contains("<testsuite name=\"origin\""));
    // What is uploaded is what was written.
    let uploaded =
        workflow["jobs"]["whole"]["steps"].as_array().unwrap().last().unwrap()["with"]["path"].clone();
    for name in uploaded.as_str().unwrap().lines() {
        assert!(folder.join(name).is_file(), "{name}");
    }
}

/// What both examples fuzz here: something that has defects, for a moment.
const TARGET: &str = "--contract v2.2 --only netquery/query";

/// Whether the campaign that was joined from parts is the one that a single machine does.
async fn is_whole(folder: &Path, cases: &str) {
    let args = ["fuzz", "--seed", "1", "--cases", cases, "--report", "json=whole.jsonl", "--out", "whole"];
    let target: Vec<&str> = TARGET.split(' ').collect();
    assert_eq!(program(folder, &[&args[..], &target].concat()).await.status, exit::FAILED);
    let [whole, joined] = ["whole.jsonl", "campaign.jsonl"].map(|name| -> Vec<Value> {
        read(folder, name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    });
    let [one, other] = [&whole, &joined].map(|lines| lines.last().unwrap());
    for member in ["cases", "sent", "digest"] {
        assert_eq!(one[member], other[member], "{member}");
    }
    assert_eq!((&joined[0]["seed"], &joined[0]["shard"]), (&1.into(), &"1/1".into()));
    let oracles = |lines: &[Value]| -> BTreeSet<String> {
        lines.iter().filter_map(|line| line["oracle"].as_str().map(str::to_owned)).collect()
    };
    assert!(oracles(&joined).is_superset(&oracles(&whole)) && oracles(&joined).contains("typed"));
    // A kept case fails wherever it is sent again.
    let kept = std::fs::read_dir(folder.join("failures-1")).unwrap().next().unwrap().unwrap().path();
    let again = program(folder, &["fuzz", "replay", kept.to_str().unwrap()]).await;
    assert!(again.stdout.starts_with("still fails: "), "{}", again.stdout);
}

#[tokio::test]
async fn the_jobs_of_the_kubernetes_example_fuzz_every_part_and_join_them() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let jobs = example("fuzz-job.yaml");
    let container = |job: usize| jobs[job]["spec"]["template"]["spec"]["containers"][0].clone();
    let step = |job: usize| container(job)["args"][0].as_str().unwrap().to_owned();
    let mut variables = BTreeMap::new();
    for variable in container(0)["env"].as_array().unwrap() {
        let [name, value] = ["name", "value"].map(|one| variable[one].as_str().unwrap().to_owned());
        variables.insert(name, value);
    }
    let parts = jobs[0]["spec"]["completions"].as_u64().unwrap();
    assert_eq!(variables["PARTS"], parts.to_string());
    assert_eq!(jobs[0]["spec"]["completionMode"], "Indexed");

    // An epoch of 400 cases for each part.
    let cases = (400 * parts).to_string();
    for (name, value) in
        [("REPORTS", folder.display().to_string()), ("CASES", cases.clone()), ("TARGET", TARGET.to_owned())]
    {
        variables.insert(name.to_owned(), value);
    }
    for index in 0..parts {
        variables.insert("JOB_COMPLETION_INDEX".to_owned(), index.to_string());
        let output = script(folder, &step(0), &variables).await;
        assert!(output.status == exit::PASSED, "{}{}", output.stdout, output.stderr);
    }
    let output = script(folder, &step(1), &variables).await;
    assert_eq!(output.status, exit::FAILED, "{}", output.stderr);
    is_whole(folder, &cases).await;
    // A part that is lost is noticed.
    std::fs::remove_file(folder.join("part-7.jsonl")).unwrap();
    let output = script(folder, &step(1), &variables).await;
    assert_eq!(output.stderr, format!("error: of {parts} parts these are missing: 7\n"));
}

#[tokio::test]
async fn the_steps_of_the_github_example_fuzz_every_part_and_join_them() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let workflow = &example("github-fuzz.yml")[0];
    let step = |job: &str, name: &str| step(workflow, job, name);
    let mut variables: BTreeMap<String, String> = serde_json::from_value(workflow["env"].clone()).unwrap();
    let parts = workflow["jobs"]["part"]["strategy"]["matrix"]["part"].as_array().unwrap();
    let cases = (400 * parts.len()).to_string();
    for (name, value) in [("SEED", "1"), ("CASES", &cases), ("TARGET", TARGET)] {
        assert!(variables.insert(name.to_owned(), value.to_owned()).is_some(), "{name}");
    }
    every_part(folder, &step("part", "Fuzz"), parts, &variables).await;
    let output = script(folder, &step("whole", "Merge"), &variables).await;
    assert_eq!(output.status, exit::FAILED, "{}", output.stderr);
    is_whole(folder, &cases).await;
}
