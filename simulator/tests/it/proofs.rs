//! What is promised of every world: the same inputs give the same answers, pushes, journals and fingerprints, and a world that
//! was taken out, in memory or in a file, goes on as if nothing had been.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use portmaster_fixtures::scenario::BUILT_IN;
use portmaster_simulator::{Change, ClockMode, Contract, ExternalAuth, Simulator, Snapshot, journal::Filter};
use proptest::{collection, prelude::*, sample};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, http::Request},
};

/// Long enough for a busy machine; nothing waits that long when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that is done to a simulator.
#[derive(Clone, Debug)]
enum Step {
    Request { method: &'static str, target: String, body: &'static str },
    Message(&'static str),
    Change(&'static str),
    Advance(u64),
}

const BODIES: &[&str] = &[
    "{}",
    "",
    "[]",
    r#"{"select":["id","active","bytes_received"],"orderBy":["id"]}"#,
    r#"{"databases":["main","history"]}"#,
    r#"{"duration":20,"onlySPN":false}"#,
    r#"{"profileIDs":[]}"#,
    r#"{"a":{"select":[{"$count":{"field":"*","as":"n"}}]}}"#,
    "type: profile\nname: New\nid: new\n",
];

const MESSAGES: &[&str] = &[
    "1|create|core:test/a|J{\"n\":1}",
    "2|update|core:test/a|J{\"n\":2}",
    "3|insert|core:test/a|J{\"m\":\"x\"}",
    "4|delete|core:test/a",
    "5|update|config:spn/enable|J{\"Value\":false}",
    "6|update|config:filter/defaultAction|J{\"Value\":\"block\"}",
    "7|create|core:profiles/local/new|J{\"ID\":\"new\",\"Source\":\"local\",\"Name\":\"New\",\"Config\":{}}",
    "8|delete|core:profiles/local/new",
    "9|create|notifications:all/told|J{\"EventID\":\"told\",\"Title\":\"T\",\"Message\":\"M\",\"EventData\":{\"a\":[1.5,null]}}",
    "10|query|query network:tree",
    "11|query|query core: where n exists",
    "12|get|runtime:system/status",
    "13|query|query map:main/",
    "14|create|cache:test/b|Lplain",
    "15|update|runtime:system/security-level|J{\"SelectedSecurityLevel\":2}",
];

const CHANGES: &[&str] = &[
    r#"{"network":{"online":"offline"}}"#,
    r#"{"network":{"online":"online","captive_portal":null},"config":{"spn/enable":true}}"#,
    r#"{"config":{"spn/enable":null,"core/expertiseLevel":"developer"}}"#,
    r#"{"connections":{"open":3}}"#,
    r#"{"connections":{"open":2,"close":1}}"#,
    r#"{"connections":{"close":"all"}}"#,
    r#"{"dns":{"clear":true}}"#,
    r#"{"spn":{"status":"failed"}}"#,
    r#"{"spn":{"status":null,"account":null}}"#,
    r#"{"notifications":{"add":[{"id":"a","expires":7},{"id":"b"}]}}"#,
    r#"{"notifications":{"remove":["b"]}}"#,
    r#"{"modules":{"fail":[{"module":"Resolver","id":"r","title":"R"}]}}"#,
    r#"{"pause":{"duration":"5s"}}"#,
    r#"{"apps":{"add":[{"name":"New","path":"/new"}]}}"#,
    r#"{"core":{"starting":true}}"#,
    r#"{"config":{"core/devMode":7},"network":{"online":"portal"}}"#,
];

/// Paths that match the patterns of endpoints with parts.
fn example(pattern: &str) -> String {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        path.push_str(&rest[..open]);
        let mut depth = 0;
        let close = rest[open..].find(|char| {
            depth += i32::from(char == '{') - i32::from(char == '}');
            depth == 0
        });
        let close = open + close.expect("a closing brace");
        path.push_str(match &rest[open..close] {
            part if part.starts_with("{query:") => "www.wiki.example.A",
            part if part.starts_with("{map:") => "main",
            part if part.starts_with("{format:") => ".svg",
            part if part.starts_with("{destination:") => "198.51.100.9",
            part if part.starts_with("{source:") => "local",
            part if part.starts_with("{pid:") => "1",
            part if part.starts_with("{identifier:") => "all/none",
            _ => "none",
        });
        rest = &rest[close + 1..];
    }
    path + rest
}

fn steps(contract: Contract, most: usize) -> impl Strategy<Value = Vec<Step>> {
    let targets: Vec<String> = contract
        .endpoints()
        .iter()
        // These two take the core down, which is another matter.
        .filter(|endpoint| !matches!(endpoint.path.as_str(), "core/restart" | "core/shutdown"))
        .map(|endpoint| format!("/api/v1/{}", example(&endpoint.path)))
        .chain(["/metrics".to_owned(), "/".to_owned(), "/ui/modules/portmaster/".to_owned()])
        .collect();
    let request = (
        sample::select(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"][..]),
        sample::select(targets),
        sample::select(BODIES),
    );
    let step = prop_oneof![
        4 => request.prop_map(|(method, target, body)| Step::Request { method, target, body }),
        3 => sample::select(MESSAGES).prop_map(Step::Message),
        3 => sample::select(CHANGES).prop_map(Step::Change),
        2 => (1_u64..200_000).prop_map(Step::Advance),
    ];
    collection::vec(step, 1..most)
}

/// A world: a scenario that is quickly made, a contract, a seed.
fn worlds() -> impl Strategy<Value = (&'static str, Contract, u64)> {
    let names: Vec<&str> =
        BUILT_IN.iter().map(|(name, _)| *name).filter(|name| *name != "busy-server").collect();
    (sample::select(names), sample::select(&Contract::ALL[..]), 0..u64::MAX)
}

async fn start(name: &str, contract: Contract, seed: u64) -> Simulator {
    let builder = Simulator::builder().scenario(name).contract(contract).seed(seed).clock(ClockMode::Frozen);
    let builder = builder.api_key("admin-key?read=admin&write=admin").external_auth(ExternalAuth::Grant);
    builder.journal(1000).start().await.expect("a built-in scenario")
}

/// The bytes that come back for a request.
async fn exchange(address: SocketAddr, method: &str, target: &str, body: &str) -> Vec<u8> {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:817\r\nAuthorization: Bearer admin-key\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("a simulator that listens");
    stream.write_all(request.as_bytes()).await.expect("a simulator that reads");
    let mut bytes = Vec::new();
    // A connection that is reset is an answer, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time");
    bytes
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// One who listens to everything.
    async fn open(simulator: &Simulator) -> Self {
        // The same bytes each time: neither a port of this machine nor a key that is drawn.
        let request = Request::builder()
            .uri("ws://127.0.0.1:817/api/database/v1")
            .header("Host", "127.0.0.1:817")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Authorization", "Bearer admin-key");
        let stream = TcpStream::connect(simulator.addr()).await.expect("a simulator that listens");
        let request = request.body(()).expect("a request");
        let mut client = Self(client_async(request, stream).await.expect("an upgrade").0);
        for database in ["config", "core", "cache", "notifications", "network", "runtime", "map"] {
            client.send(&format!("{database}|sub|query {database}:")).await;
        }
        client
    }

    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text.to_owned())).await.expect("sent");
    }

    /// Everything that came before the answer to a question that is asked now.
    async fn told(&mut self) -> Vec<Vec<u8>> {
        self.send("end|get|config:core/devMode").await;
        let mut told = Vec::new();
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("a message in time");
            let data = message.expect("a connection that lives").expect("a message").into_data().to_vec();
            if data.starts_with(b"end|") {
                return told;
            }
            told.push(data);
        }
    }
}

/// Takes steps: what came back of each, and the fingerprint of the world at last.
async fn take(simulator: &Simulator, steps: &[Step]) -> (Vec<String>, String) {
    let mut client = Client::open(simulator).await;
    client.told().await;
    let mut seen = Vec::new();
    for step in steps {
        let answer = match step {
            Step::Request { method, target, body } => exchange(simulator.addr(), method, target, body).await,
            Step::Message(text) => {
                client.send(text).await;
                Vec::new()
            }
            Step::Change(text) => {
                let change: Change = serde_json::from_str(text).expect("a change");
                format!("{:?}", simulator.change(&change)).into_bytes()
            }
            Step::Advance(millis) => {
                simulator.advance(Duration::from_millis(*millis)).to_string().into_bytes()
            }
        };
        let told: Vec<String> =
            client.told().await.iter().map(|one| String::from_utf8_lossy(one).into_owned()).collect();
        seen.push(format!("{step:?}\n{}\n{}", String::from_utf8_lossy(&answer), told.join("\n")));
    }
    (seen, simulator.fingerprint().expect("a database"))
}

fn journal(simulator: &Simulator) -> Vec<String> {
    simulator.journal().entries(&Filter::default()).iter().map(|entry| format!("{entry:?}")).collect()
}

/// The first step at which two runs differ.
fn same(first: &(Vec<String>, String), second: &(Vec<String>, String)) -> Result<(), TestCaseError> {
    for (one, other) in first.0.iter().zip(&second.0) {
        prop_assert_eq!(one, other);
    }
    prop_assert_eq!(&first.1, &second.1);
    Ok(())
}

fn config() -> ProptestConfig {
    // A handful at each run; PROPTEST_CASES asks for more.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_same_inputs_give_the_same(
        ((name, contract, seed), steps) in worlds().prop_flat_map(|world| (Just(world), steps(world.1, 14)))
    ) {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let (one, other) = (start(name, contract, seed).await, start(name, contract, seed).await);
            same(&take(&one, &steps).await, &take(&other, &steps).await)?;
            prop_assert_eq!(journal(&one), journal(&other));
            Ok(())
        })?;
    }

    #[test]
    fn a_world_that_was_kept_goes_on_the_same(
        ((name, contract, seed), before, after) in worlds()
            .prop_flat_map(|world| (Just(world), steps(world.1, 8), steps(world.1, 8)))
    ) {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let simulator = start(name, contract, seed).await;
            take(&simulator, &before).await;
            let kept = simulator.snapshot().expect("a database");
            let saved = kept.to_json();
            let first = take(&simulator, &after).await;
            simulator.restore(&kept).expect("put back");
            prop_assert_eq!(simulator.fingerprint().expect("a database"), kept.fingerprint());
            same(&first, &take(&simulator, &after).await)?;
            let read = Snapshot::from_json(&saved).expect("what was just written");
            prop_assert_eq!(read.fingerprint(), kept.fingerprint());
            let other = Simulator::builder().snapshot(read).external_auth(ExternalAuth::Grant);
            same(&first, &take(&other.start().await.expect("a simulator"), &after).await)?;
            simulator.reset().expect("begun anew");
            let anew = start(name, contract, seed).await;
            prop_assert_eq!(simulator.fingerprint().expect("a database"), anew.fingerprint().expect("a database"));
            Ok(())
        })?;
    }
}
