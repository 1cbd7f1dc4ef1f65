//! A HTTP Archive of what was asked and answered.

use base64::{Engine, prelude::BASE64_STANDARD};
use portmaster_wire::har::{self, Content, Request, Response};
use serde_json::Value;

use super::Exchange;

/// Where the exchanges are said to have been: where a core listens.
const CORE: &str = "http://127.0.0.1:817";

/// When they are said to have been.
const THEN: &str = "2026-03-16T09:30:00Z";

/// The archive.
pub(super) fn archive(exchanges: &[Exchange]) -> Value {
    let entries: Vec<Value> = exchanges.iter().map(entry).collect();
    har::archive("portmaster-simulator", env!("CARGO_PKG_VERSION"), &entries)
}

fn entry(exchange: &Exchange) -> Value {
    let question = &exchange.question;
    let query = question.target.split_once('?').and_then(|(_, query)| query.split_once('='));
    let body = question.body.as_deref();
    let request = Request {
        method: &question.method,
        url: format!("{CORE}{}", question.target),
        version: "HTTP/1.1".to_owned(),
        cookies: vec![],
        headers: vec![har::pair("Host", "127.0.0.1:817")],
        query: query.map(|(name, value)| har::pair(name, value)).into_iter().collect(),
        size: body.map_or(0, str::len),
        body: body.map(|body| ("application/json", body.into(), None)),
    };
    let content = match std::str::from_utf8(&exchange.body) {
        Ok("") => Content::Nothing,
        Ok(text) => Content::Text(text),
        Err(_) => Content::Base64(BASE64_STANDARD.encode(&exchange.body)),
    };
    let response = Response {
        status: exchange.status,
        headers: exchange.headers.iter().map(|(name, value)| har::pair(name, value)).collect(),
        kind: exchange.kind(),
        size: exchange.body.len(),
        content,
        ..Response::none()
    };
    har::entry(THEN, 0.0, &request, &response)
}
