//! `/changes`: something happens to the world, in the words of a scenario's timeline.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use portmaster_fixtures::scenario::Change;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    input::Input,
    plane::Plane,
    problem::Problem,
    route::{Route, post},
};
use crate::world::Unfit;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/changes", "Let something happen", apply)
            .about("A change as in a scenario's timeline. All of it happens, or nothing does.")
            .takes::<Change>(json!({ "network": { "online": "offline" } }))
            .answers::<Applied>("It happened.")
            .refuses([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
    ]
}

/// That a change happened.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Applied {
    /// Always true.
    applied: bool,
    /// How many events it brought about.
    events: usize,
}

async fn apply(
    State(plane): State<Arc<Plane>>,
    Input(change): Input<Change>,
) -> Result<Json<Applied>, Problem> {
    plane.with(|world| world.change(&change)).map(|events| Json(applied(events))).map_err(refused)
}

/// That a change happened.
pub(super) fn applied(events: usize) -> Applied {
    Applied { applied: true, events }
}

/// Why a change did not happen.
pub(super) fn refused(unfit: Unfit) -> Problem {
    match unfit {
        Unfit::Dangling(found) => Problem::dangling(found, "change"),
        Unfit::Refused(refused) => Problem::conflict(refused.to_string()),
    }
}
