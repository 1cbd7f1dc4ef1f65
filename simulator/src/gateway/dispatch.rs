//! From a request to an answer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::Incoming,
    header::{CONNECTION, CONTENT_LENGTH, DATE, HOST, TRANSFER_ENCODING},
    http::{HeaderValue, request::Parts},
    upgrade::OnUpgrade,
};
use tokio::sync::Notify;

use super::{
    admission::Admission,
    authorise::Prompted,
    body,
    early::{malformed, wellformed},
    faults::{self, Reset, Sent},
    front::{Front, Step, date},
    path::Path,
    recorder::Recorder,
    render::{Answer, Whole, render},
    stream::Instead,
    upgrade::switching,
};
use crate::{
    api::Reply,
    core::{Fields, Served, Shared},
    limits,
    mutants::{Edited, Sway},
    world::{Blow, World},
};

/// What a request is answered.
enum Said {
    Whole(Whole, Option<Blow>),
    /// It becomes a websocket; the value that proves it.
    Upgrade(HeaderValue),
}

/// Answers one request. Who is told that the connection ends before all was sent is `end`.
pub(super) async fn handle(
    shared: Arc<Shared>,
    connection: u64,
    mut request: Request<Incoming>,
    upgraded: &Mutex<Option<OnUpgrade>>,
    (instead, end): (&Instead, &Arc<Notify>),
) -> Result<Response<Sent>, Reset> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (mut parts, body) = request.into_parts();
    let mut queue = None;
    match shared.process.ask(|| format!("{} {}", parts.method, parts.uri).into_bytes()).await {
        Sway::Answer => {}
        Sway::Queue(turn) => queue = Some(turn),
        Sway::Refuse(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let served = shared.served();
            let (dev_mode, date) = shared.with(|world| (world.dev_mode(), date(world)));
            let answer = Answer::error(status, body.trim_end());
            let whole = Whole {
                answer,
                head: parts.method == Method::HEAD,
                behaviour: served.behaviour,
                dev_mode,
                cors: Vec::new(),
                date,
                counted: false,
            };
            return Ok(whole.into_response().map(|body| Sent::Left(Full::new(body))));
        }
        Sway::Drop => return Err(Reset),
    }
    let served = shared.served();
    let mutants = &served.mutants;
    let asked = mutants.request(&mut parts, || shared.with(|world| world.dev_mode()));
    // As in Go, the host of an absolute target stands in for the header.
    if parts.uri.scheme().is_some()
        && let Some(host) = parts.uri.authority().and_then(|one| HeaderValue::from_str(one.as_str()).ok())
    {
        parts.headers.insert(HOST, host);
    }
    let mut recorder = Recorder::new(shared.journal.as_ref(), connection, &parts);
    let (mut blow, mut counted) = (None, false);
    let mut response = if parts.method == Method::OPTIONS && parts.uri.path() == "*" {
        // Go answers this one itself.
        shared.with(|world| {
            recorder.begin();
            let mut response = Response::new(Bytes::new());
            response.headers_mut().insert(DATE, date(world));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
            response
        })
    } else {
        match wellformed(&parts) {
            Err(answer) => {
                recorder.begin();
                malformed(answer)
            }
            Ok(path) => match answer(&shared, &mut parts, &path, &mut recorder, (Some(body), end)).await {
                Ok(Said::Whole(whole, struck)) => {
                    (blow, counted) = (struck, whole.counted);
                    whole.into_response()
                }
                Ok(Said::Upgrade(accept)) => {
                    *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
                    switching(accept)
                }
                Err(reset) => {
                    recorder.reset();
                    return Err(reset);
                }
            },
        }
    };
    // Who is refused is so at once.
    if let Some(turn) = queue.filter(|_| !response.status().is_client_error()) {
        shared.process.wait(turn).await;
    }
    if let Some(asked) = asked {
        response = match mutants.answer(&asked, response) {
            Edited::Response(response) => response,
            Edited::Raw(bytes) => {
                _ = instead.raw.set(bytes);
                closing()
            }
        };
    }
    // Before chunks were known, a body of which nobody tells the length ended with its connection.
    let open = parts.version < Version::HTTP_11 && response.headers_mut().remove(TRANSFER_ENCODING).is_some();
    recorder.end(response.status(), || Fields::of(response.headers()), response.body(), counted);
    // Many can be asked for at once.
    if response.body().len() >= limits::UNREAD_EACH {
        shared.next_turn().await;
    }
    Ok(response.map(|body| faults::shape(&shared, &blow.unwrap_or_default(), body, open)))
}

/// What is still to be sent of a plain answer.
pub(super) struct Plain {
    pub(super) body: Sent,
    /// Whether it goes in chunks.
    pub(super) chunked: bool,
    /// Whether the connection goes on.
    pub(super) goes_on: bool,
}

/// Answers a plain question, where nothing is amiss: the head is written.
pub(super) async fn handle_plain(
    shared: &Arc<Shared>,
    connection: u64,
    parts: &mut Parts,
    (out, end): (&mut Vec<u8>, &Arc<Notify>),
) -> Result<Plain, Reset> {
    let mut recorder = Recorder::new(shared.journal.as_ref(), connection, parts);
    let said = match wellformed(parts) {
        Ok(path) => answer(shared, parts, &path, &mut recorder, (None, end)).await,
        // No plain question is malformed.
        Err(_) => Err(Reset),
    };
    // None becomes a websocket.
    let Ok(Said::Whole(whole, blow)) = said else {
        recorder.reset();
        return Err(Reset);
    };
    let (status, counted) = (whole.answer.status, whole.counted);
    let (goes_on, chunked) = (!whole.answer.close, whole.is_chunked());
    let body = whole.write(out);
    recorder.end(status, || Fields::read(out).0, &body, counted);
    let body = faults::shape(shared, &blow.unwrap_or_default(), body, false);
    Ok(Plain { body, chunked, goes_on })
}

/// What nobody will see: other bytes are sent in its place, and the connection ends.
fn closing() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer to one request, and what faults do to it. All that needs no body is decided and done under one lock of
/// the world.
async fn answer(
    shared: &Arc<Shared>,
    parts: &mut Parts,
    path: &Path,
    recorder: &mut Recorder,
    (mut unread, end): (Option<Incoming>, &Arc<Notify>),
) -> Result<Said, Reset> {
    let head = parts.method == Method::HEAD;
    let mut blow = None;
    let mut front = shared.with(|world| {
        recorder.begin();
        blow = struck(world, parts, path, recorder);
        // A request that is to wait has not come yet; one with a status of its own goes no further.
        if blow.is_some_and(|blow| !blow.delay.is_zero()) {
            Front::of(shared.served(), world, Step::Answer(Answer::no_content()))
        } else {
            Front::look(shared, world, parts, path, blow)
        }
    });
    if let Some(blow) = blow.filter(|blow| !blow.delay.is_zero()) {
        shared.wait(blow.delay).await;
        front = shared.with(|world| Front::look(shared, world, parts, path, Some(blow)));
    }
    let step = loop {
        match front.step {
            Step::Prompt(prompt) => {
                shared.answered(&prompt).await;
                parts.extensions.insert(Prompted(prompt));
                front = shared.with(|world| Front::look(shared, world, parts, path, blow));
            }
            decided => break decided,
        }
    };
    recorder.pass(front.pass);
    let answer = match step {
        Step::Prompt(_) => unreachable!("it was waited for"),
        Step::Answer(answer) => answer,
        Step::Upgrade(accept) => return Ok(Said::Upgrade(accept)),
        Step::Replied(admission, ran) => {
            blow = merged(blow, ran.blow);
            recorder.acted("rules", &ran.rules);
            finish(shared, &front.served, admission, ran.reply).await
        }
        Step::NeedsBody(admission) => {
            let mut growing = shared.unread.begin();
            let body = match unread.take() {
                Some(body) => body::read(&parts.headers, body, &mut growing).await,
                None => Ok(Bytes::new()),
            };
            match body {
                Ok(body) => {
                    recorder.body(&body);
                    let ran = shared.with(|world| admission.run(world, parts, Some(body)));
                    blow = merged(blow, ran.blow);
                    recorder.acted("rules", &ran.rules);
                    finish(shared, &front.served, admission, ran.reply).await
                }
                Err(answer) => admission.with_cookie(answer),
            }
        }
    };
    let passed = match unread {
        Some(body) => body::is_passed(&parts.headers, body).await,
        None => true,
    };
    let mut answer = Answer { close: answer.close || !passed, ..answer };
    // What others have, too, such as the file of a user interface, is no weight.
    let counted = answer.body.len() >= limits::UNREAD_EACH && answer.body.is_unique();
    if counted {
        answer.body = shared.unsent.answer(answer.body, end);
    }
    if let Some(blow) = &blow {
        answer = faults::strike(shared, blow, answer).await?;
    }
    let Front { served, dev_mode, date, cors, .. } = front;
    Ok(Said::Whole(Whole { answer, head, behaviour: served.behaviour, dev_mode, cors, date, counted }, blow))
}

/// How a scenario's faults strike a request.
fn struck(world: &mut World, parts: &Parts, path: &Path, recorder: &mut Recorder) -> Option<Blow> {
    if world.faults.is_empty() {
        return None;
    }
    let (blow, by) = world.strike(parts.method.as_str(), &path.decoded)?;
    recorder.acted("faults", &by);
    Some(blow)
}

/// What faults do to a request, and what rules do to its answer: there is no more waiting beforehand.
fn merged(of_faults: Option<Blow>, of_rules: Option<Blow>) -> Option<Blow> {
    let Some(of_rules) = of_rules else { return of_faults };
    let late = Blow { late: of_rules.late + of_rules.delay, ..of_rules };
    Some(of_faults.unwrap_or_default().and(late))
}

/// Resolves a reply that waits or works, and renders it.
pub(super) async fn finish(
    shared: &Arc<Shared>,
    served: &Served,
    admission: Admission,
    mut reply: Reply,
) -> Answer {
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
                let netquery = served.netquery.clone();
                let least = tokio::time::Instant::now() + shared.netquery_latency;
                let done = tokio::task::spawn_blocking(move || ask(&netquery)).await;
                if !shared.netquery_latency.is_zero() {
                    tokio::time::sleep_until(least).await;
                }
                done.unwrap_or_else(|_| Reply::failure("Internal Server Error."))
            }
            done => {
                let answer =
                    render(done, admission.route, &admission.method, admission.format, served.behaviour);
                return admission.with_cookie(answer);
            }
        };
    }
}
