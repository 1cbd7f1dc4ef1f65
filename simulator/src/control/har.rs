//! `POST /journal.har`: what a client asked elsewhere, asked of a fork of this world: what it is answered, and what it nearly met.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use portmaster_fixtures::{
    Contract, Endpoint,
    scenario::{BodyMatch, Fault, RequestMatch, Rule},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    forks::{beside, room},
    input::{self, Query},
    plane::Plane,
    problem::Problem,
    route::{JSON, Route, post},
    send,
};
use crate::{
    journal::{Difference, Entry, Filter, Journal, Kind, nearness},
    limits,
};

/// How long an answer may take, outside. In a fork whose clock stands some never come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far something may be from a request that it is told of, and how many are.
const NEAR: u64 = 4;
const MOST_NEAR: usize = 3;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/journal.har", "Ask again what an HTTP Archive has", import)
            .about(
                "Requests of the API go, in their order, to a fork of this world, which ends afterwards. Of each is told what it was \
                 answered there and in the archive, which endpoint it met or nearly met, and which faults and rules had a hand in it \
                 or nearly did. Messages of websockets are passed over.",
            )
            .query::<Asked>()
            .takes_as::<Map<String, Value>>(JSON, Some(serde_json::json!({ "log": { "entries": [] } })))
            .answers::<Vec<Finding>>("A line an entry of the archive.")
            .refuses([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
    ]
}

/// How is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// An API key that all requests show, in the place of the archive's, which may be hidden.
    key: Option<String>,
}

/// What became of an entry.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Finding {
    /// The method.
    method: String,
    /// The path with its query.
    target: String,
    /// The status in the archive, if it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<u16>,
    /// The status here.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<u16>,
    /// The endpoint that it met, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// The faults and rules that had a hand in the answer, such as `rules/0`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acted: Vec<String>,
    /// What it nearly met: endpoints where it met none, faults and rules that had no hand in it; the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearly: Vec<Near>,
    /// Why it was not asked, or not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Something that a request nearly met.
#[derive(Debug, Serialize, JsonSchema)]
struct Near {
    /// What: `GET network/gateways`, `rules/0`, `faults/2`.
    what: String,
    /// How far it is.
    distance: u64,
    /// What differs.
    differences: Vec<Difference>,
}

/// A request of an archive.
struct Recorded {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    status: Option<u16>,
}

async fn import(
    State(plane): State<Arc<Plane>>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<Json<Vec<Finding>>, Problem> {
    let recorded = {
        let (body, _held) = input::body(&plane, request, limits::SNAPSHOT_IMPORT).await?;
        read(&input::json(&body)?)?
    };
    let snapshot = Arc::clone(&plane).aside(|plane| Ok(plane.shared.snapshot()?)).await?;
    let _room = room(&plane)?;
    let fork = beside(&plane, snapshot, SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = send::address(fork.api())?;
    let journal = fork.journal();
    let wanted = plane.with(|world| Wanted::of(world.contract, &world.rules_told(), &world.faults_told()));
    let mut found = Vec::new();
    for one in recorded {
        found.push(again(&one, asked.key.as_deref(), address, &journal, &wanted).await);
    }
    fork.stop().await;
    Ok(Json(found))
}

/// Asks once more.
async fn again(
    one: &Recorded,
    key: Option<&str>,
    address: SocketAddr,
    journal: &Journal,
    wanted: &Wanted,
) -> Finding {
    let (method, target) = (one.method.clone(), one.target.clone());
    let finding = Finding { method, target, recorded: one.status, ..Finding::default() };
    if !one.target.starts_with("/api/") {
        return Finding { why: Some("it is no request of the API".to_owned()), ..finding };
    }
    let mut headers = one.headers.clone();
    if let Some(key) = key {
        headers.insert("authorization".to_owned(), format!("Bearer {key}"));
    }
    let request = match send::request(address, &one.method, &one.target, &headers, one.body.as_deref()) {
        Ok(request) => request,
        Err(problem) => return Finding { why: Some(problem.detail().to_owned()), ..finding },
    };
    let before = send::latest(journal);
    let sent = timeout(PATIENCE, send::exchange(address, &request)).await;
    let why = match sent {
        Err(_) => Some(format!(
            "no answer within {} s: it waits for the world's clock, or for a person",
            PATIENCE.as_secs()
        )),
        Ok(Err(error)) => Some(error.to_string()),
        Ok(Ok(_)) => None,
    };
    let entry = journal.entries(&Filter::default().kind(Kind::Http).since(before).limit(1)).pop();
    let Some((entry, exchange)) = entry.as_ref().and_then(|entry| Some((entry, entry.exchange()?))) else {
        return Finding { why, ..finding };
    };
    let acted = exchange.acted.clone();
    let (endpoint, nearly) = wanted.beside(entry, &acted);
    Finding { answered: exchange.status(), endpoint, acted, nearly, why, ..finding }
}

/// What requests can meet.
struct Wanted {
    endpoints: Vec<(String, Filter)>,
    scripts: Vec<(String, Filter)>,
}

impl Wanted {
    fn of(contract: Contract, rules: &[Rule], faults: &[Fault]) -> Self {
        let endpoints = contract.endpoints().iter().flat_map(methods).map(|(method, one)| {
            let filter = Filter::default().method(method).path(pattern(&one.path));
            (format!("{method} {}", one.path), filter)
        });
        let rules = rules
            .iter()
            .enumerate()
            .filter_map(|(at, rule)| Some((format!("rules/{at}"), filter(rule.when.request.as_ref()?))));
        let faults = faults.iter().enumerate().filter_map(|(at, fault)| {
            let (path, method) = (fault.when.path.clone()?, fault.when.method.clone());
            Some((format!("faults/{at}"), Filter { path: Some(path), method, ..Filter::default() }))
        });
        Self { endpoints: endpoints.collect(), scripts: rules.chain(faults).collect() }
    }

    /// The endpoint that a request met, and what it nearly met.
    fn beside(&self, entry: &Entry, acted: &[String]) -> (Option<String>, Vec<Near>) {
        let near = |(what, filter): &(String, Filter)| {
            let miss = nearness(filter, entry)?;
            Some(Near { what: what.clone(), distance: miss.distance, differences: miss.differences })
        };
        let mut endpoints: Vec<Near> = self.endpoints.iter().filter_map(near).collect();
        let met = endpoints.iter().find(|near| near.distance == 0).map(|near| near.what.clone());
        if met.is_some() {
            endpoints.clear();
        }
        let scripts = self.scripts.iter().filter_map(near).filter(|near| !acted.contains(&near.what));
        let mut nearly: Vec<Near> =
            endpoints.into_iter().chain(scripts).filter(|near| (1..=NEAR).contains(&near.distance)).collect();
        nearly.sort_by_key(|near| near.distance);
        nearly.truncate(MOST_NEAR);
        (met, nearly)
    }
}

/// The methods of an endpoint.
fn methods(one: &Endpoint) -> impl Iterator<Item = (&str, &Endpoint)> {
    [one.read_method.as_str(), one.write_method.as_str()]
        .into_iter()
        .filter(|method| !method.is_empty())
        .map(move |method| (method, one))
}

/// A path of the catalogue with anything in the place of its parts.
fn pattern(path: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::new();
    for char in path.chars() {
        match char {
            '{' => {
                if depth == 0 {
                    out.push('*');
                }
                depth += 1;
            }
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(char),
            _ => {}
        }
    }
    out
}

fn filter(told: &RequestMatch) -> Filter {
    let RequestMatch { method, path, query, body } = told.clone();
    let body = body.and_then(|BodyMatch { contains, json }| json.or_else(|| contains.map(Value::from)));
    Filter { method, path, query, body, ..Filter::default() }
}

/// The requests of an archive.
fn read(archive: &Value) -> Result<Vec<Recorded>, Problem> {
    let entries = archive["log"]["entries"].as_array().ok_or_else(|| {
        Problem::bad("this is no HTTP Archive")
            .at("/log/entries")
            .expected("a list of requests with their answers")
    })?;
    if entries.len() > limits::HAR_ENTRIES {
        let detail = format!("the archive has {} entries", entries.len());
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).at("/log/entries");
        return Err(problem.expected(format!("at most {}", limits::HAR_ENTRIES)));
    }
    entries
        .iter()
        .enumerate()
        .map(|(at, entry)| recorded(&entry["request"], &entry["response"], at))
        .collect()
}

fn recorded(request: &Value, response: &Value, at: usize) -> Result<Recorded, Problem> {
    let member = |name: &str| {
        let missing = || {
            Problem::bad(format!("entry {at} has no {name}")).at(format!("/log/entries/{at}/request/{name}"))
        };
        request[name].as_str().map(str::to_owned).ok_or_else(|| missing().expected("a text"))
    };
    let (method, url) = (member("method")?, member("url")?);
    let target = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => &url,
    };
    let target = target.split('#').next().unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for one in request["headers"].as_array().into_iter().flatten() {
        let (Some(name), Some(value)) = (one["name"].as_str(), one["value"].as_str()) else { continue };
        // Those that begin with a colon are HTTP/2's.
        if !name.starts_with(':') && !send::is_ours(name) {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
    }
    let status = response["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| *status > 0);
    let body = request["postData"]["text"].as_str().map(str::to_owned);
    Ok(Recorded { method, target, headers, body, status })
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn parts_of_a_path_are_anything() {
        assert_eq!(pattern("dns/cache/{query:[a-z]{0,512}\\.[A-Z]{1,32}}"), "dns/cache/*");
        assert_eq!(pattern("spn/map/{map:[A-Z]{1,255}}/graph{format:\\.[a-z]{2,4}}"), "spn/map/*/graph*");
    }
}
