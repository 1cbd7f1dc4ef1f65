//! `/scenarios` and `/scenario`: the worlds that there are, and the one that runs.

use std::sync::{Arc, LazyLock};

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use jiff::Timestamp;
use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{self, BUILT_IN, StartAt, nearest},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    input::{self, Part},
    plane::Plane,
    problem::Problem,
    route::{Route, get, post, put},
};
use crate::{
    core::LoadError,
    journal::Journal,
    limits,
    snapshot::Origin,
    world::{Options, SetupError},
};

/// The media type of YAML bodies.
const YAML_BODY: &str = "application/yaml";

/// The media type of YAML answers (RFC 9512 has `application/yaml`; browsers show this one).
const YAML: &str = "text/yaml; charset=utf-8";

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/scenarios", "List the scenarios that come along", list)
            .answers::<Vec<Listed>>("Their names and what they show."),
        get("/scenarios/{name}", "Read a scenario that comes along", text)
            .part("name", "Its name", "home-office")
            .answers_as::<Value>(StatusCode::OK, YAML, "Its text.")
            .refuses([StatusCode::NOT_FOUND]),
        get("/scenario", "Say which scenario runs", running).answers::<Running>("The scenario that runs."),
        put("/scenario", "Begin another world", load)
            .about(
                "One that comes along by its name, or a scenario itself, as JSON or as YAML. What the simulator was started \
                 with, such as Development Mode and keys, holds there too. A scenario from here names no files.",
            )
            .takes::<Load>(json!({ "name": "captive-portal", "seed": 7 }))
            .takes_as::<Scenario>(
                YAML_BODY,
                Some(json!({ "extends": "home-office", "network": { "online": "offline" } })),
            )
            .answers::<Running>("The scenario that runs now.")
            .refuses([StatusCode::NOT_FOUND, StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
        post("/reset", "Begin the world anew", reset)
            .about("Everything is as it was at its beginning: the world, its clock, its rules and faults, the journal. Snapshots stay.")
            .answers::<Running>("The scenario that runs."),
    ]
}

/// A scenario that comes along.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    /// Its name.
    name: &'static str,
    /// What it shows.
    about: String,
}

async fn list() -> Json<&'static [Listed]> {
    static LIST: LazyLock<Vec<Listed>> = LazyLock::new(|| {
        let about = |name: &str, text: &str| {
            Scenario::parse(name, text).map(|scenario| scenario.about.trim().to_owned()).unwrap_or_default()
        };
        BUILT_IN.iter().map(|(name, text)| Listed { name, about: about(name, text) }).collect()
    });
    Json(&LIST)
}

async fn text(Part(name): Part) -> Result<impl IntoResponse, Problem> {
    built_in(&name).map(|text| ([(CONTENT_TYPE, YAML)], text))
}

/// The text of a scenario that comes along. Files are never looked for: a name comes from anywhere.
///
/// # Errors
/// When there is none of that name.
fn built_in(name: &str) -> Result<&'static str, Problem> {
    let names = || BUILT_IN.iter().map(|(name, _)| *name);
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).ok_or_else(|| {
        let near =
            nearest(name, names()).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        Problem::missing(format!("there is no scenario \"{name}\"{near}"))
            .expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")))
    })
}

/// The scenario that runs.
#[derive(Debug, Serialize, JsonSchema)]
struct Running {
    /// Its name.
    name: String,
    /// What it shows.
    about: String,
    /// The seed.
    seed: u64,
    /// The contract.
    contract: String,
    /// When its world began.
    #[schemars(with = "String")]
    start: Timestamp,
}

/// Which world is to begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Load {
    /// One that comes along.
    Named(Named),
    /// This one.
    Given(Given),
}

/// A world that comes along.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Its name.
    name: String,
    /// The seed, if not the scenario's.
    #[serde(default)]
    seed: Option<u64>,
    /// The contract, if not the scenario's.
    #[serde(default)]
    contract: Option<Contract>,
    /// The first instant, if not the scenario's: `now`, an instant, or `scenario` for the one that it is written for.
    #[serde(default)]
    start: Option<StartAt>,
}

/// A world of one's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    /// The scenario.
    #[schemars(with = "Scenario")]
    scenario: Value,
    /// The seed, if not the scenario's.
    #[serde(default)]
    seed: Option<u64>,
    /// The contract, if not the scenario's.
    #[serde(default)]
    contract: Option<Contract>,
    /// The first instant, if not the scenario's: `now`, an instant, or `scenario` for the one that it is written for.
    #[serde(default)]
    start: Option<StartAt>,
}

async fn load(State(plane): State<Arc<Plane>>, request: Request) -> Result<Json<Running>, Problem> {
    let yaml = request.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str()
            .is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().ends_with("yaml")))
    });
    let (bytes, held) = input::body(&plane, request, limits::CONTROL_BODY).await?;
    Arc::clone(&plane)
        .aside(move |plane| {
            let given = plane.template.options().clone();
            let (scenario, over) = if yaml { (written(&bytes)?, Options::default()) } else { told(&bytes)? };
            drop((bytes, held));
            let options = Options {
                seed: over.seed.or(given.seed),
                contract: over.contract.or(given.contract),
                start: over.start.or(given.start),
                ..given
            };
            plane.shared.load(Origin::new(scenario, options)).map_err(unfit)
        })
        .await?;
    Ok(running(State(plane)).await)
}

/// A scenario in JSON, or the name of one, and what is said over it.
fn told(bytes: &[u8]) -> Result<(Scenario, Options), Problem> {
    let json = input::json(bytes)?;
    Ok(match input::typed(&json)? {
        Load::Named(Named { name, seed, contract, start }) => {
            (parsed(&name, built_in(&name)?)?, Options { seed, contract, start, ..Options::default() })
        }
        // Read with what it extends.
        Load::Given(Given { scenario, seed, contract, start }) => {
            (own(&scenario.to_string())?, Options { seed, contract, start, ..Options::default() })
        }
    })
}

/// A scenario in YAML.
fn written(bytes: &[u8]) -> Result<Scenario, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::bad("the body is not UTF-8 text"))?;
    let mistakes = scenario::check(text);
    if mistakes.is_empty() { own(text) } else { Err(Problem::mistakes(&mistakes)) }
}

/// A scenario of somebody who asks. It extends what comes along and nothing else.
fn own(text: &str) -> Result<Scenario, Problem> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Base {
        extends: Option<String>,
    }
    let base: Option<Base> = serde_saphyr::from_str(text).map_err(|error| Problem::bad(error.to_string()))?;
    if let Some(name) = base.unwrap_or_default().extends.filter(|name| !name.is_empty()) {
        built_in(&name).map_err(|problem| problem.with(StatusCode::CONFLICT).at("/extends"))?;
    }
    parsed("the scenario", text)
}

fn parsed(name: &str, text: &str) -> Result<Scenario, Problem> {
    Scenario::parse(name, text).map_err(|error| match error {
        scenario::ScenarioError::Text { report, .. } => Problem::bad(report),
        other => Problem::conflict(other.to_string()),
    })
}

/// Why a world does not begin.
fn unfit(error: LoadError) -> Problem {
    match error {
        LoadError::Setup { source: SetupError::Dangling(found), .. } => Problem::dangling(found, ""),
        LoadError::Setup { source, .. } => Problem::conflict(source.to_string()),
        other => Problem::conflict(other.to_string()),
    }
}

async fn reset(State(plane): State<Arc<Plane>>) -> Result<Json<Running>, Problem> {
    Arc::clone(&plane).aside(|plane| plane.shared.reset().map_err(unfit)).await?;
    Journal::new(plane.shared.journal.clone()).clear();
    Ok(running(State(plane)).await)
}

async fn running(State(plane): State<Arc<Plane>>) -> Json<Running> {
    Json(plane.with(|world| {
        let served = plane.shared.served();
        Running {
            name: served.origin.scenario.name.clone(),
            about: served.origin.scenario.about.trim().to_owned(),
            seed: world.chance.seed(),
            contract: world.contract.to_string(),
            start: world.clock.start(),
        }
    }))
}
