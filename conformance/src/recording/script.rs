//! Scripts: what is said on websockets, step by step.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use super::{exchange::Setup, swap::Swaps};
use crate::{
    contrast::{Bytes, Difference, Expected, Said, Sort, kind_of, opcode_of},
    target::{Address, Client, Frame, Request, SendError, Websocket, opcode},
};

/// What stands in recorded refusals for the programs of the machine where they were recorded.
const ELSEWHERE: &str = "/opt/portmaster/x";

/// The connection of steps that name none.
pub(crate) const FIRST: &str = "a";

/// A script.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Script {
    /// Its name, unique within the recording.
    pub(crate) id: String,
    /// What it is about.
    pub(crate) name: String,
    /// The target's setup.
    pub(crate) setup: Setup,
    /// The headers with which connections are opened; without them the Admin key.
    #[serde(skip)]
    pub(crate) headers: Option<Map<String, Value>>,
    /// Whether it holds facts of the machine where it was recorded.
    #[serde(skip)]
    pub(crate) bound_to_its_machine: bool,
    /// Whether it broke its target.
    #[serde(skip)]
    pub(crate) breaks_its_target: bool,
    /// Whether it is there for reading only.
    #[serde(skip)]
    pub(crate) context: bool,
    /// Where the target listened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_on: Option<String>,
    /// Whether the connections of the script before it are still open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) continues: bool,
    /// What happens.
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// The connection.
    pub(crate) conn: String,
    /// What happens on it.
    pub(crate) act: Act,
}

/// What happens in a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// A frame goes out.
    Send { opcode: u8, said: Said },
    /// Bytes go out that are no frame.
    Raw(Bytes),
    /// The next frame is this one.
    Receive(Expected),
    /// The next frames are these, in any order.
    ReceiveAll(Vec<Expected>),
    /// Nothing comes for so long.
    Quiet(Duration),
    /// Nothing came as long as it was waited.
    Silence,
    /// The target ends the connection.
    End,
    /// Time passes.
    Sleep(Duration),
    /// Time passes until a second begins.
    Align,
    /// The connection is cut.
    Drop,
    /// A connection is opened with these headers, or refused with that answer.
    Open { granted: bool, headers: Map<String, Value>, status: Option<u16>, body: Option<String> },
}

/// A step as it is written.
#[derive(Deserialize)]
struct Written {
    conn: Option<String>,
    send: Option<Said>,
    send_raw: Option<Bytes>,
    #[serde(default, deserialize_with = "given")]
    recv: Option<Option<Said>>,
    recv_set: Option<Vec<Expected>>,
    quiet_ms: Option<u64>,
    eof: Option<Value>,
    sleep_ms: Option<u64>,
    align_to_second: Option<Value>,
    drop: Option<Value>,
    open: Option<bool>,
    frame: Option<String>,
    #[serde(default)]
    mask: Vec<String>,
    headers: Option<Map<String, Value>>,
    status: Option<u16>,
    body: Option<String>,
}

/// A member that is there, even if it is null.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Said>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?.step().map_err(serde::de::Error::custom)
    }
}

impl Written {
    fn step(self) -> Result<Step, String> {
        let act = if let Some(said) = self.send {
            let kind = self.frame.as_deref().unwrap_or("text");
            let opcode = opcode_of(kind).ok_or_else(|| format!("a frame cannot be {kind:?}"))?;
            Act::Send { opcode, said }
        } else if let Some(bytes) = self.send_raw {
            Act::Raw(bytes)
        } else if self.recv == Some(None) {
            Act::Silence
        } else if let Some(Some(recv)) = self.recv {
            let frame = self.frame.unwrap_or_else(|| "binary".to_owned());
            Act::Receive(Expected { recv, frame, mask: self.mask })
        } else if let Some(several) = self.recv_set {
            Act::ReceiveAll(several)
        } else if let Some(ms) = self.quiet_ms {
            Act::Quiet(Duration::from_millis(ms))
        } else if self.eof.is_some() {
            Act::End
        } else if let Some(ms) = self.sleep_ms {
            Act::Sleep(Duration::from_millis(ms))
        } else if self.align_to_second.is_some() {
            Act::Align
        } else if self.drop.is_some() {
            Act::Drop
        } else if let Some(granted) = self.open {
            let headers = self.headers.unwrap_or_default();
            Act::Open { granted, headers, status: self.status, body: self.body }
        } else {
            return Err("an unknown step".to_owned());
        };
        Ok(Step { conn: self.conn.unwrap_or_else(|| FIRST.to_owned()), act })
    }
}

impl Serialize for Step {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = |length: &Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let mut written = match &self.act {
            Act::Send { opcode, said } if *opcode == opcode::TEXT => json!({ "send": said }),
            Act::Send { opcode, said } => json!({ "send": said, "frame": kind_of(*opcode) }),
            Act::Raw(bytes) => json!({ "send_raw": { "b64": STANDARD.encode(&bytes.0) } }),
            Act::Receive(expected) => json!(expected),
            Act::ReceiveAll(several) => json!({ "recv_set": several }),
            Act::Quiet(length) => json!({ "quiet_ms": ms(length) }),
            Act::Silence => json!({ "recv": null }),
            Act::End => json!({ "eof": true }),
            Act::Sleep(length) => json!({ "sleep_ms": ms(length) }),
            Act::Align => json!({ "align_to_second": true }),
            Act::Drop => json!({ "drop": true }),
            Act::Open { granted: true, headers, .. } => json!({ "open": true, "headers": headers }),
            Act::Open { headers, status, body, .. } => {
                json!({ "open": false, "headers": headers, "status": status, "body": body })
            }
        };
        if let Value::Object(members) = &mut written
            && self.conn != FIRST
        {
            members.insert("conn".to_owned(), self.conn.as_str().into());
        }
        written.serialize(serializer)
    }
}

/// A step that did not go as recorded.
fn error(number: usize, expected: impl Into<String>, got: impl Into<String>) -> Difference {
    Difference::new(Sort::Message, format!("step {number}"), expected, got)
}

/// Open connections by their names; none in the place of one that was cut.
pub(crate) type Connections = BTreeMap<String, Option<Websocket>>;

/// Plays scripts on a target.
#[derive(Debug)]
pub(crate) struct Player<'a> {
    pub(crate) address: &'a Address,
    pub(crate) client: &'a Client,
    /// How long an answer may take.
    pub(crate) patience: Duration,
    pub(crate) swaps: &'a Swaps,
}

/// What became of opening a connection.
enum Opened {
    Open(Websocket),
    Refused(u16, String),
}

/// What came of waiting for a frame.
enum Came {
    Frame(Frame),
    Nothing,
    End,
    Broken(String),
}

impl Player<'_> {
    /// Plays a script; answers where it went otherwise.
    /// `open` holds the connections, and keeps them for a script that goes on.
    pub(crate) async fn play(&self, script: &Script, open: &mut Connections) -> Option<Difference> {
        if !script.continues {
            open.clear();
        }
        for (number, step) in (1..).zip(&script.steps) {
            if let Err(difference) = self.step(script, step, number, open).await {
                return Some(difference);
            }
        }
        None
    }

    async fn step(
        &self,
        script: &Script,
        step: &Step,
        number: usize,
        open: &mut Connections,
    ) -> Result<(), Difference> {
        let conn = step.conn.as_str();
        match &step.act {
            Act::Sleep(length) => {
                sleep(*length).await;
                return Ok(());
            }
            Act::Align => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                sleep(Duration::from_millis(1020) - Duration::from_nanos(now.subsec_nanos().into())).await;
                return Ok(());
            }
            Act::Open { granted, headers, status, body } => {
                let opened = self.open(headers).await.map_err(|why| error(number, "an answer", why))?;
                return match opened {
                    Opened::Open(socket) => {
                        open.insert(conn.to_owned(), Some(socket));
                        let refusal = || format!("the handshake refused with {}", status.unwrap_or_default());
                        if *granted { Ok(()) } else { Err(error(number, refusal(), "an open websocket")) }
                    }
                    Opened::Refused(got, text) => {
                        let same_body =
                            body.as_ref().is_none_or(|body| body.contains(ELSEWHERE) || *body == text);
                        if !granted && *status == Some(got) && same_body {
                            return Ok(());
                        }
                        let expected = match (granted, body) {
                            (true, _) => "an open websocket".to_owned(),
                            (false, body) => {
                                format!(
                                    "{} {:?}",
                                    status.unwrap_or_default(),
                                    body.as_deref().unwrap_or_default()
                                )
                            }
                        };
                        Err(error(number, expected, format!("{got} {text:?}")))
                    }
                };
            }
            _ => {}
        }
        if !open.contains_key(conn) {
            let headers = match &script.headers {
                Some(headers) if !headers.is_empty() => headers.clone(),
                _ => super::stand_in::admin_headers(),
            };
            let opened = self.open(&headers).await.map_err(|why| error(number, "an open websocket", why))?;
            match opened {
                Opened::Open(socket) => drop(open.insert(conn.to_owned(), Some(socket))),
                Opened::Refused(status, _) => {
                    let got = format!("the handshake refused with {status}");
                    return Err(error(number, "an open websocket", got));
                }
            }
        }
        let Some(Some(socket)) = open.get_mut(conn) else {
            return Err(error(number, "an open websocket", "it was cut before"));
        };
        self.act(&step.act, number, socket).await?;
        if step.act == Act::Drop {
            open.insert(conn.to_owned(), None);
        }
        Ok(())
    }

    /// Carries out a step on an open connection.
    async fn act(&self, act: &Act, number: usize, socket: &mut Websocket) -> Result<(), Difference> {
        let sent = |sent: Result<(), SendError>| {
            sent.map_err(|why| error(number, "an open connection", why.to_string()))
        };
        match act {
            Act::Send { opcode, said } => {
                let payload = self.swaps.in_body(&said.payload());
                sent(socket.send(&Frame::new(*opcode, payload)).await)
            }
            Act::Raw(bytes) => sent(socket.send_bytes(&bytes.0).await),
            Act::Receive(expected) => {
                let expected = self.adapted(expected);
                match self.next(socket, self.patience).await {
                    Came::Frame(frame) => match expected.difference(&frame) {
                        None => Ok(()),
                        Some(at) => {
                            let place = format!("step {number}, {}", at.place);
                            Err(Difference { place, ..at })
                        }
                    },
                    other => Err(error(number, expected.recv.shown(), said(&other))),
                }
            }
            Act::ReceiveAll(several) => {
                let mut left: Vec<_> = several.iter().map(|one| self.adapted(one)).collect();
                while !left.is_empty() {
                    let came = self.next(socket, self.patience).await;
                    let place = match &came {
                        Came::Frame(frame) => left.iter().position(|one| one.difference(frame).is_none()),
                        _ => None,
                    };
                    let Some(place) = place else {
                        let all: Vec<_> = left.iter().map(|one| one.recv.shown()).collect();
                        return Err(error(number, format!("one of {}", all.join(", ")), said(&came)));
                    };
                    left.remove(place);
                }
                Ok(())
            }
            Act::Quiet(length) => self.quiet(socket, *length, number).await,
            Act::Silence => self.quiet(socket, self.patience, number).await,
            Act::End => match self.next(socket, self.patience).await {
                Came::End => Ok(()),
                other => Err(error(number, "the end of the connection", said(&other))),
            },
            Act::Drop | Act::Sleep(_) | Act::Align | Act::Open { .. } => Ok(()),
        }
    }

    async fn quiet(&self, socket: &mut Websocket, length: Duration, number: usize) -> Result<(), Difference> {
        match self.next(socket, length).await {
            Came::Nothing => Ok(()),
            other => Err(error(number, format!("nothing for {} ms", length.as_millis()), said(&other))),
        }
    }

    fn adapted(&self, expected: &Expected) -> Expected {
        let mut adapted = expected.clone();
        if let Said::Data(bytes) = &mut adapted.recv {
            bytes.0 = self.swaps.in_body(&bytes.0);
        }
        adapted
    }

    async fn open(&self, headers: &Map<String, Value>) -> Result<Opened, String> {
        let mut request = Request::new("GET", "/api/database/v1")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "cmVwbGF5ZWQgc2NyaXB0cw==");
        for (name, value) in headers {
            request = request.header(name, self.swaps.in_header(name, value.as_str().unwrap_or_default()));
        }
        let (response, socket) =
            self.client.upgrade(self.address, &request).await.map_err(|error| error.to_string())?;
        Ok(match socket {
            Some(socket) => Opened::Open(socket),
            None => Opened::Refused(response.status, response.text()),
        })
    }

    async fn next(&self, socket: &mut Websocket, patience: Duration) -> Came {
        match timeout(patience, socket.receive()).await {
            Err(_) => Came::Nothing,
            Ok(Ok(frame)) => Came::Frame(frame),
            Ok(Err(SendError::Closed | SendError::Truncated | SendError::Io(_))) => Came::End,
            Ok(Err(error)) => Came::Broken(error.to_string()),
        }
    }
}

fn said(came: &Came) -> String {
    match came {
        Came::Frame(frame) => format!("{} {}", kind_of(frame.opcode), Said::in_frame(frame).shown()),
        Came::Nothing => "nothing".to_owned(),
        Came::End => "the end of the connection".to_owned(),
        Came::Broken(why) => why.clone(),
    }
}
