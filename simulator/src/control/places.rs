//! Connections of the control plane: when all places are taken, the one that was silent for the longest makes room.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use crate::core::Shared;

/// All places that are taken.
#[derive(Debug, Default)]
pub(super) struct Places {
    turns: AtomicU64,
    all: Mutex<Vec<Weak<Place>>>,
}

/// The place of a connection.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Places>,
    /// The turn at which it fell silent; 0 while it is answered.
    silent: AtomicU64,
    /// Tells it to end.
    pub(super) end: Arc<Notify>,
}

impl Places {
    /// Takes one, for a connection that has said nothing yet.
    pub(super) fn take(self: &Arc<Self>) -> Arc<Place> {
        let place = Arc::new(Place { of: Arc::clone(self), silent: AtomicU64::new(0), end: Arc::default() });
        place.falls_silent();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(&place));
        place
    }

    /// Ends the connection that was silent for the longest, if one is.
    pub(super) fn make_room(&self) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let silent =
            all.iter().filter_map(Weak::upgrade).filter(|one| one.silent.load(Ordering::Relaxed) > 0);
        if let Some(place) = silent.min_by_key(|one| one.silent.load(Ordering::Relaxed)) {
            place.speaks();
            place.end.notify_one();
        }
    }
}

impl Place {
    /// A whole request has come.
    pub(super) fn speaks(&self) {
        self.silent.store(0, Ordering::Relaxed);
    }

    fn falls_silent(&self) {
        self.silent.store(self.of.turns.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// Answers a request, and knows of its connection. An answer with an end counts until it is sent; the ones without are no
/// silence.
pub(super) async fn answer(
    State((shared, place)): State<(Arc<Shared>, Arc<Place>)>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        place.speaks();
    }
    request.extensions_mut().insert(Arc::clone(&place));
    let response = next.run(request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS || response.body().size_hint().exact().is_none() {
        place.speaks();
        return response;
    }
    place.falls_silent();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    // Many can be asked for at once, and a short one may be work, too.
    shared.next_turn().await;
    Response::from_parts(parts, Body::from(shared.unsent.answer(body, &place.end)))
}
