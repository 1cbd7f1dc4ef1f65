//! The database websocket, as far as a reader needs it.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use super::http::Client;
use crate::limits;

/// An open database websocket.
#[derive(Debug)]
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u32,
}

/// What a query found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Key and value of the records, in the order of their arrival.
    pub(super) records: Vec<(String, Value)>,
    /// How many records were in a form that is not read.
    pub(super) unread: usize,
    /// How it ended, if not well.
    pub(super) error: Option<String>,
}

impl Socket {
    /// Opens it.
    ///
    /// # Errors
    /// Says why it was refused.
    pub(super) async fn open(client: &Client) -> Result<Self, String> {
        let url = format!("ws://{}/api/database/v1", client.authority());
        let mut request = url.into_client_request().map_err(|error| error.to_string())?;
        if let Some(badge) = client.badge() {
            let badge = badge.parse().map_err(|_| "the key does not fit into a header".to_owned())?;
            request.headers_mut().insert("authorization", badge);
        }
        match timeout(limits::CAPTURE_CONNECT, connect_async(request)).await {
            Ok(Ok((stream, _))) => Ok(Self { stream, next: 0 }),
            Ok(Err(Error::Http(answer))) => {
                let hint = match answer.status().as_u16() {
                    401 | 403 => "; it wants a key of an administrator, to read and write",
                    _ => "",
                };
                Err(format!("refused with status {}{hint}", answer.status().as_u16()))
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Asks for the records below a prefix.
    pub(super) async fn query(&mut self, prefix: &str) -> Found {
        self.next += 1;
        let id = self.next.to_string();
        let mut found = Found::default();
        let question = Message::text(format!("{id}|query|query {prefix}"));
        if let Err(error) = self.stream.send(question).await {
            found.error = Some(error.to_string());
            return found;
        }
        let deadline = Instant::now() + limits::CAPTURE_ANSWER;
        found.error = loop {
            let message = match timeout_at(deadline, self.stream.next()).await {
                Err(_) => break Some("no answer in time".to_owned()),
                Ok(None) => break Some("the connection ended".to_owned()),
                Ok(Some(Err(error))) => break Some(error.to_string()),
                Ok(Some(Ok(message))) => message,
            };
            let bytes = match message {
                Message::Binary(bytes) => bytes,
                Message::Text(text) => text.into(),
                _ => continue,
            };
            let mut parts = bytes.splitn(4, |byte| *byte == b'|');
            let mut part = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
            if part() != id {
                continue;
            }
            match (part().as_str(), part(), parts.next()) {
                ("ok", key, Some([b'J', json @ ..])) if found.records.len() < limits::CAPTURED_RECORDS => {
                    match serde_json::from_slice(json) {
                        Ok(value) => found.records.push((key, value)),
                        Err(_) => found.unread += 1,
                    }
                }
                ("ok" | "warning", ..) => found.unread += 1,
                ("done", ..) => break None,
                ("error", text, _) => break Some(text),
                _ => {}
            }
        };
        found
    }
}
