//! What is served outside `/api/v1/`: the way to the user interface, metrics, and the websocket's door.

use bytes::Bytes;
use hyper::{
    Method, StatusCode,
    header::SET_COOKIE,
    http::{HeaderValue, request::Parts},
};
use portmaster_fixtures::{Permission, ShortAnswer};

use super::{
    authorise::{Refusal, authorise},
    early::{not_allowed, redirect},
    render::Answer,
    target::Target,
    upgrade,
};
use crate::{
    core::{Bundles, Looked, Pass, Shared},
    go::{escape, mime},
    world::World,
};

/// Answers a request for a page (core-1.x §5.12).
pub(super) fn answer(
    shared: &Shared,
    world: &mut World,
    request: &Parts,
    target: &Target,
    write: bool,
    pass: &mut Option<Pass>,
) -> Result<Answer, Refusal> {
    let required = match target {
        Target::Metrics => Permission::Dynamic,
        _ => Permission::Anyone,
    };
    if write {
        return Err(not_allowed().into());
    }
    let admitted = authorise(world, shared.external_auth, request, required, write, pass)?;
    let answer = match target {
        Target::Root => redirect(
            StatusCode::TEMPORARY_REDIRECT,
            "Temporary Redirect",
            "/ui/modules/portmaster/",
            &request.method,
        ),
        Target::Module => {
            let to = format!("{}/", request.uri);
            redirect(StatusCode::PERMANENT_REDIRECT, "Permanent Redirect", &to, &request.method)
        }
        Target::File(name, path) => {
            let mut answer = file(&shared.bundles(), name, path, &world.behaviour.missing_bundle);
            // Nothing is written that could be counted.
            if answer.status == StatusCode::OK && request.method == Method::HEAD {
                answer.body = Bytes::new();
            }
            answer
        }
        Target::Metrics => Answer::of(
            StatusCode::OK,
            HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
            crate::api::metrics_text(world, admitted.token.read, &metrics_level(request)),
        ),
        Target::Database | Target::Endpoint => unreachable!("these are no pages"),
    };
    Ok(match admitted.cookie {
        Some(cookie) => answer.with(SET_COOKIE, cookie),
        None => answer,
    })
}

/// A file of a user interface (ui §0).
fn file(bundles: &Bundles, name: &str, path: &str, missing: &ShortAnswer) -> Answer {
    match bundles.look(name, path) {
        Looked::File(name, body) => {
            Answer::of(StatusCode::OK, HeaderValue::from_static(mime::of(name)), body.clone())
        }
        Looked::BuiltIn => Answer::of(
            StatusCode::OK,
            HeaderValue::from_static("text/html; charset=utf-8"),
            Bytes::from_static(include_bytes!("no-ui.html")),
        ),
        Looked::NoBundle => {
            let status = StatusCode::from_u16(missing.status).unwrap_or(StatusCode::NOT_FOUND);
            Answer::error(status, &missing.text)
        }
        Looked::NoArchive => Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "zip: not a valid zip file"),
        Looked::NoFile(wanted) => {
            Answer::error(StatusCode::NOT_FOUND, &format!("Open {wanted}: file does not exist"))
        }
    }
}

/// The level of expertise that `/metrics` is asked for; empty if none.
fn metrics_level(request: &Parts) -> String {
    let pairs = escape::pairs(request.uri.query().unwrap_or_default());
    pairs.into_iter().find(|(name, _)| name == "level").map(|(_, level)| level).unwrap_or_default()
}

/// Lets a request to the database's door become a websocket: the value of `Sec-WebSocket-Accept`. A cookie that this
/// began a session with is lost (websocket §1.1).
pub(super) fn database(
    shared: &Shared,
    world: &mut World,
    request: &Parts,
    write: bool,
    pass: &mut Option<Pass>,
) -> Result<HeaderValue, Refusal> {
    let admitted = authorise(world, shared.external_auth, request, Permission::Admin, write, pass)?;
    upgrade::accept(request, world.behaviour.websocket.decodes_key).map_err(|answer| match admitted.cookie {
        Some(cookie) => answer.with(SET_COOKIE, cookie).into(),
        None => answer.into(),
    })
}
