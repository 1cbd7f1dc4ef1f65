//! `/rules` and `/faults`: what happens because something else does, and what goes wrong, while the world runs.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use portmaster_fixtures::scenario::{Fault, Rule};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    input::{Input, Part},
    plane::Plane,
    problem::Problem,
    route::{JSON, Route, delete, get, post, put},
};
use crate::limits;
use crate::world::{Dangling, World};

pub(super) fn routes() -> Vec<Route> {
    let rule = json!({
        "when": { "request": { "method": "POST", "path": "dns/clear" } },
        "then": [{ "change": { "network": { "online": "limited" } } }],
    });
    let fault = json!({ "when": { "path": "netquery/*", "count": 3 }, "effect": { "status": 503 } });
    [
        of::<Rule>(
            ["/rules", "/rules/{index}"],
            ["List the rules", "Replace all rules", "Add a rule", "Take a rule away"],
            &rule,
        ),
        of::<Fault>(
            ["/faults", "/faults/{index}"],
            ["List the faults", "Replace all faults", "Add a fault", "Take a fault away"],
            &fault,
        ),
    ]
    .concat()
}

/// The routes of one kind.
fn of<T: Script>(paths: [&'static str; 2], says: [&'static str; 4], example: &Value) -> Vec<Route> {
    let refusals = [StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE];
    vec![
        get(paths[0], says[0], list::<T>).answers::<Vec<T>>("All, in the order in which they are looked at."),
        put(paths[0], says[1], replace::<T>)
            .about("In the words of scenarios. Spans from the start count from the start of the world.")
            .takes::<Vec<T>>(json!([example]))
            .answers::<Vec<T>>("All that there are now.")
            .refuses(refusals),
        post(paths[0], says[2], add::<T>)
            .takes::<T>(example.clone())
            .answers_as::<Added>(StatusCode::CREATED, JSON, "It is there.")
            .refuses(refusals),
        delete(paths[1], says[3], remove::<T>)
            .part("index", "Its place in the list, from 0", "0")
            .answers_nothing("It is gone; those behind it move up.")
            .refuses([StatusCode::NOT_FOUND]),
    ]
}

/// Where something was added.
#[derive(Debug, Serialize, JsonSchema)]
struct Added {
    /// Its place in the list, from 0.
    index: usize,
}

/// A rule or a fault.
trait Script: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// What messages call it, and what paths in it begin with.
    const WORDS: [&'static str; 2];

    fn all(world: &World) -> Vec<Self>;
    fn replace(world: &mut World, all: Vec<Self>) -> Result<(), Vec<Dangling>>;
    fn add(world: &mut World, one: Self) -> Result<usize, Vec<Dangling>>;
    fn remove(world: &mut World, place: usize) -> bool;
}

impl Script for Rule {
    const WORDS: [&'static str; 2] = ["rule", "rules"];

    fn all(world: &World) -> Vec<Self> {
        world.rules_told()
    }

    fn replace(world: &mut World, all: Vec<Self>) -> Result<(), Vec<Dangling>> {
        world.replace_rules(all)
    }

    fn add(world: &mut World, one: Self) -> Result<usize, Vec<Dangling>> {
        world.add_rule(one)
    }

    fn remove(world: &mut World, place: usize) -> bool {
        world.remove_rule(place)
    }
}

impl Script for Fault {
    const WORDS: [&'static str; 2] = ["fault", "faults"];

    fn all(world: &World) -> Vec<Self> {
        world.faults_told()
    }

    fn replace(world: &mut World, all: Vec<Self>) -> Result<(), Vec<Dangling>> {
        world.replace_faults(all)
    }

    fn add(world: &mut World, one: Self) -> Result<usize, Vec<Dangling>> {
        world.add_fault(one)
    }

    fn remove(world: &mut World, place: usize) -> bool {
        world.remove_fault(place)
    }
}

async fn list<T: Script>(State(plane): State<Arc<Plane>>) -> Json<Vec<T>> {
    Json(plane.with(|world| T::all(world)))
}

async fn replace<T: Script>(
    State(plane): State<Arc<Plane>>,
    Input(all): Input<Vec<T>>,
) -> Result<Json<Vec<T>>, Problem> {
    if all.len() > limits::SCRIPTS {
        return Err(full::<T>());
    }
    let all = plane.with(|world| T::replace(world, all).map(|()| T::all(world)));
    let all = all.map_err(|found| Problem::dangling(found, T::WORDS[1]))?;
    tell::<T>(&plane);
    Ok(Json(all))
}

async fn add<T: Script>(
    State(plane): State<Arc<Plane>>,
    Input(one): Input<T>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    let index = plane.with(|world| {
        if T::all(world).len() >= limits::SCRIPTS {
            return Err(full::<T>());
        }
        let root = format!("{}[0]", T::WORDS[1]);
        T::add(world, one).map_err(|found| Problem::dangling(found, &root))
    })?;
    tell::<T>(&plane);
    Ok((StatusCode::CREATED, Json(Added { index })))
}

async fn remove<T: Script>(
    State(plane): State<Arc<Plane>>,
    Part(index): Part,
) -> Result<StatusCode, Problem> {
    let place = index.parse().ok();
    if !place.is_some_and(|place| plane.with(|world| T::remove(world, place))) {
        let count = plane.with(|world| T::all(world).len());
        let [one, many] = T::WORDS;
        return Err(Problem::missing(format!("there is no {one} {index}; there are {count} {many}")));
    }
    tell::<T>(&plane);
    Ok(StatusCode::NO_CONTENT)
}

fn full<T: Script>() -> Problem {
    Problem::conflict(format!("there may be {} {}", limits::SCRIPTS, T::WORDS[1]))
}

/// Tells those who listen that there are others now.
fn tell<T: Script>(plane: &Plane) {
    plane
        .shared
        .show("change", || json!({ "topics": [T::WORDS[1]], "now": plane.with(|world| world.now()) }));
}
