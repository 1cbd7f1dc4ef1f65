//! Sends cases to one target, one after the other, and lets the oracles judge.

use std::{collections::BTreeSet, time::Duration};

use portmaster_fixtures::Permission;
use tokio::time::timeout;

use super::{
    case::{Ask, COOKIE, Case, Step, Talk},
    catalogue::Known,
    dialogue::{self, Dialogue},
    expectations::Expectations,
    finding::{Finding, Oracle},
    host::{Gone, Host},
    judge::{self, Exchange, Judge},
    subject::{Subject, Target},
};
use crate::{
    contrast::levels,
    keeper::Fall,
    suite::Mode,
    target::{Address, Connection, Flight, Request, Response, SendError, Ticket, Websocket},
};

/// How long is waited for an answer that a person has to give.
const NOBODY: Duration = Duration::from_millis(30);
/// How much a target's memory may grow before somebody should look: so many times, and at least so many bytes.
const GROWTH: (f64, f64) = (4.0, 256e6);

/// What an oracle objects to, and at which step.
#[derive(Clone, Debug)]
pub(super) struct Objection {
    pub(super) step: usize,
    pub(super) finding: Finding,
}

/// A target and the connection to it.
pub(super) struct Lane<'a> {
    pub(super) subject: &'a Subject,
    target: &'a Target,
    judge: Judge,
    pub(super) mode: Mode,
    pub(super) address: Address,
    /// Where simulators of our own are.
    host: Option<Host>,
    connection: Option<Connection>,
    /// Where what goes out is written down, and as which connection.
    flight: Option<(Flight, u64)>,
    memory: Option<f64>,
    /// The other target, where two are compared.
    pub(super) other: Option<Box<Self>>,
    /// How many requests and messages were sent.
    pub(super) sent: u64,
    /// A number that any other status or length of an answer makes another one.
    pub(super) digest: u64,
}

/// What a case's requests share.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) session: Option<String>,
    ended: BTreeSet<String>,
}

impl<'a> Lane<'a> {
    /// A lane to a target in that mode, and to the one beside it, if there is one; a simulator of our own is started.
    pub(super) async fn open(subject: &'a Subject, mode: Mode) -> Result<Self, Gone> {
        let mut lane = Self::to(subject, &subject.target, mode).await?;
        if let Some(beside) = &subject.beside {
            lane.other = Some(Box::new(Self::to(subject, beside, mode).await?));
        }
        Ok(lane)
    }

    async fn to(subject: &'a Subject, target: &'a Target, mode: Mode) -> Result<Self, Gone> {
        let (address, host) = match target {
            Target::Foreign(address, _) => (address.clone(), None),
            Target::Own(own) => {
                let mut host = Host::begin(own)?;
                (host.simulator(own, mode).await?, Some(host))
            }
        };
        let judge = Judge::new(subject.behaviour, subject.strict);
        let (connection, memory) = (None, None);
        let flight =
            subject.keeper.as_ref().map(|keeper| (keeper.flight().clone(), keeper.flight().connection()));
        Ok(Self {
            subject,
            target,
            judge,
            mode,
            address,
            host,
            connection,
            flight,
            memory,
            other: None,
            sent: 0,
            digest: 0,
        })
    }

    /// Begins anew in that mode, as if nothing had been sent: with a fresh simulator, if it is our own.
    pub(super) async fn begin(&mut self, mode: Mode) -> Result<(), Gone> {
        (self.mode, self.memory, self.sent, self.digest) = (mode, None, 0, 0);
        if let Some(other) = &mut self.other {
            other.mode = mode;
        }
        self.renew().await
    }

    /// Goes on with a fresh simulator, if it is our own; the one beside it as well.
    pub(super) async fn renew(&mut self) -> Result<(), Gone> {
        self.renew_alone().await?;
        match &mut self.other {
            Some(other) => other.renew_alone().await,
            None => Ok(()),
        }
    }

    /// Goes on with a fresh simulator, if it is our own.
    pub(super) async fn renew_alone(&mut self) -> Result<(), Gone> {
        self.connection = None;
        if let (Target::Own(own), Some(host)) = (self.target, &mut self.host) {
            self.address = host.simulator(own, self.mode).await?;
        }
        Ok(())
    }

    /// Whether it is a simulator of our own.
    pub(super) fn is_own(&self) -> bool {
        self.host.is_some()
    }

    /// What befell a simulator of our own that does not answer any more. It is another one afterwards.
    pub(super) async fn revive(&mut self) -> Result<Option<Fall>, Gone> {
        let (Target::Own(own), Some(host)) = (self.target, &mut self.host) else { return Ok(None) };
        let Some(fall) = host.fallen(&self.address, self.subject.limit).await else { return Ok(None) };
        *host = Host::begin(own)?;
        self.renew_alone().await?;
        Ok(Some(fall))
    }

    /// Sends a case: what is objected to first. A simulator of our own that falls is another one afterwards.
    pub(super) async fn run(&mut self, case: &Case) -> Result<Option<Objection>, Gone> {
        let mut at = 0;
        let outcome = self.steps(case, &mut at).await;
        let is_odd = match &outcome {
            Err(_) => true,
            Ok(objection) => objection.as_ref().is_some_and(|one| one.finding.oracle == Oracle::Answered),
        };
        if !is_odd {
            return outcome;
        }
        let Some(fall) = self.revive().await? else { return outcome };
        let place = self.subject.scope.place(case.steps.get(at));
        Ok(Some(Objection { step: at, finding: Finding::of_fall(&fall, place, fall.told().join("\n")) }))
    }

    async fn steps(&mut self, case: &Case, at: &mut usize) -> Result<Option<Objection>, Gone> {
        let mut memory = Memory::default();
        for (step, one) in case.steps.iter().enumerate() {
            *at = step;
            let finding = match one {
                Step::Ask(ask) => self.ask(ask, &mut memory).await?,
                Step::Talk(talk) => self.talk(talk, &memory).await?,
                Step::Raw(bytes) => self.raw(&bytes.0).await?,
                Step::Meet(all) => self.meet(all).await?,
            };
            if let Some(finding) = finding {
                return Ok(Some(Objection { step, finding }));
            }
            if self.subject.scope.is_spoiled_by(one) {
                break;
            }
        }
        Ok(None)
    }

    /// Drops the connection: the target has begun anew.
    pub(super) fn reconnect(&mut self) {
        self.connection = None;
    }

    /// Writes down what goes out. A target of somebody else's has no two settings written at once.
    async fn depart(&self, message: bool, what: &[u8]) -> Option<Ticket> {
        let (flight, connection) = self.flight.as_ref()?;
        if !self.subject.scope.meets() {
            flight.turn(what).await;
        }
        Some(flight.begin(*connection, message, what))
    }

    /// Sends cases at the same time, each on a lane of its own: the first objection.
    async fn meet(&mut self, all: &[Case]) -> Result<Option<Finding>, Gone> {
        let mut lanes = vec![];
        for case in all {
            lanes.push((Self::open(self.subject, self.mode).await?, case));
        }
        // One within the other would have no end.
        let run = lanes.iter_mut().map(|(lane, case)| Box::pin(lane.run(case)));
        let outcomes = futures_util::future::join_all(run).await;
        self.sent += lanes.iter().map(|(lane, _)| lane.sent).sum::<u64>();
        let mut first = None;
        for outcome in outcomes {
            let objection = outcome?;
            first = first.or(objection.map(|one| one.finding));
        }
        // What they say of each other's changes is nobody's fault; that nothing came is.
        Ok(first.filter(|finding| finding.oracle == Oracle::Answered))
    }

    async fn ask(&mut self, ask: &Ask, memory: &mut Memory) -> Result<Option<Finding>, Gone> {
        let known = judge::known(self.subject.scope.catalogue(), ask);
        let session = memory.session.clone();
        let request = ask.request(&self.subject.keys, session.as_deref());
        let response = match self.send(&request, known).await? {
            Reply::Answer(response) => response,
            Reply::Nothing => return Ok(None),
            Reply::Objection(finding) => return Ok(Some(finding)),
        };
        let exchange = Exchange { ask, known, mode: self.mode, response: &response };
        if let Some(finding) = self.judge.object(exchange) {
            return Ok(Some(finding));
        }
        if ask.who == super::case::Who::Session {
            let required = known.map(|known| known.endpoint.read);
            if let Some(finding) = outlived(session.as_deref(), memory, &response, required, self.mode) {
                return Ok(Some(finding));
            }
        }
        // Only a session that was shown is ended.
        note(&response, session.filter(|_| ask.who == super::case::Who::Session), memory);
        let changes = known.is_some_and(|known| Expectations::get().is_volatile(&known.slug))
            || ask.target.starts_with("/metrics");
        if !ask.twice || (changes && self.subject.scope.lives()) {
            return Ok(None);
        }
        match self.send(&request, known).await? {
            Reply::Answer(second) => Ok(judge::repeated(exchange, &second)),
            Reply::Nothing => Ok(None),
            Reply::Objection(finding) => Ok(Some(finding)),
        }
    }

    /// Sends a request on the connection that there is.
    pub(super) async fn send(&mut self, request: &Request, known: Option<&Known>) -> Result<Reply, Gone> {
        let slug = known.map_or("nowhere", |known| known.slug.as_str());
        let waits = known.is_some_and(|known| Expectations::get().waits(&known.slug));
        let limit = if waits { NOBODY } else { self.subject.limit };
        let (mut connection, kept) = match self.connection.take() {
            Some(connection) => (connection, true),
            None => (self.connect().await?, false),
        };
        self.sent += 1;
        let ticket = self.depart(false, format!("{} {}", request.method, request.target).as_bytes()).await;
        let mut came = timeout(limit, connection.send(&self.address, request)).await;
        let idle = matches!(came, Ok(Err(SendError::Closed | SendError::Io(_))));
        if idle && kept && self.host.is_none() {
            // A kept connection may end at any time; a target of our own has no reason to.
            connection = self.connect().await?;
            came = timeout(limit, connection.send(&self.address, request)).await;
        }
        if let (Some(ticket), Ok(Ok(_))) = (ticket, &came) {
            ticket.answered();
        }
        let object = |got: String| {
            Reply::Objection(Finding::new(Oracle::Answered, slug, "a whole answer, in time", got))
        };
        Ok(match came {
            Err(_) if waits => Reply::Nothing,
            Err(_) => object(format!("nothing within {} s", limit.as_secs_f32())),
            Ok(Err(error)) => object(error.to_string()),
            Ok(Ok(response)) => {
                let closes =
                    response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                if !closes && response.status != 101 && response.surplus == 0 {
                    self.connection = Some(connection);
                }
                self.note(u64::from(response.status) << 32 | response.body.len() as u64);
                Reply::Answer(response)
            }
        })
    }

    pub(super) fn note(&mut self, number: u64) {
        // FNV-1a, a word at a time: only equality counts.
        self.digest = (self.digest.rotate_left(5) ^ number).wrapping_mul(0x0100_0000_01b3);
    }

    pub(super) async fn connect(&self) -> Result<Connection, Gone> {
        match timeout(self.subject.limit, Connection::open(&self.address)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Gone(error.to_string())),
            Err(_) => Err(Gone(format!("cannot connect to {}: no answer", self.address))),
        }
    }

    /// Sends bytes on a connection of their own.
    async fn raw(&mut self, bytes: &[u8]) -> Result<Option<Finding>, Gone> {
        self.sent += 1;
        let connection = self.connect().await?;
        let ticket = self.depart(false, bytes).await;
        let object = |got: &str| {
            Some(Finding::new(Oracle::Answered, "raw", "an answer, or the end of the connection", got))
        };
        let answer = match timeout(self.subject.limit, connection.exchange(bytes)).await {
            Err(_) => return Ok(object("the connection stays open")),
            Ok(Err(_)) => return Ok(None),
            Ok(Ok(answer)) => answer,
        };
        if let Some(ticket) = ticket {
            ticket.answered();
        }
        self.note(answer.len() as u64);
        if answer.is_empty() {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(answer.split(|&byte| byte == b'\r').next().unwrap_or_default())
            .into_owned();
        let status: Option<u16> = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        Ok(match status {
            None => object(&format!("no HTTP: {line}")),
            Some(status) if status >= 500 && !matches!(status, 501 | 505) => Some(Finding::new(
                Oracle::NoServerError,
                "raw",
                "no status of 500 or more but 501 and 505",
                line,
            )),
            Some(_) => None,
        })
    }

    /// Opens a conversation.
    pub(super) async fn open_talk(&mut self, talk: &Talk, memory: &Memory) -> Result<Opened, Gone> {
        self.sent += talk.frames.len() as u64;
        let request = talk.who.sign(Request::handshake(), &self.subject.keys, memory.session.as_deref());
        let mut connection = self.connect().await?;
        let response = match timeout(self.subject.limit, connection.send(&self.address, &request)).await {
            Err(_) => return Ok(Opened::Nothing(None)),
            Ok(Err(error)) => return Ok(Opened::Nothing(Some(error))),
            Ok(Ok(response)) => response,
        };
        if response.status != 101 {
            return Ok(Opened::Refused(response));
        }
        let flight = self.flight.as_ref().map(|(flight, _)| (flight.clone(), flight.connection()));
        let mut socket = connection.into_websocket().with_flight(flight);
        if self.subject.scope.meets() {
            socket.meet();
        }
        Ok(Opened::Socket(response, Box::new(socket)))
    }

    async fn talk(&mut self, talk: &Talk, memory: &Memory) -> Result<Option<Finding>, Gone> {
        let object =
            |oracle, expected: &str, got: String| Ok(Some(Finding::new(oracle, "websocket", expected, got)));
        let (response, socket) = match self.open_talk(talk, memory).await? {
            Opened::Nothing(None) => {
                return object(Oracle::Answered, "an answer in time", "nothing".to_owned());
            }
            Opened::Nothing(Some(error)) => {
                return object(Oracle::Answered, "a whole answer", error.to_string());
            }
            Opened::Refused(response) => (response, None),
            Opened::Socket(response, socket) => (response, Some(socket)),
        };
        let (read, _) = levels(talk.who.tier(), self.mode);
        let may = read >= Permission::Admin;
        let mut socket = match (response.status, socket, may) {
            (_, Some(socket), true) => socket,
            (401 | 403, _, false) => return Ok(None),
            (status, _, true) => {
                return object(Oracle::Admitted, "a websocket", format!("{status} {}", response.text()));
            }
            (status, _, false) => {
                return object(Oracle::Authorised, "401 or 403", format!("{status} {}", response.text()));
            }
        };
        let mut dialogue = Dialogue::new(talk);
        let silent = timeout(self.subject.limit, hold(&mut socket, talk, &mut dialogue)).await.is_err();
        Ok(dialogue.verdict(silent))
    }

    /// Whether the target is alive, and its memory, where it can be seen, within bounds.
    pub(super) async fn is_well(&mut self) -> Result<Option<Finding>, Gone> {
        let ping = Request::api("GET", "ping").header("Connection", "keep-alive");
        let pong = match self.send(&ping, None).await? {
            Reply::Answer(response) if response.status == 200 => None,
            Reply::Answer(response) => Some(response.status.to_string()),
            Reply::Nothing => None,
            Reply::Objection(finding) => Some(finding.got),
        };
        if let Some(got) = pong {
            return Ok(Some(Finding::new(Oracle::Alive, "ping", "200", got)));
        }
        let mut metrics = Request::new("GET", "/metrics?level=developer").header("Connection", "keep-alive");
        metrics = metrics.maybe_bearer(self.subject.keys.get(crate::suite::Tier::Admin));
        let Reply::Answer(response) = self.send(&metrics, None).await? else { return Ok(None) };
        let text = response.text();
        let names = ["process_resident_memory_bytes", "go_memstats_heap_inuse_bytes"];
        let of = |name: &str| {
            text.lines().find(|line| line.starts_with(name))?.split(' ').next_back()?.parse().ok()
        };
        let Some(now) = names.into_iter().find_map(of) else { return Ok(None) };
        let before = *self.memory.get_or_insert(now);
        if now > before * GROWTH.0 && now - before > GROWTH.1 {
            let got = format!("{:.0} MB after {:.0} MB", now / 1e6, before / 1e6);
            return Ok(Some(Finding::new(Oracle::Memory, "pages", "about as much memory as before", got)));
        }
        Ok(None)
    }
}

/// What came of asking for a conversation.
pub(super) enum Opened {
    /// It is open.
    Socket(Response, Box<Websocket>),
    /// Another answer.
    Refused(Response),
    /// None, and why, if it is not that it came too late.
    Nothing(Option<SendError>),
}

/// What came of a request.
pub(super) enum Reply {
    Answer(Response),
    /// Nothing, and that is no wonder.
    Nothing,
    Objection(Finding),
}

/// Whether a session that was ended opens something: then no other one is begun.
fn outlived(
    session: Option<&str>,
    memory: &Memory,
    response: &Response,
    required: Option<Permission>,
    mode: Mode,
) -> Option<Finding> {
    let ended = session.is_some_and(|session| memory.ended.contains(session));
    let looked_at = required.is_some_and(|one| one == Permission::Dynamic || one >= Permission::User);
    if !ended
        || mode != Mode::Granted
        || !looked_at
        || response.status >= 400
        || response.header("set-cookie").is_some()
    {
        return None;
    }
    let got = format!("{} without one", response.status);
    Some(Finding::new(Oracle::SessionEnded, "session", "another session, since this one was ended", got))
}

/// Remembers the session that an answer begins, or ends if it was shown.
pub(super) fn note(response: &Response, session: Option<String>, memory: &mut Memory) {
    let Some(value) = response.header("set-cookie").and_then(|value| value.strip_prefix(COOKIE)) else {
        return;
    };
    let value = value.trim_start_matches('=').split(';').next().unwrap_or_default();
    if !value.is_empty() {
        memory.session = Some(value.to_owned());
    } else if let Some(session) = session {
        memory.ended.insert(session);
    }
}

/// Sends everything and hears what comes, until all is said.
async fn hold(socket: &mut Websocket, talk: &Talk, dialogue: &mut Dialogue) {
    for frame in talk.frames.iter().flat_map(super::case::Sent::frames).chain([dialogue::last()]) {
        // A connection that the target has ended shows in what comes, or does not.
        if socket.send(&frame).await.is_err() {
            break;
        }
    }
    while !dialogue.is_over() {
        match socket.receive().await {
            Ok(frame) if frame.opcode == crate::target::opcode::CLOSE => break,
            Ok(frame) => dialogue.hear(&frame),
            Err(_) => break,
        }
    }
}
