//! From a request to an answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCESS_CONTROL_REQUEST_METHOD, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, LOCATION,
        SEC_WEBSOCKET_ACCEPT, SET_COOKIE, UPGRADE,
    },
    http::{HeaderValue, request::Parts},
    upgrade::OnUpgrade,
};
use portmaster_fixtures::{Permission, scenario::RuleAnswer};
use serde_json::Value;

use super::{
    authorise::{Admitted, Prompted, Refusal, authorise, vouched},
    faults::{self, Reset, Sent},
    guard::Origin,
    pages,
    path::Path,
    render::{Answer, render},
    route::{Found, Route},
    server::Shared,
};
use crate::{
    api::{Call, Format, Module, Raw, Reply},
    go::json,
    world::{Asked, Blow, World, session::Token},
};

/// The longest body that a core takes, by its declared length (core-1.x §5).
const LONGEST_BODY: u64 = 20_000_000;

/// The longest body that comes in chunks. Cores have no limit there; a simulator should not be filled up.
const LONGEST_CHUNKED: usize = 64 << 20;

/// Answers one request. All that needs no body is decided and done under one lock of the world.
pub(super) async fn handle(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
    upgraded: &Mutex<Option<OnUpgrade>>,
) -> Result<Response<Sent>, Reset> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (mut parts, body) = request.into_parts();
    // As in Go, the host of an absolute target stands in for the header.
    if parts.uri.scheme().is_some()
        && let Some(host) = parts.uri.authority().and_then(|one| HeaderValue::from_str(one.as_str()).ok())
    {
        parts.headers.insert(HOST, host);
    }
    let head = parts.method == Method::HEAD;
    let whole = |response: Response<Bytes>| Ok(response.map(|body| Sent::Left(Full::new(body))));
    if parts.method == Method::OPTIONS && parts.uri.path() == "*" {
        // Go answers this one itself.
        return whole(shared.with(|world| {
            Answer::empty(StatusCode::OK).into_response(false, std::iter::empty(), date(world))
        }));
    }
    let path = match wellformed(&parts) {
        Ok(path) => path,
        Err(answer) => return whole(malformed(answer)),
    };
    let mut blow = None;
    let mut front = shared.with(|world| {
        blow = struck(world, &parts, &path);
        // A request that is to wait has not come yet; one with a status of its own goes no further.
        if blow.is_some_and(|blow| !blow.delay.is_zero()) {
            Front::of(world, Step::Answer(Answer::no_content()))
        } else {
            front(&shared, world, &parts, &path, blow)
        }
    });
    if let Some(blow) = blow.filter(|blow| !blow.delay.is_zero()) {
        shared.wait(blow.delay).await;
        front = shared.with(|world| self::front(&shared, world, &parts, &path, Some(blow)));
    }
    let step = loop {
        match front.step {
            Step::Prompt(prompt) => {
                shared.answered(&prompt).await;
                parts.extensions.insert(Prompted(prompt));
                front = shared.with(|world| self::front(&shared, world, &parts, &path, blow));
            }
            decided => break decided,
        }
    };
    let answer = match step {
        Step::Prompt(_) => unreachable!("it was waited for"),
        Step::Answer(answer) => answer,
        Step::Upgrade(accept) => {
            *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
            return whole(switching(accept));
        }
        Step::Replied(admission, ran) => {
            blow = merged(blow, ran.blow);
            finish(&shared, admission, ran.reply).await
        }
        Step::NeedsBody(admission) => match read_body(&parts.headers, body).await {
            Ok(body) => {
                let ran = shared.with(|world| admission.run(world, &parts, Some(body)));
                blow = merged(blow, ran.blow);
                finish(&shared, admission, ran.reply).await
            }
            Err(answer) => admission.with_cookie(answer),
        },
    };
    let common = shared.security.headers(front.dev_mode).chain(front.cors);
    match blow {
        None => whole(answer.into_response(head, common, front.date)),
        Some(blow) => {
            let answer = faults::strike(&shared, &blow, answer).await?;
            Ok(faults::shape(&shared, &blow, answer.into_response(head, common, front.date)))
        }
    }
}

/// How a scenario's faults strike a request.
fn struck(world: &mut World, parts: &Parts, path: &Path) -> Option<Blow> {
    if world.faults.is_empty() {
        return None;
    }
    world.strike(parts.method.as_str(), &path.decoded)
}

/// What faults do to a request, and what rules do to its answer: there is no more waiting beforehand.
fn merged(of_faults: Option<Blow>, of_rules: Option<Blow>) -> Option<Blow> {
    let Some(of_rules) = of_rules else { return of_faults };
    let late = Blow { late: of_rules.late + of_rules.delay, ..of_rules };
    Some(of_faults.unwrap_or_default().and(late))
}

/// The answer that begins a websocket: these headers and no other (websocket §1.1).
fn switching(accept: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// What a call of the bridge brought.
pub(crate) struct Bridged {
    pub(crate) status: StatusCode,
    pub(crate) mime_type: String,
    pub(crate) body: Bytes,
}

/// Answers a request that the database's bridge makes, with an administrator's permissions (websocket §6).
pub(crate) async fn bridge(
    shared: &Arc<Shared>,
    method: Method,
    target: &str,
    mime_type: Option<String>,
    body: Bytes,
) -> Bridged {
    let answer = bridged(shared, method, target, mime_type, body).await;
    let mime_type = answer.headers.iter().find(|(name, _)| name == CONTENT_TYPE);
    Bridged {
        status: answer.status,
        mime_type: mime_type
            .map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default(),
        body: answer.body,
    }
}

async fn bridged(
    shared: &Arc<Shared>,
    method: Method,
    target: &str,
    mime_type: Option<String>,
    body: Bytes,
) -> Answer {
    let bad_request = || Answer::error(StatusCode::BAD_REQUEST, "400 Bad Request");
    let mut request = Request::builder().method(method).uri(target);
    if let Some(mime_type) = mime_type {
        request = request.header(CONTENT_TYPE, mime_type);
    }
    let Ok(request) = request.body(()) else { return bad_request() };
    let (mut parts, ()) = request.into_parts();
    let path = match wellformed(&parts) {
        Ok(path) => path,
        Err(answer) => return answer,
    };
    let step = shared.with(|world| {
        let admin = Token { read: Permission::Admin, write: Permission::Admin };
        parts.extensions.insert(if world.dev_mode() { Token::ITSELF } else { admin });
        front(shared, world, &parts, &path, None).step
    });
    match step {
        Step::Answer(answer) => answer,
        // Somebody inside vouches for it: nobody is asked.
        Step::Upgrade(_) | Step::Prompt(_) => bad_request(),
        Step::Replied(admission, ran) => finish(shared, admission, ran.reply).await,
        Step::NeedsBody(admission) => {
            let ran = shared.with(|world| admission.run(world, &parts, Some(body)));
            finish(shared, admission, ran.reply).await
        }
    }
}

/// What is known of a request once its head was looked at.
struct Front {
    dev_mode: bool,
    date: HeaderValue,
    cors: Vec<(HeaderName, HeaderValue)>,
    step: Step,
}

/// How a request goes on.
enum Step {
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
    /// How a request goes on that is not looked at any closer.
    fn of(world: &World, step: Step) -> Self {
        Self { dev_mode: world.dev_mode(), date: date(world), cors: Vec::new(), step }
    }
}

fn front(shared: &Shared, world: &mut World, parts: &Parts, path: &Path, blow: Option<Blow>) -> Front {
    let origin = Origin::of(&parts.headers, world.dev_mode());
    let step = match (before_route(&origin, path, parts), blow) {
        (Some(answer), _) => Step::Answer(answer),
        (None, Some(Blow { status: Some(status), .. })) => Step::Answer(faults::status(status)),
        // The answer would never arrive, but a request that is reset did not either.
        (None, Some(Blow { reset: true, .. })) => Step::Answer(Answer::no_content()),
        (None, _) => admit(shared, world, parts, &path.decoded, &origin),
    };
    Front { cors: origin.headers(), ..Front::of(world, step) }
}

/// The world's time as a Date header.
fn date(world: &World) -> HeaderValue {
    let text = world.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&text).expect("a date is plain ASCII")
}

/// Go's own checks of a request, before a core sees it.
fn wellformed(request: &Parts) -> Result<Path, Answer> {
    let bad = |text: &str| {
        Answer::of(
            StatusCode::BAD_REQUEST,
            HeaderValue::from_static("text/plain; charset=utf-8"),
            text.to_owned(),
        )
    };
    if request.headers.get_all(HOST).iter().count() > 1 {
        return Err(bad("400 Bad Request"));
    }
    Path::read(request.uri.path()).ok_or_else(|| bad("400 Bad Request"))
}

/// An answer of the HTTP layer itself: no security headers, no date, and the connection ends.
fn malformed(answer: Answer) -> Response<Bytes> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    response.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What needs neither a route nor a caller: refused origins and unclean paths.
fn before_route(origin: &Origin, path: &Path, parts: &Parts) -> Option<Answer> {
    match origin {
        Origin::Invalid => return Some(Answer::error(StatusCode::FORBIDDEN, "Invalid Origin.")),
        Origin::Refused => return Some(Answer::error(StatusCode::FORBIDDEN, "Cross-Origin Request Denied.")),
        Origin::Absent | Origin::Allowed(_) => {}
    }
    let clean = path.redirect.as_ref()?;
    let base = match (parts.uri.scheme(), parts.uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        (None, Some(authority)) => format!("//{authority}"),
        _ => String::new(),
    };
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = format!("{base}{clean}{query}");
    Some(redirect(StatusCode::MOVED_PERMANENTLY, "Moved Permanently", &to, &parts.method))
}

/// A redirect as Go's `http.Redirect` writes it.
pub(super) fn redirect(status: StatusCode, text: &str, to: &str, method: &Method) -> Answer {
    let location = HeaderValue::from_str(to).expect("an encoded path and a query that came over HTTP");
    let answer = if matches!(*method, Method::GET | Method::HEAD) {
        let body = format!("<a href=\"{}\">{text}</a>.\n\n", html_escaped(to));
        Answer::of(status, HeaderValue::from_static("text/html; charset=utf-8"), body)
    } else {
        Answer::empty(status)
    };
    answer.with(LOCATION, location)
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

/// What the main router knows.
pub(super) enum Target {
    /// `/`, which leads to the user interface.
    Root,
    /// `/ui/modules/{name}` without its final slash.
    Module,
    /// A file of a user interface, by the bundle's name and the path in it.
    File(String, String),
    /// `/metrics`.
    Metrics,
    /// `/api/database/v1`.
    Database,
    /// Below `/api/v1/`.
    Endpoint,
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        let lower = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        let file = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
        if path == "/" {
            return Some(Self::Root);
        }
        if path == "/metrics" {
            return Some(Self::Metrics);
        }
        if path == "/api/database/v1" {
            return Some(Self::Database);
        }
        // As in the cores' patterns, a dot stands for anything but a line break.
        if path.strip_prefix("/api/v1/").is_some_and(|rest| !rest.is_empty() && !rest.contains('\n')) {
            return Some(Self::Endpoint);
        }
        if let Some(rest) = path.strip_prefix("/ui/modules/") {
            return match rest.split_once('/') {
                None => lower(rest).then_some(Self::Module),
                Some((name, rest)) => {
                    (lower(name) && file(rest)).then(|| Self::File(name.to_owned(), rest.to_owned()))
                }
            };
        }
        let asset = path.strip_prefix("/assets/").filter(|rest| !rest.is_empty() && file(rest));
        asset.map(|rest| Self::File("assets".to_owned(), rest.to_owned()))
    }
}

/// A request that was let in.
struct Admission {
    route: &'static Route,
    /// The path below `/api/v1/`, if rules want to know it.
    path: String,
    parts: Vec<(&'static str, String)>,
    admitted: Admitted,
    method: Method,
    format: Format,
}

impl Admission {
    /// Runs the endpoint, and the rules that wait for such a request.
    fn run(&self, world: &mut World, request: &Parts, body: Option<Bytes>) -> Ran {
        if world.reactions.is_empty() {
            return Ran { reply: self.call(world, request, body), blow: None };
        }
        let asked = Asked {
            method: self.method.as_str(),
            path: &self.path,
            query: request.uri.query().unwrap_or_default(),
            body: body.as_deref().unwrap_or_default(),
        };
        let mut reaction = world.react_to_request(&asked);
        let blow = reaction.blow;
        let reply = match (reaction.answer.take(), blow) {
            (Some(answer), _) => told(answer),
            (None, Some(Blow { status: Some(status), .. })) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Reply::fault(status, status.canonical_reason().unwrap_or("Error"))
            }
            (None, _) => self.call(world, request, body),
        };
        world.follow(reaction);
        Ran { reply, blow }
    }

    /// Runs the endpoint's code. A panic in it is a fault of ours that must not reach the caller.
    fn call(&self, world: &mut World, request: &Parts, body: Option<Bytes>) -> Reply {
        let handler = self.route.handler;
        if handler.module == Module::Spn && world.rules.module_not_ready && !world.spn_enabled() {
            return Reply::fault(
                StatusCode::SERVICE_UNAVAILABLE,
                "The API endpoint is not ready yet or the its module is not enabled. Please try again later.",
            );
        }
        let call = Call {
            method: self.method.clone(),
            path: self.parts.clone(),
            query: request.uri.query().unwrap_or_default().to_owned(),
            headers: request.headers.clone(),
            body,
            token: self.admitted.token,
            format: self.format,
        };
        catch_unwind(AssertUnwindSafe(|| (handler.run)(world, &call)))
            .unwrap_or_else(|_| Reply::failure("Internal Server Error."))
    }

    fn with_cookie(&self, answer: Answer) -> Answer {
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
    Raw { status, headers, body }.into()
}

/// What came of a request at its endpoint.
struct Ran {
    reply: Reply,
    /// What rules do to the answer.
    blow: Option<Blow>,
}

/// Routes, authorises and, if no body is wanted, runs.
fn admit(shared: &Shared, world: &mut World, request: &Parts, path: &str, origin: &Origin) -> Step {
    let mut attempt = || -> Result<Step, Refusal> {
        let target = Target::of(path).ok_or_else(not_found)?;
        let method = effective_method(request)?;
        let write = is_write(&method)?;
        let options = request.method == Method::OPTIONS;
        if options && matches!(origin, Origin::Allowed(_)) {
            return Ok(Step::Answer(Answer::empty(StatusCode::OK)));
        }
        if matches!(target, Target::Database) {
            return pages::database(shared, world, request, write).map(Step::Upgrade);
        }
        if !matches!(target, Target::Endpoint) {
            return pages::answer(shared, world, request, &target, write).map(Step::Answer);
        }
        let Found { route, parts } = shared.routes.find(&path["/api/v1/".len()..]).ok_or_else(not_found)?;
        let required = if write { route.endpoint.write } else { route.endpoint.read };
        if required == Permission::NotSupported {
            return Err(not_allowed().into());
        }
        let admitted = match request.extensions.get::<Token>() {
            Some(token) => vouched(*token, required, write)?,
            None => authorise(world, shared.external_auth, request, required, write)?,
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
            format: Format::asked(&request.headers, shared.rules),
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

pub(super) fn not_found() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "Not found.")
}

pub(super) fn not_allowed() -> Answer {
    Answer::error(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.")
}

/// The method; for OPTIONS the one that is asked about (core-1.x §5).
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

/// Reads the body of POST and PUT.
async fn read_body(headers: &HeaderMap, body: Incoming) -> Result<Bytes, Answer> {
    let too_much = || {
        let answer = Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "too much input data");
        Answer { close: true, ..answer }
    };
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > LONGEST_BODY) {
        return Err(too_much());
    }
    match Limited::new(body, LONGEST_CHUNKED).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(fault) if fault.is::<LengthLimitError>() => Err(too_much()),
        Err(_) => Err(Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "failed to read bodyunexpected EOF")),
    }
}

/// Resolves a reply that waits or works, and renders it.
async fn finish(shared: &Arc<Shared>, admission: Admission, mut reply: Reply) -> Answer {
    loop {
        reply = match reply {
            Reply::After(span, then) => {
                shared.wait(span).await;
                *then
            }
            Reply::Wait { event_id, then } => {
                shared.answered(&event_id).await;
                shared.with(then)
            }
            Reply::Netquery(ask) => {
                let netquery = shared.netquery.clone();
                let least = tokio::time::Instant::now() + shared.netquery_latency;
                let done = tokio::task::spawn_blocking(move || ask(&netquery)).await;
                if !shared.netquery_latency.is_zero() {
                    tokio::time::sleep_until(least).await;
                }
                done.unwrap_or_else(|_| Reply::failure("Internal Server Error."))
            }
            done => {
                let answer =
                    render(done, admission.route.endpoint, &admission.method, admission.format, shared.rules);
                return admission.with_cookie(answer);
            }
        };
    }
}
