//! A running core as a scenario: what it answers, and what its database websocket shows, in the words of scenarios.
//!
//! Only what reads is asked for, never what acts, such as a self-check or a traceroute.

mod apps;
mod connections;
mod core;
mod dns;
mod folder;
mod http;
mod network;
mod notifications;
mod regions;
mod settle;
mod socket;
mod source;
mod spn;
mod veil;
mod yaml;

use std::{io, path::PathBuf};

use portmaster_fixtures::Contract;
use serde_json::{Map, Value, json};

pub use folder::capture_folder;
use source::Source;
use veil::Veil;

/// Why there is nothing to capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The target is no address.
    #[error("target \"{target}\": {why}, expected an address such as http://127.0.0.1:817")]
    Target {
        /// What was given.
        target: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The key holds what no header can.
    #[error("the key holds characters that no key has")]
    Key,
    /// Nobody answers.
    #[error("cannot reach {target}: {source}")]
    Unreachable {
        /// Host and port.
        target: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody answers, but not like a core.
    #[error(
        "{target} does not answer like a core: GET /api/v1/ping gave status {status} and {said:?}, expected 200 and \"Pong.\""
    )]
    Stranger {
        /// Host and port.
        target: String,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        said: String,
    },
    /// The folder cannot be read.
    #[error("cannot read {}: {source}", .folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder has nothing of a core in it.
    #[error(
        "{} has neither a core's config.json nor settings or profiles that were exported (*.json, *.yaml){}",
        .folder.display(),
        .missing.iter().map(|line| format!("\n{line}")).collect::<String>()
    )]
    Empty {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong with its files.
        missing: Vec<String>,
    },
    /// The core does not know the key.
    #[error("the core does not accept the key: with it one may read no more than without")]
    WrongKey,
}

/// A core, captured.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The contract whose endpoints are most like the core's.
    pub contract: Contract,
    /// The core's version, or empty.
    pub version: String,
    /// What could not be read, or cannot be said in a scenario.
    pub missing: Vec<String>,
    scenario: Map<String, Value>,
}

impl Captured {
    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.scenario.get("connections").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// The scenario as YAML. With the name of a rows file the connections are to be found there.
    pub fn text(&self, rows_file: Option<&str>) -> String {
        let mut scenario = self.scenario.clone();
        if let Some(file) = rows_file {
            // In the place of the list.
            scenario.insert("connections".to_owned(), json!({ "file": file }));
        }
        let mut text = String::from("# Written by portmaster-simulator capture.\n");
        if !self.missing.is_empty() {
            text.push_str("# Not in here:\n");
        }
        for line in &self.missing {
            let line: String = line.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
            text.push_str(&format!("# - {line}\n"));
        }
        text + &yaml::text(&scenario)
    }

    /// The connections as a rows file, a row a line.
    pub fn rows(&self) -> String {
        let rows = self.scenario.get("connections").and_then(Value::as_array);
        let rows: Vec<String> = rows.into_iter().flatten().map(Value::to_string).collect();
        format!("{{\"rows\": [\n{}\n]}}\n", rows.join(",\n"))
    }
}

/// Captures the core at a URL such as `http://127.0.0.1:817`. Unless they are to be kept, addresses, domains, names of
/// users, hosts and devices, and paths are replaced, each by the same everywhere. API keys are never in the result.
///
/// # Errors
/// When nobody answers, or not like a core, or the key is not accepted. What else fails is noted in the result.
pub async fn capture(target: &str, key: Option<&str>, keep_private: bool) -> Result<Captured, CaptureError> {
    let mut source = Source::open(target, key).await?;
    let start = source.start;
    let version = core::version(&mut source).await;
    let contract = source.contract(&version).await;
    let mut scenario = Map::new();
    let mut put = |name: &str, value: Value| {
        if !is_empty(&value) {
            scenario.insert(name.to_owned(), value);
        }
    };
    let of_version = if version.is_empty() { String::new() } else { format!(" {version}") };
    put("name", "captured".into());
    put("about", format!("A core{of_version} as it was at {start}.").into());
    put("start", start.to_string().into());
    put("contract", contract.name().into());
    put("config", core::config(&mut source, contract).await);
    put("core", core::core(&mut source).await);
    let (apps, client) = apps::apps(&mut source).await;
    put("client", client);
    let resolvers = dns::resolvers(&mut source).await;
    let mut network = network::network(&mut source).await;
    let rows = connections::rows(&mut source, contract).await;
    connections::addresses(&rows, &mut network);
    put("network", Value::Object(network));
    put("dns", dns::dns(&mut source, &resolvers).await);
    put("spn", spn::spn(&mut source).await);
    put("apps", apps);
    put("connections", rows.into());
    put("resources", core::resources(&mut source).await);
    put("filter_lists", core::filter_lists(&mut source).await);
    put("notifications", notifications::notifications(&mut source).await);
    // Modules in trouble; how that is said is found out when the rest is known.
    put("timeline", notifications::failures(&mut source).await.into());
    let status = spn::status(&mut source).await;
    let mut missing = source.missing;
    if !keep_private {
        Veil::new(contract).over(&mut scenario, &mut missing);
    }
    connections::known(&mut scenario);
    let failures = scenario.shift_remove("timeline").unwrap_or_default();
    settle::settle(&mut scenario, contract, &failures, status.as_deref(), keep_private, &mut missing);
    Ok(Captured { contract, version, missing, scenario })
}

/// Whether a value says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A map of the members that say something.
fn filled<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let said = members.into_iter().filter(|(_, value)| !is_empty(value));
    said.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A text among the members of a value; empty if there is none.
fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
