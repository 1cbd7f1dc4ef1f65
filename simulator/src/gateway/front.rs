//! The part of a request's way that needs no body: origin, route, permission.

use std::{cell::RefCell, sync::Arc};

use hyper::{
    Method, StatusCode,
    header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderName},
    http::{HeaderValue, request::Parts},
};
use portmaster_fixtures::Permission;

use super::{
    admission::{Admission, Ran},
    authorise::{Refusal, authorise, vouched},
    early::{before_route, not_allowed, not_found},
    faults,
    guard::Origin,
    pages,
    path::Path,
    render::Answer,
    route::{Found, Routes},
    target::Target,
};
use crate::{
    api::Format,
    core::{Pass, Served, Shared},
    world::{Blow, World, session::Token},
};

/// What is known of a request once its head was looked at.
pub(super) struct Front {
    pub(super) served: Arc<Served>,
    pub(super) dev_mode: bool,
    pub(super) date: HeaderValue,
    pub(super) cors: Vec<(HeaderName, HeaderValue)>,
    pub(super) step: Step,
    /// How the caller was let in, or not; nothing where it was not asked for.
    pub(super) pass: Option<Pass>,
}

/// How a request goes on.
pub(super) enum Step {
    /// It is answered.
    Answer(Answer),
    /// It waits for the prompt of this id.
    Prompt(String),
    /// It becomes a websocket; the value that proves it.
    Upgrade(HeaderValue),
    /// Its endpoint has run.
    Replied(Admission, Ran),
    /// Its endpoint wants the body first.
    NeedsBody(Admission),
}

impl Front {
    /// Looks at the head of a request, and answers it if nothing more is needed.
    pub(super) fn look(
        shared: &Shared,
        world: &mut World,
        parts: &mut Parts,
        path: &Path,
        blow: Option<Blow>,
    ) -> Self {
        let served = shared.served();
        let origin = Origin::of(&parts.headers, world.dev_mode());
        let mut pass = None;
        let step = match (before_route(&origin, path, parts), blow) {
            (Some(answer), _) => Step::Answer(answer),
            (None, Some(Blow { status: Some(status), .. })) => Step::Answer(faults::status(status)),
            // The answer would never arrive, but a request that is reset did not either.
            (None, Some(Blow { reset: true, .. })) => Step::Answer(Answer::no_content()),
            (None, _) => admit((shared, &served), world, parts, &path.decoded, &origin, &mut pass),
        };
        Self { cors: origin.headers(), pass, ..Self::of(served, world, step) }
    }

    /// How a request goes on that is not looked at any closer.
    pub(super) fn of(served: Arc<Served>, world: &World, step: Step) -> Self {
        Self { served, dev_mode: world.dev_mode(), date: date(world), cors: Vec::new(), step, pass: None }
    }
}

/// The world's time as a Date header. Many answers leave within a second: each thread keeps the last that it wrote.
pub(super) fn date(world: &World) -> HeaderValue {
    thread_local! {
        static LAST: RefCell<(i64, HeaderValue)> = const { RefCell::new((i64::MIN, HeaderValue::from_static(""))) };
    }
    let now = world.now();
    let this = now.as_millisecond().div_euclid(1000);
    LAST.with_borrow_mut(|(second, value)| {
        if *second != this {
            let text = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            *value = HeaderValue::from_str(&text).expect("a date is plain ASCII");
            *second = this;
        }
        value.clone()
    })
}

/// Routes, authorises and, if no body is wanted, runs.
fn admit(
    (shared, served): (&Shared, &Served),
    world: &mut World,
    request: &mut Parts,
    path: &str,
    origin: &Origin,
    pass: &mut Option<Pass>,
) -> Step {
    let mut attempt = || -> Result<Step, Refusal> {
        let target = Target::of(path).ok_or_else(not_found)?;
        let method = effective_method(request)?;
        let write = is_write(&method)?;
        let options = request.method == Method::OPTIONS;
        if options && matches!(origin, Origin::Allowed(_)) {
            return Ok(Step::Answer(Answer::empty(StatusCode::OK)));
        }
        if matches!(target, Target::Database) {
            return pages::database(shared, world, request, write, pass).map(Step::Upgrade);
        }
        if !matches!(target, Target::Endpoint) {
            return pages::answer(shared, world, request, &target, write, pass).map(Step::Answer);
        }
        let routes = Routes::followed(served.contract, &served.mutants);
        let Found { route, parts } = routes.find(&path["/api/v1/".len()..]).ok_or_else(not_found)?;
        let required = if write { route.endpoint.write } else { route.endpoint.read };
        if required == Permission::NotSupported {
            return Err(not_allowed().into());
        }
        let admitted = match request.extensions.get::<Token>() {
            Some(token) => vouched(*token, required, write)?,
            None => authorise(world, shared.external_auth, request, required, write, pass)?,
        };
        let admission = Admission {
            route,
            path: if world.reactions.is_empty() {
                String::new()
            } else {
                path["/api/v1/".len()..].to_owned()
            },
            parts,
            admitted,
            method,
            format: Format::asked(&request.headers, served.behaviour),
        };
        if options {
            return Ok(Step::Answer(admission.with_cookie(Answer::no_content())));
        }
        if matches!(admission.method, Method::POST | Method::PUT) {
            return Ok(Step::NeedsBody(admission));
        }
        let ran = admission.run(world, request, None);
        Ok(Step::Replied(admission, ran))
    };
    attempt().unwrap_or_else(|refusal| match refusal {
        Refusal::Answer(answer) => Step::Answer(answer),
        Refusal::Prompt(prompt) => Step::Prompt(prompt),
    })
}

/// The method; for OPTIONS the one that is asked about (core-1.x §5.5).
fn effective_method(request: &Parts) -> Result<Method, Answer> {
    if request.method != Method::OPTIONS {
        return Ok(request.method.clone());
    }
    let asked = request.headers.get(ACCESS_CONTROL_REQUEST_METHOD).ok_or_else(not_allowed)?;
    Method::from_bytes(asked.as_bytes()).map_err(|_| not_allowed())
}

/// Whether a method writes; other methods than the five are not allowed.
fn is_write(method: &Method) -> Result<bool, Answer> {
    match *method {
        Method::GET | Method::HEAD => Ok(false),
        Method::POST | Method::PUT | Method::DELETE => Ok(true),
        _ => Err(not_allowed()),
    }
}
