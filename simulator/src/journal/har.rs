//! HTTP Archive of what was asked and answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portmaster_wire::har;
use serde_json::Value;

use super::entry::{Answer, Body, Direction, Entry, Exchange, Message};

/// The archive of some entries.
pub(super) fn archive(url: &str, entries: &[Entry]) -> Value {
    let mut messages: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for entry in entries {
        if let Some(message) = entry.message() {
            messages.entry(message.connection).or_default().push(of_message(entry.at, message));
        }
    }
    let all: Vec<Value> = entries
        .iter()
        .filter_map(|entry| {
            let exchange = entry.exchange()?;
            let opened = exchange.status() == Some(101);
            let told = opened.then(|| messages.remove(&exchange.connection).unwrap_or_default());
            Some(of_request(url, entry, exchange, told))
        })
        .collect();
    har::archive("portmaster-simulator", env!("CARGO_PKG_VERSION"), &all)
}

fn of_request(url: &str, entry: &Entry, exchange: &Exchange, messages: Option<Vec<Value>>) -> Value {
    let time = exchange
        .answer
        .as_ref()
        .map_or(0.0, |answer| (answer.at.duration_since(entry.at).as_secs_f64() * 1e6).round() / 1e3);
    let mut value = har::entry(&entry.at.to_string(), time, &request(url, exchange), &response(exchange));
    value["connection"] = exchange.connection.to_string().into();
    value["_seq"] = entry.seq.into();
    if !exchange.acted.is_empty() {
        value["_acted"] = exchange.acted.clone().into();
    }
    if let Some(messages) = messages {
        har::add_messages(&mut value, messages);
    }
    value
}

fn request<'a>(url: &str, exchange: &'a Exchange) -> har::Request<'a> {
    let body = exchange.body.as_ref().filter(|body| body.length > 0);
    har::Request {
        method: &exchange.method,
        url: format!("{url}{}", exchange.target),
        version: format!("HTTP/{}", exchange.version),
        cookies: vec![],
        headers: pairs(&exchange.headers),
        query: pairs(&exchange.query),
        size: body.map_or(0, |body| body.length),
        body: body
            .map(|body| (exchange.header("content-type").unwrap_or_default(), text(body).into(), cut(body))),
    }
}

fn response(exchange: &Exchange) -> har::Response<'_> {
    let Some(Answer { status, headers, body, .. }) = &exchange.answer else { return har::Response::none() };
    let header = |name: &str| super::entry::header(headers, name).unwrap_or_default();
    har::Response {
        status: *status,
        cookies: vec![],
        headers: pairs(headers),
        kind: header("content-type"),
        size: body.length,
        content: match (&body.text, &body.base64) {
            (Some(text), _) => har::Content::Text(text),
            (None, Some(encoded)) => har::Content::Base64(encoded.clone()),
            (None, None) => har::Content::Nothing,
        },
        comment: cut(body),
        location: header("location"),
    }
}

fn of_message(at: Timestamp, message: &Message) -> Value {
    let opcode = if message.body.text.is_some() { 1 } else { 2 };
    har::message(
        message.direction == Direction::In,
        at.as_microsecond() as f64 / 1e6,
        opcode,
        text(&message.body),
    )
}

fn pairs(all: &[(String, String)]) -> Vec<Value> {
    all.iter().map(|(name, value)| har::pair(name, value)).collect()
}

fn text(body: &Body) -> &str {
    body.text.as_deref().or(body.base64.as_deref()).unwrap_or_default()
}

fn cut(body: &Body) -> Option<String> {
    body.cut.then(|| format!("cut: {} bytes in all", body.length))
}
