//! Stub mappings of WireMock.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::Exchange;

/// All mappings in one document, as WireMock loads and imports them.
pub(super) fn mappings(exchanges: &[Exchange]) -> Value {
    json!({ "mappings": exchanges.iter().map(mapping).collect::<Vec<_>>() })
}

/// A stub. It matches the path alone: whoever asks, and whatever the query or the body says.
fn mapping(exchange: &Exchange) -> Value {
    let question = &exchange.question;
    let path = question.target.split('?').next().unwrap_or_default();
    let headers: Map<String, Value> =
        exchange.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let mut response = json!({ "status": exchange.status, "headers": headers });
    if !exchange.body.is_empty() {
        match std::str::from_utf8(&exchange.body) {
            Ok(text) => response["body"] = text.into(),
            Err(_) => response["base64Body"] = BASE64_STANDARD.encode(&exchange.body).into(),
        }
    }
    json!({
        "name": question.name,
        "request": { "method": question.method, "urlPath": path },
        "response": response,
    })
}
