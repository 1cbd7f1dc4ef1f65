//! A simulator is captured, and what the capture answers is what it answered.

use std::{
    fs,
    io::{Read as _, Write as _},
    process::Command,
};

use portmaster_simulator::{
    CaptureError, Captured, Change, ClockMode, Contract, Scenario, Simulator, capture, check,
};
use serde_json::{Value, json};

use crate::common::{self, Socket};

const KEY: &str = "capturing-key-0123456789";

/// A server on loopback that answers everything that its key may read.
async fn serve(builder: portmaster_simulator::Builder, contract: Contract) -> Simulator {
    let builder = builder.contract(contract).clock(ClockMode::Frozen);
    builder.api_key(format!("{KEY}?read=admin&write=admin")).start().await.expect("a simulator")
}

/// The capture of a simulator, as a file that passes the check, and a simulator that serves it.
async fn again(source: &Simulator, contract: Contract, keep_private: bool) -> (Captured, String, Simulator) {
    let captured = capture(source.url(), Some(KEY), keep_private).await.expect("a capture");
    assert_eq!(captured.contract, contract);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("captured.yaml");
    fs::write(&file, captured.text(Some("captured.rows.json"))).expect("written");
    fs::write(folder.path().join("captured.rows.json"), captured.rows()).expect("written");
    let name = file.to_str().expect("a path of text");
    let mistakes = check(name, None).expect("a file that can be read");
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    let scenario = Scenario::load(name).expect("a scenario");
    let whole = captured.text(None) + &captured.rows();
    let server = serve(Simulator::builder().world(scenario), contract).await;
    (captured, whole, server)
}

/// What a path answers.
async fn get(simulator: &Simulator, path: &str) -> (u16, Value) {
    let (address, path) = (simulator.addr(), format!("/api/v1/{path}"));
    let badge = format!("Bearer {KEY}");
    let asked = move || common::ask(address, "GET", &path, &[("Authorization", &badge)], "");
    let answer = tokio::task::spawn_blocking(asked).await.expect("an answer");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    (answer.status(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// What a netquery finds.
async fn find(simulator: &Simulator, query: &Value) -> Value {
    let (address, body) = (simulator.addr(), query.to_string());
    let badge = format!("Bearer {KEY}");
    let asked =
        move || common::ask(address, "POST", "/api/v1/netquery/query", &[("Authorization", &badge)], &body);
    let answer = tokio::task::spawn_blocking(asked).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{query}");
    serde_json::from_slice::<Value>(&answer.body).expect("JSON")["results"].clone()
}

/// The records below a prefix, without their times, by which nobody knows them.
async fn records(simulator: &Simulator, prefix: &str) -> Vec<Value> {
    let mut socket = Socket::open(simulator, Some(KEY)).await;
    socket.send(format!("1|query|query {prefix}")).await;
    let mut found = Vec::new();
    loop {
        let text = socket.next().await;
        let parts: Vec<&str> = text.splitn(4, '|').collect();
        match parts[..] {
            [_, "ok", key, data] => {
                let mut value: Value = serde_json::from_str(&data[1..]).expect("JSON");
                let members = value.as_object_mut().expect("a record");
                members.remove("_meta");
                // Drawn from the seed, which nobody can read.
                members.remove("GUID");
                found.push(json!([key, value]));
            }
            [_, "done", ..] => return found,
            [_, "error", text, ..] => return vec![json!(["error", text])],
            _ => {}
        }
    }
}

/// Where two values differ, if they do.
fn difference(what: &str, one: &Value, other: &Value) -> Option<String> {
    if one == other {
        return None;
    }
    let lines = |value: &Value| format!("{value:#}").lines().map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (lines(one), lines(other));
    let differs = one.iter().zip(&other).position(|(one, other)| one != other);
    let at = differs.unwrap_or(one.len().min(other.len()));
    let cut = |lines: &[String]| lines[at.saturating_sub(6)..(at + 6).min(lines.len())].join("\n");
    Some(format!("{what} differs at line {at}:\n{}\n-- captured --\n{}", cut(&one), cut(&other)))
}

/// Compares everything that a capture is to bring back. Not compared are, because they cannot be read:
/// - charts of traffic: the samples of single connections are not told;
/// - the key's own option `core/apiKeys`, which is never written;
/// - GUIDs and the times of records, which follow from the seed and the start;
/// - what early contracts do not show of hubs (operators, versions, load) and of accounts (features, next payment);
/// - the traffic of single connections in early contracts, whose netquery has no columns for it.
async fn compare(source: &Simulator, copy: &Simulator) {
    let row = &find(source, &json!({ "pageSize": 1 })).await[0];
    let counts_bytes = row.get("bytes_sent").is_some();
    let mut found = Vec::new();
    for path in [
        "network/gateways", "network/nameservers", "network/location", "network/location/traceroute",
        "dns/resolvers", "spn/account/user/profile", "spn/map/main/pins", "spn/map/main/measurements",
        "config/options",
    ] {
        let (one, other) = (get(source, path).await, get(copy, path).await);
        assert_eq!(one.0, other.0, "{path}");
        found.extend(difference(path, &without_meta(one.1), &without_meta(other.1)));
    }
    for prefix in [
        "config:", "core:profiles/", "core:status/", "cache:intel/", "notifications:", "network:tree/",
        "runtime:system/status", "runtime:spn/status", "runtime:layeredProfile/", "map:main/",
    ] {
        let (mut one, mut other) = (records(source, prefix).await, records(copy, prefix).await);
        for record in one.iter_mut().chain(&mut other).filter(|_| !counts_bytes) {
            for name in ["BytesReceived", "BytesSent"] {
                record[1].as_object_mut().and_then(|members| members.remove(name));
            }
        }
        found.extend(difference(prefix, &one.into(), &other.into()));
    }
    for query in [
        json!({ "select": [{ "$count": { "field": "*", "as": "rows" } }] }),
        json!({ "select": ["profile", { "$count": { "field": "*", "as": "rows" } }], "groupBy": ["profile"] }),
        json!({ "select": ["domain", { "$count": { "field": "*", "as": "rows" } }], "groupBy": ["domain"] }),
        json!({ "query": { "active": true }, "pageSize": 100 }),
        json!({ "query": { "verdict": { "$in": [3, 4] } }, "pageSize": 100 }),
        json!({ "pageSize": 100 }),
        json!({ "pageSize": 100, "page": 1 }),
        json!({ "pageSize": 100, "page": 2 }),
    ] {
        let (one, other) = (find(source, &query).await, find(copy, &query).await);
        found.extend(difference(&query.to_string(), &one, &other));
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

fn without_meta(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.remove("_meta");
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_office_comes_back() {
    for contract in Contract::ALL {
        let source = serve(Simulator::builder().scenario("home-office"), contract).await;
        let (captured, whole, copy) = again(&source, contract, true).await;
        assert!(captured.connections() > 100, "{}", captured.connections());
        assert!(!captured.version.is_empty() && !whole.contains(KEY));
        compare(&source, &copy).await;
    }
}

/// A connection that is live only, one that is also in the history, and one that is only there.
const KEPT: &str = "
extends: home-office
config: { history/enable: true }
timeline: []
connections:
  - { id: a, profile: local/x, domain: live.example., started: 2026-03-16T09:00:00Z }
  - { id: b, profile: local/x, domain: both.example., started: 2026-03-16T09:01:00Z, bytes_sent: 7, _history: true, _history_bytes_sent: 5 }
  - { id: c, profile: local/x, domain: past.example., started: 2026-03-12T09:02:00Z, ended: 2026-03-12T09:03:00Z, active: false, _live: false, _history: true }
";

#[tokio::test(flavor = "multi_thread")]
async fn the_history_comes_back() {
    let contract = Contract::V2_2;
    let scenario = Scenario::parse("kept", KEPT).expect("a scenario");
    let source = serve(Simulator::builder().world(scenario), contract).await;
    let (captured, _, copy) = again(&source, contract, true).await;
    assert_eq!(captured.connections(), 3);
    compare(&source, &copy).await;
    for databases in [json!(["main"]), json!(["history"]), json!(["main", "history"])] {
        let query = json!({ "databases": databases, "orderBy": ["id"] });
        let (one, other) = (find(&source, &query).await, find(&copy, &query).await);
        assert!(one.as_array().is_some_and(|rows| rows.len() > 1), "{one:#}");
        assert_eq!(one, other, "{databases}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_network_comes_back() {
    let contract = Contract::V1_6;
    let source = serve(Simulator::builder().scenario("spn-connected"), contract).await;
    let login: Change = serde_json::from_value(json!({
        "config": { "spn/enable": true, "history/enable": true },
        "network": { "online": "semi", "captive_portal": { "url": "http://portal.example/", "ip": "192.0.2.9" } },
        "spn": {
            "account": {
                "username": "robin", "ends": "2027-01-01T00:00:00Z",
                "plan": { "name": "Pro", "months": 12, "features": ["spn", "history"] },
            },
            "status": null, "home": "Avior", "sessions": 3,
            "hubs": { "degrade": [{ "hub": "Alhena", "load": 97, "states": ["usage-discouraged", "failing"] }] },
        },
        "modules": { "fail": [{ "module": "Resolver", "id": "resolver:down", "title": "Down", "severity": "warning" }] },
    }))
    .expect("a change");
    source.change(&login).expect("a change that can be");
    assert_eq!(records(&source, "runtime:spn/status").await[0][1]["Status"], "connected");
    let (_, _, copy) = again(&source, contract, true).await;
    compare(&source, &copy).await;
}

/// A world of somebody who has secrets. Names are of no real person; domains are reserved.
const PRIVATE: &str = r#"
name: private
start: 2026-03-16T09:30:00Z
config:
  spn/enable: true
  filter/endpoints: ["- .adnet.invalid", "+ 77.88.55.66", "- 10.0.0.0/8", "+ 66.77.88.0/24 TCP/443"]
  core/apiKeys: ["a-secret-key-of-wilhelmina?read=admin&write=admin"]
network:
  gateways: [192.168.178.1, "fe80::d2b2:c4ff:fe00:1"]
  nameservers: [{ ip: 192.168.178.1, search: [corp-intra.test.] }]
  location: { source: traceroute, ip: 77.88.99.10, country: AT, asn: 8447, as_org: Wilhelmina ISP, latitude: 48.2123, longitude: 16.3717, radius: 20 }
dns:
  resolvers: { 192.168.178.1: { failing: true } }
  cache:
    - { domain: intranet.corp-intra.test., type: A, answer: [A 192.168.178.40], resolver: 192.168.178.1, age: 5 }
    - { domain: bank.moneybag.invalid., type: A, answer: [CNAME web.moneybag.invalid., A 77.88.55.67], resolver: 192.168.178.1 }
    - { domain: bank.moneybag.invalid., type: TXT, answer: ['TXT "owner=wilhelmina"'], resolver: 192.168.178.1 }
    - { domain: 40.178.168.192.in-addr.arpa., type: PTR, answer: [PTR nas.corp-intra.test.], resolver: 192.168.178.1 }
spn:
  account: { username: wilhelmina, device: { name: Minas-Book, id: 5f1e6a04-93c7-4d0b-8a3e-77c1f2b0d9a4 }, ends: 2027-01-01T00:00:00Z, plan: { name: Pro } }
  map: { hubs: 12 }
apps:
  - name: Sync
    path: /home/wilhelmina/Projects/hush/sync
    id: 11111111-1111-4111-8111-111111111111
    description: Wilhelminas own tool
    config: { filter/endpoints: ["+ .corp-intra.test"] }
    processes: [{ pid: 77, cmd_line: /home/wilhelmina/Projects/hush/sync --token=t0psecret, started: 2026-03-16T08:00:00Z }]
connections:
  - id: 77-1773648000000-6-192.168.178.23-40000-77.88.55.67-443
    profile: local/11111111-1111-4111-8111-111111111111
    path: /home/wilhelmina/Projects/hush/sync
    profile_name: Sync
    local_ip: 192.168.178.23
    local_port: 40000
    remote_ip: 77.88.55.67
    remote_port: 443
    domain: bank.moneybag.invalid.
    country: AT
    started: 2026-03-16T09:00:00Z
    extra_data: { pid: 77, cname: [web.moneybag.invalid.], reason: { Msg: "wilhelmina asked 77.88.55.67 at aa:bb:cc:11:22:33" } }
  - id: 77-1773648000000-6-2a02:1234:5678:9::23-40001-2a02:1234:9999::1-443
    profile: local/11111111-1111-4111-8111-111111111111
    path: /home/wilhelmina/Projects/hush/sync
    profile_name: Sync
    ip_version: 6
    local_ip: "2a02:1234:5678:9::23"
    local_port: 40001
    remote_ip: "2a02:1234:9999::1"
    remote_port: 443
    domain: www.moneybag.invalid.
    started: 2026-03-16T09:01:00Z
timeline:
  - at: 0s
    change: { modules: { fail: [{ module: Resolver, id: "resolver:down", title: Down, message: "77.88.55.70 of wilhelmina is down" }] } }
notifications:
  - { id: "filter:prompt-www.moneybag.invalid", type: prompt, title: Prompt, message: "Sync of wilhelmina on Minas-Book wants to reach mail@moneybag.invalid (77.88.55.67)" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_private_is_left() {
    let contract = Contract::V2_2;
    let scenario = Scenario::parse("private", PRIVATE).expect("a scenario");
    let source = serve(Simulator::builder().world(scenario), contract).await;
    let (_, whole, copy) = again(&source, contract, false).await;
    let lower = whole.to_lowercase();
    for private in [
        "wilhelmina", "minas-book", "moneybag", "corp-intra", "adnet", "intranet", "hush", "projects",
        "t0psecret", "a-secret-key", KEY, "77.88.55", "77.88.99", "66.77.88", "192.168.178", "2a02:1234",
        "d2b2:c4ff", "8447", "48.2123", "5f1e6a04", "aa:bb:cc:11:22:33", "178.168.192",
    ] {
        assert!(!lower.contains(private), "{private} is in\n{whole}");
    }
    // What belonged together still does.
    let rows = find(&copy, &json!({ "pageSize": 100 })).await;
    let (first, second) = (&rows[0], &rows[1]);
    let remote = first["remote_ip"].as_str().expect("an address");
    let domain = first["domain"].as_str().expect("a domain");
    assert!(remote.starts_with("192.0.2.") && domain.ends_with(".example."), "{rows:#}");
    assert!(first["id"].as_str().is_some_and(|id| id.contains(remote)), "{rows:#}");
    assert_eq!(first["local_ip"], "192.168.0.23", "the network is another, the place in it is not");
    let site = |domain: &Value| {
        domain.as_str().and_then(|name| name.split_once('.')).map(|(_, site)| site.to_owned())
    };
    assert_eq!(site(&first["domain"]), site(&second["domain"]));
    assert!(second["remote_ip"].as_str().is_some_and(|ip| ip.starts_with("2001:db8:")), "{rows:#}");
    let cached = records(&copy, &format!("cache:intel/nameRecord/{domain}A")).await;
    assert!(cached[0][1]["Answer"][1].as_str().is_some_and(|line| line.ends_with(remote)), "{cached:#?}");
    let resolvers = get(&copy, "dns/resolvers").await.1;
    let failing = resolvers.as_array().into_iter().flatten().find(|one| one["Failing"] == true);
    assert_eq!(failing.map(|one| &one["Info"]["IP"]), Some(&get(&copy, "network/gateways").await.1[0]));
    let profiles = records(&copy, "core:profiles/local/11111111").await;
    assert_eq!(profiles[0][1]["PresentationPath"], first["path"]);
    assert_eq!(first["path"], "/home/user1/folder1/folder2/sync");
    let prompts = records(&copy, "notifications:all/filter:prompt").await;
    let site = site(&first["domain"]).expect("a site");
    let site = site.trim_end_matches('.');
    let message = format!("Sync of user1 on device1 wants to reach someone@{site} ({remote})");
    assert_eq!(prompts[0][1]["Message"], message);
    let status = records(&copy, "runtime:system/status").await;
    assert_eq!(status[0][1]["WorstState"]["ID"], "resolver:down");
    // And once more it is the same.
    let once_more = capture(source.url(), Some(KEY), false).await.expect("a capture");
    assert_eq!(once_more.text(None) + &once_more.rows(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_what_is_missing_is_listed() {
    let source = serve(Simulator::builder().scenario("home-office"), Contract::V1_6).await;
    let captured = capture(source.url(), None, true).await.expect("a capture");
    let text = captured.text(None);
    for missing in [
        "network/gateways: status 401",
        "the database websocket, and so most of the core: refused with status 401",
    ] {
        assert!(captured.missing.iter().any(|line| line.starts_with(missing)), "{:#?}", captured.missing);
        assert!(text.contains(&format!("\n# - {missing}")), "{text}");
    }
    Scenario::parse("captured", &text).expect("a scenario");
    for contract in Contract::ALL {
        let source = serve(Simulator::builder().scenario("fresh-install"), contract).await;
        let wrong = capture(source.url(), Some("nobodys-key"), true).await;
        assert!(matches!(wrong, Err(CaptureError::WrongKey)), "{contract}: {wrong:?}");
    }
}

#[test]
fn the_command_line_says_what_is_wrong() {
    let run = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_portmaster-simulator");
        Command::new(program).arg("capture").args(arguments).output().expect("a program")
    };
    // A port that nobody listens at, since it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let nobody = run(&["--target", &target]);
    let told = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(3), "{told}");
    assert!(told.starts_with("error: cannot reach 127.0.0.1:") && told.lines().count() == 1, "{told}");
    // A server that is no core, and says 200 to everything.
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = format!("http://{}", server.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let (mut client, _) = server.accept().expect("a client");
        let mut head = [0; 4096];
        let length = client.read(&mut head).expect("a request");
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<p>hello</p>";
        client.write_all(page.as_bytes()).expect("a reader");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let stranger = run(&["--target", &target]);
    let told = String::from_utf8_lossy(&stranger.stderr).into_owned();
    assert_eq!(stranger.status.code(), Some(3), "{told}");
    assert!(told.contains("does not answer like a core: GET /api/v1/ping gave status 200"), "{told}");
    assert!(stranger.stdout.is_empty(), "no scenario comes of it");
    assert!(asked.join().expect("a server").starts_with("GET /api/v1/ping "));
    assert_eq!(run(&["--target", "https://127.0.0.1"]).status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_a_scenario_too() {
    let source = serve(Simulator::builder().scenario("home-office"), Contract::V2_2).await;
    let profiles = records(&source, "core:profiles/local/").await;
    let (key, _) = profiles
        .iter()
        .map(|one| (one[0].as_str().expect("a key"), &one[1]))
        .find(|(_, profile)| profile["Name"] == "Firefox")
        .expect("an app");
    let id = key.trim_start_matches("core:profiles/");
    let (address, path) = (source.addr(), format!("/api/v1/sync/profile/export?id={id}"));
    let headers = [("Authorization", &*format!("Bearer {KEY}")), ("Accept", "application/yaml")];
    let export = tokio::task::block_in_place(|| common::ask(address, "GET", &path, &headers, ""));
    let export = export.text().to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let config = json!({
        "core": { "apiKeys": ["a-secret-key?read=admin"] }, "filter": { "defaultAction": "block" }, "no": { "such": 1 },
        "dns": { "nameservers": ["dot://dns.private.test?ip=8.8.4.4&name=Mine"] },
    });
    for (name, text) in [
        ("config.json", config.to_string()),
        ("app.yaml", export.clone()),
        (
            "settings.yaml",
            "type: settings\nconfig:\n    filter:\n        defaultAction: permit\n        blockP2P: false\n"
                .to_owned(),
        ),
        ("broken.json", "{".to_owned()),
        ("notes.txt", "nothing".to_owned()),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let program = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_portmaster-simulator");
        Command::new(program).args(arguments).output().expect("a program")
    };
    let (from, out) = (folder.path().to_str().expect("text"), folder.path().join("out.yaml"));
    let out = out.to_str().expect("text");
    let captured = program(&["capture", "--from", from, "-o", out]);
    let told = String::from_utf8_lossy(&captured.stderr).into_owned();
    assert_eq!(captured.status.code(), Some(0), "{told}");
    for line in ["the API keys of the core", "the option no/such: ", "the file broken.json: "] {
        assert!(told.contains(&format!("not in the scenario: {line}")), "{told}");
    }
    let checked = program(&["scenario", "check", out]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    let text = fs::read_to_string(out).expect("a scenario");
    for hidden in ["a-secret-key", "8.8.4.4", "private.test"] {
        assert!(!text.contains(hidden), "{text}");
    }
    let scenario = Scenario::load(out).expect("a scenario");
    assert_eq!(scenario.contract, Some(Contract::V2_2));
    assert_eq!(scenario.config["filter/defaultAction"], "block", "a core's own file counts before exports");
    assert_eq!(scenario.config["filter/blockP2P"], false);
    assert_eq!(scenario.apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(), ["Firefox"]);

    let nothing = tempfile::tempdir().expect("a folder");
    let empty = program(&["capture", "--from", nothing.path().to_str().expect("text")]);
    assert_eq!(empty.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&empty.stderr).contains("has neither a core's config.json"));
}
