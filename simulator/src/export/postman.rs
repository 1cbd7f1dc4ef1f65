//! A Postman collection.

use portmaster_fixtures::Contract;
use serde_json::{Value, json};

use super::Exchange;

/// The published form of collections.
const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// The collection: a folder for the first word of paths, in each the requests with the answer as an example, and a test that the
/// status is the same. `{{base}}` and `{{key}}` are its variables.
pub(super) fn collection(contract: Contract, exchanges: &[Exchange]) -> Value {
    let mut folders: Vec<(&str, Vec<Value>)> = Vec::new();
    for exchange in exchanges {
        let name = exchange.question.template.trim_start_matches('/').split('/').next().unwrap_or_default();
        let item = item(exchange);
        match folders.iter_mut().find(|(one, _)| *one == name) {
            Some((_, items)) => items.push(item),
            None => folders.push((name, vec![item])),
        }
    }
    let folders: Vec<Value> =
        folders.into_iter().map(|(name, items)| json!({ "name": name, "item": items })).collect();
    json!({
        "info": { "name": format!("Portmaster's local API, contract {contract}"), "schema": SCHEMA },
        "auth": { "type": "bearer", "bearer": [{ "key": "token", "value": "{{key}}", "type": "string" }] },
        "variable": [
            { "key": "base", "value": "http://127.0.0.1:8817" },
            { "key": "key", "value": "" },
        ],
        "item": folders,
    })
}

fn item(exchange: &Exchange) -> Value {
    let question = &exchange.question;
    let request = request(exchange);
    let headers: Vec<Value> =
        exchange.headers.iter().map(|(name, value)| json!({ "key": name, "value": value })).collect();
    let mut answer = json!({
        "name": exchange.status.to_string(),
        "originalRequest": request,
        "code": exchange.status,
        "header": headers,
    });
    if let Ok(text) = std::str::from_utf8(&exchange.body) {
        answer["body"] = text.into();
    }
    let test = format!("pm.test(\"status {0}\", () => pm.response.to.have.status({0}));", exchange.status);
    json!({
        "name": format!("{} {}", question.method, question.template),
        "request": request,
        "response": [answer],
        "event": [{ "listen": "test", "script": { "type": "text/javascript", "exec": [test] } }],
    })
}

fn request(exchange: &Exchange) -> Value {
    let question = &exchange.question;
    let (path, query) = question.target.split_once('?').unwrap_or((&question.target, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let mut url =
        json!({ "raw": format!("{{{{base}}}}{}", question.target), "host": ["{{base}}"], "path": parts });
    if let Some((name, value)) = query.split_once('=') {
        url["query"] = json!([{ "key": name, "value": value }]);
    }
    let mut request =
        json!({ "method": question.method, "header": [], "url": url, "description": question.name });
    if let Some(body) = &question.body {
        request["body"] = json!({ "mode": "raw", "raw": body, "options": { "raw": { "language": "json" } } });
    }
    request
}
