//! The stream below HTTP: what was read of it before, and what it does in the place of an answer.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use portmaster_wire::link::Link;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream is not used any more once it was taken apart.
const HERE: &str = "the stream is there until it is taken out";

/// Head and body of an answer of up to so many bytes are copied together: the system takes one piece more quickly than two.
const SHORT: usize = 1024;

/// What a connection does in the place of what it would.
#[derive(Debug, Default)]
pub(super) struct Instead {
    /// It ends with a reset in the place of a farewell.
    pub(super) reset: AtomicBool,
    /// It sends these bytes in the place of its last answer.
    pub(super) raw: OnceLock<Bytes>,
}

/// A connection that was looked at before it is served.
#[derive(Debug)]
pub(super) struct Stream {
    /// It is there until it is taken out.
    link: Option<Link>,
    /// What was read, and is read again first.
    first: Bytes,
    instead: Arc<Instead>,
    /// How much of the other bytes is sent.
    sent: usize,
}

impl Stream {
    /// The stream, of which that was read already.
    pub(super) fn new(link: Link, first: Vec<u8>, instead: Arc<Instead>) -> Self {
        Self { link: Some(link), first: first.into(), instead, sent: 0 }
    }

    /// The stream, and what is still to be read before it.
    pub(super) fn into_parts(mut self) -> (Link, Bytes) {
        (self.link.take().expect(HERE), std::mem::take(&mut self.first))
    }

    fn link(&mut self) -> Pin<&mut Link> {
        Pin::new(self.link.as_mut().expect(HERE))
    }

    /// Writes what is to be sent instead, if something is: ready once that is done.
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<()>>> {
        // Bytes are shared, not copied.
        let raw = self.instead.raw.get()?.clone();
        while let Some(rest) = raw.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.link().poll_write(cx, rest) {
                Poll::Ready(Ok(written)) => self.sent += written,
                Poll::Ready(Err(error)) => return Some(Poll::Ready(Err(error))),
                Poll::Pending => return Some(Poll::Pending),
            }
        }
        Some(Poll::Ready(Ok(())))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(link) = &self.link
            && self.instead.reset.load(Ordering::Relaxed)
        {
            // Without it the peer sees an end in the place of a reset.
            let _ = link.set_zero_linger();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return self.link().poll_read(cx, into);
        }
        let length = self.first.len().min(into.remaining());
        into.put_slice(&self.first[..length]);
        self.first.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(done) = self.poll_instead(cx) {
            return done.map_ok(|()| bytes.len());
        }
        self.link().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if let Some(done) = self.poll_instead(cx) {
            return done.map_ok(|()| length);
        }
        if length > SHORT {
            return self.link().poll_write_vectored(cx, slices);
        }
        let (mut together, mut end) = ([0; SHORT], 0);
        for slice in slices {
            together[end..end + slice.len()].copy_from_slice(slice);
            end += slice.len();
        }
        self.link().poll_write(cx, &together[..end])
    }

    fn is_write_vectored(&self) -> bool {
        self.link.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link().poll_shutdown(cx)
    }
}
