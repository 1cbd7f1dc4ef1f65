//! `netquery/*`: the connection database (netquery §1).

use hyper::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
    http::HeaderValue,
};
use portmaster_fixtures::Defect;
use serde_json::Value;

use super::{Call, Handler, Raw, Reply};
use crate::{
    netquery::{Answer, Kind, Request, Retention, Store},
    ordered::ordered,
    world::{World, profiles::Stored},
};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("netquery/charts/bandwidth", |world, call| query(world, call, Kind::BandwidthChart))
        .saying(&[400]),
    Handler::new("netquery/charts/connection-active", |world, call| query(world, call, Kind::ActiveChart))
        .saying(&[400]),
    Handler::new("netquery/history/cleanup", |world, call| history(world, call, Kind::HistoryCleanup)),
    Handler::new("netquery/history/clear", |world, call| history(world, call, Kind::HistoryClear)),
    Handler::new("netquery/query", |world, call| query(world, call, Kind::Query)).saying(&[400]),
    Handler::new("netquery/query/batch", |world, call| query(world, call, Kind::Batch)).saying(&[400]),
];

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-query-error");

fn query(world: &mut World, call: &Call, kind: Kind) -> Reply {
    match call.method {
        Method::GET => later(world, kind, Some(call.parameter("q").unwrap_or_default().into_bytes())),
        Method::POST | Method::PUT => later(world, kind, Some(call.body().to_vec())),
        _ => later(world, kind, None),
    }
}

/// The history's endpoints are actions: their texts go the way of all actions.
fn history(world: &mut World, call: &Call, kind: Kind) -> Reply {
    let ask = asker(world, kind, Some(call.body().to_vec()));
    Reply::Netquery(Box::new(move |netquery| {
        let answer = ask(netquery);
        let text = String::from_utf8_lossy(&answer.body);
        // The gateway ends the line again.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if answer.status == 200 { Reply::action(text) } else { Reply::failure(text) }
    }))
}

/// Asks the database when the world is free again.
fn later(world: &World, kind: Kind, body: Option<Vec<u8>>) -> Reply {
    let content_type = if world.behaviour.has(Defect::QueriesAsText) {
        "text/plain; charset=utf-8"
    } else {
        "application/json; charset=utf-8"
    };
    let ask = asker(world, kind, body);
    Reply::Netquery(Box::new(move |netquery| {
        let answer = ask(netquery);
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = if matches!(answer.body.first(), Some(b'{')) {
            content_type
        } else {
            "text/plain; charset=utf-8"
        };
        let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))];
        let value = |text: &str| {
            // Names of queries may hold what a header cannot.
            let text: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
            HeaderValue::from_bytes(text.as_bytes()).ok()
        };
        headers.extend(answer.server_timing.as_deref().and_then(value).map(|value| (SERVER_TIMING, value)));
        headers.extend(answer.query_errors.iter().filter_map(|text| Some((QUERY_ERROR, value(text)?))));
        Raw { status, headers, body: answer.body, told: false }.into()
    }))
}

/// A question to the database, with what it has to know of the world.
fn asker(world: &World, kind: Kind, body: Option<Vec<u8>>) -> impl Fn(&Store) -> Answer + Send + use<> {
    let (now, dev_mode) = (world.now(), world.dev_mode());
    let body = body.map(|body| world.mutants.query(body));
    let retention = if kind == Kind::HistoryCleanup { retention(world) } else { Retention::default() };
    move |netquery| {
        netquery.answer(&Request { kind, body: body.as_deref(), now, dev_mode, retention: &retention })
    }
}

/// How long the history of each profile is kept: its own setting, or else the global one.
fn retention(world: &World) -> Retention {
    let days = |value: &Value| value.as_u64().and_then(|days| u32::try_from(days).ok());
    let everywhere = world.config.value("history/keep").and_then(days);
    let of = |stored: &Stored| {
        let own = stored.profile.settings().get("history/keep").and_then(days);
        Some((stored.profile.key(), own.or(everywhere)?))
    };
    Retention { days: ordered(world.profiles.iter().filter_map(of)) }
}
