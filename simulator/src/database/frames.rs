//! Frames of the websocket protocol as cores read and write them (websocket §1.2): invalid UTF-8 passes, a violation
//! ends the connection with the core's own reason.

use bytes::{Buf, BufMut, BytesMut};

/// A text.
pub(super) const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;
const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// The least that is kept for a message that is not all there, bytes.
const LEAST: usize = 8 << 10;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A whole message.
    Message(BytesMut),
    /// A ping with its payload, which comes back in a pong.
    Ping(BytesMut),
    /// The end, with the code that is sent back.
    Close(Option<u16>),
}

/// Why a connection ends: the code and the reason of the close frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Violation {
    fn protocol(reason: impl Into<String>) -> Self {
        Self { code: 1002, reason: reason.into() }
    }
}

/// Puts frames together to messages.
#[derive(Debug)]
pub(super) struct Reader {
    /// The longest message, bytes.
    limit: usize,
    /// The fragments of a message that goes on.
    begun: Option<BytesMut>,
}

/// The head of a frame.
struct Head {
    last: bool,
    opcode: u8,
    length: usize,
    size: usize,
}

impl Reader {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, begun: None }
    }

    /// How much is kept for the message that goes on, bytes.
    pub(super) fn begun(&self) -> usize {
        self.begun.as_ref().map_or(0, BytesMut::capacity)
    }

    /// Takes the next thing out of the bytes that came; `None` if it isn't all there yet.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Incoming>, Violation> {
        loop {
            let Some(head) = self.head(input)? else { return Ok(None) };
            let whole = head.size + head.length;
            if input.len() < whole {
                // As much again as there is: what is only announced takes no room.
                input.reserve((whole - input.len()).min(input.len().max(LEAST)));
                return Ok(None);
            }
            let mut frame = input.split_to(whole);
            let mask =
                [frame[head.size - 4], frame[head.size - 3], frame[head.size - 2], frame[head.size - 1]];
            frame.advance(head.size);
            for four in frame.chunks_mut(4) {
                four.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            }
            match head.opcode {
                PING => return Ok(Some(Incoming::Ping(frame))),
                PONG => {}
                CLOSE => return close(&frame).map(Some),
                _ => {
                    let message = match self.begun.take() {
                        Some(mut begun) => {
                            begun.extend_from_slice(&frame);
                            begun
                        }
                        None => frame,
                    };
                    if head.last {
                        return Ok(Some(Incoming::Message(message)));
                    }
                    self.begun = Some(message);
                }
            }
        }
    }

    /// Reads a frame's head and checks it as far as it is there.
    fn head(&self, input: &[u8]) -> Result<Option<Head>, Violation> {
        let [first, second, rest @ ..] = input else { return Ok(None) };
        let (last, opcode, short) = (first & 0x80 != 0, first & 0x0f, second & 0x7f);
        let mut errors = Vec::new();
        for (bit, name) in [(0x40, "RSV1 set"), (0x20, "RSV2 set"), (0x10, "RSV3 set")] {
            if first & bit != 0 {
                errors.push(name.to_owned());
            }
        }
        match opcode {
            CLOSE | PING | PONG => {
                if short > 125 {
                    errors.push("len > 125 for control".to_owned());
                }
                if !last {
                    errors.push("FIN not set on control".to_owned());
                }
            }
            TEXT | BINARY if self.begun.is_some() => errors.push("data before FIN".to_owned()),
            CONTINUATION if self.begun.is_none() => errors.push("continuation after FIN".to_owned()),
            TEXT | BINARY | CONTINUATION => {}
            other => errors.push(format!("bad opcode {other}")),
        }
        if second & 0x80 == 0 {
            errors.push("bad MASK".to_owned());
        }
        if !errors.is_empty() {
            return Err(Violation::protocol(errors.join(", ")));
        }
        let (length, extra) = match short {
            126 if rest.len() < 2 => return Ok(None),
            127 if rest.len() < 8 => return Ok(None),
            126 => (u64::from((&rest[..2]).get_u16()), 2),
            127 => ((&rest[..8]).get_u64(), 8),
            short => (u64::from(short), 0),
        };
        let begun = self.begun.as_ref().map_or(0, BytesMut::len);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if opcode < CLOSE && begun.saturating_add(length) > self.limit {
            let reason = format!("message longer than {} bytes", self.limit);
            return Err(Violation { code: 1009, reason });
        }
        // Two bytes, the long length, the mask.
        Ok(Some(Head { last, opcode, length, size: 2 + extra + 4 }))
    }
}

fn close(payload: &[u8]) -> Result<Incoming, Violation> {
    let [high, low, reason @ ..] = payload else { return Ok(Incoming::Close(None)) };
    let code = u16::from_be_bytes([*high, *low]);
    if !matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999) {
        return Err(Violation::protocol(format!("bad close code {code}")));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::protocol("invalid utf8 payload in close frame"));
    }
    Ok(Incoming::Close(Some(code)))
}

/// Writes a frame whose payload is these pieces.
pub(super) fn write(out: &mut BytesMut, opcode: u8, pieces: &[&[u8]]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.reserve(length + 10);
    head(out, opcode, length);
    for piece in pieces {
        out.put_slice(piece);
    }
}

/// Writes the head of a frame.
pub(super) fn head(out: &mut BytesMut, opcode: u8, length: usize) {
    out.put_u8(0x80 | opcode);
    match length {
        0..=125 => out.put_u8(length as u8),
        126..=0xffff => {
            out.put_u8(126);
            out.put_u16(length as u16);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(length as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A masked frame; the mask is all zeros.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        write(&mut out, first & 0x0f, &[payload]);
        let split = out.len() - payload.len();
        out[0] = first;
        out[1] |= 0x80;
        [&out[..split], &[0; 4], payload].concat()
    }

    fn read(bytes: &[u8]) -> Result<Option<Incoming>, String> {
        Reader::new(1000).next(&mut BytesMut::from(bytes)).map_err(|violation| violation.reason)
    }

    #[test]
    fn violations_are_named() {
        for (bytes, reason) in [
            (vec![0x81, 3, b'a'], "bad MASK"),
            (frame(0x83, b""), "bad opcode 3"),
            (frame(0xc1, b""), "RSV1 set"),
            (frame(0xf1, b""), "RSV1 set, RSV2 set, RSV3 set"),
            (frame(0x80, b"x"), "continuation after FIN"),
            (frame(0x08, b""), "FIN not set on control"),
            (frame(0x88, &999u16.to_be_bytes()), "bad close code 999"),
            (frame(0x88, b"\x03\xe8\xff"), "invalid utf8 payload in close frame"),
        ] {
            assert_eq!(read(&bytes), Err(reason.to_owned()));
        }
    }

    #[test]
    fn a_message_beyond_the_limit_is_refused_before_it_is_there() {
        let mut reader = Reader::new(1000);
        let violation = reader.next(&mut BytesMut::from(&frame(0x81, &[0; 1001])[..8])).unwrap_err();
        assert_eq!(violation.code, 1009);
        let mut input = BytesMut::from(&[frame(0x01, &[0; 600]), frame(0x80, &[0; 600])].concat()[..]);
        assert_eq!(reader.next(&mut input).unwrap_err().code, 1009);
    }

    #[test]
    fn close_frames_tell_their_code() {
        assert_eq!(read(&frame(0x88, b"")), Ok(Some(Incoming::Close(None))));
        assert_eq!(read(&frame(0x88, b"\x03\xe9bye")), Ok(Some(Incoming::Close(Some(1001)))));
    }

    proptest! {
        #[test]
        fn a_message_arrives_however_it_is_cut(
            payload in prop::collection::vec(any::<u8>(), 0..500),
            cuts in prop::collection::vec(0usize..500, 0..4),
            step in 1usize..50,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(payload.len())).collect();
            cuts.sort_unstable();
            let mut bytes = Vec::new();
            let mut from = 0;
            for (at, to) in cuts.iter().copied().chain([payload.len()]).enumerate() {
                let last = if at == cuts.len() { 0x80 } else { 0 };
                let opcode = if at == 0 { TEXT } else { CONTINUATION };
                bytes.extend(frame(last | opcode, &payload[from..to]));
                from = to;
            }
            let mut reader = Reader::new(1000);
            let mut input = BytesMut::new();
            let mut found = Vec::new();
            for piece in bytes.chunks(step) {
                input.extend_from_slice(piece);
                while let Some(incoming) = reader.next(&mut input).unwrap() {
                    found.push(incoming);
                }
            }
            prop_assert_eq!(found, [Incoming::Message(BytesMut::from(&payload[..]))]);
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }
    }
}
