//! `/changes`: something happens to the world, in the words of a scenario's timeline.

use std::{sync::Arc, thread};

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
use crate::{
    limits,
    world::{Unfit, World},
};

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
    let events = plane.aside(move |plane| happen(plane, &change)).await?;
    Ok(Json(applied(events)))
}

/// Lets a change happen. Many connections are opened a few at a time, so that others are served meanwhile.
fn happen(plane: &Plane, change: &Change) -> Result<usize, Problem> {
    let perform = |change: &Change| plane.with(|world| world.change(change)).map_err(refused);
    let Some(mut lots) = World::lots(change) else { return perform(change) };
    plane.with(|world| world.fits(change)).map_err(refused)?;
    let mut events = 0;
    loop {
        let (lot, rest) = lots;
        events += perform(&lot)?;
        // A lock goes to whoever comes first; those who wait need a moment.
        thread::sleep(limits::MOMENT);
        lots = match World::lots(&rest) {
            Some(lots) => lots,
            None => return Ok(events + perform(&rest)?),
        };
    }
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
