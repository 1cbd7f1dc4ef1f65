//! HTTP Archive 1.2, as browsers' network tools and many others read it.

use std::collections::BTreeMap;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

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
    json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "portmaster-simulator", "version": env!("CARGO_PKG_VERSION") },
            "entries": all,
        }
    })
}

fn of_request(url: &str, entry: &Entry, exchange: &Exchange, messages: Option<Vec<Value>>) -> Value {
    let time = exchange
        .answer
        .as_ref()
        .map_or(0.0, |answer| (answer.at.duration_since(entry.at).as_secs_f64() * 1e6).round() / 1e3);
    let mut value = json!({
        "startedDateTime": entry.at.to_string(),
        "time": time,
        "request": request(url, exchange),
        "response": response(exchange),
        "cache": {},
        "timings": { "send": 0, "wait": time, "receive": 0 },
        "connection": exchange.connection.to_string(),
        "_seq": entry.seq,
    });
    if !exchange.acted.is_empty() {
        value["_acted"] = exchange.acted.clone().into();
    }
    if let Some(messages) = messages {
        value["_resourceType"] = "websocket".into();
        value["_webSocketMessages"] = messages.into();
    }
    value
}

fn request(url: &str, exchange: &Exchange) -> Value {
    let mut value = json!({
        "method": exchange.method,
        "url": format!("{url}{}", exchange.target),
        "httpVersion": format!("HTTP/{}", exchange.version),
        "cookies": [],
        "headers": pairs(&exchange.headers),
        "queryString": pairs(&exchange.query),
        "headersSize": -1,
        "bodySize": exchange.body.as_ref().map_or(0, |body| body.length),
    });
    if let Some(body) = exchange.body.as_ref().filter(|body| body.length > 0) {
        let mime_type = exchange.header("content-type").unwrap_or_default();
        value["postData"] = json!({ "mimeType": mime_type, "params": [], "text": text(body) });
        if body.cut {
            value["postData"]["comment"] = cut(body).into();
        }
    }
    value
}

/// The answer. Where there is none, its status is 0, as browsers write it.
fn response(exchange: &Exchange) -> Value {
    let Some(Answer { status, headers, body, .. }) = &exchange.answer else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "content": { "size": 0, "mimeType": "" }, "redirectURL": "", "headersSize": -1, "bodySize": -1,
        });
    };
    let header = |name: &str| super::entry::header(headers, name).unwrap_or_default();
    let mut content = json!({ "size": body.length, "mimeType": header("content-type") });
    match (&body.text, &body.base64) {
        (Some(text), _) => content["text"] = text.as_str().into(),
        (None, Some(encoded)) => {
            content["text"] = encoded.as_str().into();
            content["encoding"] = "base64".into();
        }
        (None, None) => {}
    }
    if body.cut {
        content["comment"] = cut(body).into();
    }
    let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
    json!({
        "status": status,
        "statusText": reason.unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": pairs(headers),
        "content": content,
        "redirectURL": header("location"),
        "headersSize": -1,
        "bodySize": body.length,
    })
}

fn of_message(at: Timestamp, message: &Message) -> Value {
    json!({
        "type": if message.direction == Direction::In { "send" } else { "receive" },
        "time": at.as_microsecond() as f64 / 1e6,
        "opcode": if message.body.text.is_some() { 1 } else { 2 },
        "data": text(&message.body),
    })
}

fn pairs(all: &[(String, String)]) -> Vec<Value> {
    all.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn text(body: &Body) -> &str {
    body.text.as_deref().or(body.base64.as_deref()).unwrap_or_default()
}

fn cut(body: &Body) -> String {
    format!("cut: {} bytes in all", body.length)
}
