//! `--provision` against a small core of the test's own: settings behind a database websocket, and
//! `auth/permissions` that follows them.

use std::sync::{Arc, Mutex};

use crate::common;
use futures_util::{SinkExt, StreamExt};
use portmaster_conformance::exit;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

#[derive(Debug)]
struct Settings {
    dev_mode: Value,
    api_keys: Value,
    /// Every change that came, in order.
    written: Vec<(String, Value)>,
}

type Shared = Arc<Mutex<Settings>>;

async fn core(dev_mode: bool) -> (String, Shared) {
    let settings =
        Settings { dev_mode: json!(dev_mode), api_keys: json!(["old?read=user"]), written: vec![] };
    let settings = Arc::new(Mutex::new(settings));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::clone(&settings);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, Arc::clone(&shared)));
        }
    });
    (url, settings)
}

async fn serve(mut stream: TcpStream, settings: Shared) {
    let mut begin = [0; 24];
    if stream.peek(&mut begin).await.unwrap() > 0 && begin.starts_with(b"GET /api/database") {
        return database(stream, settings).await;
    }
    let mut bytes = vec![];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read_buf(&mut bytes).await.unwrap() > 0 {}
    let head = String::from_utf8(bytes).unwrap();
    let read = {
        let settings = settings.lock().unwrap();
        let key = head.split("Bearer ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or("none");
        let entry =
            settings.api_keys.as_array().unwrap().iter().find(|one| one.as_str().unwrap().starts_with(key));
        match entry.and_then(Value::as_str) {
            _ if settings.dev_mode == json!(true) => 4,
            Some(entry) if entry.contains("read=admin") => 3,
            Some(entry) if entry.contains("read=user") => 2,
            _ => 1,
        }
    };
    let role = ["", "Anyone", "User", "Admin", "Self"][read];
    let body = format!(r#"{{"Read":{read},"Write":{read},"ReadRole":"{role}","WriteRole":"{role}"}}"#);
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn database(stream: TcpStream, settings: Shared) {
    let mut socket = accept_async(stream).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let Ok(text) = message.into_text() else { return };
        let parts: Vec<_> = text.splitn(4, '|').collect();
        let answer = {
            let mut settings = settings.lock().unwrap();
            match parts.as_slice() {
                [id, "get", "config:core/devMode"] => {
                    format!("{id}|ok|config:core/devMode|J{}", json!({ "Value": settings.dev_mode }))
                }
                [id, "get", "config:core/apiKeys"] => {
                    format!("{id}|ok|config:core/apiKeys|J{}", json!({ "Value": settings.api_keys }))
                }
                [id, "update", key, payload] => {
                    let value = serde_json::from_str::<Value>(&payload[1..]).unwrap()["Value"].take();
                    settings.written.push(((*key).to_owned(), value.clone()));
                    match *key {
                        "config:core/devMode" => settings.dev_mode = value,
                        _ => settings.api_keys = value,
                    }
                    format!("{id}|success")
                }
                _ => continue,
            }
        };
        socket.send(Message::binary(answer.into_bytes())).await.unwrap();
    }
}

async fn program(url: &str, ids: &[&str]) -> (u8, String) {
    let ended = common::program(&[&["run", "--target", url, "--provision"], ids].concat()).await;
    (ended.status, ended.stdout + &ended.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_taken_and_settings_put_back() {
    let (url, settings) = core(true).await;
    // The write permission of this core follows the read permission, so that these pass with the right keys
    // only.
    let ids =
        ["credentials/permissions/admin-key", "credentials/permissions/user-key", "devmode/permissions"];
    let (status, text) = program(&url, &ids).await;
    assert_eq!(status, exit::PASSED, "{text}");
    assert!(text.contains("3 passed of 3 checks"), "{text}");
    let settings = settings.lock().unwrap();
    assert_eq!((&settings.dev_mode, &settings.api_keys), (&json!(true), &json!(["old?read=user"])));
    let given = settings.written[0].1.as_array().unwrap();
    assert_eq!((settings.written.len(), given.len(), &given[0]), (4, 8, &json!("old?read=user")));
    for key in given {
        let secret = key.as_str().unwrap().split('?').next().unwrap();
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_way_in_it_is_said_so() {
    let (url, settings) = core(false).await;
    let (status, text) = program(&url, &["credentials/permissions"]).await;
    assert_eq!(status, exit::USAGE);
    assert!(text.starts_with("error: no keys taken: the target is not in Development Mode"), "{text}");
    assert!(settings.lock().unwrap().written.is_empty());
}
