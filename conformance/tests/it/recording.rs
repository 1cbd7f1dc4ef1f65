//! Recording, replaying and comparing targets, as a user meets it.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::common::{Answer, dumb, program};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use portmaster_conformance::exit;
use portmaster_simulator::{
    Builder, Contract, ExternalAuth, Simulator,
    journal::{self, Filter},
};
use serde::Deserialize;
use serde_json::Value;

const USER: &str = "very-secret-user-sesame";
const ADMIN: &str = "very-secret-admin-sesame";

fn simulator() -> Builder {
    Simulator::builder()
        .contract(Contract::Docs)
        .healthy(true)
        .scenario("home-office")
        .external_auth(ExternalAuth::Deny)
        .api_key(format!("{USER}?read=user&write=user"))
        .api_key(format!("{ADMIN}?read=admin&write=admin"))
}

/// Records a running simulator; answers the recording's text.
async fn recorded(url: &str, file: &Path, more: &[&str]) -> String {
    let file_name = file.to_str().unwrap();
    let mut args = vec!["record", "--target", url, "--user-key", USER, "--admin-key", ADMIN, "-o", file_name];
    args.extend(more);
    let ended = program(&args).await;
    assert_eq!(ended.status, exit::PASSED, "{}{}", ended.stdout, ended.stderr);
    let mut text = String::new();
    let opened = std::fs::File::open(file).unwrap();
    match file.extension().unwrap().to_str() {
        Some("gz") => GzDecoder::new(opened).read_to_string(&mut text).unwrap(),
        _ => { opened }.read_to_string(&mut text).unwrap(),
    };
    text
}

#[tokio::test]
async fn what_was_recorded_of_a_simulator_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.jsonl.gz");
    let file = file.to_str().unwrap();
    let some = ["credentials", "content/type", "parameters", "actions", "websocket/operations"];
    let more = ["websocket/config", "websocket/bridge", "structure"];
    let args = [&["record", "--seed", "7", "-o", file][..], &some, &more].concat();
    let ended = program(&args).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stderr);
    assert!(ended.stdout.contains("exchanges and ") && ended.stdout.contains(" websocket scripts in "));
    for by in ["structure", "value"] {
        let ended = program(&["replay", file, "--by", by]).await;
        assert_eq!(ended.status, exit::PASSED, "{by}: {}", ended.stdout);
        assert!(ended.stdout.ends_with(" agree (100.00 %)\n"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn what_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.jsonl");
    let target = simulator().start().await.unwrap();
    recorded(target.url(), &file, &["structure", "content"]).await;
    let file = file.to_str().unwrap();
    let keys = ["--user-key", USER, "--admin-key", ADMIN];
    let same = program(&[&["replay", file, "--target", target.url()][..], &keys].concat()).await;
    assert_eq!(same.status, exit::PASSED, "{}", same.stdout);

    let other = simulator().set("spn/enable", false).start().await.unwrap();
    let args = ["replay", file, "--target", other.url(), "--by", "value", "--format", "json"];
    let ended = program(&[&args[..], &keys].concat()).await;
    assert_eq!(ended.status, exit::FAILED, "{}", ended.stderr);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let differing = document["differing"].as_array().unwrap();
    let option =
        differing.iter().find(|one| one["endpoint"] == "GET /api/v1/broadcasts/matching-data").unwrap();
    let places: Vec<_> = option["differences"].as_array().unwrap().iter().map(|one| &one["place"]).collect();
    assert!(places.iter().any(|place| *place == ".Config.spn/enable"), "{places:?}");
    assert_eq!(
        document["replayed"].as_u64().unwrap() - document["agree"].as_u64().unwrap(),
        differing.len() as u64
    );

    let text =
        program(&[&["replay", file, "--target", other.url(), "--by", "value"][..], &keys].concat()).await;
    assert!(text.stdout.contains("GET /api/v1/broadcasts/matching-data ("), "{}", text.stdout);
    assert!(!text.stdout.contains("sesame"), "{}", text.stdout);
    let enough = [&["replay", file, "--target", other.url(), "--pass", "0.5"][..], &keys].concat();
    assert_eq!(program(&enough).await.status, exit::PASSED);
}

#[tokio::test]
async fn a_running_target_is_only_read_unless_more_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.jsonl");
    let file = file.to_str().unwrap();
    // What the suite does to its own simulators: it clears, logs out, restarts, and writes records.
    let args = ["record", "--seed", "7", "-o", file, "actions", "websocket/operations", "methods"];
    assert_eq!(program(&args).await.status, exit::PASSED);

    let target = simulator().journal(10_000).start().await.unwrap();
    let keys = ["--target", target.url(), "--user-key", USER, "--admin-key", ADMIN, "--pass", "0"];
    let left_out = |text: &str| text.lines().filter(|line| line.contains(" are left out (--allow ")).count();
    let written = || {
        // Methods are what they are in these letters only.
        let writes = |one: &&journal::Exchange| matches!(one.method.as_str(), "POST" | "PUT" | "DELETE");
        let entries = target.journal().entries(&Filter::default());
        let exchanges = entries.iter().filter_map(journal::Entry::exchange).filter(writes);
        let paths: BTreeSet<_> = exchanges.map(|one| one.path.clone()).collect();
        let messages = ["create", "update", "insert", "delete"];
        let messages = messages.map(|operation| Filter::default().message(operation, "*"));
        let messages: usize = messages.iter().map(|filter| target.journal().count(filter)).sum();
        (paths, messages)
    };
    let ended = program(&[&["replay", file][..], &keys].concat()).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stderr);
    assert_eq!(left_out(&ended.stdout), 3, "{}", ended.stdout);
    let (paths, messages) = written();
    assert!(paths.iter().all(|path| path.starts_with("/api/v1/netquery/")), "{paths:?}");
    assert_eq!(messages, 0);

    let ended = program(&[&["replay", file, "--allow", "writes"][..], &keys].concat()).await;
    assert_eq!(left_out(&ended.stdout), 2, "{}", ended.stdout);
    let (paths, messages) = written();
    assert!(paths.contains("/api/v1/ui/reload") && !paths.contains("/api/v1/dns/clear"), "{paths:?}");
    assert!(messages > 0);
    // Without a target there is nothing to guard.
    let ended = program(&["replay", file, "--allow", "writes"]).await;
    assert_eq!(ended.status, exit::USAGE);
}

#[tokio::test]
async fn keys_and_sessions_are_in_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let (file, har) = (folder.path().join("target.jsonl.gz"), folder.path().join("target.har"));
    let target = simulator().api_key("somebody-elses-key?read=admin").start().await.unwrap();
    let selected =
        ["--har", har.to_str().unwrap(), "credentials", "structure", "websocket/config", "parameters"];
    let text = recorded(target.url(), &file, &selected).await;
    let har = std::fs::read_to_string(har).unwrap();
    for shown in [&text, &har] {
        // The beginnings of the keys, plainly and in the Base64 of Basic credentials.
        for secret in ["very-secret", "sesame", "dmVyeS1zZWNyZX", "somebody-elses"] {
            assert!(!shown.contains(secret), "{secret}");
        }
        assert!(shown.contains("useruser-0123456789abcdef"));
    }
    // And still it can be replayed: the target's own keys and sessions are put in.
    let args = ["replay", file.to_str().unwrap(), "--target", target.url()];
    let ended = program(&[&args[..], &["--user-key", USER, "--admin-key", ADMIN]].concat()).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stdout);
}

#[tokio::test]
async fn what_varies_by_itself_is_learnt_and_not_compared() {
    let asked = AtomicUsize::new(0);
    let target = dumb(move |_| {
        let count = asked.fetch_add(1, Ordering::Relaxed);
        Answer::new(200, "application/json", &format!("{{\"count\": {count}, \"name\": \"x\"}}"))
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let files = ["one.jsonl", "two.jsonl"].map(|name| folder.path().join(name));
    for file in &files {
        recorded(&target.address.to_string(), file, &["content/type"]).await;
    }
    let url = target.address.to_string();
    let [one, two] = files.each_ref().map(|file| file.to_str().unwrap());
    let ended = program(&["replay", one, "--target", &url, "--by", "value"]).await;
    assert_eq!(ended.status, exit::FAILED);
    assert!(ended.stdout.contains("    .count\n"), "{}", ended.stdout);
    let ended = program(&["replay", one, "--target", &url, "--by", "value", "--learn", two]).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stdout);
}

#[tokio::test]
async fn broken_recordings_say_where() {
    let folder = tempfile::tempdir().unwrap();
    let good =
        r#"{"id":"v2.2/a/1","setup":{},"request":{"method":"GET","target":"/"},"response":{"status":200}}"#;
    let mut compressed = GzEncoder::new(vec![], Compression::default());
    for number in 0..5000 {
        writeln!(compressed, "{}", good.replace("a/1", &format!("a/{number}{}", number * 7919))).unwrap();
    }
    let mut compressed = compressed.finish().unwrap();
    compressed.truncate(compressed.len() / 2);
    let long = format!("{good}\n\n{}\n", good.replace("200", "\"x\""));
    for (bytes, wanted) in [
        (b"".to_vec(), ": the recording is empty"),
        (b"\n\n".to_vec(), ": the recording is empty"),
        (
            format!("{good}\n{{").into_bytes(),
            ":2: not a line of a recording: EOF while parsing an object at column 1",
        ),
        (
            long.into_bytes(),
            ":3: not a line of a recording: invalid type: string \"x\", expected u16 at column ",
        ),
        (
            b"{\"id\":\"x\"}".to_vec(),
            ":1: not a line of a recording: expected `request` and `response`, or `steps`",
        ),
        (
            b"{\"id\":\"x\",\"steps\":[{\"dance\":1}]}".to_vec(),
            ":1: not a line of a recording: an unknown step",
        ),
        (compressed, ": the recording breaks off: "),
        (vec![0x1f, 0x8b, 8, 0, 1], ":1: the recording breaks off: "),
    ] {
        let file = folder.path().join("broken");
        std::fs::write(&file, bytes).unwrap();
        let ended = program(&["replay", file.to_str().unwrap()]).await;
        assert_eq!((ended.status, ended.stdout.as_str()), (exit::USAGE, ""), "{wanted}");
        assert!(ended.stderr.contains(wanted), "{wanted}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let ended = program(&["replay", "/no/such/file"]).await;
    assert_eq!(ended.status, exit::USAGE);
    assert!(ended.stderr.starts_with("error: cannot read /no/such/file: "), "{}", ended.stderr);
}

#[tokio::test]
async fn wrong_flags_and_absent_targets_have_their_statuses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.jsonl");
    let line =
        r#"{"id":"docs/a/1","setup":{},"request":{"method":"GET","target":"/"},"response":{"status":200}}"#;
    std::fs::write(&file, line).unwrap();
    let file = file.to_str().unwrap();
    let nobody = "http://127.0.0.1:1";
    for (args, status) in [
        (&["replay", file, "--target", nobody][..], exit::UNREACHABLE),
        (&["record", "--target", nobody, "-o", "/no/such/folder/x"], exit::UNREACHABLE),
        (&["diff", "--target", nobody], exit::UNREACHABLE),
        (&["replay", file, "--start", "/no/such/program {addr}"], exit::UNREACHABLE),
        (&["replay", file, "--start", "false {addr}"], exit::UNREACHABLE),
        (&["replay", file, "--match", "nothing like it"], exit::NOTHING),
        (&["replay", file, "--pass", "2"], exit::USAGE),
        (&["replay", file, "--start", "false"], exit::USAGE),
        (&["replay", file, "--only", "dev_mode"], exit::USAGE),
        (&["record", "-o", "/no/such/folder/x", "headers"], exit::USAGE),
        (&["record", "headers"], exit::USAGE),
        (&["diff"], exit::USAGE),
        (&["diff", "--target", nobody, "--target", nobody, "--target", nobody], exit::USAGE),
    ] {
        let ended = program(args).await;
        assert_eq!(ended.status, status, "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty() || status == exit::NOTHING, "{args:?}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn two_alike_do_not_differ_and_two_others_do() {
    let [one, same] = [simulator().start().await.unwrap(), simulator().start().await.unwrap()];
    let other = simulator().set("spn/enable", false).start().await.unwrap();
    let keys = ["--user-key", USER, "--admin-key", ADMIN, "--seed", "3", "headers", "structure"];
    let diff = async |second: &Simulator, more: &[&str]| {
        let targets = ["diff", "--target", one.url(), "--target", second.url()];
        program(&[&targets[..], more, &keys].concat()).await
    };
    let equal = diff(&same, &[]).await;
    assert_eq!(equal.status, exit::PASSED, "{}{}", equal.stdout, equal.stderr);
    assert!(equal.stdout.ends_with(", all answered alike\n"), "{}", equal.stdout);

    let text = diff(&other, &[]).await;
    assert_eq!(text.status, exit::FAILED, "{}", text.stderr);
    assert!(text.stdout.contains(", at GET broadcasts/matching-data"), "{}", text.stdout);
    assert!(text.stdout.contains("    curl -isS -H "), "{}", text.stdout);
    let shown = format!("  {}  ", other.url());
    assert!(text.stdout.contains(&shown) && !text.stdout.contains("sesame"), "{}", text.stdout);
    let json = diff(&other, &["--format", "json"]).await;
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    let causes = document["causes"].as_array().unwrap();
    let at = |one: &&Value| one["endpoints"]["GET broadcasts/matching-data"].is_number();
    assert_eq!(causes.iter().find(at).unwrap()["kind"], "structure");
    assert_eq!(document["targets"][1], other.url());
}

#[tokio::test]
async fn what_varies_on_one_side_is_no_difference() {
    let counting = |from| {
        let asked = AtomicUsize::new(from);
        dumb(move |_| {
            let count = asked.fetch_add(1, Ordering::Relaxed);
            Answer::new(200, "application/json", &format!("{{\"count\": {count}, \"name\": \"x\"}}"))
        })
    };
    let (one, other) = (counting(0).await, counting(1_000_000).await);
    let [one, other] = [&one, &other].map(|target| target.address.to_string());
    let ended = program(&["diff", "--target", &one, "--target", &other, "--format", "json", "headers"]).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stdout);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let volatile = document["volatile"].as_array().unwrap();
    assert!(!volatile.is_empty() && volatile.iter().all(|one| one["place"] == ".count"), "{volatile:?}");
}

/// What differs everywhere in the same way is one cause, and selectors say what is asked.
#[tokio::test]
async fn differences_are_told_by_their_cause_and_only_what_is_selected_is_asked() {
    let simulator = || simulator().external_auth(ExternalAuth::None);
    let one = simulator().start().await.unwrap();
    let other = simulator().mutant("badges/unauthorized-as-forbidden").start().await.unwrap();
    let keys = ["--user-key", USER, "--admin-key", ADMIN, "--seed", "3", "--format", "json"];
    let diff = async |select: &[&str]| -> Value {
        let targets = ["diff", "--target", one.url(), "--target", other.url()];
        let ended = program(&[&targets[..], &keys, select].concat()).await;
        assert_eq!(ended.status, exit::FAILED, "{}{}", ended.stdout, ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    };
    let names = |document: &Value| -> BTreeSet<String> {
        let causes = document["causes"].as_array().unwrap().iter();
        causes.flat_map(|one| one["endpoints"].as_object().unwrap().keys().cloned()).collect()
    };
    let dns = diff(&["endpoint:dns/*"]).await;
    let causes = dns["causes"].as_array().unwrap();
    let words: Vec<_> = causes.iter().map(|one| &one["cause"]).collect();
    assert_eq!(words, ["refused by both, with 401 against 403"]);
    let parting = &causes[0]["partings"][0];
    assert_eq!(parting["credentials"], "no key");
    assert!(parting["curl"].as_str().unwrap().starts_with("curl -isS "), "{parting}");
    let asked = names(&dns);
    assert!(!asked.is_empty() && asked.iter().all(|one| one.contains(" dns/")), "{asked:?}");
    // Of badges only the checks ask, and not for a sample of all.
    let (badges, whole) = (diff(&["badges/ping", "badges/dns"]).await, diff(&["badges"]).await);
    assert!(badges["questions"].as_u64().unwrap() < 20, "{}", badges["questions"]);
    assert!(names(&whole).len() > 20, "{:?}", names(&whole));
    assert_eq!(whole["causes"].as_array().unwrap().len(), 1, "{:#}", whole["causes"]);
}

/// HAR 1.2 as its specification has it; members that begin with _ may be there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    version: String,
    creator: Creator,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Creator {
    name: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Entry {
    started_date_time: String,
    time: f64,
    request: Request,
    response: Response,
    cache: serde_json::Map<String, Value>,
    timings: Timings,
    comment: String,
    #[serde(rename = "_resourceType")]
    resource_type: Option<String>,
    #[serde(rename = "_webSocketMessages", default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Request {
    method: String,
    url: String,
    http_version: String,
    cookies: Vec<Pair>,
    headers: Vec<Pair>,
    query_string: Vec<Pair>,
    post_data: Option<PostData>,
    headers_size: i64,
    body_size: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct PostData {
    mime_type: String,
    params: Vec<Pair>,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Response {
    status: u16,
    status_text: String,
    http_version: String,
    cookies: Vec<Pair>,
    headers: Vec<Pair>,
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: String,
    headers_size: i64,
    body_size: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Content {
    size: u64,
    mime_type: String,
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Timings {
    send: f64,
    wait: f64,
    receive: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Pair {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "that they can be read is what is tested")]
struct Message {
    r#type: String,
    time: f64,
    opcode: u8,
    data: String,
}

#[tokio::test]
async fn the_archive_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let (file, har) = (folder.path().join("x.jsonl"), folder.path().join("x.har"));
    let args = ["record", "-o", file.to_str().unwrap(), "--har", har.to_str().unwrap()];
    let some = ["parameters", "netquery/order", "credentials", "websocket/operations"];
    let ended = program(&[&args[..], &some].concat()).await;
    assert_eq!(ended.status, exit::PASSED, "{}", ended.stderr);
    let har: Har = serde_json::from_slice(&std::fs::read(har).unwrap()).unwrap();
    assert_eq!((har.log.version.as_str(), har.log.creator.name.as_str()), ("1.2", "portmaster-conformance"));
    let exchanges = std::fs::read_to_string(file).unwrap();
    let exchanges = exchanges.lines().filter(|line| line.contains("\"request\":")).count();
    assert_eq!(har.log.entries.len(), exchanges);
    for entry in &har.log.entries {
        assert!(entry.started_date_time.parse::<jiff::Timestamp>().is_ok(), "{}", entry.started_date_time);
        assert!(entry.request.url.starts_with("http://127.0.0.1:"), "{}", entry.request.url);
        assert!(entry.time >= 0.0 && entry.response.status >= 100);
        let websocket = entry.resource_type.as_deref() == Some("websocket");
        assert_eq!(websocket, entry.response.status == 101, "{}", entry.comment);
        assert_eq!(websocket, !entry.messages.is_empty(), "{}", entry.comment);
    }
    assert!(har.log.entries.iter().any(|entry| !entry.messages.is_empty()));
    assert!(har.log.entries.iter().any(|entry| entry.request.post_data.is_some()));
}
