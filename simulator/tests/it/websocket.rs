//! The database websocket as its users meet it: a whole visit of the web interface, the tray's strict reading, and what
//! one client's writes mean to others.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jiff::SignedDuration;
use portmaster_simulator::{ClockMode, Contract, ExternalAuth, Simulator, journal::Filter};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

const KEY: &str = "visitor-key-0123456789";

/// Long enough for a busy machine; nothing waits that long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

async fn simulator(contract: Contract) -> Simulator {
    let builder =
        Simulator::builder().scenario("home-office").contract(contract).clock(ClockMode::Running(1));
    builder.api_key(format!("{KEY}?read=admin&write=admin")).start().await.expect("a simulator")
}

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u32,
}

/// A message: operation, type, key or text, payload.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    id: String,
    kind: String,
    key: String,
    data: Value,
}

impl Client {
    async fn open(simulator: &Simulator) -> Self {
        let url = format!("ws://{}/api/database/v1", simulator.addr());
        let mut request = url.into_client_request().expect("a request");
        let badge = format!("Bearer {KEY}").parse().expect("a header");
        request.headers_mut().insert("authorization", badge);
        let (socket, _) = connect_async(request).await.expect("an upgrade");
        Self { socket, next: 0 }
    }

    /// Sends an operation; its id.
    async fn send(&mut self, rest: &str) -> String {
        self.next += 1;
        let id = self.next.to_string();
        self.socket.send(Message::text(format!("{id}|{rest}"))).await.expect("sent");
        id
    }

    async fn receive(&mut self) -> Told {
        let message = timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
        let Some(Ok(Message::Binary(bytes))) = message else {
            panic!("expected a binary message: {message:?}")
        };
        let text = String::from_utf8(bytes.to_vec()).expect("a text");
        let mut parts = text.splitn(4, '|');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (id, kind, key, data) = (part(), part(), part(), part());
        let data = data.strip_prefix('J').map(|json| serde_json::from_str(json).expect("JSON"));
        Told { id, kind, key, data: data.unwrap_or_default() }
    }

    /// Waits for a message of an operation; others are passed over.
    async fn until(&mut self, id: &str, kind: &str) -> Told {
        loop {
            let told = self.receive().await;
            if told.id == id && told.kind == kind {
                return told;
            }
            assert!(told.id != id || told.kind != "error", "{told:?}");
        }
    }

    async fn get(&mut self, key: &str) -> Value {
        let id = self.send(&format!("get|{key}")).await;
        self.until(&id, "ok").await.data
    }

    /// A query and what follows, as interfaces watch: the records before `done`.
    async fn watch(&mut self, prefix: &str) -> (String, Vec<Told>) {
        let id = self.send(&format!("qsub|query {prefix}")).await;
        let mut found = Vec::new();
        loop {
            let told = self.receive().await;
            match (told.id == id, told.kind.as_str()) {
                (true, "ok") => found.push(told),
                (true, "done") => return (id, found),
                (true, "warning") | (false, _) => {}
                other => panic!("{prefix}: {other:?} {told:?}"),
            }
        }
    }

    async fn write(&mut self, method: &str, key: &str, value: &Value) {
        let id = self.send(&format!("{method}|{key}|J{value}")).await;
        self.until(&id, "success").await;
    }
}

async fn http(simulator: &Simulator, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(simulator.addr()).await.expect("a connection");
    let request = format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
    answer
}

fn has(value: &Value, members: &[&str]) {
    for member in members {
        assert!(value.get(*member).is_some(), "{member} is missing in {value}");
    }
}

/// What an interface asks for when it starts, whatever page it shows.
async fn boot(client: &mut Client) {
    has(
        &client.get("config:core/expertiseLevel").await,
        &["Key", "OptType", "Annotations", "DefaultValue", "_meta"],
    );
    for event in ["shutdown", "restart"] {
        client.send(&format!("sub|query runtime:modules/core/event/{event}")).await;
    }
    has(&client.get("core:status/versions").await, &["Core", "Channel"]);
    for prefix in [
        "notifications:all/",
        "config:filter/defaultAction",
        "config:spn/enable",
        "config:core/enableNetworkRating",
        "core:spn/account/user",
        "core:profiles/",
        "config:core/releaseLevel",
    ] {
        client.watch(prefix).await;
    }
    let (_, lists) = client.watch("cache:intel/filterlists/index").await;
    has(&lists[0].data, &["version", "schemaVersion", "categories", "sources"]);
    let ids = |member: &str| -> Vec<&str> {
        let all = lists[0].data[member].as_array().expect("a list").iter();
        all.map(|one| one["id"].as_str().expect("an id")).collect()
    };
    let categories = ids("categories");
    assert!(["TRAC", "MAL", "BAD", "UNBREAK"].iter().all(|id| categories.contains(id)), "{categories:?}");
    for source in lists[0].data["sources"].as_array().expect("sources") {
        has(source, &["name", "description", "type", "url", "license", "contribute"]);
        assert!(categories.contains(&source["category"].as_str().expect("a category")), "{source}");
    }
    let (_, status) = client.watch("runtime:spn/status").await;
    assert_eq!(status.len(), 1);
    has(&status[0].data, &["Status", "HomeHubID", "ConnectedSince"]);
    let (_, pins) = client.watch("map:main/").await;
    for pin in &pins {
        assert!(pin.data["States"].is_array() && pin.data["ConnectedTo"].is_object(), "{}", pin.data);
    }
    has(&client.get("core:profiles/special/global-config").await, &["Config", "Name", "ID"]);
}

#[tokio::test]
async fn a_whole_visit_of_the_interface() {
    let simulator = simulator(Contract::V2_2).await;
    let mut client = Client::open(&simulator).await;
    has(&client.get("config:core/locale").await, &["Key", "DefaultValue"]);
    boot(&mut client).await;
    let (status, found) = client.watch("runtime:system/status").await;
    has(&found[0].data, &["OnlineStatus", "CaptivePortal", "Modules", "WorstState"]);
    assert!(found[0].data["WorstState"]["Type"].is_string());
    let (notifications, found) = client.watch("notifications:").await;
    for one in found {
        // The tray reads strictly.
        has(
            &one.data,
            &["EventID", "GUID", "Type", "Title", "Category", "Message", "EventData", "Expires", "State"],
        );
        has(&one.data, &["AvailableActions", "SelectedActionID", "ShowOnSystem"]);
    }

    // The settings page, and a toggled setting: the option and the global profile follow.
    let (option, _) = client.watch("config:dns/noAssignedNameservers").await;
    let (profiles, known) = client.watch("core:profiles/").await;
    let key = "dns/noAssignedNameservers";
    client.write("update", &format!("config:{key}"), &json!({ "Key": key, "Value": true })).await;
    let told = client.until(&option, "new").await;
    assert_eq!((told.key.as_str(), &told.data["Value"]), ("config:dns/noAssignedNameservers", &json!(true)));
    let told = client.until(&profiles, "new").await;
    assert_eq!(told.key, "core:profiles/special/global-config");

    // An app's page: its profile is saved as it came, and a subscriber is told.
    let app = known.iter().find(|one| one.key.contains("/local/")).expect("a local profile");
    let mut profile = client.get(&app.key).await;
    has(&profile, &["Name", "Icons", "Fingerprints", "Config", "LastEdited", "Source"]);
    profile["Name"] = "Renamed".into();
    profile.as_object_mut().expect("an object").remove("_meta");
    client.write("update", &app.key, &profile).await;
    let told = client.until(&profiles, "new").await;
    assert_eq!((told.key.as_str(), &told.data["Name"]), (app.key.as_str(), &json!("Renamed")));

    // A notification is answered.
    let sent = json!({ "EventID": "test:1", "Title": "T", "AvailableActions": [{ "ID": "a", "Text": "A" }] });
    client.write("create", "notifications:all/test:1", &sent).await;
    client.until(&notifications, "new").await;
    let answer = json!({ "EventID": "test:1", "SelectedActionID": "a" });
    client.write("update", "notifications:all/test:1", &answer).await;
    let answered = client.get("notifications:all/test:1").await;
    assert_eq!((&answered["State"], &answered["SelectedActionID"]), (&json!("responded"), &json!("a")));

    // A pause by HTTP reaches the page.
    let paused = http(&simulator, "POST", "control/pause", r#"{"duration":60,"onlySPN":false}"#).await;
    assert!(paused.ends_with("Pause initiated\n"), "{paused}");
    loop {
        let told = client.until(&status, "new").await;
        let modules = told.data["Modules"].as_array().expect("modules");
        let control = modules.iter().find(|one| one["Module"] == "Control").expect("Control");
        if control["States"][0]["ID"] == "control:paused" {
            has(&control["States"][0]["Data"], &["Interception", "SPN", "TillTime"]);
            break;
        }
    }
    http(&simulator, "POST", "control/resume", "").await;
    let told = client.until(&notifications, "del").await;
    assert_eq!(told.key, "notifications:all/control:paused");

    // The page goes.
    client.write("create", "api:ui/reload", &json!({ "Method": "POST" })).await;
}

#[tokio::test]
async fn the_first_interface_finds_what_it_asks_for() {
    let simulator = simulator(Contract::V1_0).await;
    let mut client = Client::open(&simulator).await;
    boot(&mut client).await;
    let (_, subsystems) = client.watch("runtime:subsystems/").await;
    assert!(subsystems.len() >= 4);
    has(
        &subsystems[0].data,
        &["ID", "Name", "Modules", "FailureStatus", "ToggleOptionKey", "ConfigKeySpace"],
    );
    let (status, _) = client.watch("runtime:system/status").await;
    let level = json!({ "SelectedSecurityLevel": 4 });
    client.write("update", "runtime:system/security-level", &level).await;
    assert_eq!(client.until(&status, "new").await.data["SelectedSecurityLevel"], 4);
}

#[tokio::test]
async fn a_prompt_lets_a_waiting_program_in() {
    let simulator = simulator(Contract::Docs).await;
    let mut client = Client::open(&simulator).await;
    let (notifications, _) = client.watch("notifications:all/core:authorize-app").await;
    for (choice, expected) in [("deny", "access denied\n"), ("allow", "\"validUntil\"")] {
        let ask = http(&simulator, "GET", "app/auth?app-name=Test&read=user&write=user", "");
        let answer = async {
            let mut prompt = client.until(&notifications, "new").await;
            while prompt.data["State"] != "active" {
                prompt = client.until(&notifications, "new").await;
            }
            assert_eq!(prompt.data["Type"], 2);
            client.write("update", &prompt.key, &json!({ "SelectedActionID": choice })).await;
        };
        let (answered, ()) = tokio::join!(ask, answer);
        assert!(answered.contains(expected), "{choice}: {answered}");
    }
}

#[tokio::test]
async fn an_answered_prompt_goes_when_its_time_is_over() {
    for (contract, stays) in [(Contract::Docs, false), (Contract::V1_0, true)] {
        let builder =
            Simulator::builder().contract(contract).scenario("home-office").clock(ClockMode::Manual);
        let simulator =
            builder.api_key(format!("{KEY}?read=admin&write=admin")).start().await.expect("a simulator");
        let mut client = Client::open(&simulator).await;
        let (notifications, _) = client.watch("notifications:all/core:authorize-app").await;
        let ask = http(&simulator, "GET", "app/auth?app-name=Test&read=user&write=user", "");
        let answer = async {
            let prompt = client.until(&notifications, "new").await;
            client.write("update", &prompt.key, &json!({ "SelectedActionID": "allow" })).await;
            prompt.key.trim_start_matches("notifications:all/").to_owned()
        };
        let (answered, id) = tokio::join!(ask, answer);
        let day = simulator.now() + SignedDuration::from_hours(24);
        assert!(answered.contains(&format!("\"validUntil\":\"{day}\"")), "{contract}: {answered}");
        let is_there = || simulator.state()["notifications"][&id] == "executed";
        simulator.advance(Duration::from_secs(60));
        assert!(is_there(), "{contract}");
        simulator.advance(Duration::from_secs(1));
        assert_eq!(is_there(), stays, "{contract}");
    }
}

#[tokio::test]
async fn a_logout_is_a_warning_while_the_privacy_network_is_on() {
    let builder =
        Simulator::builder().contract(Contract::V2_2).scenario("home-office").clock(ClockMode::Manual);
    let simulator =
        builder.api_key(format!("{KEY}?read=admin&write=admin")).start().await.expect("a simulator");
    let mut client = Client::open(&simulator).await;
    let worst = |status: &Value| status["WorstState"]["ID"].as_str().unwrap_or_default().to_owned();
    assert_eq!(worst(&client.get("runtime:system/status").await), "");
    let (status, _) = client.watch("runtime:system/status").await;
    let change = |json: &str| simulator.change(&serde_json::from_str(json).expect("a change")).expect("done");
    change(r#"{ "spn": { "account": null } }"#);
    assert_eq!(worst(&client.until(&status, "new").await.data), "spn:establishing-home-hub");
    assert_eq!(worst(&client.until(&status, "new").await.data), "spn:not-logged-in");
    let told = client.get("notifications:all/spn:not-logged-in").await;
    assert_eq!(
        (&told["ShowOnSystem"], &told["AvailableActions"][0]["Type"]),
        (&true.into(), &"open-page".into())
    );
    assert_eq!(
        client.get("notifications:all/spn:establishing-home-hub").await["AvailableActions"],
        Value::Null
    );
}

#[tokio::test]
async fn a_profile_is_in_use_from_its_first_connection() {
    let builder = Simulator::builder().scenario("home-office").clock(ClockMode::Manual);
    let simulator =
        builder.api_key(format!("{KEY}?read=admin&write=admin")).start().await.expect("a simulator");
    let mut client = Client::open(&simulator).await;
    let (layers, before) = client.watch("runtime:layeredProfile/").await;
    let change = |json: &str| simulator.change(&serde_json::from_str(json).expect("a change")).expect("done");
    change(r#"{ "apps": { "add": [{ "name": "Newcomer", "path": "/opt/newcomer" }] } }"#);
    change(r#"{ "connections": { "open": [{ "profile_name": "Newcomer", "domain": "a.example." }] } }"#);
    let told = client.until(&layers, "new").await;
    assert!(before.iter().all(|one| one.key != told.key), "{}", told.key);
    assert_eq!(told.data["RevisionCounter"], 1);
    client.get(&told.key).await;
}

/// A request without key or session.
async fn anonymous(simulator: &Simulator, path: &str) -> String {
    let mut stream = TcpStream::connect(simulator.addr()).await.expect("a connection");
    let request = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
    answer
}

async fn asking() -> Simulator {
    let builder =
        Simulator::builder().external_auth(ExternalAuth::Prompt).clock(ClockMode::Manual).journal(100);
    builder.api_key(format!("{KEY}?read=admin&write=admin")).start().await.expect("a simulator")
}

#[tokio::test]
async fn a_person_decides_about_a_program_without_key() {
    let simulator = asking().await;
    let mut client = Client::open(&simulator).await;
    let (prompts, _) = client.watch("notifications:all/core:authorize-program").await;
    // Nobody is asked where no permission is needed.
    assert!(anonymous(&simulator, "ping").await.starts_with("HTTP/1.1 200"));
    for (round, (choice, status)) in (1..).zip([("deny", "HTTP/1.1 403"), ("allow", "HTTP/1.1 200")]) {
        let both = async {
            tokio::join!(anonymous(&simulator, "network/gateways"), anonymous(&simulator, "debug/network"))
        };
        let answer = async {
            let prompt = client.until(&prompts, "new").await;
            assert_eq!((&prompt.data["Type"], &prompt.data["State"]), (&json!(2), &json!("active")));
            let ids = prompt.data["AvailableActions"].as_array().expect("actions").iter();
            assert_eq!(ids.map(|one| one["ID"].as_str()).collect::<Vec<_>>(), [Some("allow"), Some("deny")]);
            // Whoever comes after the answer is asked about anew: both have to be here.
            for path in ["network/gateways", "debug/network"] {
                let waiting = Filter::default().path(path);
                while simulator.journal().count(&waiting) < round {
                    tokio::task::yield_now().await;
                }
            }
            client.write("update", &prompt.key, &json!({ "SelectedActionID": choice })).await;
            // The prompt's own change; with this clock it comes as new, too.
            assert_eq!(client.until(&prompts, "new").await.data["State"], "executed");
        };
        let ((one, other), ()) = tokio::join!(both, answer);
        for answered in [one, other] {
            assert!(answered.starts_with(status), "{choice}: {answered}");
            assert_eq!(answered.contains("Set-Cookie: Portmaster-API-Token="), choice == "allow");
        }
    }
    let (_, left) = client.watch("notifications:all/core:authorize-program").await;
    assert!(left.iter().all(|one| one.data["State"] == "executed"), "{left:?}");
}

#[tokio::test]
async fn a_prompt_that_nobody_answers_is_a_denial() {
    let simulator = asking().await;
    let mut client = Client::open(&simulator).await;
    let (prompts, _) = client.watch("notifications:all/core:authorize-program").await;
    let time = async {
        client.until(&prompts, "new").await;
        simulator.advance(Duration::from_secs(62));
    };
    let (answered, ()) = tokio::join!(anonymous(&simulator, "network/gateways"), time);
    assert!(answered.starts_with("HTTP/1.1 403"), "{answered}");
    assert!(answered.contains("is not authorized to access"), "{answered}");
    client.until(&prompts, "del").await;
}

#[tokio::test]
async fn a_shutdown_is_told_and_ends_the_stream() {
    let simulator = Simulator::builder().dev_mode(true).start().await.expect("a simulator");
    let mut client = Client::open(&simulator).await;
    let id = client.send("sub|query runtime:modules/core/event/restart").await;
    client.get("core:status/versions").await;
    http(&simulator, "POST", "core/restart", "").await;
    let told = client.until(&id, "new").await;
    assert_eq!(told.data["Data"], Value::Null);
    let end = timeout(PATIENCE, client.socket.next()).await.expect("the end in time");
    assert!(!matches!(end, Some(Ok(Message::Close(_) | Message::Binary(_)))), "{end:?}");
}

#[tokio::test]
async fn a_call_that_is_under_way_is_answered_before_a_shutdown_ends_the_stream() {
    let builder = Simulator::builder().dev_mode(true).netquery_latency(Duration::from_millis(20));
    let simulator = builder.start().await.expect("a simulator");
    let mut client = Client::open(&simulator).await;
    let id = client.send("get|api:netquery/query?q={}").await;
    client.send(r#"create|api:core/restart|J{"Method":"POST"}"#).await;
    client.until(&id, "ok").await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_connection_alone() {
    let builder = Simulator::builder().api_key(format!("{KEY}?read=admin&write=admin")).max_message(1000);
    let simulator = builder.start().await.expect("a simulator");
    let mut client = Client::open(&simulator).await;
    let mut other = Client::open(&simulator).await;
    client.socket.send(Message::text("x".repeat(1001))).await.expect("sent");
    match timeout(PATIENCE, client.socket.next()).await.expect("in time") {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1009),
        other => panic!("expected a close frame: {other:?}"),
    }
    other.get("core:status/versions").await;
}

#[tokio::test]
async fn result_clauses_work_where_their_lack_is_a_defect() {
    for (contract, keys) in [
        (Contract::Docs, vec!["core:t/2", "core:t/3"]),
        (Contract::V1_0, vec!["core:t/1", "core:t/2", "core:t/3"]),
    ] {
        let simulator = simulator(contract).await;
        let mut client = Client::open(&simulator).await;
        for (key, n) in [(1, 30), (2, 20), (3, 10)] {
            client.write("create", &format!("core:t/{key}"), &json!({ "n": n })).await;
        }
        let (_, mut found) = client.watch("core:t/ orderby n limit 2").await;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        assert_eq!(found.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), keys);
    }
}

#[tokio::test]
async fn a_slow_reader_holds_nobody_up() {
    let simulator = simulator(Contract::V2_2).await;
    let mut slow = Client::open(&simulator).await;
    slow.watch("core:flood/").await;
    let mut writer = Client::open(&simulator).await;
    let filler = "x".repeat(2000);
    for _ in 0..6000 {
        writer.write("create", "core:flood/x", &json!({ "s": filler })).await;
    }
    // The slow one still gets what found room, and its own requests are answered.
    let id = slow.send("get|core:status/versions").await;
    let mut pushes = 0_u64;
    loop {
        let told = slow.receive().await;
        if told.id == id {
            break;
        }
        pushes += 1;
    }
    assert!((1..6000).contains(&pushes), "{pushes} pushes");
    assert_eq!(pushes + simulator.dropped_pushes(), 6000);
}

/// The most that a client may have: what looks at all of them for each takes minutes then.
#[tokio::test]
async fn a_client_with_very_many_subscriptions_holds_nobody_up() {
    let simulator = simulator(Contract::V2_2).await;
    let (mut many, mut other) = (Client::open(&simulator).await, Client::open(&simulator).await);
    let quickly = Duration::from_secs(5);
    for at in 0..100_000 {
        let message = Message::text(format!("s{at}|sub|query core:many/"));
        many.socket.feed(message).await.expect("room");
        if at % 10_000 == 0 {
            let record = json!({ "n": at });
            let written = timeout(quickly, other.write("create", "core:other/x", &record)).await;
            written.expect("an answer for somebody else");
        }
    }
    let beyond = many.send("sub|query core:many/").await;
    let told = many.receive().await;
    assert_eq!((told.id, told.kind.as_str()), (beyond, "error"));
    drop(many);
    let written = timeout(quickly, other.write("create", "core:other/y", &json!({}))).await;
    written.expect("an answer while they end");
}

#[tokio::test]
async fn what_the_core_keeps_is_there_once_and_can_be_deleted() {
    let simulator = simulator(Contract::V2_2).await;
    let mut client = Client::open(&simulator).await;
    let account = "core:spn/account/user";
    let id = client.send(&format!("create|{account}|J{{\"username\":\"other\"}}")).await;
    client.until(&id, "success").await;
    let id = client.send(&format!("query|query {account}")).await;
    let (found, end) = (client.receive().await, client.receive().await);
    assert_eq!(
        (found.id.as_str(), found.data["username"].as_str(), end.kind.as_str()),
        (&*id, Some("other"), "done")
    );
    for key in [account, "cache:intel/nameRecord/www.wiki.example.A"] {
        let id = client.send(&format!("delete|{key}")).await;
        client.until(&id, "success").await;
        client.send(&format!("get|{key}")).await;
        assert_eq!(client.receive().await.key, "database entry not found", "{key}");
    }
    client.send("get|api:spn/account/user/profile").await;
    assert_eq!(client.receive().await.key, "bridged api call returned unexpected error code 401");
    // What an endpoint fails with is told as it is, its line end, too.
    client.send("get|api:dns/cache/none.example.A").await;
    assert_eq!(client.receive().await.key, "bridged api call failed: database entry not found\n");
}

#[tokio::test]
async fn members_are_set_by_their_types_before_a_write_is_refused() {
    let simulator = simulator(Contract::V2_2).await;
    let mut client = Client::open(&simulator).await;
    for (payload, error) in [
        (r#"{"Nope":1}"#, "struct field does not exist"),
        (r#"{"HomeHubID":1}"#, "tried to set field HomeHubID (string) to a float64 value"),
        (r#"{"ConnectedSince":null}"#, "tried to set field ConnectedSince (ptr) to a invalid value"),
        (r#"{"HomeHubID":"x"}"#, "runtime record is read-only"),
    ] {
        client.send(&format!("insert|runtime:spn/status|{payload}")).await;
        assert_eq!(client.receive().await.key, error, "{payload}");
    }
    client.send(r#"create|api:ping|J{"Query":{"a":1}}"#).await;
    let told = client.receive().await.key;
    assert!(
        told.contains("number into Go struct field EndpointBridgeRequest.Query of type string"),
        "{told}"
    );
}
