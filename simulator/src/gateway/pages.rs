//! What is served outside `/api/v1/`: the way to the user interface, metrics, and the websocket's door.

use hyper::{
    Method, StatusCode,
    header::{HeaderName, SET_COOKIE},
    http::{HeaderValue, request::Parts},
};
use portmaster_fixtures::Permission;

use super::{
    authorise::authorise,
    bundles::Missing,
    dispatch::{Target, not_allowed, redirect},
    render::Answer,
    server::Shared,
};
use crate::{go::escape, world::World};

/// Answers a request for a page (core-1.x §5 "Non-/api/v1 routes").
pub(super) fn answer(
    shared: &Shared,
    world: &mut World,
    request: &Parts,
    target: &Target,
    write: bool,
) -> Result<Answer, Answer> {
    let required = match target {
        Target::Database => Permission::Admin,
        Target::Metrics => Permission::Dynamic,
        _ => Permission::Anyone,
    };
    if write && !matches!(target, Target::Database) {
        return Err(not_allowed());
    }
    let admitted = authorise(world, shared.external_auth, &request.headers, required, write)?;
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
            let rule = &world.rules.missing_bundle;
            let status = StatusCode::from_u16(rule.status).unwrap_or(StatusCode::NOT_FOUND);
            shared.bundles().answer(name, path, &Missing { status, text: rule.text.clone() })
        }
        Target::Metrics => Answer::of(
            StatusCode::OK,
            HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
            crate::api::metrics_text(world, admitted.token.read, &metrics_level(request)),
        ),
        Target::Database => no_upgrade(&request.method),
        Target::Endpoint => unreachable!("endpoints are not pages"),
    };
    Ok(match admitted.cookie {
        Some(cookie) => answer.with(SET_COOKIE, cookie),
        None => answer,
    })
}

/// The level of expertise that `/metrics` is asked for; empty if none.
fn metrics_level(request: &Parts) -> String {
    let pairs = escape::pairs(request.uri.query().unwrap_or_default());
    pairs.into_iter().find(|(name, _)| name == "level").map(|(_, level)| level).unwrap_or_default()
}

/// The refusal of a request that does not ask for the websocket protocol.
fn no_upgrade(_method: &Method) -> Answer {
    Answer::of(
        StatusCode::BAD_REQUEST,
        HeaderValue::from_static("text/plain; charset=utf-8"),
        "Bad Request\ncould not upgrade: websocket: the client is not using the websocket protocol: \
         'upgrade' token not found in 'Connection' header\n",
    )
    .with(HeaderName::from_static("sec-websocket-version"), HeaderValue::from_static("13"))
}
