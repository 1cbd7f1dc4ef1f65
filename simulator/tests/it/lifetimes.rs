//! How long connections are there: in the tables, in the charts, in the database websocket and in the world's state alike.

use std::{collections::BTreeMap, time::Duration};

use portmaster_simulator::{Scenario, Simulator};
use serde_json::{Value, json};

use crate::common::{Socket, ask};

struct Stage {
    simulator: Simulator,
    socket: Socket,
}

impl Stage {
    async fn of(script: &str) -> Self {
        let text = format!("extends: home-office\ncontract: v2.2\n{script}\n");
        let scenario = Scenario::parse("test", &text).expect("a scenario");
        let simulator = Simulator::builder().world(scenario).dev_mode(true).start().await.expect("it starts");
        let socket = Socket::open(&simulator, None).await;
        Self { simulator, socket }
    }

    fn pass(&self, seconds: u64) {
        self.simulator.advance(Duration::from_secs(seconds));
    }

    fn results(&self, path: &str, body: &Value) -> Vec<Value> {
        let target = format!("/api/v1/netquery/{path}");
        let address = self.simulator.addr();
        let answer = tokio::task::block_in_place(|| ask(address, "POST", &target, &[], &body.to_string()));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let answer: Value = serde_json::from_str(answer.text()).expect("an answer in JSON");
        answer["results"].as_array().cloned().unwrap_or_default()
    }

    /// The bytes received of each profile, as a query or a chart sums them up.
    fn received(&self, path: &str, body: &Value, member: &str) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for one in self.results(path, body) {
            let profile = one["profile"].as_str().expect("a profile").to_owned();
            *sums.entry(profile).or_default() += one[member].as_i64().expect("a number");
        }
        sums.retain(|_, sum| *sum > 0);
        sums
    }

    fn ids(&self, database: &str) -> Vec<String> {
        let mut ids = Vec::new();
        for page in 0.. {
            let body = json!({ "select": ["id"], "databases": [database], "orderBy": "id", "page": page });
            let found = self.results("query", &body);
            ids.extend(found.iter().map(|one| one["id"].as_str().expect("an id").to_owned()));
            if found.is_empty() {
                return ids;
            }
        }
        ids
    }

    /// Sends a message and reads what comes until its end.
    async fn told(&mut self, message: &str, end: &str) -> Vec<String> {
        self.socket.told(message, end).await
    }

    /// The connections that the network's tree has.
    async fn tree(&mut self) -> Vec<Value> {
        let records = self.told("q|query|query network:tree/", "q|done").await;
        let values = records.iter().map(|one| {
            let text = one.splitn(4, '|').nth(3).expect("a record").trim_start_matches('J');
            serde_json::from_str::<Value>(text).expect("a record in JSON")
        });
        values.filter(|one| one["Entity"].is_object()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_leaves_no_more_behind_than_an_hour() {
    let mut stage = Stage::of(
        "clock: manual
timeline: [{ every: 1m, change: { connections: { open: 4 } } }]",
    )
    .await;
    let first = stage.ids("main").len();
    assert!(first > 30, "{first} connections");
    stage.pass(2 * 3600);
    let early = stage.ids("main").len();
    stage.pass(22 * 3600);
    let ids = stage.ids("main");
    assert!(early > 20 && ids.len() < 2 * early, "{early}, then {}", ids.len());
    assert_eq!(stage.simulator.state()["connections"]["count"], ids.len());
    // All ways to look at what is there see the same.
    let tree = stage.tree().await;
    let mut known: Vec<_> =
        tree.iter().map(|one| one["ID"].as_str().unwrap_or_default().to_owned()).collect();
    known.sort();
    assert_eq!(known, ids);
    let rows = stage.received(
        "query",
        &json!({ "select": ["profile", { "$sum": { "field": "bytes_received", "as": "sum" } }], "groupBy": ["profile"] }),
        "sum",
    );
    let chart = stage.received("charts/bandwidth", &json!({ "groupBy": ["profile"] }), "incoming");
    let mut sums = BTreeMap::new();
    for one in &tree {
        let context = &one["ProcessContext"];
        let part = |name: &str| context[name].as_str().unwrap_or_default().to_owned();
        *sums.entry(format!("{}/{}", part("Source"), part("Profile"))).or_default() +=
            one["BytesReceived"].as_i64().unwrap_or_default();
    }
    sums.retain(|_, sum| *sum > 0);
    assert!(rows.len() > 2, "{rows:?}");
    assert_eq!((&chart, &sums), (&rows, &rows));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_connection_goes_when_time_passes() {
    let row = "{ id: old, profile_name: Firefox, started: 2026-03-15T08:00:00Z, ended: 2026-03-15T08:00:05Z, \
               active: false, _history: true }";
    let mut stage =
        Stage::of(&format!("clock: frozen\nnotifications: []\ntimeline: []\nconnections: [{row}]")).await;
    assert_eq!((stage.ids("main"), stage.tree().await.len()), (vec!["old".to_owned()], 1));
    stage.socket.send("s|sub|query network:tree/").await;
    assert!(stage.told("g|get|config:core/devMode", "g|").await.is_empty());
    stage.pass(1);
    let told = stage.told("e|get|config:core/devMode", "e|").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("s|del|network:tree/") && told[0].ends_with("/ip/old"), "{told:?}");
    assert_eq!((stage.ids("main"), stage.tree().await.len()), (Vec::new(), 0));
    assert_eq!(stage.ids("history"), ["old"]);
    assert_eq!(stage.simulator.state()["connections"]["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_rows_stay_for_ten_minutes() {
    let row = "{ id: one, profile_name: Firefox, bytes_received: 500 }";
    let more = "{ id: one, profile_name: Firefox, bytes_received: 800 }";
    let stage = Stage::of(&format!(
        "clock: manual
connections: []
timeline:
  - {{ at: 5s, change: {{ connections: {{ open: [{row}] }} }} }}
  - {{ at: 1m, change: {{ connections: {{ open: [{more}] }} }} }}
  - {{ at: 2m, change: {{ connections: {{ close: one }} }} }}"
    ))
    .await;
    stage.pass(119);
    let chart = |stage: &Stage| stage.results("charts/bandwidth", &json!({ "interval": 60 }));
    let incoming: Vec<i64> =
        chart(&stage).iter().map(|one| one["incoming"].as_i64().expect("a number")).collect();
    assert_eq!(incoming, [500, 300]);
    stage.pass(1 + 600);
    assert_eq!(stage.ids("main"), ["one"]);
    assert_eq!(chart(&stage).len(), 2);
    stage.pass(1);
    assert!(stage.ids("main").is_empty() && chart(&stage).is_empty());
}
