//! Events as they happen.

use crate::common;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use super::Running;

/// One who listens.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn new(running: &Running) -> Self {
        let mut listener = Self::deaf(running);
        assert_eq!(listener.next().0, "ready");
        listener
    }

    /// One who does not read.
    fn deaf(running: &Running) -> Self {
        let mut stream = TcpStream::connect(running.control).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a stream");
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
        Self(BufReader::new(stream))
    }

    fn status(&mut self) -> u16 {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// The next event: its name and its data.
    fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).expect("a line"), 0, "the stream goes on");
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.trim().to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    /// The next event of a name.
    fn wait(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.next();
            if found == name {
                return data;
            }
        }
    }
}

#[test]
fn what_happens_is_told_in_its_order() {
    let running = Running::new();
    let mut listener = Listener::new(&running);
    running.ask("POST", "/changes", json!({ "core": { "starting": true } }));
    assert_eq!(listener.wait("change")["topics"], json!(["core/starting"]));
    running.ask("POST", "/changes", json!({ "notifications": { "add": [{ "id": "mine" }] } }));
    assert_eq!(listener.wait("notification")["id"], "mine");
    running.ask("POST", "/clock/advance", json!({ "by": "1m" }));
    assert_eq!(listener.wait("clock")["now"], "2026-03-16T09:31:00Z");
    running.ask("PATCH", "/clock", json!({ "mode": "manual" }));
    assert_eq!(listener.wait("clock")["mode"], "manual");
    running.ask("POST", "/changes", json!({ "connections": { "close": 1 } }));
    assert_eq!(listener.wait("connection")["active"], false);
    running.ask("PUT", "/scenario", json!({ "name": "captive-portal" }));
    assert_eq!(listener.wait("world")["scenario"], "captive-portal");
    running.ask("POST", "/changes", json!({ "restart": true }));
    assert_eq!(listener.wait("lifecycle")["how"], "restart");
}

#[test]
fn who_listens_changes_no_answer() {
    let (alone, watched) = (Running::new(), Running::new());
    let _listener = Listener::new(&watched);
    let change = json!({ "network": { "online": "offline" }, "connections": { "close": "all", "open": 4 } });
    assert_eq!(alone.ask("POST", "/changes", change.clone()), watched.ask("POST", "/changes", change));
    assert_eq!(alone.get("/fingerprint"), watched.get("/fingerprint"));
}

#[test]
fn who_reads_too_slowly_loses_events_and_is_told_how_many() {
    let running = Running::new();
    let mut listener = Listener::deaf(&running);
    // A program that listens but reads nothing holds up nobody.
    let mut lost = 0;
    for _ in 0..50 {
        running.ask("POST", "/changes", json!({ "connections": { "open": 3000 } }));
        // These end at once, and more of them than wait for anybody.
        running.ask("POST", "/changes", json!({ "connections": { "close": "all" } }));
        lost = running.get("/health")["dropped"]["events"].as_u64().expect("a number");
        if lost > 0 {
            break;
        }
    }
    assert!(lost > 0, "somebody who does not read loses events");
    assert!(listener.wait("dropped")["missed"].as_u64().is_some_and(|missed| missed > 0));
}

#[test]
fn so_many_listen_and_no_more() {
    let running = Running::new();
    let mut listeners: Vec<Listener> = (0..32).map(|_| Listener::new(&running)).collect();
    assert_eq!(Listener::deaf(&running).status(), 429);
    listeners.pop();
    let again = (0..10_000).any(|_| Listener::deaf(&running).status() == 200);
    assert!(again, "there is room when one is gone");
}

#[test]
fn entries_of_the_journal_are_told_once_they_are_whole() {
    let running = Running::new();
    let mut listener = Listener::new(&running);
    common::ask(running.api, "GET", "/api/v1/ping", &[], "");
    let entry = listener.wait("journal");
    assert_eq!((&entry["seq"], &entry["summary"]), (&json!(1), &json!("GET /api/v1/ping -> 200")));
}
