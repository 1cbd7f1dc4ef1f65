//! The console's endpoints: what there is to ask, asking, and the websocket that is handed on.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt as _, StreamExt as _};
use portmaster_simulator::{Contract, Simulator};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use super::Running;

fn locked() -> Running {
    Running::with(Simulator::builder().scenario("home-office").api_key("sesame-key?read=admin&write=admin"))
}

#[test]
fn a_request_is_sent_and_its_answer_told_with_the_journal_s_entry() {
    let running = locked();
    let ask = |body: Value| running.ask("POST", "/console/ask", body);
    let (status, told) = ask(json!({ "method": "GET", "target": "/api/v1/ping" }));
    assert_eq!((status, &told["status"], &told["reason"]), (200, &json!(200), &json!("OK")), "{told}");
    assert_eq!(told["text"].as_str().map(str::trim), Some("Pong."));
    assert_eq!(running.get(&format!("/journal/{}", told["entry"]))["path"], "/api/v1/ping");
    // A refusal of the core is an answer like others.
    let gateways = "/api/v1/network/gateways";
    let (status, told) = ask(json!({ "method": "GET", "target": gateways }));
    assert_eq!((status, &told["status"]), (200, &json!(401)), "{told}");
    let headers = json!({ "Authorization": "Bearer sesame-key" });
    let (_, told) = ask(json!({ "method": "GET", "target": gateways, "headers": headers }));
    assert_eq!(told["status"], 200, "{told}");
    let (_, told) = ask(
        json!({ "method": "POST", "target": "/api/v1/netquery/query", "headers": headers, "body": "{\"pageSize\":1}" }),
    );
    assert_eq!(told["status"], 200, "{told}");
}

#[test]
fn what_would_break_a_request_is_refused() {
    let running = locked();
    for (body, at) in [
        (json!({ "method": "GET", "target": "api/v1/ping" }), "/target"),
        (json!({ "method": "GET", "target": "/a b" }), "/target"),
        (json!({ "method": "GET", "target": "/a\r\nX: y" }), "/target"),
        (json!({ "method": "BREW", "target": "/" }), "/method"),
        (json!({ "method": "GET", "target": "/", "headers": { "a": "b\r\nc: d" } }), "/headers/a"),
        (json!({ "method": "GET", "target": "/", "headers": { "a b": "c" } }), "/headers/a b"),
        (
            json!({ "method": "GET", "target": "/", "headers": { "Content-Length": "9" } }),
            "/headers/Content-Length",
        ),
    ] {
        let (status, problem) = running.ask("POST", "/console/ask", body.clone());
        assert!(matches!(status, 400 | 409), "{body}: {status}");
        assert_eq!(problem["at"], at, "{body}: {problem}");
        if at == "/target" {
            let told = problem["detail"].as_str().expect("a text");
            assert!(told.ends_with(" is not written like ^/[!-~]*$"), "{told}");
        }
    }
}

#[test]
fn what_there_is_to_ask_is_told() {
    let running = Running::with(Simulator::builder().contract(Contract::V2_2).dev_mode(true));
    let told = running.get("/console");
    assert_eq!(told["endpoints"].as_array().map(Vec::len), Some(Contract::V2_2.endpoints().len()));
    assert!(told["words"].as_array().expect("words").contains(&json!("startswith")));
    // The bodies to begin with are answered; what to import or export is for the caller to say.
    for (path, body) in told["bodies"].as_object().expect("bodies") {
        if path.starts_with("sync/") {
            continue;
        }
        let target = format!("/api/v1/{path}");
        let asked = json!({ "method": "POST", "target": target, "body": body.to_string() });
        let (status, answer) = running.ask("POST", "/console/ask", asked);
        assert_eq!((status, &answer["status"]), (200, &json!(200)), "{path}: {answer}");
    }
}

#[test]
fn keys_are_completed_a_step_at_a_time() {
    let running = locked();
    let complete = |prefix: &str| running.get(&format!("/console/keys?prefix={prefix}"));
    assert_eq!(complete("co"), json!(["config:", "core:"]));
    assert_eq!(complete("core:prof"), json!(["core:profiles/"]));
    assert!(complete("config:spn/ena").as_array().expect("keys").contains(&json!("config:spn/enable")));
    assert_eq!(complete("map:"), json!(["map:main/"]));
    assert_eq!(complete("nothing:"), json!([]));
}

#[test]
fn the_websocket_is_the_core_s_for_pages_of_the_control_plane_alone() {
    let running = locked();
    let url = format!("ws://{}/console/websocket", running.control);
    let shut = Running::with(Simulator::builder().control_token("tok/en").dev_mode(true));
    running.runtime.block_on(async {
        let (mut socket, _) = connect_async(format!("{url}?key=sesame-key")).await.expect("a websocket");
        socket.send(Message::text("1|get|config:spn/enable")).await.expect("sent");
        let Some(Ok(Message::Binary(bytes))) = socket.next().await else { panic!("no answer") };
        assert!(bytes.starts_with(b"1|ok|config:spn/enable|J{"), "{bytes:?}");

        let status = async |url: &str, header: Option<(&'static str, String)>| {
            let mut request = url.into_client_request().expect("a request");
            if let Some((name, value)) = header {
                request.headers_mut().insert(name, value.parse().expect("a value"));
            }
            match connect_async(request).await {
                Ok((_, answer)) => answer.status().as_u16(),
                Err(Error::Http(answer)) => answer.status().as_u16(),
                Err(error) => panic!("{error}"),
            }
        };
        // The core wants a key.
        assert_eq!(status(&url, None).await, 502);
        let keyed = format!("{url}?key=sesame-key");
        assert_eq!(status(&keyed, Some(("origin", "http://evil.example".to_owned()))).await, 403);
        assert_eq!(status(&keyed, Some(("origin", format!("http://{}", running.control)))).await, 101);

        let url = format!("ws://{}/console/websocket", shut.control);
        let offer = |token| {
            Some(("sec-websocket-protocol", format!("console, bearer.{}", URL_SAFE_NO_PAD.encode(token))))
        };
        assert_eq!(status(&url, None).await, 401);
        assert_eq!(status(&url, offer("tok")).await, 401);
        assert_eq!(status(&url, offer("tok/en")).await, 101);
    });
    assert_eq!(running.ask("GET", "/console/websocket", Value::Null).0, 426);
}
