//! Connections: accepting them, and what they become.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use bytes::BytesMut;
use hyper::{server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use portmaster_wire::link::Link;
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    sync::{Notify, mpsc::UnboundedReceiver},
    task::JoinSet,
};

use super::{
    dispatch::{self, Plain},
    head::{self, Verdict},
    patience::Patience,
    plain,
    stream::{Instead, Stream},
};
use crate::{
    core::{Shared, Websocket, accept},
    limits,
    mutants::Sway,
};

/// Serves connections, and what the world does by itself, until the task is dropped.
pub(crate) async fn serve(
    (listener, within): (TcpListener, UnboundedReceiver<Link>),
    shared: Arc<Shared>,
    door: Arc<dyn Websocket>,
) {
    // Ends with this task.
    let mut by_itself = JoinSet::new();
    let world = Arc::clone(&shared);
    by_itself.spawn(async move { world.run_by_itself().await });
    accept(
        (listener, Some(within)),
        limits::CONNECTIONS,
        || (),
        |stream| {
            let (shared, door) = (Arc::clone(&shared), Arc::clone(&door));
            async move {
                let end = Arc::default();
                tokio::select! {
                    biased;
                    // A peer that breaks off is no fault of ours.
                    _ = connection(stream, shared, door, &end) => {}
                    () = end.notified() => {}
                }
            }
        },
    )
    .await;
}

/// Serves one connection until it ends.
async fn connection(
    mut stream: Link,
    shared: Arc<Shared>,
    door: Arc<dyn Websocket>,
    end: &Arc<Notify>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    if shared.process.connect().await == Sway::Drop {
        return Ok(());
    }
    stream.set_nodelay()?;
    let patience = Patience::default();
    let (mut input, mut out) = (BytesMut::new(), Vec::new());
    if !head::read(&mut stream, &mut input, &patience, &shared.unread).await? {
        return Ok(());
    }
    let number = shared.journal.as_ref().map_or(0, |book| book.connection());
    let mut last = None;
    while let Some(mut asked) = shared.is_plain().then(|| plain::take(&mut input, last.take())).flatten() {
        out.clear();
        let goes_on = match dispatch::handle_plain(&shared, number, &mut asked.parts, (&mut out, end)).await {
            Ok(Plain { body, chunked, goes_on }) => {
                let is_long = hyper::body::Body::size_hint(&body).lower() >= limits::UNREAD_EACH as u64;
                plain::send(&mut stream, &mut out, body, chunked).await?;
                // Many can be asked for at once.
                if is_long && !input.is_empty() {
                    shared.next_turn().await;
                }
                goes_on
            }
            Err(reset) => {
                stream.set_zero_linger()?;
                return Err(reset.into());
            }
        };
        if !goes_on {
            return Ok(stream.shutdown().await?);
        }
        last = Some(asked).filter(|asked| asked.is_short());
        if !head::read(&mut stream, &mut input, &patience, &shared.unread).await? {
            return Ok(());
        }
    }
    drop(last);
    let bytes = Vec::from(input);
    // It is only looked at again if it is refused.
    let seen = shared.journal.as_ref().map(|book| (book, bytes.clone()));
    let mutants = shared.mutants();
    let asked = mutants.refused(&bytes);
    let first = match head::inspect(bytes) {
        Verdict::Pass(first) => first,
        Verdict::Refuse(answer) => {
            let answer = mutants.refusal(asked, answer);
            if let Some((book, head)) = seen {
                book.refused_head(number, &head, &answer);
            }
            stream.write_all(&answer).await?;
            return Ok(stream.shutdown().await?);
        }
    };
    // Later heads that are as long are rare, and hyper would hold one for each connection.
    let longest = limits::LATER_HEAD.max(first.len() + 4096);
    let many_fields = head::fields(&first) > limits::USUAL_FIELDS;
    let instead = Arc::new(Instead::default());
    let io = TokioIo::new(Stream::new(stream, first, Arc::clone(&instead)));
    let upgraded = Mutex::new(None);
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        let (upgraded, instead) = (&upgraded, &instead);
        async move {
            let answered = dispatch::handle(shared, number, request, upgraded, (instead, end)).await;
            if answered.is_err() {
                instead.reset.store(true, Ordering::Relaxed);
            }
            answered
        }
    });
    let mut http = http1::Builder::new();
    if many_fields {
        http.max_headers(limits::HEAD_FIELDS);
    }
    http.auto_date_header(false)
        .half_close(true)
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(longest)
        .timer(patience)
        .title_case_headers(true)
        .serve_connection(io, service)
        .with_upgrades()
        .await?;
    let upgraded = upgraded.lock().unwrap_or_else(PoisonError::into_inner).take();
    match upgraded {
        Some(upgrade) => websocket(upgrade, number, shared, door).await,
        None => Ok(()),
    }
}

/// Serves a connection that became a websocket. Nothing of HTTP is kept for it.
async fn websocket(
    upgrade: OnUpgrade,
    number: u64,
    shared: Arc<Shared>,
    door: Arc<dyn Websocket>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let parts = upgrade.await?.downcast::<TokioIo<Stream>>().map_err(|_| "not a connection of ours")?;
    let (stream, first) = parts.io.into_inner().into_parts();
    let mut input = BytesMut::from(&parts.read_buf[..]);
    input.extend_from_slice(&first);
    Ok(door.serve(stream, input, number, shared).await?)
}
