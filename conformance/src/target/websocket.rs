//! A websocket whose every frame is decided by the check, and which keeps the frames that come.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use portmaster_wire::link::Link;
use tokio::io::AsyncWriteExt;

use super::{
    error::SendError,
    flight::{Flight, Ticket},
    read::Incoming,
};

/// The key under which this client masks its frames. Masking protects caches, not secrets: any key will do,
/// and a fixed one keeps runs equal.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x88];

/// What a frame is (RFC 6455 §5.2).
pub mod opcode {
    /// The rest of a message that began in a frame before.
    pub const CONTINUATION: u8 = 0;
    /// A text.
    pub const TEXT: u8 = 1;
    /// Bytes.
    pub const BINARY: u8 = 2;
    /// The end of the connection.
    pub const CLOSE: u8 = 8;
    /// A question whether the other side is there.
    pub const PING: u8 = 9;
    /// The answer to it.
    pub const PONG: u8 = 10;
}

/// One frame, as it goes out or came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether the message ends with it.
    pub last: bool,
    /// The three reserved bits, from 0 to 7.
    pub reserved: u8,
    /// What it is, from 0 to 15.
    pub opcode: u8,
    /// Whether its payload goes out masked, as a client's must be, or came in so.
    pub masked: bool,
    /// The bytes without the mask.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole message, or a control frame, as a polite client sends it.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { last: true, reserved: 0, opcode, masked: true, payload: payload.into() }
    }

    /// A close frame with a status code.
    pub fn close(code: u16) -> Self {
        Self::new(opcode::CLOSE, code.to_be_bytes())
    }

    /// Says that more of the message follows.
    pub fn unfinished(self) -> Self {
        Self { last: false, ..self }
    }

    /// The status code of a close frame that has one.
    pub fn code(&self) -> Option<u16> {
        let code = self.payload.first_chunk::<2>().copied().map(u16::from_be_bytes);
        code.filter(|_| self.opcode == opcode::CLOSE)
    }

    /// The bytes on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.last) << 7 | (self.reserved & 7) << 4 | (self.opcode & 15)];
        match self.payload.len() {
            length @ 0..=125 => bytes.push(mask_bit | u8::try_from(length).unwrap_or_default()),
            length => match u16::try_from(length) {
                Ok(short) => {
                    bytes.push(mask_bit | 126);
                    bytes.extend(short.to_be_bytes());
                }
                Err(_) => {
                    bytes.push(mask_bit | 127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            },
        }
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(masked(&self.payload, MASK));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// The operations of the database, and whether each is answered whatever happens (websocket §2).
pub(crate) const OPERATIONS: [(&str, bool); 9] = [
    ("get", true),
    ("query", true),
    ("sub", false),
    ("qsub", true),
    ("create", true),
    ("update", true),
    ("insert", true),
    ("delete", true),
    ("cancel", false),
];

/// The name of the operation that a message asks for, if it is answered whatever happens: nothing comes of a subscription until
/// something changes (websocket §2).
fn awaited(message: &[u8]) -> Option<&[u8]> {
    let mut parts = message.splitn(3, |byte| *byte == b'|');
    let (name, method) = (parts.next()?, parts.next()?);
    let awaited = OPERATIONS.iter().filter(|(_, answered)| *answered);
    awaited.map(|(name, _)| name.as_bytes()).any(|one| one == method).then_some(name)
}

fn masked(payload: &[u8], key: [u8; 4]) -> impl Iterator<Item = u8> + '_ {
    payload.iter().zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key)
}

/// What happened on a websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// A frame went out.
    Sent(Frame),
    /// A frame came.
    Came(Frame),
    /// The target ended the connection.
    End,
}

/// What happened on a websocket, and when: in the order of a clock that never goes back, and by the calendar.
#[derive(Clone, Debug)]
pub(crate) struct SpokenLine {
    pub(crate) at: Instant,
    pub(crate) date: Timestamp,
    pub(crate) spoken: Spoken,
}

/// All that happened on a websocket. All clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<SpokenLine>>>);

impl Transcript {
    fn note(&self, spoken: Spoken) {
        let line = SpokenLine { at: Instant::now(), date: Timestamp::now(), spoken };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// What happened until now.
    pub(crate) fn read(&self) -> Vec<SpokenLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An open websocket.
#[derive(Debug)]
pub struct Websocket {
    incoming: Incoming<Link>,
    transcript: Option<Transcript>,
    /// Where it is written down what goes out, and as which connection.
    flight: Option<(Flight, u64)>,
    /// The messages whose answers are on their way, by the name of their operation.
    open: Vec<(Vec<u8>, Ticket)>,
    /// Whether it writes settings without waiting for those that others write.
    meets: bool,
}

impl Websocket {
    pub(super) fn new(incoming: Incoming<Link>) -> Self {
        Self { incoming, transcript: None, flight: None, open: vec![], meets: false }
    }

    /// The same, with every message that goes out written down.
    pub(crate) fn with_flight(self, flight: Option<(Flight, u64)>) -> Self {
        Self { flight, ..self }
    }

    /// From now on settings are written at once, whatever others write.
    pub(crate) fn meet(&mut self) {
        self.meets = true;
    }

    /// Keeps from now on what happens.
    pub(crate) fn transcribe(&mut self) -> Transcript {
        self.transcript.get_or_insert_default().clone()
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), SendError> {
        if let Some((flight, connection)) = &self.flight
            && matches!(frame.opcode, opcode::TEXT | opcode::BINARY)
        {
            if !self.meets {
                flight.turn(&frame.payload).await;
            }
            match awaited(&frame.payload) {
                Some(name) => {
                    self.open.push((name.to_vec(), flight.begin(*connection, true, &frame.payload)));
                }
                None => flight.say(*connection, &frame.payload),
            }
        }
        if let Some(transcript) = &self.transcript {
            transcript.note(Spoken::Sent(frame.clone()));
        }
        Ok(self.incoming.stream().write_all(&frame.bytes()).await?)
    }

    /// Sends bytes that are no frame.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        Ok(self.incoming.stream().write_all(bytes).await?)
    }

    /// Reads the next frame; [`SendError::Closed`] when the connection ended before one began.
    pub async fn receive(&mut self) -> Result<Frame, SendError> {
        let received = self.next().await;
        match (&self.flight, &received) {
            (Some(_), Ok(frame)) => {
                let name = frame.payload.split(|byte| *byte == b'|').next().unwrap_or_default();
                if let Some(at) = self.open.iter().position(|(one, _)| one == name) {
                    self.open.remove(at).1.answered();
                }
            }
            (Some((flight, _)), Err(SendError::Closed | SendError::Io(_))) => flight.lost(),
            _ => {}
        }
        match (&self.transcript, &received) {
            (Some(transcript), Ok(frame)) => transcript.note(Spoken::Came(frame.clone())),
            (Some(transcript), Err(SendError::Closed | SendError::Io(_))) => transcript.note(Spoken::End),
            _ => {}
        }
        received
    }

    async fn next(&mut self) -> Result<Frame, SendError> {
        // Frames that are there already would hold the thread until there is none, and the clock with it.
        tokio::task::coop::consume_budget().await;
        let [first] = self.array().await.map_err(|error| match error {
            SendError::Truncated => SendError::Closed,
            other => other,
        })?;
        let [second] = self.array().await?;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.array().await?)),
            127 => u64::from_be_bytes(self.array().await?),
            length => u64::from(length),
        };
        let masked_by = if second & 0x80 == 0 { None } else { Some(self.array().await?) };
        let payload = self.incoming.exactly(usize::try_from(length).unwrap_or(usize::MAX)).await?;
        Ok(Frame {
            last: first & 0x80 != 0,
            reserved: first >> 4 & 7,
            opcode: first & 15,
            masked: masked_by.is_some(),
            payload: match masked_by {
                Some(key) => masked(&payload, key).collect(),
                None => payload,
            },
        })
    }

    async fn array<const N: usize>(&mut self) -> Result<[u8; N], SendError> {
        let bytes = self.incoming.exactly(N).await?;
        bytes.try_into().map_err(|_| SendError::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        let head = |length: usize| Frame::new(opcode::TEXT, vec![0; length]).bytes().len() - length;
        assert_eq!([0, 125, 126, 65_535, 65_536].map(head), [6, 6, 8, 8, 14]);
        assert_eq!(Frame::close(1000).code(), Some(1000));
        let odd = Frame { reserved: 4, masked: false, ..Frame::new(3, "a").unfinished() };
        assert_eq!(odd.bytes(), [0x43, 1, b'a']);
    }

    async fn ends() -> [Websocket; 2] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        [client, server].map(|stream| Websocket::new(Incoming::new(stream.into())))
    }

    #[tokio::test]
    async fn a_message_is_on_its_way_until_its_operation_is_answered() {
        let flight = Flight::default();
        let [client, mut server] = ends().await;
        let mut client = client.with_flight(Some((flight.clone(), 1)));
        for text in ["1|get|core:a", "2|sub|query core:", "3|query|query core:"] {
            client.send(&Frame::new(opcode::TEXT, text)).await.unwrap();
        }
        server.send(&Frame::new(opcode::BINARY, "1|error|database entry not found")).await.unwrap();
        client.receive().await.unwrap();
        let flying = || flight.now(Duration::from_secs(60)).0.into_iter().map(|one| one.what);
        assert_eq!(flying().collect::<Vec<_>>(), ["3|query|query core:"]);
        drop(client);
        assert_eq!(flying().collect::<Vec<_>>(), ["3|query|query core:"]);
        // Who does not wait for an answer misses none.
        assert_eq!(flight.unanswered(), 0);
    }

    #[tokio::test]
    async fn what_goes_out_comes_in() {
        let mut ends = ends().await;
        for length in [0, 5, 126, 70_000] {
            let frame = Frame::new(opcode::BINARY, vec![7; length]);
            let [client, server] = &mut ends;
            let (sent, came) = tokio::join!(client.send(&frame), server.receive());
            sent.unwrap();
            assert_eq!(came.unwrap(), frame);
        }
        let [client, mut server] = ends;
        drop(client);
        assert!(matches!(server.receive().await, Err(SendError::Closed)));
    }
}
