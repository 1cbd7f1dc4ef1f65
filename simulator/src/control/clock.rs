//! `/clock`: what time it is in the world, how it goes, and moving it on.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{ClockMode, InstantSchema, Span, StateMatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    input::Input,
    plane::Plane,
    problem::Problem,
    route::{Route, get, patch, post},
};
use crate::world::Moved;

/// For how long a state is waited for unless something else is said.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// How far after the start of the world the clock goes.
const FARTHEST: SignedDuration = SignedDuration::from_hours(100 * 366 * 24);

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/clock", "Read the clock", read).answers::<Clock>("The clock."),
        patch("/clock", "Let the clock go otherwise", set)
            .about("It shows the same instant as before.")
            .takes::<Pace>(json!({ "mode": "x60" }))
            .answers::<Clock>("The clock.")
            .refuses([StatusCode::PAYLOAD_TOO_LARGE]),
        post("/clock/advance", "Move the clock on, whatever its pace", advance)
            .about(
                "By a span, to an instant, or until a state holds as rules wait for one. What is due on the way happens \
                 first. A state that does not come to hold within the limit, 24 hours unless said, leaves the clock at \
                 the limit, and `reached` is false.",
            )
            .takes::<Advance>(json!({ "by": "2m" }))
            .answers::<Moves>("The clock was moved.")
            .refuses([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
    ]
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

/// How the clock is to go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pace {
    /// Its pace.
    mode: ClockMode,
}

/// How far the clock is moved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Advance {
    /// By a span.
    By(By),
    /// To an instant.
    To(To),
    /// Until a state holds.
    Until(Until),
}

/// `{ "by": "2m" }`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct By {
    /// How far.
    #[schemars(with = "Span")]
    by: String,
}

/// `{ "to": "2026-03-16T10:00:00Z" }`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct To {
    /// The instant.
    #[schemars(with = "InstantSchema")]
    to: String,
}

/// `{ "until": { "path": "network.online", "equals": "online" }, "limit": "1h" }`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Until {
    /// The state that is waited for.
    until: StateMatch,
    /// For how long.
    #[serde(default)]
    #[schemars(with = "Option<Span>")]
    limit: Option<String>,
}

/// That the clock was moved.
#[derive(Debug, Serialize, JsonSchema)]
struct Moves {
    /// The world's present instant.
    #[schemars(with = "String")]
    now: Timestamp,
    /// Whether it is where it was to be: false for a state that did not come to hold.
    reached: bool,
}

async fn read(State(plane): State<Arc<Plane>>) -> Json<Clock> {
    Json(plane.with(|world| Clock { now: world.now(), mode: world.clock.mode(), start: world.clock.start() }))
}

async fn set(State(plane): State<Arc<Plane>>, Input(pace): Input<Pace>) -> Json<Clock> {
    plane.shared.set_clock(pace.mode);
    read(State(plane)).await
}

async fn advance(
    State(plane): State<Arc<Plane>>,
    Input(far): Input<Advance>,
) -> Result<Json<Moves>, Problem> {
    // Read here, so that what has the form and cannot be is said with its place.
    let span = |text: &str, at| text.parse::<Span>().map_err(|why| Problem::conflict(why).at(at));
    // One after the other: each goes on from where the one before has come to.
    let _moving = plane.shared.moving.lock().await;
    let (now, start) = plane.with(|world| (world.now(), world.clock.start()));
    let after = |span: Duration| {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        now.saturating_add(span).unwrap_or(Timestamp::MAX)
    };
    let (target, state) = match &far {
        Advance::By(By { by }) => (after(span(by, "/by")?.0), None),
        Advance::To(To { to }) => {
            let instant = to.parse::<Timestamp>();
            (instant.map_err(|_| Problem::conflict(format!("\"{to}\" is no instant")).at("/to"))?, None)
        }
        Advance::Until(Until { until, limit }) => {
            let limit = limit.as_deref().map(|limit| span(limit, "/limit")).transpose()?;
            (after(limit.map_or(LIMIT, |limit| limit.0)), Some(until))
        }
    };
    if target < now {
        return Err(Problem::conflict(format!("time does not go back: it is {now} already"))
            .at("/to")
            .expected("an instant that is not over; restore a snapshot, or reset, to go back"));
    }
    let farthest = start.saturating_add(FARTHEST).unwrap_or(Timestamp::MAX);
    if target > farthest {
        return Err(Problem::conflict(format!("{target} is too far away"))
            .expected(format!("at most {farthest}, a hundred years after the start")));
    }
    if let Some(state) = state {
        let dangling = plane.with(|world| world.dangling_state("until", state));
        if !dangling.is_empty() {
            return Err(Problem::dangling(dangling, ""));
        }
    }
    // A step at a time, so that others are served meanwhile, and nothing goes on for a client that is gone.
    let now = loop {
        match plane.shared.move_a_little(target, state) {
            Moved::There(instant) => break instant,
            Moved::OnTheWay => plane.shared.let_others_in().await,
        }
    };
    let reached = state.is_none_or(|state| plane.with(|world| world.is_so(state)));
    Ok(Json(Moves { now, reached }))
}
