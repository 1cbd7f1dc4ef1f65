//! What goes wrong on the way: answers that come late, slowly, broken or not at all.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    StatusCode,
    body::{Body, Frame},
};

use super::render::Answer;
use crate::{core::Shared, world::Blow};

/// The body of an answer; only one that was struck is not whole.
pub(super) type Sent = Either<Full<Bytes>, Shaped>;

/// How often a slow body goes on, in a second.
const STEPS: u32 = 10;

/// The connection is to be reset in the place of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is reset, as the scenario has it")]
pub(super) struct Reset;

/// The answer with a status and nothing of the endpoint's.
pub(super) fn status(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::error(status, status.canonical_reason().unwrap_or("Error"))
}

/// Strikes an answer before it gets its length.
///
/// # Errors
/// When there is to be none.
pub(super) async fn strike(shared: &Shared, blow: &Blow, mut answer: Answer) -> Result<Answer, Reset> {
    if !blow.late.is_zero() {
        shared.wait(blow.late).await;
    }
    if blow.reset {
        return Err(Reset);
    }
    if blow.malformed_json {
        answer.body = malformed(&answer.body);
    }
    Ok(answer)
}

/// A body without its last bracket or quotation mark; one that has none loses its last byte.
fn malformed(body: &Bytes) -> Bytes {
    let at = body.iter().rposition(|byte| b"]}\"".contains(byte)).unwrap_or(body.len().saturating_sub(1));
    let after = body.get(at + 1..).unwrap_or_default();
    [&body[..at.min(body.len())], after].concat().into()
}

/// Lets a body come slowly or break off; one that is `open` ends with its connection.
pub(super) fn shape(shared: &Arc<Shared>, blow: &Blow, mut rest: Bytes, open: bool) -> Sent {
    if blow.slow.is_none() && blow.truncate.is_none() && !open {
        return Either::Left(Full::new(rest));
    }
    let most = blow.truncate.map_or(rest.len(), |most| most as usize);
    let breaks = most < rest.len();
    rest.truncate(most);
    Either::Right(Shaped {
        rest,
        chunk: blow.slow.map(|rate| (rate / STEPS).max(1)),
        step: blow.slow.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.min(STEPS)),
        breaks,
        flushed: false,
        pause: None,
        shared: Arc::clone(shared),
    })
}

/// A body that comes slowly or breaks off.
pub(super) struct Shaped {
    rest: Bytes,
    /// How much comes at once; everything if absent.
    chunk: Option<u32>,
    /// How much of the world's time is between.
    step: Duration,
    /// Whether the connection breaks in the end.
    breaks: bool,
    /// Whether what came before the break was given time to leave.
    flushed: bool,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    shared: Arc<Shared>,
}

impl Body for Shaped {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.rest.is_empty() {
            if !self.breaks {
                return Poll::Ready(None);
            }
            if !self.flushed {
                self.flushed = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let length = self.chunk.map_or(self.rest.len(), |chunk| self.rest.len().min(chunk as usize));
        let chunk = self.rest.split_to(length);
        if self.chunk.is_some() && !self.rest.is_empty() {
            let (shared, step) = (Arc::clone(&self.shared), self.step);
            self.pause = Some(Box::pin(async move { shared.wait(step).await }));
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_lose_their_last_bracket() {
        for (body, broken) in [
            ("{\"a\":[1]}\n", "{\"a\":[1]\n"),
            ("[]", "["),
            ("\"text\"", "\"text"),
            ("Pong.\n", "Pong."),
            ("", ""),
        ] {
            assert_eq!(malformed(&Bytes::from_static(body.as_bytes())), broken.as_bytes(), "{body}");
        }
    }
}
