//! `/snapshots`: worlds that are kept, put back, compared, taken elsewhere; and the fingerprint of the one that runs.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::IntoResponse,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    difference::{self, Difference},
    input::{self, Input, Part, Query},
    kept::{Listed, describe},
    plane::Plane,
    problem::Problem,
    route::{JSON, Route, delete, get, post, put},
};
use crate::limits;
use crate::{
    netquery::StoreError,
    snapshot::{Snapshot, SnapshotError, VERSION},
};

pub(super) fn routes() -> Vec<Route> {
    let refusals = [StatusCode::NOT_FOUND];
    let part = |route: Route| route.part("id", "Its id", "1").refuses(refusals);
    vec![
        get("/fingerprint", "Read the world's fingerprint", fingerprint)
            .about("Equal worlds have the same, on every machine; worlds that any answer can tell apart have others.")
            .answers::<Fingerprint>("A SHA-256 of all that the world is."),
        get("/snapshots", "List the snapshots", list).answers::<Vec<Listed>>("The worlds that are kept."),
        post("/snapshots", "Keep the world as it is now", keep)
            .takes::<Keep>(json!({ "name": "before the outage" }))
            .answers_as::<Listed>(StatusCode::CREATED, JSON, "It is kept.")
            .refuses([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
        part(get("/snapshots/{id}", "Read a snapshot as a file", export))
            .about("The file is JSON. It holds the world's secrets, too, such as API keys.")
            .answers::<File>("The file."),
        part(put("/snapshots/{id}", "Keep a snapshot from a file", import))
            .about("In the place of an earlier one of the same id. Ids are letters, digits, dots, dashes and underscores.")
            .pattern("^[A-Za-z0-9._-]{1,100}$")
            .takes_as::<File>(JSON, None)
            .answers::<Listed>("It is kept, in the place of an earlier one.")
            .answers_as::<Listed>(StatusCode::CREATED, JSON, "It is kept.")
            .refuses([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
        part(delete("/snapshots/{id}", "Forget a snapshot", forget)).answers_nothing("It is gone."),
        part(post("/snapshots/{id}/restore", "Put a world back", restore))
            .about("Clients of the API stay connected; subscribers are told what is different.")
            .answers::<Listed>("It is back.")
            .refuses([StatusCode::CONFLICT]),
        part(get("/snapshots/{id}/diff", "Compare a snapshot", diff))
            .query::<With>()
            .answers::<Vec<Difference>>("What is different, by the paths of the state."),
    ]
}

/// Why a file is not kept.
fn unreadable(error: SnapshotError) -> Problem {
    let words = error.to_string();
    match error {
        // A snapshot, but not one that can be put back.
        SnapshotError::Version { .. } | SnapshotError::Damaged { .. } | SnapshotError::Changed { .. } => {
            Problem::conflict(words)
        }
        _ => Problem::bad(words),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::conflict(error.to_string())
    }
}

/// The world's fingerprint.
#[derive(Debug, Serialize, JsonSchema)]
struct Fingerprint {
    /// A SHA-256 of all that the world is, hexadecimal.
    fingerprint: String,
}

async fn fingerprint(State(plane): State<Arc<Plane>>) -> Result<Json<Fingerprint>, Problem> {
    let fingerprint = plane.aside(|plane| Ok(plane.shared.snapshot()?.fingerprint())).await?;
    Ok(Json(Fingerprint { fingerprint }))
}

async fn list(State(plane): State<Arc<Plane>>) -> Json<Vec<Listed>> {
    Json(plane.kept(|kept| kept.list()))
}

/// How a world is kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keep {
    /// A name to know it by; its id if absent.
    #[serde(default)]
    #[schemars(length(max = 100))]
    name: Option<String>,
}

async fn keep(
    State(plane): State<Arc<Plane>>,
    Input(told): Input<Keep>,
) -> Result<(StatusCode, Json<Listed>), Problem> {
    let listed = plane
        .aside(|plane| {
            let snapshot = plane.shared.snapshot()?;
            let listed = describe(&snapshot, told.name.unwrap_or_default());
            plane.kept(|kept| kept.put(None, snapshot, listed))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(listed.1)))
}

async fn export(State(plane): State<Arc<Plane>>, Part(id): Part) -> Result<impl IntoResponse, Problem> {
    let snapshot = plane.kept(|kept| kept.find(&id).cloned())?;
    let file = plane.aside(move |_| Ok(snapshot.to_json())).await?;
    let name = format!("attachment; filename=\"snapshot-{id}.json\"");
    Ok(([(CONTENT_TYPE, JSON.to_owned()), (CONTENT_DISPOSITION, name)], file))
}

async fn import(
    State(plane): State<Arc<Plane>>,
    Part(id): Part,
    request: Request,
) -> Result<(StatusCode, Json<Listed>), Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if id.len() > limits::SNAPSHOT_NAME || !id.bytes().all(plain) {
        return Err(Problem::bad("the id is none")
            .expected("at most 100 letters, digits, dots, dashes and underscores"));
    }
    let (bytes, held) = input::body(&plane, request, limits::SNAPSHOT_IMPORT).await?;
    let (new, listed) = plane
        .aside(move |plane| {
            let text = std::str::from_utf8(&bytes).map_err(|_| Problem::bad("the body is not UTF-8 text"))?;
            let snapshot = Snapshot::from_json(text).map_err(unreadable)?;
            drop((bytes, held));
            let listed = describe(&snapshot, String::new());
            plane.kept(|kept| kept.put(Some(id), snapshot, listed))
        })
        .await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(listed)))
}

/// A snapshot's file, as it is told of: the rest is for the simulator alone.
#[derive(JsonSchema)]
struct File {
    /// Always the same.
    #[serde(rename = "format")]
    #[schemars(extend("const" = "portmaster-simulator snapshot"))]
    _format: String,
    /// The version of the file's form.
    #[serde(rename = "version")]
    #[schemars(extend("const" = VERSION))]
    _version: u32,
}

async fn forget(State(plane): State<Arc<Plane>>, Part(id): Part) -> Result<StatusCode, Problem> {
    plane.kept(|kept| kept.forget(&id))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restore(State(plane): State<Arc<Plane>>, Part(id): Part) -> Result<Json<Listed>, Problem> {
    let (snapshot, listed) = plane.kept(|kept| kept.whole(&id))?;
    plane
        .aside(move |plane| {
            plane.shared.restore(&snapshot).map_err(|error| Problem::conflict(error.to_string()))
        })
        .await?;
    Ok(Json(listed))
}

/// With what a snapshot is compared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct With {
    /// The id of another snapshot, or `now`, which it is if absent.
    #[serde(default)]
    to: Option<String>,
}

async fn diff(
    State(plane): State<Arc<Plane>>,
    Part(id): Part,
    Query(with): Query<With>,
) -> Result<Json<Vec<Difference>>, Problem> {
    let from = plane.kept(|kept| kept.find(&id).cloned())?;
    let to = match with.to.as_deref() {
        None | Some("now") => None,
        Some(id) => Some(plane.kept(|kept| kept.find(id).cloned())?),
    };
    let found = plane
        .aside(move |plane| {
            let now;
            let before = from.world();
            let after = match &to {
                Some(to) => to.world(),
                None => {
                    now = plane.with(|world| world.clone());
                    &now
                }
            };
            Ok(difference::between(&difference::seen(before, after), &difference::seen(after, before)))
        })
        .await?;
    Ok(Json(found))
}
