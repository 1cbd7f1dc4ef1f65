//! `/state`: the world in the words of scenarios, whole or by path.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use portmaster_fixtures::scenario::nearest;
use serde_json::{Map, Value};

use super::{
    input::Part,
    plane::Plane,
    problem::Problem,
    route::{Route, get},
};
use crate::world::{World, state::AREAS};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/state", "Read the whole state", whole)
            .answers::<Map<String, Value>>("The state, an area a member."),
        get("/state/{*path}", "Read a part of the state", part)
            .about("Names that have slashes themselves are written as they are: `/state/config/spn/enable`.")
            .part("path", "The way to the part, by slashes", "network/online")
            .answers::<Value>("The part.")
            .refuses([StatusCode::NOT_FOUND]),
    ]
}

async fn whole(State(plane): State<Arc<Plane>>) -> Json<Value> {
    Json(plane.with(|world| world.state()))
}

async fn part(State(plane): State<Arc<Plane>>, Part(path): Part) -> Result<Json<Value>, Problem> {
    plane.with(|world| look(world, &path)).map(Json)
}

/// A part of the state by its path.
///
/// # Errors
/// When it is not there, with the nearest name that is.
fn look(world: &World, path: &str) -> Result<Value, Problem> {
    let (area, rest) = path.split_once('/').unwrap_or((path, ""));
    let value = world.look(area).ok_or_else(|| missing(area, &AREAS))?;
    let mut value = &value;
    let mut rest = rest;
    while !rest.is_empty() {
        // Names may have slashes themselves: the longest that is there counts.
        let ends = rest.match_indices('/').map(|(at, _)| at).chain([rest.len()]);
        let found = ends.rev().find_map(|end| {
            let found = match value {
                Value::Object(members) => members.get(&rest[..end]),
                Value::Array(list) => rest[..end].parse().ok().and_then(|at: usize| list.get(at)),
                _ => None,
            };
            found.map(|found| (found, rest.get(end + 1..).unwrap_or_default()))
        });
        let Some((next, after)) = found else {
            let names: Vec<&str> = match value {
                Value::Object(members) => members.keys().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            return Err(missing(rest, &names));
        };
        (value, rest) = (next, after);
    }
    Ok(value.clone())
}

/// Says that a name is not there, and which ones are.
pub(super) fn missing(name: &str, names: &[&str]) -> Problem {
    let near = nearest(name, names.iter().copied());
    let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
    let problem = Problem::missing(format!("there is no state \"{name}\" here{near}"));
    match names {
        [] => problem,
        some => problem.expected(format!("one of {}", some.join(", "))),
    }
}
