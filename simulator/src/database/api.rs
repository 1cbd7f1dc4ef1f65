//! `api:`, the bridge to the HTTP API (websocket §6).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    OperationError,
    message::Message,
    outbox::Outbox,
    payload::Payload,
    store::unwrap,
    structure::{Structure, Type, set_members},
    subscribers::Subscribers,
};
use crate::{
    core::{Bridge, Bridged, Inside, Shared},
    go::{escape, quote::quote},
    world::{Meta, Record, World},
};

/// A call of the bridge.
pub(super) enum Call {
    Get(String),
    Write(String, Payload),
    Insert(String, Bytes),
    Delete(String),
}

const REQUEST: Structure = Structure {
    holder: "EndpointBridgeRequest",
    name: "api.EndpointBridgeRequest",
    fields: &[
        ("Method", Type::Text("string")),
        ("Path", Type::Text("string")),
        ("Query", Type::Texts),
        ("Data", Type::Bytes),
        ("MimeType", Type::Text("string")),
    ],
};

const RESPONSE: Structure = Structure {
    holder: "EndpointBridgeResponse",
    name: "api.EndpointBridgeResponse",
    fields: &[("MimeType", Type::Text("string")), ("Body", Type::Text("string"))],
};

/// The call that a message is, if it is one.
pub(super) fn call(message: Message) -> Result<Call, Message> {
    let inside = |key: &str| match key {
        "api" => Some(String::new()),
        key => key.strip_prefix("api:").map(str::to_owned),
    };
    match message {
        Message::Get(key) => inside(&key).map(Call::Get).ok_or(Message::Get(key)),
        Message::Delete(key) => inside(&key).map(Call::Delete).ok_or(Message::Delete(key)),
        Message::Write(key, payload) => match inside(&key) {
            Some(path) => Ok(Call::Write(path, Payload::new(payload))),
            None => Err(Message::Write(key, payload)),
        },
        Message::Insert(key, payload) => match inside(&key) {
            Some(path) => Ok(Call::Insert(path, payload)),
            None => Err(Message::Insert(key, payload)),
        },
        other => Err(other),
    }
}

/// The API, as it is asked from inside.
pub(super) struct Api {
    pub(super) shared: Arc<Shared>,
    pub(super) bridge: Bridge,
}

/// Makes a call and queues what becomes of it.
pub(super) async fn run(
    api: Api,
    (id, outbox, subscribers): (Bytes, Arc<Outbox>, Arc<Subscribers>),
    call: Call,
) {
    let done = match call {
        Call::Get(path) => match ask(&api, &path, Asked::default()).await {
            Ok(record) => return outbox.records(id, [Arc::new(record)].into()),
            Err(error) => Err(error),
        },
        Call::Write(path, payload) => write(&api, &path, &payload).await,
        Call::Insert(path, payload) => ask(&api, &path, Asked::default()).await.and_then(|record| {
            set_members(record, Some(&RESPONSE), &payload).map_err(OperationError::Other)?;
            Err(OperationError::other(
                "record not of type *EndpointBridgeRequest, but *api.EndpointBridgeResponse",
            ))
        }),
        Call::Delete(path) => {
            ask(&api, &path, Asked::default()).await.and_then(|_| Err(OperationError::NotImplemented))
        }
    };
    match done {
        // Under the world's lock, as all that is queued: who hears of the success and cancels has heard the answer.
        Ok(record) => api.shared.with(|_| {
            outbox.reply(&id, &[b"success"]);
            subscribers.publish(&Arc::new(record));
        }),
        Err(error) => outbox.error(&id, &error.to_string()),
    }
}

/// What is asked beside the path.
#[derive(Default)]
struct Asked {
    method: String,
    query: Vec<(String, String)>,
    data: Vec<u8>,
    mime_type: String,
}

async fn write(api: &Api, path: &str, payload: &Payload) -> Result<Record, OperationError> {
    let others = api.shared.with(|world| world.behaviour.websocket.other_formats);
    let request = unwrap(&REQUEST, "*api.EndpointBridgeRequest", payload, others)?;
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let query = request.get("Query").and_then(Value::as_object).into_iter().flatten();
    let asked = Asked {
        method: text("Method"),
        query: query
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        data: STANDARD.decode(text("Data")).unwrap_or_default(),
        mime_type: text("MimeType"),
    };
    ask(api, path, asked).await
}

async fn ask(Api { shared, bridge }: &Api, path: &str, asked: Asked) -> Result<Record, OperationError> {
    if shared.with(|world: &mut World| world.is_going_down()) {
        return Err(OperationError::ShuttingDown);
    }
    if path.is_empty() {
        return Err(OperationError::NotFound);
    }
    let target = target(path, &asked.query)?;
    let name = match asked.method.as_str() {
        "" if asked.data.is_empty() => "GET",
        "" => "POST",
        other => other,
    };
    let method = Method::from_bytes(name.as_bytes()).map_err(|_| {
        OperationError::Other(format!(
            "failed to build bridged request: net/http: invalid method {}",
            quote(name)
        ))
    })?;
    let mime_type = Some(asked.mime_type).filter(|kind| !kind.is_empty());
    let inside = Inside { method, target, mime_type, body: asked.data.into() };
    let Bridged { status, mime_type, body } = bridge(Arc::clone(shared), inside).await;
    match status {
        StatusCode::OK => {
            let now = shared.with(|world| world.now());
            let body = String::from_utf8_lossy(&body);
            let value = json!({ "MimeType": mime_type, "Body": body });
            Ok(Record::of(format!("api:{path}"), Meta::made(now), value))
        }
        StatusCode::INTERNAL_SERVER_ERROR => {
            Err(OperationError::Other(format!("bridged api call failed: {}", String::from_utf8_lossy(&body))))
        }
        other => Err(OperationError::Other(format!(
            "bridged api call returned unexpected error code {}",
            other.as_u16()
        ))),
    }
}

/// The request's target, which must stay within the API.
fn target(path: &str, query: &[(String, String)]) -> Result<String, OperationError> {
    let (bare, own) = path.split_once('?').map_or((path, ""), |(bare, own)| (bare, own));
    let mut kept: Vec<&str> = vec!["api", "v1"];
    for segment in bare.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = kept.pop(),
            other => kept.push(other),
        }
    }
    let clean = format!("/{}", kept.join("/"));
    if !clean.starts_with("/api/v1/") {
        return Err(OperationError::Other(format!("bridged request for {} violates scope", quote(path))));
    }
    if let Some(at) = bad_escape(&clean) {
        let escape: String = clean[at..].chars().take(3).collect();
        return Err(OperationError::Other(format!(
            "failed to build bridged request url: parse {}: invalid URL escape {}",
            quote(&clean),
            quote(&escape)
        )));
    }
    // What is plain in a key need not be plain in a request.
    let mut target: String = clean
        .chars()
        .map(|char| match char {
            '!'..='~' => char.to_string(),
            other => {
                let mut bytes = [0; 4];
                other.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect()
            }
        })
        .collect();
    let given = query
        .iter()
        .map(|(name, value)| format!("{}={}", escape::encode_query(name), escape::encode_query(value)));
    let all: Vec<String> =
        Some(own.to_owned()).filter(|own| !own.is_empty()).into_iter().chain(given).collect();
    if !all.is_empty() {
        target.push('?');
        target.push_str(&all.join("&"));
    }
    Ok(target)
}

/// Where a percent sign has no two hexadecimal digits behind it.
fn bad_escape(path: &str) -> Option<usize> {
    let bytes = path.as_bytes();
    (0..bytes.len()).find(|at| {
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        bytes[*at] == b'%' && !(digit(at + 1) && digit(at + 2))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_within_the_api() {
        let of = |path: &str| target(path, &[]).map_err(|error| error.to_string());
        assert_eq!(of("ping").as_deref(), Ok("/api/v1/ping"));
        assert_eq!(of("/ping?x=1").as_deref(), Ok("/api/v1/ping?x=1"));
        assert_eq!(of("../v1/ping").as_deref(), Ok("/api/v1/ping"));
        assert_eq!(of("../../ui"), Err("bridged request for \"../../ui\" violates scope".to_owned()));
        assert_eq!(
            of("%zz"),
            Err("failed to build bridged request url: parse \"/api/v1/%zz\": invalid URL escape \"%zz\""
                .to_owned())
        );
    }
}
