//! `/timeline`: what is to come.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use portmaster_fixtures::scenario::{Change, Span};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    plane::Plane,
    route::{Route, get},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/timeline", "Say what is to come", read)
            .answers::<Vec<Entry>>("What waits for its instant, in the order in which it happens."),
    ]
}

/// Something that is to come.
#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    /// Its place in the scenario's timeline; what rules let happen later comes after.
    index: usize,
    /// When it happens next.
    #[schemars(with = "String")]
    next: Timestamp,
    /// How often it happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<Span>,
    /// When it happens for the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    until: Option<Timestamp>,
    /// What happens.
    change: Change,
}

async fn read(State(plane): State<Arc<Plane>>) -> Json<Vec<Entry>> {
    Json(plane.with(|world| {
        let entries = world.timeline.coming().map(|one| Entry {
            index: one.place,
            next: one.next,
            every: one.every.map(Span),
            until: one.until,
            change: one.change.clone(),
        });
        entries.collect()
    }))
}
