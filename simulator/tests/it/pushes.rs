//! Subscribers of the database websocket: told of what a scenario lets happen, and what faults do to that.

use std::time::Duration;

use portmaster_simulator::{Scenario, Simulator};

use crate::common::{self, Socket};

/// One who is subscribed.
struct Client(Socket);

impl Client {
    async fn open(simulator: &Simulator) -> Self {
        Self(Socket::open(simulator, None).await)
    }

    async fn send(&mut self, text: &str) {
        self.0.send(text).await;
    }

    /// Subscribes, and asks something behind it: once that is answered, the subscription stands.
    async fn subscribe(&mut self, prefix: &str) {
        self.send(&format!("s|sub|query {prefix}")).await;
        assert!(self.0.told("g|get|config:core/devMode", "g|ok|").await.is_empty());
    }

    /// Everything that was told before now.
    async fn told(&mut self) -> Vec<String> {
        self.0.told("e|get|config:core/devMode", "e|").await
    }
}

async fn start(script: &str) -> Simulator {
    let text = format!(
        "extends: home-office\ncontract: v2.2\nconfig: {{ spn/enable: true }}\nclock: manual\n{script}\n"
    );
    let scenario = Scenario::parse("test", &text).expect("a scenario");
    Simulator::builder().world(scenario).dev_mode(true).start().await.expect("a scenario that starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_timeline_brings_is_told() {
    for (change, prefix, expected) in [
        (
            "network: { online: limited }",
            "runtime:system/status",
            "|runtime:system/status|J{\"OnlineStatus\":2,",
        ),
        ("config: { spn/enable: false }", "config:spn/", "|config:spn/enable|J"),
        ("spn: { status: failed }", "runtime:spn/status", "|runtime:spn/status|J{\"Status\":\"failed\""),
        ("spn: { hubs: { degrade: [{ hub: Avior, load: 99 }] } }", "map:main/", "s|upd|map:main/"),
        ("spn: { hubs: { leave: [Avior] } }", "map:main/", "s|del|map:main/"),
        (
            "notifications: { add: [{ id: 'a:b', title: T }] }",
            "notifications:",
            "s|new|notifications:all/a:b|J",
        ),
        ("apps: { add: [{ name: New, path: /new }] }", "core:profiles/", "s|new|core:profiles/local/"),
        (
            "apps: { add: [{ name: New, path: /new, processes: [{ pid: 7001 }] }] }",
            "network:tree/7001",
            "s|new|network:tree/7001-",
        ),
        ("connections: { close: 1 }", "network:", "|network:tree/"),
        ("connections: { open: { count: 1, apps: [Firefox] } }", "network:", "|network:tree/"),
        (
            "modules: { fail: [{ module: Resolver, id: 'r:x', title: T }] }",
            "runtime:system/status",
            "\"ID\":\"r:x\"",
        ),
        ("pause: { duration: 1m }", "notifications:", "s|new|notifications:all/control:paused|J"),
    ] {
        let simulator = start(&format!("timeline: [{{ at: 1s, change: {{ {change} }} }}]")).await;
        let mut client = Client::open(&simulator).await;
        client.subscribe(prefix).await;
        assert_eq!(client.told().await, [""; 0], "{change}");
        simulator.advance(Duration::from_secs(1));
        let told = client.told().await;
        assert!(told.iter().any(|one| one.contains(expected)), "{change}: {told:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_of_a_program_that_is_replaced_are_told_where_they_differ() {
    let add = |processes: &str| {
        format!("{{ apps: {{ add: [{{ name: New, path: /new, processes: [{processes}] }}] }} }}")
    };
    let simulator = start(&format!(
        "timeline:\n  - {{ at: 1s, change: {} }}\n  - {{ at: 2s, change: {} }}",
        add("{ pid: 7001 }, { pid: 7002 }"),
        add("{ pid: 7002 }, { pid: 7003 }")
    ))
    .await;
    let mut client = Client::open(&simulator).await;
    client.subscribe("network:tree/700").await;
    for expected in [["s|new 7001", "s|new 7002"], ["s|del 7001", "s|new 7003"]] {
        simulator.advance(Duration::from_secs(1));
        let heads = client.told().await;
        let heads = heads.iter().map(|one| one.replace("|network:tree/", " "));
        assert_eq!(heads.map(|one| one[..10].to_owned()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_dropped_or_late() {
    let simulator = start(
        "timeline:
  - { every: 1s, until: 3s, change: { notifications: { add: [{ id: one }, { id: two }] } } }
faults:
  - { when: { websocket: { key: 'notifications:all/one' } }, effect: { drop: true } }
  - { when: { websocket: { key: 'notifications:all/two' }, count: 1 }, effect: { late: 10s } }",
    )
    .await;
    let mut client = Client::open(&simulator).await;
    client.subscribe("notifications:").await;
    simulator.advance(Duration::from_secs(1));
    assert_eq!(client.told().await, [""; 0]);
    simulator.advance(Duration::from_secs(2));
    let told = client.told().await;
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|one| one.contains("|notifications:all/two|")), "{told:#?}");
    simulator.advance(Duration::from_secs(7));
    assert_eq!(client.told().await, [""; 0]);
    simulator.advance(Duration::from_secs(1));
    assert_eq!(client.told().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_hear_what_clients_ask() {
    let simulator = start(
        "rules:
  - when: { websocket: { operation: update, key: 'config:filter/*' } }
    then: [{ change: { network: { online: semi } } }]",
    )
    .await;
    let mut client = Client::open(&simulator).await;
    client.send(r#"1|get|config:filter/lists"#).await;
    client.0.next().await;
    assert_eq!(simulator.state()["network"]["online"], "online");
    client.send(r#"2|update|config:filter/lists|J{"Value":["MAL"]}"#).await;
    assert_eq!(client.0.next().await, "2|success");
    assert_eq!(simulator.state()["network"]["online"], "semi");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_over_http_are_told() {
    let simulator = start("").await;
    let mut client = Client::open(&simulator).await;
    for prefix in ["runtime:spn/status", "core:spn/account/", "notifications:", "runtime:system/status"] {
        client.subscribe(prefix).await;
    }
    let address = simulator.addr();
    let ask = async |target: &'static str| {
        // robin:secret
        let headers = [("Authorization", "Basic cm9iaW46c2VjcmV0")];
        let asking = tokio::task::spawn_blocking(move || common::ask(address, "POST", target, &headers, ""));
        assert_eq!(asking.await.expect("a client").status(), 200, "{target}");
    };
    for (target, expected) in [
        (
            "/api/v1/spn/account/logout",
            [
                "s|del|core:spn/account/user",
                "s|new|runtime:system/status|J",
                "s|new|notifications:all/spn:establishing-home-hub|J",
                "s|upd|runtime:spn/status|J{\"Status\":\"failed\"",
                "s|new|runtime:system/status|J",
                "s|new|notifications:all/spn:not-logged-in|J",
            ],
        ),
        (
            "/api/v1/spn/account/login",
            [
                "s|new|core:spn/account/user|J{\"username\":\"robin\",\"state\":\"approved\"",
                "s|upd|runtime:spn/status|J{\"Status\":\"connected\"",
                "s|new|runtime:system/status|J",
                "s|del|notifications:all/spn:establishing-home-hub",
                "s|new|runtime:system/status|J",
                "s|del|notifications:all/spn:not-logged-in",
            ],
        ),
    ] {
        simulator.advance(Duration::from_secs(5));
        ask(target).await;
        let told = client.told().await;
        assert_eq!(told.len(), expected.len(), "{target}: {told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{target}: {told}");
        }
    }
}
