//! One client's connection, from the upgrade to its end.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use portmaster_fixtures::mutant::FrameKind;
use portmaster_wire::link::Link;
use tokio::{
    io::AsyncWriteExt,
    task::{JoinSet, coop::consume_budget, yield_now},
    time::sleep,
};

use super::{
    frames::{Incoming, Reader},
    outbox::{Outbox, Output},
    session::Session,
    subscribers::Subscribers,
};
use crate::{
    core::{Bridge, Shared},
    limits,
    mutants::{Ear, Sway},
};

/// How much is read at once.
const READ: usize = 8 << 10;

/// How much is written at once.
const WRITE: usize = 64 << 10;

/// How long a connection lives after the core went down (websocket §7).
const AFTERGLOW: Duration = Duration::from_millis(150);

/// Serves a client until it goes or the core goes down. `input` is what came behind the handshake, `number` the
/// connection's in the journal.
///
/// # Errors
/// When the stream breaks.
pub(super) async fn serve(
    mut stream: Link,
    mut input: BytesMut,
    number: u64,
    shared: Arc<Shared>,
    (subscribers, bridge): (Arc<Subscribers>, Bridge),
) -> io::Result<()> {
    let mut session = Session::new(&shared, number, subscribers, bridge);
    let outbox = session.outbox();
    let mut reader = Reader::new(shared.max_message());
    let mut ear = shared.mutants().ear();
    let mut heard = VecDeque::new();
    let mut output = Output::default();
    let mut leaving = shared.unsent.held();
    let mut jobs = JoinSet::new();
    let mut lifecycle = shared.lifecycle();
    let mut farewell: Option<(Option<u16>, String)> = None;
    let mut growing = shared.unread.begin();
    loop {
        while farewell.is_none() && outbox.has_room() && jobs.len() < limits::CALLS {
            if heard.is_empty() {
                match reader.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(incoming)) => match &mut ear {
                        None => heard.push_back(incoming),
                        Some(ear) => heard.extend(misheard(ear, &outbox, incoming)),
                    },
                    Err(violation) => farewell = Some((Some(violation.code), violation.reason)),
                }
            }
            match heard.pop_front() {
                None => {}
                Some(Incoming::Message(message)) => {
                    // Much can have come at once: others have their turn between.
                    consume_budget().await;
                    match shared.process.ask(|| message.to_vec()).await {
                        Sway::Drop => return Ok(()),
                        Sway::Queue(turn) => shared.process.wait(turn).await,
                        Sway::Answer | Sway::Refuse(..) => {}
                    }
                    let turn = shared.turns.acquire().await;
                    session.take(&shared, message, &mut jobs);
                    // While the turn is held nothing else is to be done here, so that the thread looks who came meanwhile.
                    if outbox.is_long() {
                        yield_now().await;
                    }
                    drop(turn);
                }
                Some(Incoming::Ping(payload)) => outbox.pong(&payload),
                Some(Incoming::Close(code)) => farewell = Some((code, String::new())),
            }
        }
        let stalled = farewell.is_none() && !outbox.has_room();
        let mut gone = 0;
        loop {
            outbox.fill(&mut output, WRITE);
            if !output.has_remaining() {
                break;
            }
            match stream.try_write(output.chunk()) {
                Ok(written) => {
                    output.advance(written);
                    gone += written;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            if gone >= WRITE {
                gone = 0;
                outbox.leaves(&output, &mut leaving);
                // What is written is made for it, and a stream takes megabytes at once: others have their turn between.
                yield_now().await;
            }
        }
        let sent_all = !output.has_remaining();
        if sent_all {
            // An idle connection keeps no buffers.
            output = Output::default();
            if let Some((code, reason)) = farewell {
                outbox.write_close(&mut output, code, &reason);
                stream.write_all_buf(&mut output).await?;
                return end(stream).await;
            }
            if stalled {
                continue;
            }
            if input.is_empty() {
                input = BytesMut::new();
            }
        }
        outbox.leaves(&output, &mut leaving);
        if growing.is(input.capacity() + reader.begun()).is_err() && farewell.is_none() {
            farewell = Some((Some(1009), "too many messages that are not whole".to_owned()));
            (input, reader) = (BytesMut::new(), Reader::new(shared.max_message()));
            continue;
        }
        // Frames that are no messages are many, too, in no time.
        consume_budget().await;
        let reads = farewell.is_none() && outbox.has_room() && jobs.len() < limits::CALLS;
        tokio::select! {
            ready = stream.readable(), if reads => {
                ready?;
                input.reserve(READ);
                match stream.try_read_buf(&mut input) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            ready = stream.writable(), if !sent_all => ready?,
            () = outbox.ready.notified(), if sent_all => {}
            () = outbox.over.notified() => return Ok(()),
            _ = jobs.join_next(), if !jobs.is_empty() => {}
            () = async { _ = lifecycle.wait_for(Option::is_some).await } => {
                // What was told of it is still on its way, and so may be the answer to who asked for it; then the stream ends
                // without a farewell.
                let sending = async {
                    loop {
                        outbox.fill(&mut output, WRITE);
                        if output.has_remaining() {
                            stream.write_all_buf(&mut output).await?;
                        } else if jobs.join_next().await.is_none() {
                            return Ok::<_, io::Error>(());
                        }
                    }
                };
                let _ = tokio::time::timeout(AFTERGLOW, sending).await;
                sleep(AFTERGLOW).await;
                return Ok(());
            }
        }
    }
}

/// What mutants hear in what a client sent.
fn misheard(ear: &mut Ear, outbox: &Outbox, incoming: Incoming) -> Vec<Incoming> {
    let (kind, payload) = match incoming {
        Incoming::Message(payload) => (FrameKind::Message, payload),
        Incoming::Ping(payload) => (FrameKind::Ping, payload),
        close @ Incoming::Close(_) => return vec![close],
    };
    let heard = ear.hear(kind, &payload);
    heard.answers.into_iter().for_each(|answer| outbox.message(answer));
    let again = |payload: Vec<u8>| match kind {
        FrameKind::Ping => Incoming::Ping(BytesMut::from(&payload[..])),
        _ => Incoming::Message(BytesMut::from(&payload[..])),
    };
    heard.payloads.into_iter().map(again).collect()
}

/// Ends the stream, and waits a moment for the peer to do the same: bytes left unread would throw away our last ones.
async fn end(mut stream: Link) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 512];
    let drained = async {
        loop {
            stream.readable().await?;
            match stream.try_read_buf(&mut &mut rest[..]) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    };
    tokio::time::timeout(limits::LINGER, drained).await.unwrap_or(Ok(()))
}
