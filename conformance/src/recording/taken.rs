//! What a check asked and got, in the form of recordings.

use serde_json::{Map, Value};

use super::{
    exchange::Asked,
    redact::{Redactor, is_credential},
    script::Act,
};
use crate::{
    contrast::{Answered, Bytes, Expected, Said, kind_of, opcode_of},
    suite::Taken,
    target::{Address, Frame, Request, Spoken, opcode},
};

/// The headers that every client sends to open a websocket.
const HANDSHAKE: [&str; 6] =
    ["host", "connection", "upgrade", "sec-websocket-version", "sec-websocket-key", "content-length"];

/// An answer without secrets.
pub(crate) fn answer(taken: &Taken, redactor: &Redactor) -> Answered {
    let mut answer = Answered::from(&taken.response);
    // When it was is said elsewhere, and differs every time.
    answer.headers.remove("date");
    redactor.answer(&mut answer);
    answer
}

/// A request without secrets.
pub(crate) fn asked(request: &Request, address: &Address, redactor: &Redactor) -> Asked {
    let bytes = request.bytes(address);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head: String = bytes[..end].iter().map(|&byte| char::from(byte)).collect();
    let body = bytes.get(end + 4..).unwrap_or_default();
    let given = |name: &str| request.headers.iter().any(|one| one.name.eq_ignore_ascii_case(name));
    let secret = |name: &str| request.headers.iter().any(|one| one.name == name && one.shown.is_some());
    let mut headers: Map<String, Value> = Map::new();
    let mut broken = false;
    for line in head.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(": ") else {
            broken = true;
            continue;
        };
        let added = match name.to_ascii_lowercase().as_str() {
            "content-length" => request.declared().is_none() && !given(name),
            "host" | "connection" => !given(name),
            _ => false,
        };
        if added {
            continue;
        }
        let value = Value::from(redactor.header(value, secret(name) || is_credential(name)));
        match headers.get_mut(name) {
            None => drop(headers.insert(name.to_owned(), value)),
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    let line = head.split("\r\n").next().unwrap_or_default();
    let target =
        line.strip_prefix(&format!("{} ", request.method)).and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    broken |= target.is_none();
    Asked {
        method: request.method.clone(),
        target: redactor.text(target.unwrap_or(&request.target)),
        headers,
        body: (!body.is_empty()).then(|| Bytes(redactor.bytes(body))),
        raw: broken.then(|| Bytes(redactor.bytes(&bytes))),
        no_host: false,
    }
}

/// The step that opens a websocket as it was opened.
pub(crate) fn opening(asked: &Asked) -> Act {
    let mut headers = asked.headers.clone();
    headers.retain(|name, _| !HANDSHAKE.iter().any(|one| name.eq_ignore_ascii_case(one)));
    Act::Open { granted: true, headers, status: None, body: None }
}

/// What happened on a websocket, as a step.
pub(crate) fn act(spoken: &Spoken, redactor: &Redactor) -> Act {
    match spoken {
        Spoken::Sent(frame) if is_polite(frame) => {
            Act::Send { opcode: frame.opcode, said: said(frame, redactor) }
        }
        Spoken::Sent(frame) => Act::Raw(Bytes(redactor.bytes(&frame.bytes()))),
        Spoken::Came(frame) => {
            let frame_kind = kind_of(frame.opcode).to_owned();
            Act::Receive(Expected::of(said(frame, redactor), frame_kind))
        }
        Spoken::End => Act::End,
    }
}

/// Whether a frame is one that a script can name.
fn is_polite(frame: &Frame) -> bool {
    let short = frame.opcode != opcode::CLOSE || frame.payload.is_empty() || is_close(frame);
    frame.last && frame.reserved == 0 && frame.masked && opcode_of(kind_of(frame.opcode)).is_some() && short
}

/// Whether a close frame has a code and a reason that is text.
fn is_close(frame: &Frame) -> bool {
    frame.code().is_some_and(|code| code > 0)
        && std::str::from_utf8(frame.payload.get(2..).unwrap_or_default()).is_ok()
}

fn said(frame: &Frame, redactor: &Redactor) -> Said {
    match Said::in_frame(frame) {
        Said::Data(bytes) => Said::Data(Bytes(redactor.bytes(&bytes.0))),
        close => close,
    }
}
