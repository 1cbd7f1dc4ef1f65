//! What goes wrong on the way: answers that come late, slowly, broken or not at all.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Response, StatusCode,
    body::{Body, Frame},
};
use tokio::{
    io::AsyncWrite,
    net::tcp::{OwnedWriteHalf, ReuniteError},
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

/// Lets the body of a response come slowly or break off.
pub(super) fn shape(shared: &Arc<Shared>, blow: &Blow, response: Response<Bytes>) -> Response<Sent> {
    if blow.slow.is_none() && blow.truncate.is_none() {
        return response.map(|body| Either::Left(Full::new(body)));
    }
    response.map(|mut rest| {
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

/// What a connection does in the place of what it would.
#[derive(Debug, Default)]
pub(super) struct Instead {
    /// It ends with a reset in the place of a farewell.
    pub(super) reset: AtomicBool,
    /// It sends these bytes in the place of its last answer.
    pub(super) raw: OnceLock<Bytes>,
}

/// The writing half of a connection, which may do something instead.
#[derive(Debug)]
pub(super) struct Writer {
    half: Option<OwnedWriteHalf>,
    instead: Arc<Instead>,
    /// How much of the other bytes is sent.
    sent: usize,
}

impl Writer {
    /// A half that heeds what is to be done instead.
    pub(super) fn new(half: OwnedWriteHalf, instead: Arc<Instead>) -> Self {
        Self { half: Some(half), instead, sent: 0 }
    }

    /// The connection with its reading half.
    ///
    /// # Errors
    /// When they do not belong together.
    pub(super) fn reunite(
        mut self,
        reader: tokio::net::tcp::OwnedReadHalf,
    ) -> Result<tokio::net::TcpStream, ReuniteError> {
        let half = self.half.take().expect("the half is there until it is dropped");
        reader.reunite(half)
    }

    /// Writes what is to be sent instead, if something is: ready once that is done.
    fn poll_instead(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Poll<io::Result<()>>> {
        let instead = Arc::clone(&self.instead);
        let raw = instead.raw.get()?;
        while let Some(rest) = raw.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.as_mut().half().poll_write(cx, rest) {
                Poll::Ready(Ok(written)) => self.sent += written,
                Poll::Ready(Err(fault)) => return Some(Poll::Ready(Err(fault))),
                Poll::Pending => return Some(Poll::Pending),
            }
        }
        Some(Poll::Ready(Ok(())))
    }

    fn half(self: Pin<&mut Self>) -> Pin<&mut OwnedWriteHalf> {
        Pin::new(self.get_mut().half.as_mut().expect("the half is there until it is dropped"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(half) = self.half.take()
            && self.instead.reset.load(Ordering::Relaxed)
        {
            // Without it the peer sees an end in the place of a reset.
            let _ = half.as_ref().set_zero_linger();
            half.forget();
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(done) = self.as_mut().poll_instead(cx) {
            return done.map_ok(|()| bytes.len());
        }
        self.half().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(done) = self.as_mut().poll_instead(cx) {
            return done.map_ok(|()| slices.iter().map(|slice| slice.len()).sum());
        }
        self.half().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.half.as_ref().is_some_and(AsyncWrite::is_write_vectored)
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
