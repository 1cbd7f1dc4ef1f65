//! `/console`: what a page needs to ask the core's API, which is of another origin than the page: what there is to ask, and one
//! endpoint that asks.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use portmaster_wire::answer::Answer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    input::{Input, Query},
    plane::Plane,
    problem::Problem,
    route::{Route, get, post},
    send,
};
use crate::{
    database,
    journal::{Filter, Journal, Kind},
    limits, query,
};

/// Who asks, for the journal's reader.
const AGENT: &str = "portmaster-simulator-console";

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/console", "Say what there is to ask the core", read)
            .answers::<Askable>("The endpoints of the contract, bodies to begin with, and the words of queries."),
        get("/console/keys", "Complete a key of the database", keys)
            .about("Goes on from a prefix to the next slash or the key's end, as a shell does with paths.")
            .query::<Begun>()
            .answers::<Vec<String>>("At most 100 that begin so, in their order."),
        post("/console/ask", "Ask the core's API", ask)
            .about(
                "Sends a request to the core and tells the answer: pages of the control plane are of another origin than the API, \
                 which would refuse theirs.",
            )
            .takes::<Asked>(json!({ "method": "GET", "target": "/api/v1/ping" }))
            .answers::<Told>("What the core answered, whatever it was.")
            .refuses([StatusCode::BAD_GATEWAY]),
    ]
}

/// What there is to ask.
#[derive(Debug, Serialize, JsonSchema)]
struct Askable {
    /// The contract's endpoints, in the form of `GET /api/v1/endpoints`.
    endpoints: Vec<Map<String, Value>>,
    /// Bodies that endpoints understand, by their paths.
    bodies: BTreeMap<&'static str, Value>,
    /// The words of the language of database queries.
    words: &'static [&'static str],
}

async fn read(State(plane): State<Arc<Plane>>) -> Json<Askable> {
    let endpoints = plane.shared.served().contract.endpoints();
    let entries = endpoints.iter().filter_map(|one| match serde_json::to_value(one) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    });
    let bodies = endpoints.iter().filter_map(|one| Some((one.path.as_str(), one.example_body()?)));
    Json(Askable { endpoints: entries.collect(), bodies: bodies.collect(), words: &query::WORDS })
}

/// A key that is being typed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Begun {
    /// What there is of it.
    prefix: String,
}

async fn keys(State(plane): State<Arc<Plane>>, Query(begun): Query<Begun>) -> Json<Vec<String>> {
    Json(plane.with(|world| database::completions(world, &begun.prefix, limits::COMPLETIONS)))
}

/// A request to the core.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The method.
    method: Method,
    /// The path and the query.
    #[schemars(regex(pattern = r"^/[!-~]*$"))]
    target: String,
    /// Headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    body: Option<String>,
}

/// The methods that it may have.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    fn text(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

/// The core's answer.
#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    /// The status.
    status: u16,
    /// The status in words.
    reason: String,
    /// The headers, in their order, each a name and a value.
    #[schemars(with = "Vec<Vec<String>>")]
    headers: Vec<(String, String)>,
    /// How many bytes the body has.
    length: usize,
    /// The body, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The body as Base64, if it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// The number of its entry in the journal, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
}

impl Told {
    fn new(answer: Answer, entry: Option<u64>) -> Self {
        let headers = answer.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let line = answer.head.lines().next().unwrap_or_default();
        let reason = line.splitn(3, ' ').nth(2).unwrap_or_default().to_owned();
        let (status, length) = (answer.status, answer.body.len());
        let (text, base64) = match String::from_utf8(answer.body) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        Self { status, reason, headers, length, text, base64, entry }
    }
}

async fn ask(State(plane): State<Arc<Plane>>, Input(asked): Input<Asked>) -> Result<Json<Told>, Problem> {
    let Asked { method, target, mut headers, body } = asked;
    let method = method.text();
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("user-agent")) {
        headers.insert("User-Agent".to_owned(), AGENT.to_owned());
    }
    let address = send::address(&plane.api)?;
    let request = send::request(address, method, &target, &headers, body.as_deref())?;
    let journal = Journal::new(plane.shared.journal.clone());
    let before = send::latest(&journal);
    let none =
        |why: &str| Problem::new(StatusCode::BAD_GATEWAY, format!("the core gives no whole answer: {why}"));
    let bytes = send::exchange(address, &request).await.map_err(|error| none(&error.to_string()))?;
    let answer = Answer::read(bytes).ok_or_else(|| none("it breaks off, or is not HTTP"))?;
    let entries = journal.entries(&Filter::default().kind(Kind::Http).method(method).since(before));
    let entry = entries.iter().find(|one| one.exchange().is_some_and(|one| one.target == target));
    Ok(Json(Told::new(answer, entry.map(|one| one.seq))))
}
