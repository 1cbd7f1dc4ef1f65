//! A conversation over the database websocket: it waits for answers, never for time, and remembers what was
//! said for the report.

use std::{collections::VecDeque, time::Duration};

use portmaster_fixtures::Permission;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    suite::{Context, Evidence, Exchange, Keys, Outcome, Place, Stop},
    target::{Frame, Request, SendError, Websocket, curl_line, opcode},
};

/// How long an answer may take, whatever else is said meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long all answers of an operation may take that has several.
const LIST: Duration = Duration::from_secs(60);
/// How many bytes a conversation may bring: who goes on for ever does not fill the memory.
const HEARD: usize = 256 * 1024 * 1024;
/// How many of the messages that were sent a report shows.
const SHOWN: usize = 12;

/// What the target sent: `ID|kind`, then a key or a text, then data (websocket §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The operation that it belongs to.
    pub(super) id: Vec<u8>,
    /// `ok`, `error`, `done`, `success`, `warning`, `new`, `upd` or `del`.
    pub(super) kind: String,
    /// What comes after the kind.
    pub(super) rest: String,
}

impl Reply {
    fn read(message: &[u8]) -> Option<Self> {
        let mut parts = message.splitn(3, |&byte| byte == b'|');
        let id = parts.next()?.to_vec();
        let mut text = || parts.next().map(|part| String::from_utf8_lossy(part).into_owned());
        Some(Self { id, kind: text()?, rest: text().unwrap_or_default() })
    }

    /// The record's key.
    pub(super) fn key(&self) -> &str {
        self.rest.split('|').next().unwrap_or_default()
    }

    /// The record's text, if it is JSON.
    pub(super) fn text(&self) -> Option<&str> {
        self.rest.split_once("|J").map(|(_, text)| text)
    }

    /// The record.
    pub(super) fn record(&self) -> Option<Value> {
        serde_json::from_str(self.text()?).ok()
    }

    /// Kind and rest, as they came.
    pub(super) fn said(&self) -> String {
        if self.rest.is_empty() { self.kind.clone() } else { format!("{}|{}", self.kind, self.rest) }
    }
}

/// An open database websocket.
pub(super) struct Talk {
    opening: Exchange,
    socket: Websocket,
    keys: Keys,
    sent: Vec<Vec<u8>>,
    held: VecDeque<Reply>,
    operations: u64,
    /// How many bytes came.
    heard: usize,
}

impl Talk {
    /// Opens the websocket with a key that may, if the target asks for one.
    pub(super) async fn open(context: &Context) -> Result<Self, Stop> {
        let (place, key) = context.rights(Permission::Admin)?;
        Self::open_with(context, place, Request::handshake().maybe_bearer(key)).await
    }

    pub(super) async fn open_with(context: &Context, place: Place, request: Request) -> Result<Self, Stop> {
        let (opening, socket) = context.upgrade(place, request).await?;
        let socket = socket.ok_or_else(|| opening.violation("101: the database websocket opens"))?;
        let keys = context.keys().clone();
        Ok(Self { opening, socket, keys, sent: vec![], held: VecDeque::new(), operations: 0, heard: 0 })
    }

    /// From now on settings are written at once, whatever others write.
    pub(super) fn meet(&mut self) {
        self.socket.meet();
    }

    /// An operation's name that this conversation has not used yet.
    pub(super) fn fresh(&mut self) -> String {
        self.operations += 1;
        format!("c{}", self.operations)
    }

    /// Sends a message: as a text if it is one.
    pub(super) async fn send(&mut self, message: impl AsRef<[u8]>) -> Outcome {
        let message = message.as_ref().to_vec();
        self.sent.push(message.clone());
        let kind = if std::str::from_utf8(&message).is_ok() { opcode::TEXT } else { opcode::BINARY };
        self.frame(&Frame::new(kind, message)).await
    }

    /// Sends a frame.
    pub(super) async fn frame(&mut self, frame: &Frame) -> Outcome {
        self.frame_by(frame, Instant::now() + LIST).await
    }

    async fn frame_by(&mut self, frame: &Frame, end: Instant) -> Outcome {
        // Who reads nothing takes nothing.
        match timeout_at(end, self.socket.send(frame)).await {
            Ok(sent) => sent.map_err(|error| self.violation("the connection stays open", error.to_string())),
            Err(_) => Err(self.late()),
        }
    }

    /// The next frame, or that the connection has ended.
    pub(super) async fn incoming(&mut self) -> Result<Option<Frame>, Stop> {
        self.incoming_by(Instant::now() + PATIENCE).await
    }

    async fn incoming_by(&mut self, end: Instant) -> Result<Option<Frame>, Stop> {
        match timeout_at(end, self.socket.receive()).await {
            // A frame that is there already comes in the last moment, too: without a look at the clock they never end.
            Ok(Ok(_)) if Instant::now() > end => Err(self.late()),
            Ok(Ok(frame)) => {
                self.heard += frame.payload.len() + size_of::<Reply>();
                let fits = self.heard <= HEARD;
                self.expect(fits, "a conversation that ends", format!("more than {HEARD} bytes"))?;
                Ok(Some(frame))
            }
            Ok(Err(SendError::Closed | SendError::Io(_))) => Ok(None),
            Ok(Err(error)) => Err(self.violation("websocket frames", error.to_string())),
            Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> Stop {
        self.violation("an answer", "none in time, whatever else came")
    }

    /// The next reply of whatever operation.
    async fn next(&mut self, end: Instant) -> Result<Reply, Stop> {
        loop {
            let frame = self.incoming_by(end).await?;
            let frame = frame.ok_or_else(|| self.violation("an answer", "the connection ended"))?;
            match frame.opcode {
                opcode::TEXT | opcode::BINARY => {
                    let shown = || format!("{:?}", String::from_utf8_lossy(&frame.payload));
                    return Reply::read(&frame.payload)
                        .ok_or_else(|| self.violation("an answer of the form ID|kind|…", shown()));
                }
                opcode::PING => self.frame_by(&Frame::new(opcode::PONG, frame.payload), end).await?,
                opcode::PONG => {}
                _ => return Err(self.violation("an answer", format!("a frame {frame:?}"))),
            }
        }
    }

    /// The next reply of an operation; what others say meanwhile is kept.
    pub(super) async fn reply(&mut self, id: impl AsRef<[u8]>) -> Result<Reply, Stop> {
        self.reply_by(id.as_ref(), Instant::now() + PATIENCE).await
    }

    /// The same where all replies have to be there by then.
    async fn reply_by(&mut self, id: &[u8], end: Instant) -> Result<Reply, Stop> {
        if let Some(at) = self.held.iter().position(|one| one.id == id)
            && let Some(reply) = self.held.remove(at)
        {
            return Ok(reply);
        }
        let end = end.min(Instant::now() + PATIENCE);
        loop {
            let reply = self.next(end).await?;
            if reply.id == id {
                return Ok(reply);
            }
            self.held.push_back(reply);
        }
    }

    /// What an operation has said already and nobody has asked for.
    pub(super) fn kept(&mut self, id: impl AsRef<[u8]>) -> Vec<Reply> {
        let (own, others): (Vec<_>, Vec<_>) = self.held.drain(..).partition(|one| one.id == id.as_ref());
        self.held = others.into();
        own
    }

    /// Starts an operation; answers its name.
    pub(super) async fn start(&mut self, method: &str, rest: &str) -> Result<String, Stop> {
        let id = self.fresh();
        self.send(format!("{id}|{method}|{rest}")).await?;
        Ok(id)
    }

    /// Carries out an operation that has one answer.
    pub(super) async fn ask(&mut self, method: &str, rest: &str) -> Result<Reply, Stop> {
        let id = self.start(method, rest).await?;
        self.reply(&id).await
    }

    /// Carries out an operation that answers exactly this.
    pub(super) async fn says(&mut self, method: &str, rest: &str, said: &str) -> Outcome {
        let reply = self.ask(method, rest).await?;
        self.expect(reply.said() == said, format!("{method} {rest:?} answers {said:?}"), reply.said())
    }

    /// The records that an operation sends before `done`.
    pub(super) async fn until_done(&mut self, id: &str) -> Result<Vec<Reply>, Stop> {
        let (mut records, end) = (vec![], Instant::now() + LIST);
        loop {
            let reply = self.reply_by(id.as_bytes(), end).await?;
            match reply.kind.as_str() {
                "ok" => records.push(reply),
                "warning" => {}
                "done" if reply.rest.is_empty() => return Ok(records),
                _ => return Err(self.violation("records, then done", reply.said())),
            }
        }
    }

    /// The records of a query; `text` comes after the word query.
    pub(super) async fn query(&mut self, text: &str) -> Result<Vec<Reply>, Stop> {
        let id = self.start("query", &format!("query {text}")).await?;
        self.until_done(&id).await
    }

    /// Subscribes and waits until the subscription stands; answers its name and what the query part found.
    pub(super) async fn subscribe(&mut self, text: &str) -> Result<(String, Vec<Reply>), Stop> {
        let id = self.start("qsub", &format!("query {text}")).await?;
        let found = self.until_done(&id).await?;
        Ok((id, found))
    }

    /// Ends a subscription, and answers what it said before it ended.
    pub(super) async fn cancel(&mut self, id: &str) -> Result<Vec<Reply>, Stop> {
        self.send(format!("{id}|cancel")).await?;
        let (mut said, end) = (vec![], Instant::now() + LIST);
        loop {
            let reply = self.reply_by(id.as_bytes(), end).await?;
            match reply.kind.as_str() {
                "done" => return Ok(said),
                "error" => return Err(self.violation("done after cancel", reply.said())),
                _ => said.push(reply),
            }
        }
    }

    /// Expects anything that can be said in words.
    pub(super) fn expect(&self, holds: bool, expected: impl Into<String>, got: impl Into<String>) -> Outcome {
        if holds { Ok(()) } else { Err(self.violation(expected, got)) }
    }

    /// A violation, with the messages that led to it.
    pub(super) fn violation(&self, expected: impl Into<String>, got: impl Into<String>) -> Stop {
        Stop::Violated(Evidence {
            expected: self.keys.redact(&expected.into()),
            got: self.keys.redact(&got.into()),
            curl: self.keys.redact_quoted(&self.script()),
            cause: None,
        })
    }

    /// Shell commands that say the same: the handshake, or the messages if there were any.
    fn script(&self) -> String {
        if self.sent.is_empty() {
            return curl_line(&self.opening.address, &self.opening.request);
        }
        let last = &self.sent[self.sent.len().saturating_sub(SHOWN)..];
        let messages: Vec<_> = last.iter().map(|one| printed(one)).collect();
        let credentials = self.opening.request.headers.iter().filter_map(|header| {
            let shown = header.shown.as_ref()?;
            Some(format!(" -H \"{}: {shown}\"", header.name))
        });
        format!(
            "printf '%b\\n' {} | websocat -n{} ws://{}/api/database/v1",
            messages.join(" "),
            credentials.collect::<String>(),
            self.opening.address.authority()
        )
    }
}

/// A message as a word for `printf %b`.
fn printed(message: &[u8]) -> String {
    let mut word = String::new();
    for &byte in message {
        match byte {
            b'\\' | b'\'' | 0..0x20 | 0x7f.. => word += &format!("\\{byte:04o}"),
            _ => word.push(char::from(byte)),
        }
    }
    format!("'{word}'")
}
