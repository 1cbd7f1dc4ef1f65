//! `/forks`: other simulators that go on from a world, each with ports of its own.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    beside::{Beside, Settings},
    input::{Input, Part},
    plane::Plane,
    problem::Problem,
    route::{JSON, Route, delete, get, post},
};
use crate::{limits, snapshot::Snapshot};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/forks", "List the forks", list)
            .answers::<Vec<Fork>>("The simulators that run beside this one."),
        post("/forks", "Begin a fork", begin)
            .about("Another simulator goes on from a snapshot, or from now. It ends with this one.")
            .takes::<Begin>(json!({}))
            .answers_as::<Fork>(StatusCode::CREATED, JSON, "It runs.")
            .refuses([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
        delete("/forks/{id}", "End a fork", end)
            .part("id", "Its id", "1")
            .answers_nothing("It is gone.")
            .refuses([StatusCode::NOT_FOUND]),
    ]
}

/// A simulator that runs beside this one.
#[derive(Debug, Serialize, JsonSchema)]
struct Fork {
    /// Its id.
    id: String,
    /// Where its API is.
    api: String,
    /// Where its control plane is.
    control: String,
}

impl Fork {
    fn of(id: &str, beside: &dyn Beside) -> Self {
        let control = beside.control().unwrap_or_default().to_owned();
        Self { id: id.to_owned(), api: beside.api().to_owned(), control }
    }
}

/// What a fork begins from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// The id of a snapshot; without, the fork goes on from now.
    #[serde(default)]
    snapshot: Option<String>,
    /// Where its API is to listen: an address with a port.
    #[serde(default)]
    #[schemars(length(max = 64))]
    listen: Option<String>,
}

async fn list(State(plane): State<Arc<Plane>>) -> Json<Vec<Fork>> {
    let running = plane.forks.running.lock().await;
    Json(running.forks.iter().map(|(id, beside, _)| Fork::of(id, &**beside)).collect())
}

async fn begin(
    State(plane): State<Arc<Plane>>,
    Input(told): Input<Begin>,
) -> Result<(StatusCode, Json<Fork>), Problem> {
    let listen = match told.listen {
        Some(listen) => listen.parse().map_err(|_| {
            Problem::conflict(format!("\"{listen}\" is no address"))
                .at("/listen")
                .expected("an IP address with a port, such as 127.0.0.1:0")
        })?,
        None => SocketAddr::new(ip(&plane.api), 0),
    };
    let place = room(&plane)?;
    let snapshot = match told.snapshot {
        Some(id) => plane
            .kept(|kept| kept.find(&id).cloned())
            .map_err(|problem| problem.with(StatusCode::CONFLICT).at("/snapshot"))?,
        None => Arc::clone(&plane).aside(|plane| Ok(plane.shared.snapshot()?)).await?,
    };
    let begun = beside(&plane, snapshot, listen).await?;
    let mut running = plane.forks.running.lock().await;
    running.begun += 1;
    let id = running.begun.to_string();
    let fork = Fork::of(&id, &*begun);
    running.forks.push((id, begun, place));
    Ok((StatusCode::CREATED, Json(fork)))
}

/// Room for one more.
///
/// # Errors
/// When there are enough.
pub(super) fn room(plane: &Plane) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&plane.forks.room.0)
        .try_acquire_owned()
        .map_err(|_| Problem::conflict(format!("there are {} forks already; end one first", limits::FORKS)))
}

/// Begins a simulator that goes on from a snapshot.
///
/// # Errors
/// When it cannot be served, or not there.
pub(super) async fn beside(
    plane: &Plane,
    snapshot: Snapshot,
    listen: SocketAddr,
) -> Result<Box<dyn Beside>, Problem> {
    let control = Settings {
        listen: Some(SocketAddr::new(ip(&plane.url), 0).to_string()),
        token: plane.guard.token.clone(),
        forks: Some(plane.forks.room.clone()),
    };
    plane.template.begin(snapshot, listen, control).await.map_err(|error| {
        let problem = Problem::conflict(error.why);
        if error.by_address { problem.at("/listen") } else { problem }
    })
}

/// The IP address of a URL of ours.
fn ip(url: &str) -> IpAddr {
    let address = url.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    address.map_or(IpAddr::from([127, 0, 0, 1]), |address| address.ip())
}

async fn end(State(plane): State<Arc<Plane>>, Part(id): Part) -> Result<StatusCode, Problem> {
    let mut running = plane.forks.running.lock().await;
    let place = running.forks.iter().position(|(one, ..)| *one == id);
    let place = place.ok_or_else(|| Problem::missing(format!("there is no fork \"{id}\"")))?;
    let (_, beside, room) = running.forks.remove(place);
    drop(running);
    beside.stop().await;
    drop(room);
    Ok(StatusCode::NO_CONTENT)
}
