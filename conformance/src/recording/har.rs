//! HTTP Archive 1.2, which browsers and proxies open. Messages of websockets stand where Chromium puts them.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{exchange::Exchange, redact::Redactor};
use crate::{
    suite::Taken,
    target::{Spoken, SpokenLine, opcode},
};

/// An archive that is being written.
#[derive(Debug)]
pub(crate) struct Har<W> {
    to: W,
    entries: usize,
}

impl<W: Write> Har<W> {
    /// Begins an archive.
    pub(crate) fn begin(mut to: W) -> io::Result<Self> {
        let creator = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
        write!(to, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")?;
        Ok(Self { to, entries: 0 })
    }

    /// Adds an exchange that has no secrets any more, with its times and the messages of its websocket.
    pub(crate) fn entry(
        &mut self,
        exchange: &Exchange,
        taken: &Taken,
        messages: Option<&[SpokenLine]>,
        redactor: &Redactor,
    ) -> io::Result<()> {
        let comma = if self.entries == 0 { "\n" } else { ",\n" };
        self.entries += 1;
        self.to.write_all(comma.as_bytes())?;
        serde_json::to_writer(&mut self.to, &entry(exchange, taken, messages, redactor))?;
        Ok(())
    }

    /// Ends the archive.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.to.write_all(b"\n]}}\n")?;
        self.to.flush()
    }
}

fn entry(exchange: &Exchange, taken: &Taken, messages: Option<&[SpokenLine]>, redactor: &Redactor) -> Value {
    let took = taken.took.as_secs_f64() * 1000.0;
    let mut entry = json!({
        "startedDateTime": taken.started.to_string(),
        "time": took,
        "request": request(exchange, taken),
        "response": response(exchange, taken),
        "cache": {},
        "timings": { "send": 0, "wait": took, "receive": 0 },
        "comment": exchange.id,
    });
    if let Some(messages) = messages {
        entry["_resourceType"] = "websocket".into();
        entry["_webSocketMessages"] = messages.iter().filter_map(|line| message(line, redactor)).collect();
    }
    entry
}

fn message(line: &SpokenLine, redactor: &Redactor) -> Option<Value> {
    let (direction, frame) = match &line.spoken {
        Spoken::Sent(frame) => ("send", frame),
        Spoken::Came(frame) => ("receive", frame),
        Spoken::End => return None,
    };
    let payload = redactor.bytes(&frame.payload);
    let data = match String::from_utf8(payload) {
        Ok(text) if frame.opcode != opcode::BINARY => text,
        Ok(text) => STANDARD.encode(text),
        Err(fault) => STANDARD.encode(fault.as_bytes()),
    };
    let time = line.date.as_millisecond() as f64 / 1000.0;
    Some(json!({ "type": direction, "time": time, "opcode": frame.opcode, "data": data }))
}

fn pair(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

fn request(exchange: &Exchange, taken: &Taken) -> Value {
    let asked = &exchange.request;
    let lines = || asked.header_lines();
    let query = asked.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let query = query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        pair(name, value)
    });
    let cookies = lines().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let cookies = cookies.flat_map(|(_, value)| value.split(';')).map(|cookie| {
        let (name, value) = cookie.trim().split_once('=').unwrap_or((cookie.trim(), ""));
        pair(name, value)
    });
    let mut request = json!({
        "method": asked.method,
        "url": format!("{}{}", taken.address, asked.target),
        "httpVersion": "HTTP/1.1",
        "cookies": cookies.collect::<Vec<_>>(),
        "headers": lines().map(|(name, value)| pair(name, value)).collect::<Vec<_>>(),
        "queryString": query.collect::<Vec<_>>(),
        "headersSize": -1,
        "bodySize": asked.body.as_ref().map_or(0, |body| body.0.len()),
    });
    if let Some(body) = &asked.body {
        let kind = lines().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        request["postData"] = json!({
            "mimeType": kind.map(|(_, value)| value).unwrap_or_default(),
            "params": [],
            "text": String::from_utf8_lossy(&body.0),
        });
    }
    request
}

fn response(exchange: &Exchange, taken: &Taken) -> Value {
    let answered = &exchange.response;
    let header = |name: &str| answered.headers.get(name).and_then(|values| values.first());
    let lines = answered.headers.iter().flat_map(|(name, values)| values.iter().map(move |one| (name, one)));
    let cookies = answered.headers.get("set-cookie").into_iter().flatten().map(|cookie| {
        let (name, value) =
            cookie.split(';').next().and_then(|one| one.split_once('=')).unwrap_or((cookie, ""));
        pair(name, value)
    });
    let bytes = answered.bytes();
    let mut content =
        json!({ "size": bytes.len(), "mimeType": header("content-type").cloned().unwrap_or_default() });
    match std::str::from_utf8(bytes) {
        Ok(text) => content["text"] = text.into(),
        Err(_) => {
            content["text"] = STANDARD.encode(bytes).into();
            content["encoding"] = "base64".into();
        }
    }
    let reason = http::StatusCode::from_u16(taken.response.status).ok();
    json!({
        "status": answered.status,
        "statusText": reason.and_then(|status| status.canonical_reason()).unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": cookies.collect::<Vec<_>>(),
        "headers": lines.map(|(name, value)| pair(name, value)).collect::<Vec<_>>(),
        "content": content,
        "redirectURL": header("location").cloned().unwrap_or_default(),
        "headersSize": -1,
        "bodySize": bytes.len(),
    })
}
