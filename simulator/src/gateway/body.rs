//! Bodies of requests.

use crate::limits;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_LENGTH, EXPECT},
};

use super::render::Answer;

/// Reads past a body that nobody wants, so that the next request can follow it; whether that was possible. A longer one, and
/// one that the caller waits to be asked for, ends the connection.
pub(super) async fn is_passed(headers: &HeaderMap, body: Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    let longer = declared(headers).is_some_and(|length| length > limits::UNWANTED_BODY as u64);
    if longer || headers.contains_key(EXPECT) {
        return false;
    }
    Limited::new(body, limits::UNWANTED_BODY).collect().await.is_ok()
}

/// The length that a request says it has.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Reads the body of POST and PUT.
pub(super) async fn read(headers: &HeaderMap, body: Incoming) -> Result<Bytes, Answer> {
    let too_much = || {
        let answer = Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "too much input data");
        Answer { close: true, ..answer }
    };
    if declared(headers).is_some_and(|length| length > limits::BODY) {
        return Err(too_much());
    }
    match Limited::new(body, limits::CHUNKED_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(fault) if fault.is::<LengthLimitError>() => Err(too_much()),
        Err(_) => Err(Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "failed to read bodyunexpected EOF")),
    }
}
