//! Targets for tests: one that answers always the same, and one that stands before a simulator and changes
//! its answers.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use portmaster_conformance::{
    checks,
    suite::{self, Allowed, Context, Key, Keys, Mode, Record, Run, Selection, Tier},
    target::{Address, Client},
};
use portmaster_fixtures::Contract;
use portmaster_simulator::{ExternalAuth, Simulator};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

/// A request as a target reads it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) head: String,
    pub(crate) bytes: Vec<u8>,
}

/// An answer that can be changed before it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether a body is sent to HEAD as well.
    pub(crate) even_to_head: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, kind: &str, body: &str) -> Self {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Self { status, headers, body: body.as_bytes().to_vec(), even_to_head: false }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn drop_header(&mut self, name: &str) {
        self.headers.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
    }

    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        self.drop_header(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Replaces a part of the body, which must be there.
    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        self.body = self.text().replace(from, to).into_bytes();
    }

    fn bytes(&self, head: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Test\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.header("content-length").is_none() && !matches!(self.status, 101 | 204) {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        if !head || self.even_to_head {
            bytes.extend(&self.body);
        }
        bytes
    }
}

/// A target of a test's own. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    server: JoinHandle<()>,
    _simulator: Option<Simulator>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A target that gives every request the answer of a function.
pub(crate) async fn dumb(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let answer = Arc::new(answer);
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                if let Some(asked) = read(&mut stream).await {
                    let bytes = answer(&asked).bytes(asked.method == "HEAD");
                    let _ = stream.write_all(&bytes).await;
                }
            });
        }
    });
    Target { address, server, _simulator: None }
}

/// How a simulator behind a target is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    Guarded,
    Development,
    Granted,
}

async fn simulator(contract: Contract, behind: Behind) -> Simulator {
    let mut builder = Simulator::builder()
        .contract(contract)
        .healthy(true)
        .scenario("home-office")
        .seed(1)
        .dev_mode(behind == Behind::Development);
    for (tier, permissions) in TIERS {
        builder = builder.api_key(format!("{}{permissions}", secret(tier)));
    }
    let auth = if behind == Behind::Granted { ExternalAuth::Grant } else { ExternalAuth::Deny };
    builder.external_auth(auth).start().await.unwrap()
}

/// A target that hands every request to a simulator and changes its answer.
pub(crate) async fn misbehaving(
    behind: Behind,
    change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static,
) -> Target {
    misbehaving_as(Contract::Docs, behind, change).await
}

/// The same with a simulator of another contract, without defects.
pub(crate) async fn misbehaving_as(
    contract: Contract,
    behind: Behind,
    change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static,
) -> Target {
    between(contract, behind, |_| std::future::ready(()), change).await
}

/// The same, and hands a request on when `turn` has come.
pub(crate) async fn between<T: Future<Output = ()> + Send>(
    contract: Contract,
    behind: Behind,
    turn: impl Fn(&Asked) -> T + Send + Sync + 'static,
    change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static,
) -> Target {
    let simulator = simulator(contract, behind).await;
    let to = simulator.addr();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let change = Arc::new((turn, change));
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let change = Arc::clone(&change);
            tokio::spawn(async move {
                let Some(asked) = read(&mut stream).await else { return };
                let (turn, change) = &*change;
                turn(&asked).await;
                let mut upstream = TcpStream::connect(to).await.unwrap();
                let _ = upstream.write_all(&asked.bytes).await;
                let Some(mut answer) = answer(&mut upstream, asked.method == "HEAD").await else { return };
                change(&asked, &mut answer);
                let _ = stream.write_all(&answer.bytes(asked.method == "HEAD")).await;
            });
        }
    });
    Target { address, server, _simulator: Some(simulator) }
}

/// A target that hands every message of a database websocket to a simulator: as what `ask` makes of it, unless
/// that answers itself; and hands back what `hear` makes of each answer.
pub(crate) async fn relaying(
    ask: impl Fn(String) -> (Option<String>, Option<String>) + Send + Sync + 'static,
    hear: impl Fn(String) -> Vec<String> + Send + Sync + 'static,
) -> Target {
    let simulator = simulator(Contract::Docs, Behind::Guarded).await;
    let to = simulator.addr();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let (ask, hear) = (Arc::new(ask), Arc::new(hear));
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (ask, hear) = (Arc::clone(&ask), Arc::clone(&hear));
            tokio::spawn(async move { relay(stream, to, &*ask, &*hear).await });
        }
    });
    Target { address, server, _simulator: Some(simulator) }
}

async fn relay(
    stream: TcpStream,
    to: std::net::SocketAddr,
    ask: impl Fn(String) -> (Option<String>, Option<String>),
    hear: impl Fn(String) -> Vec<String>,
) -> Option<()> {
    let mut request = format!("ws://{to}/api/database/v1").into_client_request().ok()?;
    let key = format!("Bearer {}", secret(Tier::Admin));
    request.headers_mut().insert("Authorization", key.parse().ok()?);
    let upstream = TcpStream::connect(to).await.ok()?;
    let (mut core, _) = tokio_tungstenite::client_async(request, upstream).await.ok()?;
    let mut client = tokio_tungstenite::accept_async(stream).await.ok()?;
    // Every byte is a character, so that none is lost.
    let text = |message: Message| message.into_data().iter().copied().map(char::from).collect::<String>();
    let bytes = |text: String| Message::binary(text.chars().map(|c| c as u8).collect::<Vec<_>>());
    loop {
        tokio::select! {
            Some(Ok(message)) = client.next() => {
                if !(message.is_text() || message.is_binary()) {
                    continue;
                }
                let (on, answer) = ask(text(message));
                if let Some(on) = on {
                    core.send(bytes(on)).await.ok()?;
                }
                if let Some(answer) = answer {
                    client.send(bytes(answer)).await.ok()?;
                }
            }
            Some(Ok(message)) = core.next() => {
                for answer in hear(text(message)) {
                    client.send(bytes(answer)).await.ok()?;
                }
            }
            else => return None,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = vec![];
    let end = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let (method, target) = {
        let mut words = head.lines().next()?.split(' ');
        (words.next()?.to_owned(), words.next()?.to_owned())
    };
    let length = head
        .to_lowercase()
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.parse().ok());
    // A length that is only announced is not waited for.
    let length = length.filter(|&bytes: &usize| bytes < 1_000_000).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked { method, target, head, bytes })
}

/// Reads an answer to its end.
async fn answer(stream: &mut TcpStream, head_only: bool) -> Option<Answer> {
    use portmaster_wire::answer::Answer as Read;
    let is_whole = |bytes: &[u8]| match Read::begun(bytes.to_vec()) {
        Some(begun) => head_only || begun.status == 101 || Read::is_whole(bytes),
        None => false,
    };
    let mut bytes = vec![];
    while !is_whole(&bytes) && stream.read_buf(&mut bytes).await.ok()? > 0 {}
    let read = if head_only { Read::begun(bytes) } else { Read::read(bytes) }?;
    let framing = ["content-length", "transfer-encoding"];
    let told = |name: &str| head_only || !framing.iter().any(|one| one.eq_ignore_ascii_case(name));
    let headers = read.headers().filter(|(name, _)| told(name));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(Answer { status: read.status, headers, body: read.body, even_to_head: false })
}

const TIERS: [(Tier, &str); 7] = [
    (Tier::Anyone, ""),
    (Tier::UserRead, "?read=user"),
    (Tier::User, "?read=user&write=user"),
    (Tier::AdminRead, "?read=admin"),
    (Tier::Admin, "?read=admin&write=admin"),
    (Tier::Expired, "?read=admin&write=admin&expires=2020-01-01T00:00:00Z"),
    (Tier::Future, "?read=user&write=user&expires=2099-01-01T00:00:00Z"),
];

fn secret(tier: Tier) -> String {
    format!("test-{}-90ab", tier.name())
}

/// A context on a target, with every key.
pub(crate) fn context(address: &Address, mode: Mode) -> Context {
    context_as(Contract::Docs, address, mode)
}

/// The same for another contract.
pub(crate) fn context_as(contract: Contract, address: &Address, mode: Mode) -> Context {
    let mut keys = Keys::default();
    for (tier, _) in TIERS {
        keys.insert(Key::new(tier, secret(tier)));
    }
    let client = Client::new(std::time::Duration::from_secs(10));
    Context::foreign(address.clone(), mode, keys, contract, 1, client)
}

/// Runs the selected checks of the context's contract, everything allowed.
pub(crate) async fn run(context: &Context, ids: &[&str]) -> Run {
    let checks = Selection::ids(ids).of(checks::all(context.contract())).unwrap();
    suite::run(&checks, context, Allowed::ALL, |_, _| {}, std::future::pending()).await
}

/// The ids and verdicts of a run, one a line.
pub(crate) fn verdicts(run: &Run, wanted: impl Fn(&Record) -> bool) -> Vec<String> {
    run.records
        .iter()
        .filter(|one| wanted(one))
        .map(|one| format!("{} {}", one.verdict.name(), one.id))
        .collect()
}
