//! `/scenarios` and `/scenario`: the worlds that there are, and the one that runs.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use jiff::Timestamp;
use portmaster_fixtures::{
    Scenario,
    scenario::{BUILT_IN, nearest},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    input::Part,
    plane::Plane,
    problem::Problem,
    route::{Route, get},
};

/// The media type of YAML (RFC 9512 has `application/yaml`; browsers show this one).
const YAML: &str = "text/yaml; charset=utf-8";

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/scenarios", "List the scenarios that come along", list)
            .answers::<Vec<Listed>>("Their names and what they show."),
        get("/scenarios/{name}", "Read a scenario that comes along", text)
            .part("name", "Its name", "home-office")
            .answers_as::<String>(StatusCode::OK, YAML, "Its text.")
            .refuses([StatusCode::NOT_FOUND]),
        get("/scenario", "Say which scenario runs", running).answers::<Running>("The scenario that runs."),
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

async fn list() -> Json<Vec<Listed>> {
    let about = |name: &str, text: &str| {
        Scenario::parse(name, text).map(|scenario| scenario.about.trim().to_owned()).unwrap_or_default()
    };
    Json(BUILT_IN.iter().map(|(name, text)| Listed { name, about: about(name, text) }).collect())
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
