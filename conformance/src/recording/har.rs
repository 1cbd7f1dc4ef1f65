//! HTTP Archive of what was recorded, written entry by entry.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use portmaster_wire::har::{self, pair};
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
    let started = taken.started.to_string();
    let mut entry = har::entry(&started, took, &request(exchange, taken), &response(exchange));
    entry["comment"] = exchange.id.as_str().into();
    if let Some(messages) = messages {
        let messages = messages.iter().filter_map(|line| message(line, redactor));
        har::add_messages(&mut entry, messages.collect());
    }
    entry
}

fn message(line: &SpokenLine, redactor: &Redactor) -> Option<Value> {
    let (sent, frame) = match &line.spoken {
        Spoken::Sent(frame) => (true, frame),
        Spoken::Came(frame) => (false, frame),
        Spoken::End => return None,
    };
    let payload = redactor.bytes(&frame.payload);
    let data = match String::from_utf8(payload) {
        Ok(text) if frame.opcode != opcode::BINARY => text,
        Ok(text) => STANDARD.encode(text),
        Err(error) => STANDARD.encode(error.as_bytes()),
    };
    let time = line.date.as_millisecond() as f64 / 1000.0;
    Some(har::message(sent, time, frame.opcode, &data))
}

fn request<'a>(exchange: &'a Exchange, taken: &Taken) -> har::Request<'a> {
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
    let kind = lines().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = kind.map(|(_, value)| value).unwrap_or_default();
    har::Request {
        method: &asked.method,
        url: format!("{}{}", taken.address, asked.target),
        version: "HTTP/1.1".to_owned(),
        cookies: cookies.collect(),
        headers: lines().map(|(name, value)| pair(name, value)).collect(),
        query: query.collect(),
        size: asked.body.as_ref().map_or(0, |body| body.0.len()),
        body: asked.body.as_ref().map(|body| (kind, String::from_utf8_lossy(&body.0), None)),
    }
}

fn response(exchange: &Exchange) -> har::Response<'_> {
    let answered = &exchange.response;
    let header =
        |name: &str| answered.headers.get(name).and_then(|values| values.first()).map_or("", String::as_str);
    let lines = answered.headers.iter().flat_map(|(name, values)| values.iter().map(move |one| (name, one)));
    let cookies = answered.headers.get("set-cookie").into_iter().flatten().map(|cookie| {
        let (name, value) =
            cookie.split(';').next().and_then(|one| one.split_once('=')).unwrap_or((cookie, ""));
        pair(name, value)
    });
    let bytes = answered.bytes();
    har::Response {
        status: answered.status,
        cookies: cookies.collect(),
        headers: lines.map(|(name, value)| pair(name, value)).collect(),
        kind: header("content-type"),
        size: bytes.len(),
        content: std::str::from_utf8(bytes)
            .map_or_else(|_| har::Content::Base64(STANDARD.encode(bytes)), har::Content::Text),
        comment: None,
        location: header("location"),
    }
}
