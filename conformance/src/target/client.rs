//! Sends one request over one connection.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portmaster_wire::link::Link;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use super::{
    address::Address,
    connection::Connection,
    error::SendError,
    flight::{Flight, Ticket},
    read::Incoming,
    request::Request,
    response::Response,
    websocket::Websocket,
};

/// How long a target that was asked to close the connection may take before nothing more is awaited.
const LINGER: Duration = Duration::from_millis(300);
/// The same of a target that has never done so, however often it was asked.
const SHORT_LINGER: Duration = Duration::from_millis(20);
/// How often.
const VAIN: usize = 5;

/// How long an answer may take that comes at once.
const AT_ONCE: Duration = Duration::from_millis(750);

/// How many connections are kept for the next request at most.
const KEPT: usize = 32;

/// The client. Every request gets a connection of its own, unless it is content with one that others had.
#[derive(Clone, Debug)]
pub struct Client {
    timeout: Duration,
    pace: Option<Arc<Pace>>,
    flight: Option<Flight>,
    /// What nobody uses at the moment. All clones share it.
    kept: Arc<Mutex<Vec<(Address, Connection)>>>,
    /// How often in a row the target did not close the connection though it was asked to.
    stays: Arc<AtomicUsize>,
}

/// Keeps requests apart.
#[derive(Debug)]
struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// Waits for this request's turn.
    async fn turn(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + self.gap;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

impl Client {
    /// A client that waits so long for a whole answer.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, pace: None, flight: None, kept: Arc::default(), stays: Arc::default() }
    }

    /// The same, with connections that no other clone shares: they end with it.
    pub(crate) fn apart(self) -> Self {
        Self { kept: Arc::default(), ..self }
    }

    /// The same, but with no more than so many requests and websocket handshakes a second, over all its clones.
    pub fn with_rate(self, per_second: NonZeroU32) -> Self {
        let gap = Duration::from_secs(1) / per_second.get();
        Self { pace: Some(Arc::new(Pace { gap, next: Mutex::new(Instant::now()) })), ..self }
    }

    /// The same, with everything that goes out written down.
    pub(crate) fn with_flight(self, flight: Flight) -> Self {
        Self { flight: Some(flight), ..self }
    }

    /// The same, with another patience.
    pub(crate) fn patient(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The same, with no more patience than that.
    pub(crate) fn hasty(&self, timeout: Duration) -> Self {
        self.patient(timeout.min(self.timeout))
    }

    /// Whether a target answers, at once; why not.
    pub(crate) async fn answers(&self, address: &Address) -> Result<(), SendError> {
        self.hasty(AT_ONCE).send(address, &Request::api("GET", "ping")).await.map(drop)
    }

    async fn turn(&self) {
        if let Some(pace) = &self.pace {
            pace.turn().await;
        }
    }

    /// Writes down that something goes out on a connection of its own, when it is its turn.
    async fn depart(&self, what: impl FnOnce() -> String) -> Option<(u64, Ticket)> {
        self.turn().await;
        let flight = self.flight.as_ref()?;
        let what = what();
        flight.turn(what.as_bytes()).await;
        let connection = flight.connection();
        Some((connection, flight.begin(connection, false, what.as_bytes())))
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, address: &Address, request: &Request) -> Result<Response, SendError> {
        let flown = self.depart(|| format!("{} {}", request.method, request.target)).await;
        let sent = timeout(self.timeout, async {
            if request.kept {
                self.exchange_kept(address, request).await
            } else {
                self.exchange(address, request).await
            }
        })
        .await;
        let sent = sent.unwrap_or(Err(SendError::Timeout(self.timeout)));
        match (flown, &sent) {
            (Some((_, ticket)), Ok(response)) if matches!(response.status, 401 | 403) => ticket.refused(),
            (flown, _) => return arrived(flown, sent),
        }
        sent
    }

    async fn exchange(&self, address: &Address, request: &Request) -> Result<Response, SendError> {
        let (mut response, mut incoming) =
            ask(address, &request.method, &request.bytes(address), false).await?;
        if response.status == 101 {
            return Ok(response);
        }
        response.surplus = match timeout(self.linger(), incoming.drain()).await {
            Ok(surplus) => {
                self.stays.store(0, Ordering::Relaxed);
                surplus
            }
            Err(_) => {
                self.stays.fetch_add(1, Ordering::Relaxed);
                incoming.left()
            }
        };
        Ok(response)
    }

    fn linger(&self) -> Duration {
        if self.stays.load(Ordering::Relaxed) < VAIN { LINGER } else { SHORT_LINGER }
    }

    async fn exchange_kept(&self, address: &Address, request: &Request) -> Result<Response, SendError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = {
            let mut kept = kept();
            let at = kept.iter().rposition(|(to, _)| to == address);
            at.map(|at| kept.swap_remove(at).1).filter(Connection::is_quiet)
        };
        loop {
            let had = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => Connection::open(address).await?,
            };
            let sent = connection.send(address, request).await;
            // The target may have ended it just then.
            if had && matches!(sent, Err(SendError::Closed | SendError::Io(_))) {
                continue;
            }
            let stays = |response: &Response| {
                let closes =
                    response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                !closes && response.surplus == 0 && response.status != 101
            };
            if sent.as_ref().is_ok_and(stays) {
                let mut kept = kept();
                if kept.len() < KEPT {
                    kept.push((address.clone(), connection));
                }
            }
            return sent;
        }
    }

    /// Sends these bytes as they are and reads the answer to `method`. With `finish` the sending side is closed
    /// after them.
    pub(crate) async fn send_bytes(
        &self,
        address: &Address,
        method: &str,
        bytes: &[u8],
        finish: bool,
    ) -> Result<Response, SendError> {
        let first =
            |bytes: &[u8]| bytes.iter().take_while(|byte| **byte != b'\r').copied().collect::<Vec<u8>>();
        let flown = self.depart(|| String::from_utf8_lossy(&first(bytes)).into_owned()).await;
        let asked = timeout(self.timeout, ask(address, method, bytes, finish)).await;
        let (response, _) = arrived(flown, asked.unwrap_or(Err(SendError::Timeout(self.timeout))))?;
        Ok(response)
    }

    /// Sends a request for a websocket: the answer, and the websocket if that is 101.
    pub async fn upgrade(
        &self,
        address: &Address,
        request: &Request,
    ) -> Result<(Response, Option<Websocket>), SendError> {
        let flown = self.depart(|| format!("{} {}", request.method, request.target)).await;
        let connection = flown.as_ref().map(|(connection, _)| *connection);
        let asked =
            timeout(self.timeout, ask(address, &request.method, &request.bytes(address), false)).await;
        let (response, incoming) = arrived(flown, asked.unwrap_or(Err(SendError::Timeout(self.timeout))))?;
        let socket = (response.status == 101).then(|| {
            let flight = self.flight.clone().zip(connection);
            Websocket::new(incoming).with_flight(flight)
        });
        Ok((response, socket))
    }
}

/// Writes down that an answer is there, if it is.
fn arrived<T>(flown: Option<(u64, Ticket)>, answer: Result<T, SendError>) -> Result<T, SendError> {
    if let (Some((_, ticket)), Ok(_)) = (flown, &answer) {
        ticket.answered();
    }
    answer
}

/// Sends a request on a connection of its own and reads the answer.
async fn ask(
    address: &Address,
    method: &str,
    bytes: &[u8],
    finish: bool,
) -> Result<(Response, Incoming<Link>), SendError> {
    let mut incoming = Incoming::open(address).await?;
    let stream = incoming.stream();
    // A target may answer, and close, before it has read everything: then the answer counts, not the broken
    // pipe.
    let written = async {
        stream.write_all(bytes).await?;
        if finish { stream.shutdown().await } else { Ok(()) }
    }
    .await;
    match (incoming.response(method).await, written) {
        (Err(SendError::Closed), Err(broken)) => Err(broken.into()),
        (answer, _) => Ok((answer?, incoming)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::*;

    /// Answers one request on each connection, and ends it at the next.
    async fn short_of_breath() -> (Address, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(Mutex::new(vec![]));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                for answers in [true, false] {
                    let mut head = [0; 1024];
                    let read = stream.read(&mut head).await.unwrap();
                    let line =
                        String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
                    log.lock().unwrap().push(line);
                    if answers {
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                    }
                }
            }
        });
        (address, asked)
    }

    #[tokio::test]
    async fn only_what_reads_is_asked_twice_when_a_kept_connection_ends() {
        for (method, times) in [("GET", 2), ("POST", 1)] {
            let (address, asked) = short_of_breath().await;
            let client = Client::new(Duration::from_secs(10));
            let first = client.send(&address, &Request::api(method, "a").kept_to_read()).await;
            assert_eq!(first.unwrap().status, 200);
            let second = client.send(&address, &Request::api(method, "b").kept_to_read()).await;
            assert_eq!(second.unwrap().status, 200);
            let told = asked.lock().unwrap().iter().filter(|line| line.contains("/b")).count();
            assert_eq!(told, times, "{method}");
        }
    }

    #[tokio::test]
    async fn who_never_closes_is_not_waited_for_each_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let mut open = vec![];
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                open.push(stream);
            }
        });
        let client = Client::new(Duration::from_secs(10));
        for _ in 0..VAIN {
            assert_eq!(client.linger(), LINGER);
            assert_eq!(client.send(&address, &Request::api("GET", "a")).await.unwrap().status, 200);
        }
        assert_eq!(client.linger(), SHORT_LINGER);
    }
}
