//! The websocket's door: what a request must be to become one (websocket §1.1).

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{
        CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    http::{HeaderValue, request::Parts},
};
use sha1::{Digest, Sha1};

use super::render::Answer;

/// What RFC 6455 adds to a key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The answer that begins a websocket: these headers and no other (websocket §1.1).
pub(super) fn switching(accept: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// Looks at an upgrade request: the value of `Sec-WebSocket-Accept`, or the refusal. The first failed check counts.
/// `decodes_key`: the rule of that name.
pub(super) fn accept(request: &Parts, decodes_key: bool) -> Result<HeaderValue, Answer> {
    let headers = &request.headers;
    if !has_token(headers, CONNECTION, "upgrade") {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "the client is not using the websocket protocol: 'upgrade' token not found in 'Connection' header",
        ));
    }
    if !has_token(headers, UPGRADE, "websocket") {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "the client is not using the websocket protocol: 'websocket' token not found in 'Upgrade' header",
        ));
    }
    if request.method != Method::GET {
        return Err(refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "the client is not using the websocket protocol: request method is not GET",
        ));
    }
    if !has_token(headers, SEC_WEBSOCKET_VERSION, "13") {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "unsupported version: 13 not found in 'Sec-Websocket-Version' header",
        ));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    let (holds, error) = match decodes_key {
        true => (
            STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16),
            "not a websocket handshake: 'Sec-WebSocket-Key' header must be Base64 encoded value of 16-byte in length",
        ),
        false => {
            (!key.is_empty(), "not a websocket handshake: 'Sec-WebSocket-Key' header is missing or blank")
        }
    };
    if !holds {
        return Err(refusal(StatusCode::BAD_REQUEST, error));
    }
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    Ok(HeaderValue::from_str(&STANDARD.encode(digest)).expect("base64 is plain ASCII"))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
}

fn refusal(status: StatusCode, reason: &str) -> Answer {
    let text = status.canonical_reason().unwrap_or_default();
    Answer::error(status, &format!("{text}\ncould not upgrade: websocket: {reason}"))
        .with(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
}
