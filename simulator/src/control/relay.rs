//! `/console/websocket`: the core's database websocket for pages of the control plane. Handshake and bytes are handed on as they
//! are; only the key is added, which a page cannot send in a header.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    },
    response::Response,
};
use hyper_util::rt::TokioIo;
use portmaster_wire::answer::Answer;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::TcpStream,
};

use super::{
    input::Query,
    plane::Plane,
    problem::Problem,
    route::{Route, get},
    send::address,
};
use crate::limits;

/// The subprotocol of those who show their token by another, see [`super::guard`].
const PROTOCOL: &str = "console";

pub(super) fn routes() -> Vec<Route> {
    let few = "A websocket that is the core's, from the first byte on.";
    vec![
        get("/console/websocket", "Speak to the core's database", open)
            .about(
                "A websocket to the core's `/api/database/v1`. A page that needs the control plane's token offers the subprotocols \
                 `console` and `bearer.TOKEN`, the token in Base64 for URLs.",
            )
            .query::<Door>()
            .answers_as::<String>(StatusCode::SWITCHING_PROTOCOLS, "application/octet-stream", few)
            .refuses([StatusCode::UPGRADE_REQUIRED, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY]),
    ]
}

/// How the core is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Door {
    /// The API key that is shown to the core.
    key: Option<String>,
}

async fn open(
    State(plane): State<Arc<Plane>>,
    Query(door): Query<Door>,
    mut request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let asks = headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let (true, Some(key)) = (asks, text(headers, &SEC_WEBSOCKET_KEY)) else {
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "this path is a websocket")
            .expected("the handshake of a websocket"));
    };
    let key = key.to_owned();
    let chosen = text(headers, &SEC_WEBSOCKET_PROTOCOL)
        .is_some_and(|all| all.split(',').any(|one| one.trim() == PROTOCOL));
    let place = Arc::clone(&plane.listeners)
        .try_acquire_owned()
        .map_err(|_| Problem::new(StatusCode::TOO_MANY_REQUESTS, "there are too many listeners already"))?;
    let bad = |why: String| Problem::new(StatusCode::BAD_GATEWAY, why);
    let (mut core, answer) = handshake(address(&plane.api)?, &key, door.key.as_deref())
        .await
        .map_err(|error| bad(format!("the core gives no whole answer: {error}")))?;
    let accept = answer.header(SEC_WEBSOCKET_ACCEPT.as_str()).and_then(|one| HeaderValue::from_str(one).ok());
    let Some(accept) = accept.filter(|_| answer.status == 101) else {
        return Err(bad(format!("the core answers the handshake with {}", answer.status)));
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _place = place;
        let Ok(page) = upgrade.await else { return };
        let mut page = TokioIo::new(page);
        // What came behind the head already.
        if page.write_all(&answer.body).await.is_ok() {
            // Whoever goes ends it for both.
            let _ = copy_bidirectional(&mut page, &mut core).await;
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if chosen {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}

fn text<'h>(headers: &'h HeaderMap, name: &axum::http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Asks the core for a websocket: the connection, and the answer with what came behind its head.
async fn handshake(address: SocketAddr, key: &str, secret: Option<&str>) -> io::Result<(TcpStream, Answer)> {
    let mut stream = TcpStream::connect(address).await?;
    let mut request = format!(
        "GET /api/database/v1 HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    );
    if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
        if secret.chars().any(char::is_control) {
            return Err(io::Error::other("the key has control characters in it, and was not sent"));
        }
        request.push_str(&format!("Authorization: Bearer {secret}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") && bytes.len() < limits::HEAD {
        if stream.read_buf(&mut bytes).await? == 0 {
            break;
        }
    }
    // Of a refusal the body may be missing, which is nothing that is told.
    let answer = Answer::begun(bytes).ok_or_else(|| io::Error::other("it is not HTTP"))?;
    Ok((stream, answer))
}
