//! The database as a client meets it.

mod rules;
mod tables;
mod words;

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::{
    Contract,
    scenario::{App, ConnectionRow, RowsFile},
};
use serde_json::{Value, json};

use super::{Answer, Kind, Request, Retention, Store};
use crate::world::{
    chance,
    generate::{Maker, Recipe, connections},
    spn::Tunnel,
};

/// The present of the tests.
fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// Connections of a few programs within the last half hour.
static ROWS: LazyLock<RowsFile> = LazyLock::new(|| {
    let apps = ["Firefox", "Signal", "Thunderbird", "curl"].map(|name| App {
        name: name.to_owned(),
        path: format!("/usr/bin/{}", name.to_lowercase()),
        ..App::default()
    });
    let maker = |app| Maker::new(app, App::profile_id(app), app.name.clone(), true);
    let tunnel = |number: u8| Tunnel { exit: format!("hub{number}"), context: "{\"Path\":[]}".to_owned() };
    let recipe = Recipe {
        makers: apps.iter().map(maker).collect(),
        start: now(),
        over: SignedDuration::from_mins(30),
        tunnels: (0..6).map(tunnel).collect(),
        local: Vec::new(),
        ports: 0,
        began: now() - SignedDuration::from_mins(35),
        history: true,
        hashed_ids: false,
        lives: false,
    };
    let mut file = RowsFile::default();
    for one in connections(&recipe, 700, &mut chance::fresh(11, "connections")) {
        file.rows.push(one.row);
        file.bandwidth.extend(one.bandwidth);
    }
    file
});

/// The rows of the live table.
fn live() -> impl Iterator<Item = &'static ConnectionRow> {
    ROWS.rows.iter().filter(|row| row.live)
}

fn filled(contract: Contract) -> Store {
    let store = Store::new(contract.behaviour()).unwrap();
    store.load(&ROWS).unwrap();
    store
}

/// A store of contract v2.2 that no test changes.
static STORE: LazyLock<Store> = LazyLock::new(|| filled(Contract::V2_2));

fn send(store: &Store, kind: Kind, body: &[u8]) -> Answer {
    let retention = Retention::default();
    store.answer(&Request { kind, body: Some(body), now: now(), dev_mode: false, retention: &retention })
}

/// The answer to a request that succeeds.
fn ask_of(store: &Store, kind: Kind, request: &Value) -> Value {
    let answer = send(store, kind, request.to_string().as_bytes());
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200, "{request}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The rows that answer a query.
fn rows_of(store: &Store, request: &Value) -> Vec<Value> {
    match ask_of(store, Kind::Query, request)["results"].take() {
        Value::Array(rows) => rows,
        Value::Null => Vec::new(),
        other => panic!("{other}"),
    }
}

fn rows(request: &Value) -> Vec<Value> {
    rows_of(&STORE, request)
}

/// The number of rows that meet conditions.
fn count(conditions: &Value) -> i64 {
    let request = json!({ "select": { "$count": { "field": "*", "as": "n" } }, "query": conditions });
    rows(&request)[0]["n"].as_i64().unwrap()
}

/// All rows that meet conditions, page by page, in the order of their ids.
fn ids(conditions: &Value) -> Vec<String> {
    let mut ids = Vec::new();
    for page in 0.. {
        let request = json!({ "select": ["id"], "query": conditions, "orderBy": "id", "page": page });
        let found = rows(&request);
        if found.is_empty() {
            return ids;
        }
        ids.extend(found.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
    }
    ids
}

/// Status and text of a request that fails.
fn refused(store: &Store, kind: Kind, body: &str) -> (u16, String) {
    let answer = send(store, kind, body.as_bytes());
    assert_ne!(answer.status, 200, "{body}");
    (answer.status, String::from_utf8(answer.body).unwrap())
}
