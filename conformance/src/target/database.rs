//! The database websocket, as far as the suite itself needs it: reading and writing records.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use portmaster_wire::link::Link;
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::{Address, GAP};

/// How long an operation may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an operation on the database failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The websocket cannot be opened, or broke.
    #[error("the database websocket: {0}")]
    Socket(#[from] tungstenite::Error),
    /// The target refused the operation.
    #[error("{operation}: {reason}")]
    Refused {
        /// What was asked for.
        operation: String,
        /// What the target said.
        reason: String,
    },
    /// The key cannot stand in a header.
    #[error("the API key has characters that no header can carry")]
    OddKey,
    /// Nothing came in time.
    #[error("the database websocket does not answer")]
    Silent,
    /// What came was no answer.
    #[error("the database websocket answered {0:?}")]
    Odd(String),
}

/// An open database websocket.
#[derive(Debug)]
pub struct Database {
    socket: WebSocketStream<Link>,
    operations: u64,
}

impl Database {
    /// Opens the websocket, with an API key if there is one.
    pub async fn open(address: &Address, key: Option<&str>) -> Result<Self, DatabaseError> {
        let url = format!("ws://{}/api/database/v1", address.authority());
        let mut request = url.into_client_request()?;
        if let Some(key) = key {
            let value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| DatabaseError::OddKey)?;
            request.headers_mut().insert("Authorization", value);
        }
        let opened = async {
            let stream = address.connect().await.map_err(tungstenite::Error::Io)?;
            client_async(request, stream).await
        };
        let (socket, _) = timeout(PATIENCE, opened).await.map_err(|_| DatabaseError::Silent)??;
        Ok(Self { socket, operations: 0 })
    }

    /// Reads a record (websocket §2.6).
    pub async fn get(&mut self, key: &str) -> Result<Value, DatabaseError> {
        let answer = self.operate("get", key, "").await?;
        let record = answer.split_once("|J").map(|(_, json)| json).unwrap_or_default();
        serde_json::from_str(record).map_err(|_| DatabaseError::Odd(answer))
    }

    /// Writes a record (websocket §2.7).
    pub async fn update(&mut self, key: &str, record: &Value) -> Result<(), DatabaseError> {
        if key.starts_with("config:") {
            // Whoever wrote a setting before, here or elsewhere, is through with it then.
            tokio::time::sleep(GAP).await;
        }
        self.operate("update", key, &format!("|J{record}")).await.map(drop)
    }

    /// Deletes a record (websocket §2.9).
    pub async fn delete(&mut self, key: &str) -> Result<(), DatabaseError> {
        if key.starts_with("config:") {
            tokio::time::sleep(GAP).await;
        }
        self.operate("delete", key, "").await.map(drop)
    }

    /// Reads the records below a prefix, with their keys (websocket §2.5).
    pub async fn query(&mut self, prefix: &str) -> Result<Vec<(String, Value)>, DatabaseError> {
        timeout(PATIENCE, self.queried(prefix)).await.map_err(|_| DatabaseError::Silent)?
    }

    async fn queried(&mut self, prefix: &str) -> Result<Vec<(String, Value)>, DatabaseError> {
        let id = self.ask("query", &format!("query {prefix}")).await?;
        let mut records = vec![];
        loop {
            let answer = self.answer(&id).await?;
            let (word, rest) = answer.split_once('|').unwrap_or((&answer, ""));
            match word {
                "done" => return Ok(records),
                "ok" => {
                    let (key, json) =
                        rest.split_once("|J").ok_or_else(|| DatabaseError::Odd(answer.clone()))?;
                    let record =
                        serde_json::from_str(json).map_err(|_| DatabaseError::Odd(answer.clone()))?;
                    records.push((key.to_owned(), record));
                }
                "warning" => {}
                "error" => {
                    let operation = format!("query {prefix}");
                    return Err(DatabaseError::Refused { operation, reason: rest.to_owned() });
                }
                _ => return Err(DatabaseError::Odd(answer)),
            }
        }
    }

    /// Carries out an operation and answers what comes after the word ok or success.
    async fn operate(&mut self, method: &str, key: &str, payload: &str) -> Result<String, DatabaseError> {
        let answered = async {
            let id = self.ask(method, &format!("{key}{payload}")).await?;
            self.answer(&id).await
        };
        let answer = timeout(PATIENCE, answered).await.map_err(|_| DatabaseError::Silent)??;
        let (word, rest) = answer.split_once('|').unwrap_or((&answer, ""));
        match word {
            "ok" | "success" => Ok(rest.to_owned()),
            "error" => {
                Err(DatabaseError::Refused { operation: format!("{method} {key}"), reason: rest.to_owned() })
            }
            _ => Err(DatabaseError::Odd(answer)),
        }
    }

    /// Asks for an operation; its id.
    async fn ask(&mut self, method: &str, rest: &str) -> Result<String, DatabaseError> {
        self.operations += 1;
        let id = self.operations.to_string();
        self.socket.send(Message::text(format!("{id}|{method}|{rest}"))).await?;
        Ok(id)
    }

    /// The next message of an operation, without the operation's id.
    async fn answer(&mut self, id: &str) -> Result<String, DatabaseError> {
        loop {
            // Who says a lot leaves the clock its turn.
            tokio::task::coop::consume_budget().await;
            let next = self.socket.next().await;
            let message = next.ok_or(tungstenite::Error::ConnectionClosed)??;
            if !matches!(message, Message::Text(_) | Message::Binary(_)) {
                continue;
            }
            let text = String::from_utf8_lossy(&message.into_data()).into_owned();
            if let Some(answer) = text.strip_prefix(id).and_then(|rest| rest.strip_prefix('|')) {
                return Ok(answer.to_owned());
            }
        }
    }
}
