//! What befalls the process: it ends, it hangs, it takes its time. The world has no part in it; all this is at the edge, and in
//! the machine's time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use portmaster_fixtures::mishap::{self, Effect, Exit, Hang};
use regex::bytes::Regex;
use tokio::sync::watch;

use super::{Compiled, regex};

/// A mishap, ready to happen.
#[derive(Debug)]
pub(super) struct Mishap {
    asked: Option<Regex>,
    /// What is answered though the rest hangs.
    but: Option<Regex>,
    said: mishap::Mishap,
}

impl Mishap {
    pub(super) fn new(said: &mishap::Mishap) -> Self {
        let but = match &said.effect {
            Effect::Hang(hang) => hang.but.as_deref().map(regex),
            _ => None,
        };
        Self { asked: said.when.asked.as_deref().map(regex), but, said: said.clone() }
    }

    fn is_at_restart(&self) -> bool {
        self.said.when.restart
    }
}

/// The end of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// The exit status.
    pub status: u8,
    /// What is to stand on standard error.
    pub trace: String,
}

impl From<&Exit> for Death {
    fn from(exit: &Exit) -> Self {
        Self { status: exit.status, trace: exit.trace.clone() }
    }
}

/// What befalls one simulator. Nothing, unless a mutant says so.
#[derive(Debug, Default)]
pub(crate) struct Process(Option<Box<Running>>);

#[derive(Debug)]
struct Running {
    all: Arc<Compiled>,
    state: Mutex<State>,
    /// For each mishap that queues what is asked.
    queue: Vec<tokio::sync::Mutex<()>>,
    death: watch::Sender<Option<Death>>,
}

#[derive(Debug, Default)]
struct State {
    connections: u64,
    asked: u64,
    /// By mishap: when the like was last asked, and until when something is occupied.
    last: Vec<Option<Instant>>,
    occupied: Vec<Option<Instant>>,
    /// By mishap, how often it made an answer slower.
    slower: Vec<u32>,
    /// The mishap that makes all hang.
    hanging: Option<usize>,
}

/// What becomes of something that is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sway {
    /// It is answered.
    Answer,
    /// It is refused with this status and body.
    Refuse(u16, String),
    /// It is answered so late, one at a time, if it is not refused.
    Queue(Turn),
    /// The connection ends.
    Drop,
}

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(usize, Duration);

/// What is decided at once; the rest takes time.
enum Decided {
    Sway(Sway),
    Late(Duration),
    Never,
}

/// How long nobody listens at first.
pub(super) fn delay(all: &[Mishap]) -> Duration {
    let waits = all.iter().filter(|one| one.said.when.start).filter_map(|one| match one.said.effect {
        Effect::Wait(seconds) => Some(Duration::from_secs_f64(seconds)),
        _ => None,
    });
    waits.sum()
}

impl Process {
    pub(super) fn new(all: Arc<Compiled>) -> Self {
        let count = all.process.len();
        let queue = (0..count).map(|_| tokio::sync::Mutex::new(())).collect();
        let state = State {
            last: vec![None; count],
            occupied: vec![None; count],
            slower: vec![0; count],
            ..State::default()
        };
        let death = watch::Sender::new(None);
        Self(Some(Box::new(Running { all, state: Mutex::new(state), queue, death })))
    }

    /// Somebody connects.
    pub(crate) async fn connect(&self) -> Sway {
        let Some(running) = &self.0 else { return Sway::Answer };
        let number = {
            let mut state = running.locked();
            state.connections += 1;
            state.connections
        };
        let due = |one: &Mishap| one.said.when.every.is_some_and(|every| number % every == 0);
        match running.all.process.iter().any(|one| due(one) && one.said.effect == Effect::Drop) {
            true => Sway::Drop,
            false => Sway::Answer,
        }
    }

    /// Somebody asks: the line of a request without its version, or a message. Returns when it is time to answer, which may be
    /// never.
    pub(crate) async fn ask(&self, asked: impl FnOnce() -> Vec<u8>) -> Sway {
        let Some(running) = &self.0 else { return Sway::Answer };
        match running.decide(&asked()) {
            Decided::Sway(sway) => sway,
            Decided::Late(span) => {
                tokio::time::sleep(span).await;
                Sway::Answer
            }
            Decided::Never => std::future::pending().await,
        }
    }

    /// Waits until it is somebody's turn in a queue, and is over.
    pub(crate) async fn wait(&self, Turn(at, span): Turn) {
        let Some(running) = &self.0 else { return };
        let _turn = running.queue[at].lock().await;
        tokio::time::sleep(span).await;
    }

    /// How the process ends at a restart; without, it begins anew by itself.
    pub(crate) fn restart(&self) -> Option<Death> {
        let exit = |one: &Mishap| match &one.said.effect {
            Effect::Exit(exit) if one.is_at_restart() => Some(exit.into()),
            _ => None,
        };
        self.0.as_ref()?.all.process.iter().find_map(exit)
    }

    /// Whether a restart forgets the settings.
    pub(crate) fn forgets(&self) -> bool {
        let forgets = |one: &Mishap| one.is_at_restart() && one.said.effect == Effect::Forget;
        self.0.as_ref().is_some_and(|running| running.all.process.iter().any(forgets))
    }

    /// Waits until the process is to end.
    pub(crate) async fn death(&self) -> Death {
        let Some(running) = &self.0 else { return std::future::pending().await };
        let mut death = running.death.subscribe();
        let told = death.wait_for(Option::is_some).await;
        // The sender is our own.
        told.ok().and_then(|told| told.clone()).unwrap_or_default()
    }

    /// What a process that hangs says when it is told to abort.
    pub(crate) fn abort(&self) -> Option<String> {
        let running = self.0.as_ref()?;
        let hanging = running.locked().hanging?;
        match &running.all.process[hanging].said.effect {
            Effect::Hang(Hang { trace, .. }) => Some(trace.clone()),
            _ => None,
        }
    }
}

impl Running {
    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, asked: &[u8]) -> Decided {
        let mut state = self.locked();
        let now = Instant::now();
        state.asked += 1;
        let mut decided = Decided::Sway(Sway::Answer);
        for (at, one) in self.all.process.iter().enumerate() {
            let when = &one.said.when;
            if when.restart || when.start || when.every.is_some() || state.hanging.is_some() {
                continue;
            }
            if one.asked.as_ref().is_some_and(|pattern| !pattern.is_match(asked))
                || when.after.is_some_and(|after| state.asked <= after)
            {
                continue;
            }
            let last = state.last[at].replace(now);
            let soon = |span| last.is_some_and(|last| now - last <= Duration::from_millis(span));
            if when.within_ms.is_some_and(|span| !soon(span)) {
                continue;
            }
            match &one.said.effect {
                Effect::Exit(exit) => {
                    self.death.send_replace(Some(exit.into()));
                    decided = Decided::Never;
                }
                Effect::Hang(_) => state.hanging = Some(at),
                Effect::Queue(seconds) => {
                    decided = Decided::Sway(Sway::Queue(Turn(at, Duration::from_secs_f64(*seconds))));
                }
                Effect::Occupy(occupy) => match state.occupied[at] {
                    Some(until) if now < until => {
                        decided = Decided::Sway(Sway::Refuse(occupy.status, occupy.body.clone()));
                    }
                    _ => {
                        let span = Duration::from_millis(occupy.ms);
                        state.occupied[at] = Some(now + span);
                        decided = Decided::Late(span);
                    }
                },
                Effect::Slower(milliseconds) => {
                    let times = state.slower[at];
                    state.slower[at] = times.saturating_add(1);
                    decided = Decided::Late(Duration::from_secs_f64(milliseconds * f64::from(times) / 1e3));
                }
                Effect::Drop | Effect::Wait(_) | Effect::Forget => {}
            }
        }
        match state.hanging {
            Some(at) if !self.all.process[at].but.as_ref().is_some_and(|but| but.is_match(asked)) => {
                Decided::Never
            }
            _ => decided,
        }
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::{super::Mutants, *};

    fn process(id: &str) -> Process {
        Mutants::of(&[format!("process/{id}")], Contract::Docs, true).unwrap().process()
    }

    /// Whether an answer comes at once.
    async fn answers(process: &Process, asked: &str) -> bool {
        tokio::time::timeout(Duration::from_millis(20), process.ask(|| asked.as_bytes().to_vec()))
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn two_settings_at_once_stop_what_needs_one() {
        let process = process("settings-deadlock");
        assert!(answers(&process, "1|update|config:core/log/level|J{}").await);
        tokio::time::sleep(Duration::from_millis(8)).await;
        assert!(answers(&process, "2|update|config:core/log/level|J{}").await);
        assert!(!answers(&process, "3|update|config:filter/lists|J{}").await);
        assert!(!answers(&process, "GET /api/v1/ping").await);
        assert!(answers(&process, "GET /api/v1/debug/stack").await);
        assert!(process.abort().unwrap().contains("sync.RWMutex.Lock"));
    }

    #[tokio::test]
    async fn another_type_for_a_member_ends_the_process() {
        for message in [
            "1|insert|notifications:all/x|{\"State\":\"responded\"}",
            "1|insert|runtime:system/status|{\"Modules\":[1]}",
        ] {
            let process = process("insert-panics");
            assert!(answers(&process, "1|insert|core:x/y|{\"State\":\"responded\"}").await);
            assert!(!answers(&process, message).await);
            let death = process.death().await;
            assert_eq!(death.status, 2);
            assert!(death.trace.starts_with("panic: reflect.Set"), "{}", death.trace);
        }
    }

    #[tokio::test]
    async fn each_has_its_occasion() {
        assert_eq!(process("exits-on-restart").restart(), Some(Death { status: 23, trace: String::new() }));
        assert!(process("forgets-settings").forgets());
        let slow = Mutants::of(&["process/slow-start".to_owned()], Contract::Docs, true).unwrap();
        assert_eq!(slow.process_delay(), Duration::from_secs(30));
        let drops = process("drops-connections");
        let mut dropped = vec![];
        for number in 1..=200 {
            if drops.connect().await == Sway::Drop {
                dropped.push(number);
            }
        }
        assert_eq!(dropped, [100, 200]);
        let profile = process("one-profile");
        let first = profile.ask(|| b"GET /api/v1/debug/cpu".to_vec());
        let second = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            profile.ask(|| b"GET /api/v1/debug/cpu?duration=1s".to_vec()).await
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first, Sway::Answer);
        assert!(matches!(second, Sway::Refuse(500, _)));
        let check = process("slow-self-check");
        let asked = check.ask(|| b"GET /api/v1/compat/self-check".to_vec()).await;
        assert!(matches!(asked, Sway::Queue(Turn(0, span)) if span == Duration::from_secs(50)));
        assert!(answers(&check, "GET /api/v1/ping").await);
    }
}
