//! `/health`: that it is there, and what it serves.

use std::sync::{Arc, atomic::Ordering};

use axum::{Json, extract::State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    plane::Plane,
    route::{Route, get},
};

use crate::journal::Journal;

pub(super) fn routes() -> Vec<Route> {
    vec![get("/health", "Say that it is well, and what is served", read).answers::<Health>("It is well.")]
}

/// What is served, and what was lost on the way.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The simulator's version.
    version: &'static str,
    /// The API's address.
    api: String,
    /// The control plane's address.
    control: String,
    /// The scenario's name.
    scenario: String,
    /// The contract.
    contract: String,
    /// The seed.
    seed: u64,
    /// The world's present instant.
    #[schemars(with = "String")]
    now: Timestamp,
    /// What was lost.
    dropped: Dropped,
}

/// What was lost: messages because somebody read too slowly, entries because there were too many.
#[derive(Debug, Serialize, JsonSchema)]
struct Dropped {
    /// Messages to subscribers of the database websocket.
    pushes: u64,
    /// Entries of the journal, to make room for others.
    journal: u64,
    /// Events to those who listen at `/events`.
    events: u64,
}

async fn read(State(plane): State<Arc<Plane>>) -> Json<Health> {
    let dropped = Dropped {
        pushes: plane.shared.listener.dropped(),
        journal: Journal::new(plane.shared.journal.clone()).dropped(),
        events: plane.lost.load(Ordering::Relaxed),
    };
    let about = plane.shared.about();
    let now = plane.with(|world| world.now());
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        api: plane.api.clone(),
        control: plane.url.clone(),
        scenario: about.scenario,
        contract: about.contract.to_string(),
        seed: about.seed,
        now,
        dropped,
    })
}
