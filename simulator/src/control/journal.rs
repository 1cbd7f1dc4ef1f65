//! `/journal`: what clients of the API asked and were told.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use portmaster_fixtures::scenario::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    input::{Input, Part, Query},
    plane::Plane,
    problem::{self, Problem},
    route::{JSON, Route, delete, get, post},
};
use crate::{
    journal::{Direction, Entry, Filter, Journal, Kind, NearMiss, Page, WaitError},
    limits,
};

/// The media type of texts.
const TEXT: &str = "text/plain; charset=utf-8";

/// How many entries are told unless something else is asked for.
const USUAL_LIMIT: usize = 1000;

pub(super) fn routes() -> Vec<Route> {
    let too_few = "There are too few in time: a problem document with the near misses.";
    let wanted = json!({ "method": "POST", "path": "dns/clear" });
    vec![
        get("/journal", "Read what was recorded", list)
            .about(
                "Requests with their answers, messages of the database websocket and refused changes, in the order in which \
                 they began. Secrets are not in it. Without `limit` the last 1000 that fit.",
            )
            .query::<Asked>()
            .answers::<Page>("The entries that fit."),
        delete("/journal", "Forget what was recorded", clear).answers_nothing("It is forgotten; numbers go on."),
        get("/journal/count", "Count what was recorded", count)
            .query::<Asked>()
            .answers::<Counted>("How many entries fit."),
        post("/journal/wait", "Wait until something was recorded", wait)
            .about(
                "Those that are there already count; requests count once they are answered. The timeout is one of the \
                 machine, not of the world.",
            )
            .takes::<Waited>(json!({ "match": wanted, "count": 1, "timeout": "5s" }))
            .answers::<Counted>("So many entries fit.")
            .answers_as::<TooFew>(StatusCode::REQUEST_TIMEOUT, problem::MEDIA_TYPE, too_few)
            .refuses([StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS]),
        post("/journal/near-misses", "Find the requests that come nearest to an expected one", near_misses)
            .takes::<Filter>(wanted)
            .answers::<Vec<NearMiss>>("At most ten, the nearest first, with what differs."),
        get("/journal/{seq}", "Read an entry", one)
            .part("seq", "Its number", "1")
            .answers::<Entry>("The entry.")
            .refuses([StatusCode::NOT_FOUND]),
        get("/journal/{seq}/curl", "Read a request as a line for a shell", one_as_curl)
            .about("What was secret is the variable PORTMASTER_KEY.")
            .part("seq", "Its number", "1")
            .answers_as::<String>(StatusCode::OK, TEXT, "A line that sends it again.")
            .refuses([StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        get("/journal.har", "Read the requests as an HTTP Archive", har)
            .about("HTTP Archive 1.2; messages of a websocket stand at the request that opened it, as `_webSocketMessages`.")
            .query::<Asked>()
            .answers_as::<Value>(StatusCode::OK, JSON, "The archive."),
        get("/journal.curl", "Read the requests as lines for a shell", curl)
            .about("What was secret is the variable PORTMASTER_KEY.")
            .query::<Asked>()
            .answers_as::<String>(StatusCode::OK, TEXT, "A line a request."),
    ]
}

/// Which entries are meant; everything that is said must hold. In patterns `*` stands for any text and `?` for one character.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// What they are about.
    kind: Option<Kind>,
    /// Of requests: the method.
    method: Option<String>,
    /// Of requests: a pattern of the path; without a slash at its beginning, of one below `/api/v1/`.
    path: Option<String>,
    /// Of requests: the answer's status.
    #[schemars(range(min = 100, max = 999))]
    status: Option<u16>,
    /// What the body has in it: JSON, of which objects may have more members, or else a text.
    body: Option<String>,
    /// Of messages: where they went.
    direction: Option<Direction>,
    /// Of messages: the operation.
    operation: Option<String>,
    /// Of messages: a pattern of the key.
    key: Option<String>,
    /// The number of the connection.
    connection: Option<u64>,
    /// Only entries with a greater number.
    since: Option<u64>,
    /// At most so many: with `since` the first of them, else the last.
    limit: Option<usize>,
}

impl From<Asked> for Filter {
    fn from(asked: Asked) -> Self {
        Self {
            kind: asked.kind,
            method: asked.method,
            path: asked.path,
            status: asked.status,
            body: asked.body.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text))),
            direction: asked.direction,
            operation: asked.operation,
            key: asked.key,
            connection: asked.connection,
            since: asked.since,
            limit: asked.limit,
            ..Self::default()
        }
    }
}

/// How many there are.
#[derive(Debug, Serialize, JsonSchema)]
struct Counted {
    /// How many entries fit.
    count: usize,
}

/// What is waited for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Waited {
    /// Which entries.
    #[serde(rename = "match", default)]
    filter: Filter,
    /// How many of them.
    #[serde(default = "Waited::one")]
    count: usize,
    /// How long at most; ten minutes are the limit.
    #[serde(default = "Waited::usual")]
    timeout: Span,
}

impl Waited {
    fn one() -> usize {
        1
    }

    fn usual() -> Span {
        Span(Duration::from_secs(5))
    }
}

/// Too few entries fit in time.
#[derive(Debug, Serialize, JsonSchema)]
struct TooFew {
    #[serde(flatten)]
    problem: Problem,
    /// How many fit.
    count: usize,
    /// The requests that come nearest, with what differs.
    near_misses: Vec<NearMiss>,
}

impl IntoResponse for TooFew {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::REQUEST_TIMEOUT, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE));
        response
    }
}

fn journal(plane: &Plane) -> Journal {
    Journal::new(plane.shared.journal.clone())
}

/// Reads and writes down what may be long beside the connections, one after the other.
async fn apart<T: IntoResponse>(
    plane: Arc<Plane>,
    read: impl FnOnce(Journal) -> T + Send + 'static,
) -> Result<Response, Problem> {
    // Held by the work: who asks and goes away lets nobody else begin meanwhile.
    let turn = Arc::clone(&plane.reading).acquire_owned().await;
    plane
        .aside(move |plane| {
            let _turn = turn;
            Ok(read(journal(plane)).into_response())
        })
        .await
}

async fn list(State(plane): State<Arc<Plane>>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let mut filter = Filter::from(asked);
    filter.limit.get_or_insert(USUAL_LIMIT);
    apart(plane, move |journal| Json(journal.page(&filter))).await
}

async fn clear(State(plane): State<Arc<Plane>>) -> StatusCode {
    journal(&plane).clear();
    StatusCode::NO_CONTENT
}

async fn count(State(plane): State<Arc<Plane>>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    apart(plane, |journal| Json(Counted { count: journal.count(&asked.into()) })).await
}

async fn wait(State(plane): State<Arc<Plane>>, Input(waited): Input<Waited>) -> Response {
    let Waited { filter, count, timeout } = waited;
    if timeout.0 > limits::JOURNAL_WAIT {
        let problem = Problem::bad("the timeout is too long").at("/timeout").expected("at most 10m");
        return problem.into_response();
    }
    let Ok(_place) = plane.waits.try_acquire() else {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many wait at the journal already");
        return problem.expected(format!("at most {} at a time", limits::JOURNAL_WAITS)).into_response();
    };
    let journal = journal(&plane);
    match journal.wait(&filter, count, timeout.0).await {
        Ok(found) => Json(Counted { count: found.len() }).into_response(),
        Err(WaitError::Off) => off().into_response(),
        Err(error @ WaitError::TooFew { found, .. }) => {
            let too_few = move |journal: Journal| TooFew {
                problem: Problem::new(StatusCode::REQUEST_TIMEOUT, error.to_string()),
                count: found,
                near_misses: journal.near_misses(&filter),
            };
            apart(Arc::clone(&plane), too_few).await.into_response()
        }
    }
}

/// The journal is off: nothing ever comes.
fn off() -> Problem {
    Problem::conflict("the journal is off").expected("a simulator that was not started without its journal")
}

async fn near_misses(
    State(plane): State<Arc<Plane>>,
    Input(expected): Input<Filter>,
) -> Result<Response, Problem> {
    apart(plane, move |journal| Json(journal.near_misses(&expected))).await
}

async fn one(State(plane): State<Arc<Plane>>, Part(seq): Part) -> Result<Json<Entry>, Problem> {
    entry(&plane, &seq).map(Json)
}

fn entry(plane: &Plane, seq: &str) -> Result<Entry, Problem> {
    let number = seq.parse().ok();
    number.and_then(|seq| journal(plane).entry(seq)).ok_or_else(|| {
        Problem::missing(format!("there is no entry \"{seq}\"; it was dropped or never there"))
            .expected("a number of those in /journal")
    })
}

async fn one_as_curl(State(plane): State<Arc<Plane>>, Part(seq): Part) -> Result<impl IntoResponse, Problem> {
    let entry = entry(&plane, &seq)?;
    let line = journal(&plane).curl(&entry).ok_or_else(|| {
        Problem::conflict(format!("entry {seq} is nothing that curl can send"))
            .expected("a request, no websocket")
    })?;
    Ok(([(CONTENT_TYPE, TEXT)], line))
}

async fn har(State(plane): State<Arc<Plane>>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let name = [(CONTENT_DISPOSITION, "attachment; filename=\"journal.har\"")];
    apart(plane, move |journal| (name, Json(journal.to_har(&asked.into())))).await
}

async fn curl(State(plane): State<Arc<Plane>>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    apart(plane, |journal| ([(CONTENT_TYPE, TEXT)], journal.to_curl(&asked.into()))).await
}
