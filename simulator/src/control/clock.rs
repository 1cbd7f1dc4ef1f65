//! `/clock`: what time it is in the world, and how it goes.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use portmaster_fixtures::scenario::ClockMode;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    plane::Plane,
    route::{Route, get},
};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/clock", "Read the clock", read).answers::<Clock>("The clock.")]
}

/// The world's clock.
#[derive(Debug, Serialize, JsonSchema)]
struct Clock {
    /// The world's present instant.
    #[schemars(with = "String")]
    now: Timestamp,
    /// Its pace.
    mode: ClockMode,
    /// When the world began.
    #[schemars(with = "String")]
    start: Timestamp,
}

async fn read(State(plane): State<Arc<Plane>>) -> Json<Clock> {
    Json(plane.with(|world| Clock { now: world.now(), mode: world.clock.mode(), start: world.clock.start() }))
}
