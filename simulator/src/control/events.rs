//! `/events`: what happens, as it happens.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State,
    http::StatusCode,
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{Receiver, error::RecvError},
};

use super::{
    plane::Plane,
    problem::Problem,
    route::{Route, get},
};
use crate::{
    core::Shown,
    journal::{Entry, Follower, Journal},
};

/// How often a comment says that the connection is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/events", "Listen to what happens", listen)
            .about(
                "Server-sent events, the data JSON: `ready` first, then `change`, `clock`, `connection`, `notification`, \
                 `world`, `lifecycle`, `refused` and `journal`. Who reads too slowly loses events and is told how many by \
                 `dropped`.",
            )
            .answers_as::<String>(StatusCode::OK, "text/event-stream", "A stream without end.")
            .refuses([StatusCode::TOO_MANY_REQUESTS]),
    ]
}

/// One who listens.
struct Listener {
    /// What is to be said first.
    first: Option<Value>,
    receiver: Receiver<Arc<Shown>>,
    follower: Follower,
    /// Entries of the journal that are to be told.
    entries: VecDeque<Entry>,
    lost: Arc<AtomicU64>,
    _place: OwnedSemaphorePermit,
}

async fn listen(State(plane): State<Arc<Plane>>) -> Result<impl IntoResponse, Problem> {
    let place = Arc::clone(&plane.listeners)
        .try_acquire_owned()
        .map_err(|_| Problem::new(StatusCode::TOO_MANY_REQUESTS, "there are too many listeners already"))?;
    let receiver = plane.shared.watch();
    let ready = plane.with(|world| json!({ "now": world.now(), "mode": world.clock.mode() }));
    let listener = Listener {
        first: Some(ready),
        receiver,
        follower: Journal::new(plane.shared.journal.clone()).follow(),
        entries: VecDeque::new(),
        lost: Arc::clone(&plane.lost),
        _place: place,
    };
    Ok(Sse::new(events(listener)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("still there")))
}

fn events(listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(listener, async |mut listener| {
        let (kind, data) = loop {
            if let Some(ready) = listener.first.take() {
                break ("ready", ready);
            }
            if let Some(entry) = listener.entries.pop_front() {
                break ("journal", json!({ "seq": entry.seq, "at": entry.at, "summary": entry.summary() }));
            }
            let told = tokio::select! {
                told = listener.receiver.recv() => told,
                entries = listener.follower.next() => {
                    listener.entries = entries.into();
                    continue;
                }
            };
            break match told {
                Ok(shown) => (shown.kind, shown.data.clone()),
                Err(RecvError::Lagged(missed)) => {
                    listener.lost.fetch_add(missed, Ordering::Relaxed);
                    ("dropped", json!({ "missed": missed }))
                }
                Err(RecvError::Closed) => return None,
            };
        };
        Some((Ok(Event::default().event(kind).data(data.to_string())), listener))
    })
}
