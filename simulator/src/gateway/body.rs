//! Bodies of requests.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{HeaderMap, StatusCode, body::Incoming, header::CONTENT_LENGTH};

use super::render::Answer;

/// The longest body that a core takes, by its declared length (core-1.x §5).
const LONGEST_BODY: u64 = 20_000_000;

/// The longest body that comes in chunks. Cores have no limit there; a simulator should not be filled up.
const LONGEST_CHUNKED: usize = 64 << 20;

/// Reads the body of POST and PUT.
pub(super) async fn read(headers: &HeaderMap, body: Incoming) -> Result<Bytes, Answer> {
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
