//! The journal as the author of a client's tests uses it.

use std::{
    io::{Read, Write},
    process::Command,
    time::Duration,
};

use portmaster_simulator::{
    ClockMode, Contract, Scenario, Simulator,
    journal::{Filter, Kind, MASK, Outcome, WaitError, What},
};
use serde_json::{Value, json};

use crate::common::{self, PATIENCE, Socket, ask};

const KEY: &str = "geheim-key-0123456789";

async fn start() -> Simulator {
    let builder =
        Simulator::builder().scenario("home-office").contract(Contract::V2_2).clock(ClockMode::Manual);
    let builder = builder.api_key(format!("{KEY}?read=admin&write=admin")).journal(1000);
    builder.start().await.expect("a simulator")
}

fn bearer() -> [(&'static str, String); 1] {
    [("Authorization", format!("Bearer {KEY}"))]
}

/// Asks with the key.
fn call(simulator: &Simulator, method: &str, target: &str, body: &str) -> common::Answer {
    let headers = bearer();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    ask(simulator.addr(), method, target, &headers, body)
}

async fn open(simulator: &Simulator) -> Socket {
    Socket::open(simulator, Some(KEY)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_wrongly_is_told_what_differs() {
    let simulator = start().await;
    let journal = simulator.journal();
    call(&simulator, "GET", "/api/v1/network/gateways", "");
    call(&simulator, "GET", "/api/v1/netquery/querry?x=1", "");
    call(&simulator, "POST", "/api/v1/netquery/query", r#"{ "select": ["domain"], "pageSize": "10" }"#);
    let expected = Filter::default()
        .method("POST")
        .path("netquery/query")
        .body(json!({ "select": ["domain"], "pageSize": 10 }));
    let error = journal.verify(&expected, 1).expect_err("nobody asked that");
    let text = error.to_string();
    assert_eq!(
        text,
        "expected 1, found 0\n\
         wanted:\n  method: POST\n  path: netquery/query\n  body: {\"select\":[\"domain\"],\"pageSize\":10}\n\
         nearest: #3 POST /api/v1/netquery/query -> 400\n  body /pageSize: expected 10, got \"10\""
    );
    let misses = journal.near_misses(&expected);
    assert_eq!(misses.iter().map(|miss| miss.seq).collect::<Vec<_>>(), [3, 2, 1]);
    let second: Vec<&str> = misses[1].differences.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(second, ["method", "path", "body"]);

    let expected = Filter::default().path("netquery/querry").query("x", "2").header("accept", "*/json");
    let miss = journal.near_misses(&expected).remove(0);
    let told: Vec<String> = miss.differences.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["query x: expected 2, got 1", "header accept: expected */json, got nothing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_is_counted_and_found() {
    let simulator = start().await;
    let journal = simulator.journal();
    for _ in 0..3 {
        call(&simulator, "GET", "/api/v1/network/gateways?why=not", "");
    }
    ask(simulator.addr(), "GET", "/api/v1/network/gateways", &[], "");
    let all = Filter::default().path("network/*");
    assert_eq!(journal.count(&all), 4);
    assert_eq!(journal.count(&all.clone().status(200)), 3);
    assert_eq!(journal.count(&all.clone().query("why", "n?t")), 3);
    assert_eq!(journal.count(&all.clone().header("authorization", "Bearer*")), 3);
    assert_eq!(journal.count(&all.clone().method("post")), 0);
    let numbers = |filter: Filter| journal.entries(&filter).iter().map(|entry| entry.seq).collect::<Vec<_>>();
    assert_eq!(numbers(all.clone().limit(2)), [3, 4]);
    assert_eq!(numbers(all.clone().since(1).limit(2)), [2, 3]);
    journal.verify(&all, 4).expect("four");
    journal.verify(&all, 1..).expect("at least one");
    let error = journal.verify(&all, ..=2).expect_err("there were four").to_string();
    assert!(error.starts_with("expected at most 2, found 4\n"), "{error}");
    assert!(error.ends_with("#4 GET /api/v1/network/gateways -> 401"), "{error}");

    let [first, .., refused] = &journal.entries(&all)[..] else { panic!("four entries") };
    let pass = |entry: &portmaster_simulator::journal::Entry| {
        serde_json::to_value(entry.exchange().and_then(|one| one.permission.clone())).expect("JSON")
    };
    assert_eq!(pass(first), json!({ "required": "User", "read": "Admin", "write": "Admin", "by": "key" }));
    assert_eq!(
        pass(refused),
        json!({ "required": "User", "read": "Anyone", "write": "Anyone", "by": "nothing" })
    );

    journal.clear();
    assert_eq!(journal.count(&Filter::default()), 0);
    call(&simulator, "GET", "/api/v1/ping", "");
    assert_eq!(numbers(Filter::default()), [5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_what_is_waited_for_comes() {
    let simulator = start().await;
    let journal = simulator.journal();
    let filter = Filter::default().path("ping").status(200);
    let (waiting, address) = (journal.clone(), simulator.addr());
    let wait = tokio::spawn({
        let filter = filter.clone();
        async move { waiting.wait(&filter, 2, PATIENCE).await }
    });
    tokio::task::spawn_blocking(move || {
        ask(address, "GET", "/api/v1/ping", &[], "");
        ask(address, "GET", "/api/v1/nothing", &[], "");
        ask(address, "GET", "/api/v1/ping", &[], "");
    })
    .await
    .expect("a client");
    let found = wait.await.expect("a task").expect("two in time");
    assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 3]);
    // What is there already counts.
    assert_eq!(journal.wait(&filter, 2, Duration::ZERO).await.expect("there").len(), 2);

    let error = journal.wait(&filter.status(404), 1, Duration::from_millis(1)).await.expect_err("never");
    assert!(matches!(error, WaitError::TooFew { expected: 1, found: 0, .. }));
    assert!(
        error.to_string().ends_with("#3 GET /api/v1/ping -> 200\n  status: expected 404, got 200"),
        "{error}"
    );

    let off = Simulator::builder().start().await.expect("a simulator");
    assert_eq!(off.journal().wait(&Filter::default(), 0, PATIENCE).await, Err(WaitError::Off));
    assert!(!off.journal().is_on());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_recorded_both_ways() {
    let simulator = start().await;
    let journal = simulator.journal();
    let mut socket = open(&simulator).await;
    socket.told("1|qsub|query config:spn/", "1|done").await;
    socket.told(r#"2|update|config:spn/enable|J{"Value":true}"#, "1|").await;
    socket.told("3|get|nothing:x", "3|error").await;
    let told: Vec<String> = journal
        .entries(&Filter::default().kind(Kind::Websocket))
        .iter()
        .filter_map(|entry| entry.message())
        .filter(|message| message.operation != "ok")
        .map(|message| {
            format!("{:?} {}|{}|{}", message.direction, message.id, message.operation, message.key)
        })
        .collect();
    assert_eq!(
        told,
        [
            "In 1|qsub|query config:spn/",
            "Out 1|done|",
            "In 2|update|config:spn/enable",
            "Out 2|success|",
            "Out 1|new|config:spn/enable",
            "In 3|get|nothing:x",
            "Out 3|error|",
        ]
    );
    assert_eq!(
        journal.count(&Filter::default().message("update", "config:*").body(json!({ "Value": true }))),
        1
    );
    assert_eq!(
        journal.count(&Filter::default().message("update", "config:*").body(json!({ "Value": false }))),
        0
    );
    let opened = &journal.entries(&Filter::default().status(101))[0];
    let message = &journal.entries(&Filter::default().message("qsub", "*"))[0];
    let connection = opened.exchange().map(|one| one.connection);
    assert_eq!(connection, message.message().map(|one| one.connection));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_appear_nowhere() {
    const OTHER: &str = "zweiter-key-987654321";
    let simulator = start().await;
    let journal = simulator.journal();
    call(&simulator, "GET", "/api/v1/ping", "");
    call(&simulator, "GET", &format!("/api/v1/ping?key={KEY}&x={KEY}"), "");
    call(&simulator, "GET", "/api/v1/config/options", "");
    ask(simulator.addr(), "GET", "/api/v1/ping", &[("Cookie", "Portmaster-API-Token=geheim-cookie")], "");
    let mut socket = open(&simulator).await;
    socket.told("1|get|config:core/apiKeys", "1|ok").await;
    socket.told("2|get|api:config/options", "2|ok").await;
    let keys = format!(
        r#"3|update|config:core/apiKeys|J{{"Value":["{KEY}?read=admin&write=admin","{OTHER}","short"]}}"#
    );
    socket.told("s|qsub|query config:core/apiKeys", "s|done").await;
    socket.told(keys, "s|").await;
    // A key that is gone stays secret.
    socket.told(r#"4|update|config:core/apiKeys|J{"Value":[]}"#, "4|success").await;
    socket.told(format!("5|create|core:note|J{{\"text\":\"{OTHER}\"}}"), "5|").await;
    // A password, however a client hands it over.
    let login = "/api/v1/spn/account/login";
    for (kind, body) in [
        ("application/json", r#"{"username":"ada","password":"pass\"wort-1"}"#),
        ("application/x-www-form-urlencoded", "username=ada&password=wort-1"),
        ("application/yaml", "username: ada\npassword: ganz wort-1\n"),
    ] {
        ask(simulator.addr(), "POST", login, &[("Content-Type", kind)], body);
    }
    // The pair ada:wort-1.
    ask(simulator.addr(), "POST", login, &[("Authorization", "Basic YWRhOndvcnQtMQ==")], "");
    socket.told(r#"6|create|api:spn/account/login|J{"password":"wort-1"}"#, "6|").await;
    let text = serde_json::to_string(&journal.entries(&Filter::default())).expect("JSON");
    let all = [text, journal.to_har(&Filter::default()).to_string(), journal.to_curl(&Filter::default())];
    for text in all {
        for secret in [KEY, OTHER, "short\"", "geheim-cookie", "wort-1", "YWRhOndvcnQtMQ"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains(MASK) || text.contains("$PORTMASTER_KEY"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_bounded_and_says_what_it_dropped() {
    let simulator = Simulator::builder().dev_mode(true).journal(3).start().await.expect("a simulator");
    let journal = simulator.journal();
    for number in 0..5 {
        ask(simulator.addr(), "GET", &format!("/api/v1/ping?{number}"), &[], "");
    }
    let page = journal.page(&Filter::default());
    assert_eq!((page.dropped, page.total), (2, 3));
    assert_eq!(page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 4, 5]);
    let error =
        journal.verify(&Filter::default().message("get", "*"), 1).expect_err("no message").to_string();
    assert!(
        error.ends_with("nothing of the kind was recorded\n2 earlier entries were dropped to make room"),
        "{error}"
    );

    // A long body is cut.
    let body = format!("{{\"x\":\"{}\"}}", "y".repeat(100_000));
    ask(simulator.addr(), "POST", "/api/v1/dns/clear", &[], &body);
    let entry = journal.entries(&Filter::default()).pop().expect("an entry");
    let kept = entry.exchange().and_then(|one| one.body.clone()).expect("a body");
    assert_eq!((kept.length, kept.cut, kept.bytes().len()), (body.len(), true, 64 << 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_for_a_shell_ask_the_same_again() {
    let simulator = start().await;
    let journal = simulator.journal();
    let body = r#"{ "select": ["it's \"quoted\" $HOME"] }"#;
    let answers = [
        call(&simulator, "GET", "/api/v1/network/gateways?a=b&c='d'", ""),
        call(&simulator, "POST", "/api/v1/netquery/query", body),
        call(&simulator, "POST", "/api/v1/dns/clear", ""),
        call(&simulator, "GET", "/api/v1/../v1/ping", ""),
        ask(simulator.addr(), "GET", "/api/v1/config/options", &[("Accept", "application/cbor")], ""),
        ask(simulator.addr(), "PUT", "/api/v1/sync/settings/import", &[("X", "")], "@\u{1}"),
    ];
    let lines = journal.to_curl(&Filter::default());
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), answers.len(), "{lines:#?}");
    for (line, answer) in lines.into_iter().zip(answers) {
        let script = format!("{line} -w '\\n%{{http_code}}'");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("PORTMASTER_KEY", KEY).env_remove("http_proxy");
        let again = shell.output().expect("a shell").stdout;
        let end = again.iter().rposition(|byte| *byte == b'\n').expect("a status");
        let status = String::from_utf8_lossy(&again[end + 1..]);
        assert_eq!(status, answer.status().to_string(), "{line}");
        assert!(again[..end] == answer.body, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_have_what_their_readers_want() {
    let simulator = start().await;
    call(&simulator, "POST", "/api/v1/netquery/query?x=1", "{}");
    let mut socket = open(&simulator).await;
    socket.told("1|get|config:spn/enable", "1|ok").await;
    let archive = simulator.journal().to_har(&Filter::default());
    let log = &archive["log"];
    assert_eq!(log["version"], "1.2");
    assert!(log["creator"]["name"].is_string() && log["creator"]["version"].is_string());
    let entries = log["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 2);
    for entry in entries {
        let date = entry["startedDateTime"].as_str().expect("a date");
        assert!(date.parse::<jiff::Timestamp>().is_ok(), "{date}");
        for member in
            ["/time", "/request/headersSize", "/request/bodySize", "/response/status", "/response/bodySize"]
        {
            assert!(entry.pointer(member).is_some_and(Value::is_number), "{member} in {entry}");
        }
        for member in ["send", "wait", "receive"] {
            assert!(entry["timings"][member].is_number(), "{member}");
        }
        for member in
            ["/request/method", "/request/httpVersion", "/response/statusText", "/response/content/mimeType"]
        {
            assert!(entry.pointer(member).is_some_and(Value::is_string), "{member} in {entry}");
        }
        for member in ["/request/cookies", "/request/headers", "/request/queryString", "/response/headers"] {
            assert!(entry.pointer(member).is_some_and(Value::is_array), "{member} in {entry}");
        }
        assert!(entry["cache"].is_object());
    }
    let first = &entries[0];
    assert_eq!(first["request"]["url"], format!("{}/api/v1/netquery/query?x=1", simulator.url()));
    assert_eq!(first["request"]["queryString"], json!([{ "name": "x", "value": "1" }]));
    assert_eq!(first["request"]["postData"]["text"], "{}");
    assert!(first["response"]["content"]["text"].is_string());
    let told = entries[1]["_webSocketMessages"].as_array().expect("messages");
    assert_eq!(
        told.iter().map(|one| one["type"].as_str()).collect::<Vec<_>>(),
        [Some("send"), Some("receive")]
    );
    assert_eq!(told[0]["data"], "1|get|config:spn/enable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_inputs_give_the_same_journal() {
    let run = || async {
        let simulator = start().await;
        call(&simulator, "GET", "/api/v1/network/gateways", "");
        let mut socket = open(&simulator).await;
        socket.told("1|qsub|query config:spn/", "1|done").await;
        simulator.advance(Duration::from_secs(60));
        socket.told(r#"2|update|config:spn/enable|J{"Value":true}"#, "1|").await;
        call(&simulator, "POST", "/api/v1/netquery/query", r#"{ "select": ["domain"] }"#);
        let url = simulator.url().to_owned();
        let entries = serde_json::to_string(&simulator.journal().entries(&Filter::default())).expect("JSON");
        (entries, url)
    };
    let ((first, one), (second, other)) = (run().await, run().await);
    // The address of a free port and the random bytes that a websocket is opened with are the machine's.
    let key = regex::Regex::new(r#"(sec-websocket-(?:key|accept)",)"[^"]*""#).expect("a pattern");
    let plain = |text: String, url: String| {
        let text = text.replace(url.trim_start_matches("http://"), "HOST");
        key.replace_all(&text, "$1").into_owned()
    };
    assert_eq!(plain(first, one), plain(second, other));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_rules_and_refused_changes_are_named() {
    let text = "
extends: home-office
clock: manual
faults:
  - when: { path: ping }
    effect: { status: 503 }
  - when: { path: dns/clear }
    effect: { reset: true }
rules:
  - when: { request: { path: network/gateways } }
    then: [{ answer: { status: 418 } }]
timeline:
  - at: 1m
    change: { pause: { duration: 1h } }
  - at: 2m
    change: { pause: { duration: 1h, only_spn: true } }
";
    let scenario = Scenario::parse("test", text);
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    let simulator = Simulator::builder().world(scenario).dev_mode(true).journal(10).start().await;
    let simulator = simulator.unwrap_or_else(|error| panic!("{error}"));
    ask(simulator.addr(), "GET", "/api/v1/ping", &[], "");
    ask(simulator.addr(), "GET", "/api/v1/network/gateways", &[], "");
    let mut stream = std::net::TcpStream::connect(simulator.addr()).expect("a simulator");
    stream.write_all(b"GET /api/v1/dns/clear HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    assert!(stream.read(&mut [0; 9]).is_err(), "it is reset");
    simulator.advance(Duration::from_secs(120));
    let entries = simulator.journal().entries(&Filter::default());
    let told: Vec<(Option<u16>, Outcome, &[String])> = entries
        .iter()
        .filter_map(|entry| entry.exchange())
        .map(|one| (one.status(), one.outcome, &one.acted[..]))
        .collect();
    let by = |name: &str| [name.to_owned()];
    assert_eq!(
        told,
        [
            (Some(503), Outcome::Answered, &by("faults/0")[..]),
            (Some(418), Outcome::Answered, &by("rules/0")[..]),
            (None, Outcome::Reset, &by("faults/1")[..]),
        ]
    );
    let [.., refused] = &entries[..] else { panic!("entries") };
    assert!(matches!(&refused.what, What::Refused { why } if why.starts_with("timeline: ")), "{refused:?}");
    assert_eq!(refused.at.duration_since(entries[0].at).as_secs(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_begins_it_anew_and_a_restored_world_is_noted() {
    let simulator = start().await;
    let journal = simulator.journal();
    call(&simulator, "GET", "/api/v1/ping", "");
    let snapshot = simulator.snapshot().expect("a snapshot");
    call(&simulator, "GET", "/api/v1/ping", "");
    simulator.restore(&snapshot).expect("a world");
    let entries = journal.entries(&Filter::default());
    assert_eq!(entries.len(), 3);
    assert!(matches!(&entries[2].what, What::Note { text } if text.contains("put back")), "{entries:?}");
    simulator.reset().expect("a world");
    assert_eq!(journal.count(&Filter::default()), 0);
    call(&simulator, "GET", "/api/v1/ping", "");
    assert_eq!(journal.entries(&Filter::default())[0].seq, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_recorded_all_the_same() {
    let simulator = start().await;
    common::raw(simulator.addr(), b"GET /x y HTTP/1.1\r\nHost: a\r\n\r\n");
    let entry = simulator.journal().entries(&Filter::default()).remove(0);
    let exchange = entry.exchange().expect("a request");
    assert_eq!((exchange.method.as_str(), exchange.status()), ("GET", Some(400)));
    assert_eq!(exchange.header("host"), Some("a"));
}
