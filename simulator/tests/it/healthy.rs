//! Defects of the cores' HTTP: each is there in a contract that has it, and gone with `healthy`.

use crate::common::{Answer, ask};
use portmaster_simulator::{Contract, Scenario, Simulator};

const KEY: (&str, &str) = ("Authorization", "Bearer admin-key");
const WORLD: &str = r#"
name: defects
config: { spn/enable: true }
client: { app: One }
dns: { cache: [{ domain: a.example., type: A, answer: [A 192.0.2.1], resolver: 9.9.9.9, age: 1 }] }
network: { nameservers: [{ ip: 9.9.9.9 }] }
spn: { map: { hubs: 3 } }
apps: [{ name: One, path: /usr/bin/one }]
resources: [{ name: news.yaml, version: 1.0.0, content: "a: 1" }]
"#;

/// What a request gets from a contract as it is, and without its defects.
async fn both(
    contract: Contract,
    request: (&'static str, &'static str),
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> [Answer; 2] {
    let mut answers = Vec::new();
    for healthy in [false, true] {
        let simulator = Simulator::builder()
            .world(Scenario::parse("defects", WORLD).expect("a scenario"))
            .contract(contract)
            .healthy(healthy)
            .api_key("admin-key?read=admin&write=admin")
            .start()
            .await
            .expect("the world starts");
        let address = simulator.addr();
        let target = format!("/api/v1/{}", request.1);
        let asking = tokio::task::spawn_blocking(move || ask(address, request.0, &target, headers, body));
        answers.push(asking.await.expect("an answer"));
    }
    answers.try_into().ok().expect("two answers")
}

/// The texts of both, with their status.
async fn texts(contract: Contract, request: (&'static str, &'static str), body: &'static str) -> [String; 2] {
    both(contract, request, &[KEY], body).await.map(|answer| format!("{} {}", answer.status(), answer.text()))
}

/// The Content-Types of both.
async fn types(
    contract: Contract,
    request: (&'static str, &'static str),
    headers: &'static [(&'static str, &'static str)],
) -> [Option<String>; 2] {
    both(contract, request, headers, "").await.map(|answer| answer.header("Content-Type").map(str::to_owned))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn short_keys() {
    let short = &[("Authorization", "Bearer abc")];
    let statuses = both(Contract::V2_2, ("GET", "network/gateways"), short, "").await.map(|one| one.status());
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn clearing_the_dns_cache() {
    let cleared = ["200 cleared 0 dns cache entries\n", "200 cleared 1 dns cache entries\n"];
    for contract in [Contract::V1_6, Contract::V2_2] {
        assert_eq!(texts(contract, ("POST", "dns/clear"), "").await, cleared);
    }
}

#[tokio::test]
async fn whether_the_core_is_ready() {
    let not = "425 portmaster is not ready, reload (F5) to try again\n";
    assert_eq!(texts(Contract::V1_6, ("GET", "ready"), "").await, [not, "200 Portmaster is ready.\n"]);
}

#[tokio::test]
async fn who_asks() {
    let [sick, healthy] = texts(Contract::V2_2, ("GET", "app/profile"), "").await;
    assert!(sick.starts_with("500 failed to find PID"), "{sick}");
    assert!(healthy.starts_with(r#"200 {"name":"One","#), "{healthy}");
}

#[tokio::test]
async fn a_new_start_of_the_network() {
    let [sick, healthy] = texts(Contract::V1_0, ("POST", "spn/reinit"), "").await;
    assert!(sick.starts_with("500 failed to stop SPN"), "{sick}");
    assert!(healthy.starts_with("200 Completed"), "{healthy}");
}

#[tokio::test]
async fn types_of_queries_and_graphs() {
    let (json, text) = (some("application/json; charset=utf-8"), some("text/plain; charset=utf-8"));
    let query = ("GET", "netquery/query?q=%7B%7D");
    assert_eq!(types(Contract::V2_2, query, &[KEY]).await, [text.clone(), json]);
    let graph = ("GET", "spn/map/main/graph.dot");
    assert_eq!(types(Contract::V1_0, graph, &[KEY]).await, [some("text/x-dot; charset=utf-8"), text]);
}

#[tokio::test]
async fn types_of_negotiated_answers() {
    let cbor = &[KEY, ("Accept", "application/cbor")];
    let found = types(Contract::V2_2, ("GET", "network/gateways"), cbor).await;
    assert_eq!(found, [some("application/json; charset=utf-8"), some("application/cbor")]);
    assert_eq!(types(Contract::V1_6, ("HEAD", "network/gateways"), &[KEY]).await, [some(""), None]);
}

#[tokio::test]
async fn broadcasts_that_show_nothing() {
    let body = "notifications: { n: {} }";
    let told = texts(Contract::V2_2, ("POST", "broadcasts/simulate"), body).await;
    let healthy = "500 failed to parse broadcast notifications update: a broadcast shows nothing\n";
    assert_eq!(told, ["500 Internal Server Error.\n", healthy]);
}

#[tokio::test]
async fn queries_that_crash() {
    for (contract, body, status) in [
        (Contract::V2_2, r#"{"textSearch":{"fields":["nosuch"],"value":"x"}}"#, 400),
        (Contract::V2_2, r#"{"query":{"domain":{"$in":[null]}}}"#, 200),
        (
            Contract::V1_0,
            r#"{"select":[{"$sum":{"condition":{"verdict":1},"as":"a"}},{"$sum":{"condition":{"verdict":2},"as":"b"}}]}"#,
            200,
        ),
    ] {
        let statuses = both(contract, ("POST", "netquery/query"), &[KEY], body).await.map(|one| one.status());
        assert_eq!(statuses, [500, status], "{body}");
    }
}

#[tokio::test]
async fn downloaded_files() {
    let file = ("GET", "updates/get/all/news.yaml");
    let as_json = &[KEY, ("Accept", "application/json")];
    let found = types(Contract::V2_2, file, as_json).await;
    assert_eq!(found, [some("application/yaml; charset=utf-8"), some("application/json; charset=utf-8")]);
    let as_itself = &[KEY, ("Accept", "application/yaml")];
    assert_eq!(both(Contract::V2_2, file, as_itself, "").await.map(|one| one.status()), [406, 200]);
}

#[tokio::test]
async fn options_in_message_pack() {
    let msgpack = &[KEY, ("Accept", "application/msgpack")];
    let statuses = both(Contract::V2_2, ("GET", "config/options"), msgpack, "").await.map(|one| one.status());
    assert_eq!(statuses, [500, 200]);
}

#[tokio::test]
async fn profiles_without_a_source() {
    let body = r#"{"type":"profile","name":"Two","fingerprints":[{"type":"path","operation":"equals","value":"/usr/bin/one"}]}"#;
    let [sick, healthy] = texts(Contract::V2_2, ("POST", "sync/profile/import?validate="), body).await;
    assert!(sick.contains(r#""replacesExisting":false"#), "{sick}");
    assert!(healthy.contains(r#""replacesExisting":true"#), "{healthy}");
}
