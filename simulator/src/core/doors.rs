//! What leads from one of those that stand on the core to another: none of them knows the other, whoever starts them joins
//! them.

use std::{future::Future, io, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use hyper::{Method, StatusCode};
use portmaster_wire::link::Link;

use super::shared::Shared;

/// Work that goes on by itself.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What serves connections that became websockets.
pub(crate) trait Websocket: Send + Sync {
    /// Serves one until it ends. `input` is what came behind the handshake, `number` the connection's in the journal.
    fn serve(
        self: Arc<Self>,
        stream: Link,
        input: BytesMut,
        number: u64,
        shared: Arc<Shared>,
    ) -> Work<io::Result<()>>;
}

/// Asks the API from inside, with an administrator's permissions (websocket §6).
pub(crate) type Bridge = fn(Arc<Shared>, Inside) -> Work<Bridged>;

/// A request from inside.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) mime_type: Option<String>,
    pub(crate) body: Bytes,
}

/// What a request from inside brought.
#[derive(Debug)]
pub(crate) struct Bridged {
    pub(crate) status: StatusCode,
    pub(crate) mime_type: String,
    pub(crate) body: Bytes,
}
