//! Listening, and what ends with it.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, http::StatusCode, middleware};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rand::{TryRng as _, rngs::SysRng};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    beside::{Forks, Settings, Template},
    guard::{self, Guard},
    places::{self, Places},
    plane::Plane,
    problem::Problem,
    routes,
};
use crate::{
    core::{Shared, accept},
    limits,
};

/// A control plane that listens. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    plane: Arc<Plane>,
    server: JoinHandle<()>,
}

impl Control {
    /// Serves on a listener.
    pub(crate) fn start(
        listener: TcpListener,
        address: SocketAddr,
        shared: Arc<Shared>,
        api: String,
        settings: Settings,
        template: Arc<dyn Template>,
    ) -> Self {
        let loopback = address.ip().is_loopback();
        let token = settings.token.or_else(|| (!loopback).then(drawn));
        let forks = Forks::new(settings.forks.unwrap_or_default());
        let guard = Arc::new(Guard { loopback, token });
        let plane = Arc::new(Plane::new(shared, api, template, guard, format!("http://{address}"), forks));
        let server = tokio::spawn(serve(listener, router(&plane), Arc::clone(&plane.shared)));
        Self { plane, server }
    }

    /// Where it is reached, as in `http://127.0.0.1:43210`.
    pub(crate) fn url(&self) -> &str {
        &self.plane.url
    }

    /// The token that it asks for.
    pub(crate) fn token(&self) -> Option<&str> {
        self.plane.guard.token.as_deref()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A token that nobody guesses. It is no part of any world, so it is not drawn from a seed.
fn drawn() -> String {
    let mut bytes = [0; 24];
    SysRng.try_fill_bytes(&mut bytes).expect("a system without randomness keeps no secrets");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// All routes behind the guard.
fn router(plane: &Arc<Plane>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, route| route.mount(router));
    router
        .fallback(async || {
            Problem::missing("there is no such path").expected("one of those in /openapi.json")
        })
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the path does not take this method")
                .expected("one of those in the header Allow")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&plane.guard), guard::check))
        .with_state(Arc::clone(plane))
}

/// Serves connections until the task is dropped.
async fn serve(listener: TcpListener, router: Router, shared: Arc<Shared>) {
    let places = Arc::new(Places::default());
    accept(
        (listener, None),
        limits::CONTROL_CONNECTIONS,
        || places.make_room(),
        |stream| {
            let place = places.take();
            let state = (Arc::clone(&shared), Arc::clone(&place));
            let router = router.clone().layer(middleware::from_fn_with_state(state, places::answer));
            async move {
                let service = TowerToHyperService::new(router);
                let served = http1::Builder::new()
                    .auto_date_header(false)
                    .header_read_timeout(limits::CONTROL_HEAD_TIME)
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                tokio::select! {
                    biased;
                    // A peer that breaks off is no fault of ours.
                    _ = served => {}
                    () = place.end.notified() => {}
                }
            }
        },
    )
    .await;
}
