//! What is on its way to a target, and what just was: each request and message on its connection, so that somebody can say what
//! brought a target down.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How much of the past is kept.
const PAST: usize = 64;
/// How much of a message is kept, bytes.
const LONGEST: usize = 400;

/// What was sent.
#[derive(Clone, Debug)]
pub(crate) struct Flown {
    /// The connection's number.
    pub(crate) connection: u64,
    /// Whether it is a message of the database websocket.
    pub(crate) message: bool,
    /// The request's line without its version, or the message.
    pub(crate) what: String,
    /// When it was sent.
    pub(crate) at: Instant,
    /// When it ended, if it did, and whether an answer was there.
    pub(crate) ended: Option<(Instant, bool)>,
}

#[derive(Debug, Default)]
struct Log {
    next: u64,
    open: BTreeMap<u64, Flown>,
    past: VecDeque<Flown>,
    /// How many ended without an answer.
    unanswered: u64,
    /// How many that write, or are messages, were not refused.
    let_in: u64,
    /// When the target began anew, if it did.
    begun: Option<Instant>,
    /// When somebody asked for the target's end.
    farewell: Option<Instant>,
    /// The records that were written, by key.
    written: BTreeMap<String, u64>,
}

/// How long after a setting was written the next one may be: a core still works on the first when it has answered, and two at once
/// may stop it for good.
pub(crate) const GAP: Duration = Duration::from_millis(200);

/// The log of everything that goes to a target. All clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flight {
    log: Arc<Mutex<Log>>,
    /// When a setting was last written.
    setting: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

/// Something on its way; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    flight: Flight,
    number: u64,
    answered: bool,
    writes: bool,
}

impl Ticket {
    /// The answer is there.
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }

    /// The answer is there: the target does nothing.
    pub(crate) fn refused(self) {
        self.flight.log().let_in -= u64::from(self.writes);
        self.answered();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.flight.end(self.number, self.answered);
    }
}

impl Flight {
    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a setting may be written, if that is what a request or a message does.
    pub(crate) async fn turn(&self, what: &[u8]) {
        if !writes_setting(&String::from_utf8_lossy(&what[..what.len().min(LONGEST)])) {
            return;
        }
        let mut last = self.setting.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until((last + GAP).into()).await;
        }
        *last = Some(Instant::now());
    }

    /// The number of a new connection.
    pub(crate) fn connection(&self) -> u64 {
        let mut log = self.log();
        log.next += 1;
        log.next
    }

    /// Something goes out on a connection.
    pub(crate) fn begin(&self, connection: u64, message: bool, what: &[u8]) -> Ticket {
        let what = String::from_utf8_lossy(&what[..what.len().min(LONGEST)]).into_owned();
        let mut log = self.log();
        log.next += 1;
        let number = log.next;
        if asks_to_end(&what) {
            log.farewell = Some(Instant::now());
        }
        if let Some(key) = written(&what).filter(|_| message) {
            *log.written.entry(key.to_owned()).or_default() += 1;
        }
        let writes = message || is_to_write(&what);
        log.let_in += u64::from(writes);
        log.open.insert(number, Flown { connection, message, what, at: Instant::now(), ended: None });
        Ticket { flight: self.clone(), number, answered: false, writes }
    }

    /// A message goes out that need not have an answer.
    pub(crate) fn say(&self, connection: u64, message: &[u8]) {
        self.begin(connection, true, message).answered();
    }

    fn end(&self, number: u64, answered: bool) {
        let mut log = self.log();
        let Some(mut flown) = log.open.remove(&number) else { return };
        flown.ended = Some((Instant::now(), answered));
        // That a conversation ended is one thing, however many of its messages had no answer.
        log.unanswered += u64::from(!answered && !flown.message);
        if log.past.len() == PAST {
            log.past.pop_front();
        }
        log.past.push_back(flown);
    }

    /// A connection ended though nobody had asked for it.
    pub(crate) fn lost(&self) {
        self.log().unanswered += 1;
    }

    /// The target begins anew: what it was sent before is nothing to it.
    pub(crate) fn anew(&self) {
        self.log().begun = Some(Instant::now());
    }

    /// How many requests ended without an answer until now.
    pub(crate) fn unanswered(&self) -> u64 {
        self.log().unanswered
    }

    /// How many requests that write, and messages, were not refused until now.
    pub(crate) fn let_in(&self) -> u64 {
        self.log().let_in
    }

    /// Whether somebody asked for the target's end within so long.
    pub(crate) fn asked_to_end(&self, within: Duration) -> bool {
        self.log().farewell.is_some_and(|at| at.elapsed() < within)
    }

    /// The keys of the records that were written.
    pub(crate) fn written(&self) -> Vec<String> {
        self.log().written.keys().cloned().collect()
    }

    /// What is on its way, with what ended without an answer within the last moments; and what was answered just before, the last
    /// of each connection. Both in the order in which they went out, since the target began.
    pub(crate) fn now(&self, moments: Duration) -> (Vec<Flown>, Vec<Flown>) {
        let log = self.log();
        let lately =
            |one: &&Flown| one.ended.is_some_and(|(at, answered)| !answered && at.elapsed() < moments);
        let sent = |one: &&Flown| log.begun.is_none_or(|begun| one.at >= begun);
        let open = log.past.iter().filter(lately).chain(log.open.values());
        let mut open: Vec<Flown> = open.filter(sent).cloned().collect();
        open.sort_by_key(|one| one.at);
        let mut last: BTreeMap<u64, &Flown> = BTreeMap::new();
        for one in log.past.iter().filter(|one| one.ended.is_some_and(|(_, answered)| answered)).filter(sent)
        {
            last.insert(one.connection, one);
        }
        let mut before: Vec<Flown> = last.into_values().cloned().collect();
        before.sort_by_key(|one| one.at);
        (open, before.split_off(before.len().saturating_sub(8)))
    }
}

/// Whether a request or a message asks for the target's end or restart (core-2.2 §6.1, websocket §7).
fn asks_to_end(what: &str) -> bool {
    let path = |path: &str| what.contains(path);
    is_to_write(what)
        && (path("core/restart")
            || path("core/shutdown")
            || (path("core/trigger/") && (path("restart") || path("shutdown"))))
}

/// Whether a request's method is one that writes.
fn is_to_write(what: &str) -> bool {
    !["GET ", "HEAD ", "OPTIONS "].iter().any(|method| what.starts_with(method))
}

/// Whether a request or a message may write a setting.
fn writes_setting(what: &str) -> bool {
    let import =
        ["sync/settings/import", "sync/single-setting/import"].iter().any(|path| what.contains(path));
    written(what).is_some_and(|key| key.starts_with("config:")) || (import && !what.starts_with("GET "))
}

/// The key that a message writes, if it writes one.
fn written(message: &str) -> Option<&str> {
    let mut parts = message.split('|').skip(1);
    let writes = matches!(parts.next()?, "create" | "update" | "insert" | "delete");
    parts.next().filter(|key| writes && !key.starts_with("api:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_is_told_apart_from_what_was() {
        let flight = Flight::default();
        let (one, two) = (flight.connection(), flight.connection());
        flight.begin(one, false, b"GET /a").answered();
        flight.begin(one, false, b"GET /b").answered();
        drop(flight.begin(two, false, b"GET /c"));
        let open = flight.begin(two, false, b"GET /d");
        let (flying, before) = flight.now(Duration::from_secs(60));
        let names = |all: &[Flown]| all.iter().map(|one| one.what.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&flying), names(&before)),
            (vec!["GET /c".into(), "GET /d".into()], vec!["GET /b".into()])
        );
        assert_eq!(flight.unanswered(), 1);
        drop(open);
        assert_eq!(flight.unanswered(), 2);
        // Another life has nothing to do with it.
        flight.anew();
        let _open = flight.begin(two, false, b"GET /e");
        let (flying, before) = flight.now(Duration::from_secs(60));
        assert_eq!((names(&flying), names(&before)), (vec!["GET /e".into()], vec![]));
    }

    #[test]
    fn ends_that_were_asked_for_and_writes_are_known() {
        let flight = Flight::default();
        flight.begin(1, false, b"GET /api/v1/core/restart").answered();
        assert!(!flight.asked_to_end(Duration::from_secs(9)));
        flight.say(1, b"1|create|api:core/restart|J{\"Method\":\"POST\"}");
        assert!(flight.asked_to_end(Duration::from_secs(9)));
        flight.say(1, b"1|get|config:spn/enable");
        flight.say(1, b"1|update|config:core/devMode|J{\"Value\":true}");
        assert_eq!(flight.written(), ["config:core/devMode"]);
        assert_eq!(flight.let_in(), 3);
        flight.begin(1, false, b"POST /api/v1/core/restart").refused();
        assert_eq!(flight.let_in(), 3);
    }

    #[tokio::test]
    async fn settings_are_written_one_after_the_other() {
        let flight = Flight::default();
        let begun = Instant::now();
        flight.turn(b"1|get|config:spn/enable").await;
        flight.turn(b"1|update|config:spn/enable|J{}").await;
        flight.turn(b"POST /api/v1/ping").await;
        assert!(begun.elapsed() < GAP);
        flight.turn(b"POST /api/v1/sync/settings/import").await;
        assert!(begun.elapsed() >= GAP);
    }
}
