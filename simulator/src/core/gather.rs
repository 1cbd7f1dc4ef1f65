//! Bodies of requests, put together while all together have room.

use std::ops::Deref;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Body;
use portmaster_wire::together::{Full, Share, Together};

/// Why a body is not whole.
#[derive(Debug)]
pub(crate) enum Partial<E> {
    /// It is longer than it may be.
    TooLong,
    /// Others have taken the room.
    Full(Full),
    /// It breaks off.
    Broken(E),
}

/// Puts a body together that is no longer than `most`. It counts in `share`; `declared` is the length that it says it has.
///
/// # Errors
/// When it is too long, or breaks off.
pub(crate) async fn gather<B: Body<Data = Bytes> + Unpin, T: Deref<Target = Together>>(
    mut body: B,
    (declared, most): (Option<u64>, usize),
    share: &mut Share<T>,
) -> Result<Bytes, Partial<B::Error>> {
    let most = declared.map_or(most, |length| most.min(usize::try_from(length).unwrap_or(most)));
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Partial::Broken)?.into_data() else { continue };
        if whole.is_empty() && body.is_end_stream() && data.len() <= most {
            return Ok(data);
        }
        let length = whole.len() + data.remaining();
        if length > most {
            return Err(Partial::TooLong);
        }
        if length > whole.capacity() {
            // What is kept for it counts, used or not.
            let room = length.max(2 * whole.capacity()).min(most);
            share.is(room).map_err(Partial::Full)?;
            whole.reserve_exact(room - whole.len());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}
