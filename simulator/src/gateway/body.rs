//! Bodies of requests.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    HeaderMap, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_LENGTH, EXPECT},
};
use portmaster_wire::together::{Share, Together};

use super::render::Answer;
use crate::{
    core::{Partial, gather},
    limits,
};

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
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    growing: &mut Share<&Together>,
) -> Result<Bytes, Answer> {
    let too_much = || {
        let answer = Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "too much input data");
        Answer { close: true, ..answer }
    };
    if declared(headers).is_some_and(|length| length > limits::BODY) {
        return Err(too_much());
    }
    match gather(body, (declared(headers), limits::CHUNKED_BODY), growing).await {
        Ok(body) => Ok(body),
        Err(Partial::TooLong | Partial::Full(_)) => Err(too_much()),
        Err(Partial::Broken(error)) => {
            let text = format!("failed to read body{}", cause(&error));
            Err(Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &text))
        }
    }
}

/// Why a body could not be read, in the words of Go's reader of chunks; what hyper says of it is in its last source.
fn cause(error: &(dyn Error + 'static)) -> &'static str {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    match last.to_string().to_lowercase() {
        text if text.contains("overflow") => "http chunk length too large",
        text if text.starts_with("invalid chunk size") => "invalid byte in chunk length",
        text if text.starts_with("invalid chunk") => "malformed chunked encoding",
        text if text.starts_with("invalid header") || text.starts_with("invalid trailer") => {
            "malformed MIME header"
        }
        _ => "unexpected EOF",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::cause;

    #[test]
    fn a_broken_body_says_what_broke() {
        for (said, text) in [
            ("Invalid chunk size line: missing size digit", "invalid byte in chunk length"),
            ("invalid chunk size: overflow", "http chunk length too large"),
            ("Invalid chunk body CR", "malformed chunked encoding"),
            ("unexpected end of file", "unexpected EOF"),
        ] {
            assert_eq!(cause(&io::Error::other(said)), text);
        }
    }
}
