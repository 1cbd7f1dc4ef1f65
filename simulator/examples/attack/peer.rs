//! A client that is up to no good.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use super::grammars::Text;
use portmaster_simulator::{Builder, ClockMode, Contract, Simulator};

/// How many times as long all may take where the compiler did not optimize it.
pub(crate) const SLOWER: u64 = if cfg!(debug_assertions) { 10 } else { 1 };

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10 * SLOWER);

/// How long a client goes on saying the same.
const AGAIN: Duration = Duration::from_secs(2);

pub(crate) const HANDSHAKE: &[u8] =
    b"GET /api/database/v1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// How often each of many clients says the same.
const CROWD: usize = 40;

/// The message whose answer says that all before it was heard.
const LAST: &[u8] = b"last|get|core:nothing";

/// The simulator that is attacked, with everything open.
pub(crate) fn attacked() -> Builder {
    Simulator::builder()
        .contract(Contract::V2_2)
        .scenario("home-office")
        .clock(ClockMode::Running(1))
        .dev_mode(true)
        .journal(1000)
        .netquery_latency(Duration::ZERO)
        .control("127.0.0.1:0")
}

/// A client of it.
pub(crate) struct Peer {
    pub(crate) api: SocketAddr,
    pub(crate) control: SocketAddr,
    /// Where the user interface is read from.
    pub(crate) ui: PathBuf,
    /// How long it stays when it sends no more, or reads nothing.
    pub(crate) stay: Duration,
}

impl Peer {
    /// Sends a text and reads what is answered.
    pub(crate) fn ask(&self, text: &Text) -> Result<String, String> {
        match text {
            Text::Api(bytes) => answer(self.api, bytes),
            Text::Control(bytes) => answer(self.control, bytes),
            Text::Frames(bytes) => self.talk(bytes),
            Text::Messages(messages) => {
                let framed: Vec<u8> = messages.iter().flat_map(|message| frame(0x82, message)).collect();
                self.talk(&framed)
            }
            Text::Bundle(bytes) => {
                std::fs::write(&self.ui, bytes).map_err(|error| error.to_string())?;
                answer(self.api, &super::grammars::request("POST", "/api/v1/ui/reload", "", b""))
            }
        }
        .map_err(|error| format!("no answer: {error}"))
    }

    /// Sends a text many times, and reads all answers.
    pub(crate) fn repeat(&self, text: &Text, times: usize) -> Result<String, String> {
        match text {
            Text::Messages(messages) => {
                let framed: Vec<u8> = messages.iter().flat_map(|message| frame(0x82, message)).collect();
                self.talk(&framed.repeat(times)).map_err(|error| format!("no answer: {error}"))
            }
            Text::Frames(bytes) => {
                self.talk(&bytes.repeat(times)).map_err(|error| format!("no answer: {error}"))
            }
            _ => {
                let begun = Instant::now();
                let (mut last, mut asked) = (String::new(), 0);
                while asked < times && begun.elapsed() < AGAIN {
                    last = self.ask(text)?;
                    asked += 1;
                }
                Ok(format!("{asked} times {last}"))
            }
        }
    }

    /// Many clients send half of it, stay a moment and go.
    pub(crate) fn break_off(&self, text: &Text, times: usize) -> Result<String, String> {
        let (address, first, bytes) = self.stream(text);
        let halves: Vec<TcpStream> = (0..times)
            .filter_map(|_| {
                let mut stream = connect(address).ok()?;
                stream.write_all(first).ok()?;
                stream.write_all(&bytes[..bytes.len() / 2]).ok()?;
                Some(stream)
            })
            .collect();
        std::thread::sleep(self.stay);
        Ok(format!("{} went", halves.len()))
    }

    /// A client sends it many times and reads nothing.
    pub(crate) fn never_read(&self, text: &Text, times: usize) -> Result<String, String> {
        let (address, first, bytes) = self.stream(text);
        // All on one connection.
        let close = b"Connection: close\r\n";
        let bytes = match bytes.windows(close.len()).position(|part| part == close) {
            Some(at) => [&bytes[..at], &bytes[at + close.len()..]].concat(),
            None => bytes,
        };
        let mut stream = connect(address).map_err(|error| error.to_string())?;
        let _ = stream.set_write_timeout(Some(self.stay));
        stream.write_all(first).map_err(|error| error.to_string())?;
        let sent = (0..times).take_while(|_| stream.write_all(&bytes).is_ok()).count();
        std::thread::sleep(self.stay);
        Ok(format!("{sent} sent"))
    }

    /// Many clients send it some times each and read nothing.
    pub(crate) fn crowd(&self, text: &Text, clients: usize) -> Result<String, String> {
        let (address, first, bytes) = self.stream(text);
        let bytes = [first, &bytes.repeat(CROWD)].concat();
        let open: Vec<TcpStream> = std::thread::scope(|scope| {
            let send = || {
                let mut stream = connect(address).ok()?;
                stream.set_write_timeout(Some(self.stay)).ok()?;
                // Some are not read to their end.
                let _ = stream.write_all(&bytes);
                Some(stream)
            };
            let all: Vec<_> = (0..clients).map(|_| scope.spawn(send)).collect();
            all.into_iter().filter_map(|one| one.join().ok()?).collect()
        });
        // What they were told last is on its way by then.
        std::thread::sleep(10 * self.stay);
        Ok(format!("{} clients", open.len()))
    }

    /// A text as the bytes of a connection, and what comes before it.
    fn stream(&self, text: &Text) -> (SocketAddr, &'static [u8], Vec<u8>) {
        match text {
            Text::Api(bytes) => (self.api, b"", bytes.clone()),
            Text::Control(bytes) => (self.control, b"", bytes.clone()),
            Text::Frames(bytes) => (self.api, HANDSHAKE, bytes.clone()),
            Text::Messages(messages) => {
                let framed: Vec<u8> = messages.iter().flat_map(|message| frame(0x82, message)).collect();
                (self.api, HANDSHAKE, framed)
            }
            Text::Bundle(_) => {
                (self.api, b"", super::grammars::request("POST", "/api/v1/ui/reload", "", b""))
            }
        }
    }

    /// Sends frames behind a handshake, and a last message; reads up to its answer, or the end.
    fn talk(&self, frames: &[u8]) -> io::Result<String> {
        let mut stream = connect(self.api)?;
        stream.write_all(HANDSHAKE)?;
        let mut writer = stream.try_clone()?;
        let (frames, last) = (frames.to_vec(), frame(0x82, LAST));
        // Whoever reads nothing while it sends may be waited for.
        let sending =
            std::thread::spawn(move || writer.write_all(&frames).and_then(|()| writer.write_all(&last)));
        let begun = Instant::now();
        let mut tail = Vec::new();
        let mut read = 0;
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = match stream.read(&mut piece) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error),
            };
            read += length;
            tail.extend_from_slice(&piece[..length]);
            if length == 0 || tail.windows(5).any(|part| part == b"last|") {
                break;
            }
            let keep = tail.len().saturating_sub(200);
            tail.drain(..keep);
            if begun.elapsed() > PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
        let _ = sending.join();
        let said =
            String::from_utf8_lossy(&tail).replace(|char: char| char.is_control() || char == '\u{fffd}', " ");
        let shown: String = said.chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        Ok(format!("{read} bytes, …{}", shown.trim()))
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends a request, and reads up to the end of the stream: its status.
fn answer(address: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = connect(address)?;
    // One that is refused early is answered all the same.
    let _ = stream.write_all(request);
    let mut head = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) if head.len() < 200 => head.extend_from_slice(&piece[..length]),
            Ok(_) => {}
            Err(_) if !head.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8_lossy(&head);
    let Some((_, rest)) = text.split_once(' ') else { return Err(io::ErrorKind::UnexpectedEof.into()) };
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: String = body.chars().take(50).collect();
    Ok(format!("{} {}", &rest[..rest.len().min(3)], body.replace(|char: char| char.is_control(), " ").trim()))
}

/// A frame of a client, its mask all zeros.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}
