//! A request that was let in, and what came of it at its endpoint.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use hyper::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HeaderName, SET_COOKIE},
    http::{HeaderValue, request::Parts},
};
use portmaster_fixtures::scenario::RuleAnswer;
use serde_json::Value;

use super::{authorise::Admitted, render::Answer, route::Route};
use crate::{
    api::{Call, Format, Module, Raw, Reply},
    go::json,
    world::{Asked, Blow, World},
};

/// A request that was let in.
pub(super) struct Admission {
    pub(super) route: &'static Route,
    /// The path below `/api/v1/`, if rules want to know it.
    pub(super) path: String,
    pub(super) parts: Vec<(&'static str, String)>,
    pub(super) admitted: Admitted,
    pub(super) method: Method,
    pub(super) format: Format,
}

impl Admission {
    /// Runs the endpoint, and the rules that wait for such a request.
    pub(super) fn run(&self, world: &mut World, request: &mut Parts, body: Option<Bytes>) -> Ran {
        if world.reactions.is_empty() {
            return Ran { reply: self.call(world, request, body), blow: None, rules: Vec::new() };
        }
        let asked = Asked {
            method: self.method.as_str(),
            path: &self.path,
            query: request.uri.query().unwrap_or_default(),
            body: body.as_deref().unwrap_or_default(),
        };
        let mut reaction = world.react_to_request(&asked);
        let (blow, rules) = (reaction.blow, std::mem::take(&mut reaction.by));
        let reply = match (reaction.answer.take(), blow) {
            (Some(answer), _) => told(answer),
            (None, Some(Blow { status: Some(status), .. })) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Reply::error(status, status.canonical_reason().unwrap_or("Error"))
            }
            (None, _) => self.call(world, request, body),
        };
        world.follow(reaction);
        Ran { reply, blow, rules }
    }

    /// Runs the endpoint's code. A panic in it is our mistake and must not reach the caller.
    fn call(&self, world: &mut World, request: &mut Parts, body: Option<Bytes>) -> Reply {
        let handler = self.route.handler;
        if handler.module == Module::Spn && world.behaviour.module_not_ready && !world.spn_enabled() {
            return Reply::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "The API endpoint is not ready yet or the its module is not enabled. Please try again later.",
            );
        }
        let call = Call {
            method: self.method.clone(),
            path: self.parts.clone(),
            query: request.uri.query().unwrap_or_default().to_owned(),
            headers: std::mem::take(&mut request.headers),
            body,
            token: self.admitted.token,
            format: self.format,
        };
        let reply = catch_unwind(AssertUnwindSafe(|| (handler.run)(world, &call)))
            .unwrap_or_else(|_| Reply::failure("Internal Server Error."));
        request.headers = call.headers;
        debug_assert!(handler.says(&reply), "{} does not tell of a status that it answers", handler.path);
        reply
    }

    pub(super) fn with_cookie(&self, answer: Answer) -> Answer {
        match &self.admitted.cookie {
            Some(cookie) => answer.with(SET_COOKIE, cookie.clone()),
            None => answer,
        }
    }
}

/// The answer that a rule gives.
fn told(answer: RuleAnswer) -> Reply {
    let (mime_type, body) = match answer.body {
        Value::Null => (None, Vec::new()),
        Value::String(text) => (Some("text/plain; charset=utf-8"), text.into_bytes()),
        value => (Some("application/json; charset=utf-8"), json::to_vec(&value)),
    };
    let mut headers: Vec<(HeaderName, HeaderValue)> = answer
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
        .collect();
    if let Some(mime_type) = mime_type
        && !headers.iter().any(|(name, _)| name == CONTENT_TYPE)
    {
        headers.push((CONTENT_TYPE, HeaderValue::from_static(mime_type)));
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    Raw { status, headers, body, told: true }.into()
}

/// What came of a request at its endpoint.
pub(super) struct Ran {
    pub(super) reply: Reply,
    /// What rules do to the answer.
    pub(super) blow: Option<Blow>,
    /// The places of the rules that acted.
    pub(super) rules: Vec<usize>,
}
