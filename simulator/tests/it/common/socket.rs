//! A client of the database websocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use portmaster_simulator::Simulator;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// Long enough for a busy machine; nothing waits that long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens one, with a key where that is asked for.
    pub(crate) async fn open(simulator: &Simulator, key: Option<&str>) -> Self {
        let url = format!("ws://{}/api/database/v1", simulator.addr());
        let mut request = url.into_client_request().expect("a request");
        if let Some(key) = key {
            let badge = format!("Bearer {key}").parse().expect("a header");
            request.headers_mut().insert("authorization", badge);
        }
        Self(connect_async(request).await.expect("an upgrade").0)
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.expect("sent");
    }

    /// The next message. All are binary, and texts.
    pub(crate) async fn next(&mut self) -> String {
        let message = timeout(PATIENCE, self.0.next()).await.expect("a message in time");
        let Some(Ok(Message::Binary(bytes))) = message else {
            panic!("expected a binary message: {message:?}")
        };
        String::from_utf8(bytes.to_vec()).expect("a text")
    }

    /// Sends a message, and what comes until one that begins like this.
    pub(crate) async fn told(&mut self, message: impl Into<String>, end: &str) -> Vec<String> {
        self.send(message).await;
        let mut told = Vec::new();
        loop {
            match self.next().await {
                last if last.starts_with(end) => return told,
                one => told.push(one),
            }
        }
    }
}
