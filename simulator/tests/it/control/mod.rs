//! The control plane as its users meet it: HTTP to a running simulator.

mod changes;
mod clock;
mod console;
mod document;
mod events;
mod forks;
mod guard;
mod har;
mod journal;
mod look;
mod nonsense;
mod patch;
mod restart;
mod scenarios;
mod scripts;
mod snapshots;

use std::net::SocketAddr;

use portmaster_simulator::{Builder, Simulator};
use serde_json::Value;

use crate::common;

/// A simulator that runs in a thread of its own, with a control plane.
struct Running {
    simulator: Option<Simulator>,
    runtime: tokio::runtime::Runtime,
    api: SocketAddr,
    control: SocketAddr,
}

impl Running {
    /// The home office with a control plane.
    fn new() -> Self {
        Self::with(Simulator::builder().scenario("home-office").dev_mode(true))
    }

    fn with(builder: Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let builder = builder.control("127.0.0.1:0");
        let simulator = runtime.block_on(builder.start()).expect("a simulator");
        let control = simulator.control_url().and_then(|url| url.strip_prefix("http://"));
        let control = control.and_then(|address| address.parse().ok()).expect("an address");
        Self { api: simulator.addr(), control, simulator: Some(simulator), runtime }
    }

    fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().expect("it runs")
    }

    /// Asks the control plane; a body that is no text is sent as JSON. A refusal has to be a problem document.
    fn ask(&self, method: &str, target: &str, body: impl Into<Value>) -> (u16, Value) {
        let body = match body.into() {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        let answer =
            common::ask(self.control, method, target, &[("Content-Type", "application/json")], &body);
        let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        if answer.status() >= 400 {
            assert_eq!(answer.header("Content-Type"), Some("application/problem+json"), "{target}");
            assert_eq!(json["status"], answer.status(), "{target}");
            assert!(json["detail"].as_str().is_some_and(|text| !text.is_empty()), "{target}");
        }
        (answer.status(), json)
    }

    /// What a path says.
    fn get(&self, target: &str) -> Value {
        let (status, value) = self.ask("GET", target, Value::Null);
        assert_eq!(status, 200, "{target}: {value}");
        value
    }
}
