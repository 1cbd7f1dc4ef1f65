//! The keeper itself: a task that watches, takes evidence and starts anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    cause::normalised,
    fall::{Fall, Kind, MOMENTS},
    launch::{self, Launch, LaunchError, Place, Way},
    life::{self, Life},
    probe::{Look, NAMES, PATIENCE, Readiness, Signs, ready},
};
use crate::target::{Address, Client, Flight, Keys, Request, Tier};

/// How often it looks.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a target may take to be ready.
const START: Duration = Duration::from_secs(120);
/// After how long without it somebody is told how it looks.
const SOON: Duration = Duration::from_secs(8);
/// How long after somebody asked for it a target may end, or be away.
const FAREWELL: Duration = Duration::from_secs(60);
/// How long a process may live without anybody listening.
const DEAF: Duration = Duration::from_secs(30);
/// From when on a ping is slow: so long, and so many times as long as at first.
const SLOW: (Duration, u32) = (Duration::from_millis(750), 20);
/// How often in a row.
const SLOW_LOOKS: usize = 5;
/// From when on a ping of a target that is known to become slow is so again.
const SLOW_AGAIN: Duration = Duration::from_millis(100);
/// How long an answer may take of a target that has hung before.
const HANG_AGAIN: Duration = Duration::from_secs(5);
/// After how many falls it gives up; to make a case small takes many.
const MOST: usize = 2000;
/// How often a cause shows itself until it says nothing new.
const OFTEN: usize = 6;
/// The statuses with which a core ends that was told to: shutdown and restart (core-2.2 §6.1).
const ASKED: [i32; 2] = [0, 23];

/// How a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// In this of its lives.
    Up(u64),
    /// Between two.
    Down,
    /// For good.
    Lost,
}

#[derive(Debug)]
struct Inner {
    address: Address,
    keys: Keys,
    flight: Flight,
    settings: Option<BTreeMap<String, Value>>,
    state: watch::Sender<State>,
    falls: Mutex<Vec<Arc<Fall>>>,
    /// The causes that somebody's doing explains.
    explained: Mutex<BTreeSet<String>>,
    /// Asks for a look at once.
    look: Notify,
    /// How many looks have begun, and how many have ended.
    looks: watch::Sender<(u64, u64)>,
    close: watch::Sender<bool>,
    /// How long the last ping took.
    ping: Mutex<Duration>,
    /// Who has it started anew because it becomes slow.
    rest: tokio::sync::Mutex<()>,
    /// Asks for a new life.
    renew: Notify,
    /// In which way lives are that begin from now on.
    way: Mutex<Way>,
    /// Whether it can be told to grant everything.
    can_grant: bool,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Keeps a target. Cheap to clone; all clones are one. The target ends with [`Keeper::close`], or with the program.
#[derive(Clone, Debug)]
pub struct Keeper(Arc<Inner>);

/// How a life ends.
enum End {
    Exited(std::io::Result<ExitStatus>),
    Hung(Vec<&'static str>, Duration),
    Deaf(String),
    Slow(Duration),
    Forgot,
    Renewed,
    Closed,
}

impl Keeper {
    /// Launches a target, and waits until it is ready. Where that takes long, `told` gets to know how it looks.
    ///
    /// # Errors
    /// When it cannot be started or does not come to answer.
    pub async fn launch(launch: Launch, told: impl Fn(&str)) -> Result<Self, LaunchError> {
        let hint = launch.hint();
        let place = Place::new(launch, launch::keys())?;
        let address = place.address()?;
        let (keys, settings) = (place.keys.clone(), place.settings().flat());
        let keeper = Self::with(address, keys, Flight::default(), Some(settings), place.can_grant());
        let mut life = place.begin()?;
        let started = keeper.started(&mut life, told).await;
        started.map_err(|fall| LaunchError::NoStart(fall.told().join("\n  ") + hint))?;
        keeper.run(Some((place, life)));
        Ok(keeper)
    }

    /// Watches somebody else's target, which answers now.
    pub(crate) fn watch(address: Address, keys: Keys, flight: Flight) -> Self {
        let keeper = Self::with(address, keys, flight, None, false);
        keeper.run(None);
        keeper
    }

    fn with(
        address: Address,
        keys: Keys,
        flight: Flight,
        settings: Option<BTreeMap<String, Value>>,
        can_grant: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            address,
            keys,
            flight,
            settings,
            state: watch::Sender::new(State::Up(1)),
            falls: Mutex::default(),
            explained: Mutex::default(),
            look: Notify::new(),
            looks: watch::Sender::new((0, 0)),
            close: watch::Sender::new(false),
            ping: Mutex::default(),
            rest: tokio::sync::Mutex::default(),
            renew: Notify::new(),
            way: Mutex::default(),
            can_grant,
            task: Mutex::default(),
        }))
    }

    /// Where the target is.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Whether the target is its own.
    pub(crate) fn is_own(&self) -> bool {
        self.0.settings.is_some()
    }

    /// What was set when it was launched, beside its keys, by the options' keys.
    pub(crate) fn settings(&self) -> BTreeMap<String, Value> {
        self.0.settings.clone().unwrap_or_default()
    }

    /// Where what goes to the target is to be written down.
    pub(crate) fn flight(&self) -> &Flight {
        &self.0.flight
    }

    /// Waits until there is a target, and answers in which of its lives it is; nothing when there will be none any more.
    pub(crate) async fn up(&self) -> Option<u64> {
        let mut state = self.0.state.subscribe();
        match state.wait_for(|state| *state != State::Down).await.ok().map(|state| state.clone()) {
            Some(State::Up(life)) => Some(life),
            _ => None,
        }
    }

    /// The life that it is in now, if it is in one.
    pub(crate) fn life(&self) -> Option<u64> {
        match &*self.0.state.borrow() {
            State::Up(life) => Some(*life),
            _ => None,
        }
    }

    /// Looks at the target now, and waits until it is known how it is; answers as [`Keeper::up`].
    pub(crate) async fn settle(&self) -> Option<u64> {
        let mut looks = self.0.looks.subscribe();
        let (begun, _) = *looks.borrow();
        self.0.look.notify_one();
        let mut state = self.0.state.subscribe();
        let looked = looks.wait_for(|(_, ended)| *ended > begun);
        tokio::select! {
            _ = looked => {}
            _ = state.wait_for(|state| !matches!(state, State::Up(_))) => {}
        }
        self.up().await
    }

    /// Waits a moment for the end that somebody asked for, and then until there is a target again.
    pub(crate) async fn after_farewell(&self) -> Option<u64> {
        let mut state = self.0.state.subscribe();
        let down = state.wait_for(|state| !matches!(state, State::Up(_)));
        // A core takes its time to end, or begins anew within the same process.
        let _ = timeout(Duration::from_millis(1500), down).await;
        self.settle().await
    }

    /// What has befallen the target since so many falls ago.
    pub(crate) fn falls(&self, since: usize) -> Vec<Arc<Fall>> {
        let falls = self.0.falls.lock().unwrap_or_else(PoisonError::into_inner);
        falls.get(since..).unwrap_or_default().to_vec()
    }

    /// How often something has befallen it.
    pub(crate) fn count(&self) -> usize {
        self.0.falls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until the target is lost for good, and says why.
    pub(crate) async fn lost(&self) -> Option<Arc<Fall>> {
        let mut state = self.0.state.subscribe();
        if state.wait_for(|state| *state == State::Lost).await.is_err() {
            return None;
        }
        self.0.falls.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    /// Whether it is lost for good.
    pub(crate) fn is_lost(&self) -> bool {
        *self.0.state.borrow() == State::Lost
    }

    /// Notes that connections ended without an answer while the target was well.
    pub(crate) fn dropped(&self, headline: String) {
        self.push(Fall::new(Kind::Dropped, headline));
    }

    /// Notes that what befell the target is somebody's doing, who says so.
    pub(crate) fn explain(&self, fall: &Fall) {
        self.0.explained.lock().unwrap_or_else(PoisonError::into_inner).insert(fall.cause());
    }

    /// What befell the target last.
    pub(crate) fn last_cause(&self) -> Option<String> {
        self.falls(0).last().map(|fall| fall.cause())
    }

    /// Whether one cause has brought it down so often that it says nothing new.
    pub(crate) fn has_fallen_often(&self) -> bool {
        let falls = self.falls(0);
        let like = |one: &Arc<Fall>| falls.iter().filter(|other| other.cause() == one.cause()).count();
        falls.last().is_some_and(|last| like(last) >= OFTEN)
    }

    /// What befell the target and is nobody's doing.
    pub(crate) fn unexplained(&self) -> Vec<Arc<Fall>> {
        let explained = self.0.explained.lock().unwrap_or_else(PoisonError::into_inner);
        self.falls(0).into_iter().filter(|fall| !explained.contains(&fall.cause())).collect()
    }

    /// Starts a target of its own anew that is known to become slow, when it does so again: before it gets as slow as it was.
    pub(crate) async fn rest(&self) {
        if !self.is_own() || !self.falls(0).iter().any(|fall| fall.kind == Kind::Slow) {
            return;
        }
        let _turn = self.0.rest.lock().await;
        self.up().await;
        let ping = *self.0.ping.lock().unwrap_or_else(PoisonError::into_inner);
        if ping >= SLOW_AGAIN {
            self.renew().await;
        }
    }

    /// Starts a target of its own anew though it is well.
    pub(crate) async fn renew(&self) {
        let Some(life) = self.life() else { return };
        self.0.renew.notify_one();
        let mut state = self.0.state.subscribe();
        let _ = state.wait_for(|state| *state != State::Up(life)).await;
        self.up().await;
    }

    /// Whether a target of its own can be had in that way.
    pub(crate) fn can_turn(&self, way: Way) -> bool {
        self.is_own() && (way != Way::Granting || self.0.can_grant)
    }

    /// Starts a target of its own anew in that way, with the data that it has, unless it is so; answers whether it is there.
    pub(crate) async fn turn(&self, way: Way) -> bool {
        let before = std::mem::replace(&mut *self.0.way.lock().unwrap_or_else(PoisonError::into_inner), way);
        self.up().await;
        if before != way {
            self.renew().await;
        }
        !self.is_lost()
    }

    /// Ends the target, if it is its own, and the watch.
    pub async fn close(&self) {
        self.0.close.send_replace(true);
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    fn push(&self, fall: Fall) {
        self.0.falls.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(fall));
    }

    fn run(&self, target: Option<(Place, Life)>) {
        let keeper = self.clone();
        let task = tokio::spawn(async move {
            match target {
                Some((place, life)) => keeper.keep(place, life).await,
                None => keeper.watch_over().await,
            }
        });
        *self.0.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Keeps a target of its own until it is closed.
    async fn keep(self, mut place: Place, mut life: Life) {
        let mut number = 1;
        loop {
            let end = self.live(Some(&mut life)).await;
            for line in life.survived() {
                self.survived(line);
            }
            if matches!(end, End::Closed) {
                return life.end().await;
            }
            let asked = self.was_asked(&end);
            self.0.state.send_replace(State::Down);
            let forgot = matches!(end, End::Forgot);
            if !asked {
                let fall = self.fallen(end, Some(&mut life)).await;
                self.push(fall);
            }
            life.end().await;
            if self.count() > MOST {
                break;
            }
            let turns = place.turn(*self.0.way.lock().unwrap_or_else(PoisonError::into_inner));
            if (forgot || turns) && place.configure().is_err() {
                break;
            }
            match self.again(&mut place).await {
                Some(next) => life = next,
                None => break,
            }
            number += 1;
            self.0.flight.anew();
            *self.0.ping.lock().unwrap_or_else(PoisonError::into_inner) = Duration::ZERO;
            self.0.state.send_replace(State::Up(number));
        }
        self.0.state.send_replace(State::Lost);
    }

    /// Starts the target again with the data that it has, or, if it does not start any more, with fresh data.
    async fn again(&self, place: &mut Place) -> Option<Life> {
        for fresh in [false, true] {
            if fresh {
                match place.renew() {
                    Ok(Some(kept)) => self.add_to_last(format!("its data is kept in {}", kept.display())),
                    Ok(None) => {}
                    Err(_) => return None,
                }
            }
            let spoiled = place.is_spoiled();
            let mut life = place.begin().ok()?;
            match self.started(&mut life, |_| ()).await {
                Ok(()) => return Some(life),
                Err(mut fall) => {
                    if spoiled {
                        fall.lines.insert(0, "its config.json cannot be read any more".to_owned());
                    }
                    life.end().await;
                    self.push(fall);
                }
            }
        }
        None
    }

    /// Adds a line to what befell it last.
    fn add_to_last(&self, line: String) {
        let mut falls = self.0.falls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = falls.last_mut() {
            let mut fall = Fall::clone(last);
            fall.lines.push(line);
            *last = Arc::new(fall);
        }
    }

    /// Waits until a process is ready.
    async fn started(&self, life: &mut Life, told: impl Fn(&str)) -> Result<(), Fall> {
        let mut why = String::new();
        for limit in [SOON, START - SOON] {
            if !why.is_empty() {
                let fall =
                    Fall::new(Kind::NoStart, format!("the process lives, and {why}")).with_log(&life.tail());
                told(&format!(
                    "the target is not ready after {} s: {}",
                    SOON.as_secs(),
                    fall.told().join("\n  ")
                ));
            }
            let readiness = tokio::select! {
                ended = life.ended() => {
                    let text = match ended {
                        Ok(status) => format!("{} before it was ready", life::how(status)),
                        Err(_) => "it ended before it was ready".to_owned(),
                    };
                    return Err(Fall::new(Kind::NoStart, text).with_words(&life.words()).with_log(&life.tail()));
                }
                readiness = ready(&self.0.address, &self.0.keys, true, limit) => readiness,
            };
            why = match readiness {
                Readiness::Ready => return Ok(()),
                Readiness::Unready(why) => why,
            };
        }
        life.abort().await;
        let text = format!("it is not ready within {} s: {why}", START.as_secs());
        Err(Fall::new(Kind::NoStart, text).with_waits(&life.words().join("\n")).with_log(&life.tail()))
    }

    /// Watches somebody else's target until it is lost.
    async fn watch_over(self) {
        let end = self.live(None).await;
        if matches!(end, End::Closed) {
            return;
        }
        self.0.state.send_replace(State::Down);
        let fall = self.fallen(end, None).await;
        self.push(fall);
        self.0.state.send_replace(State::Lost);
    }

    /// Watches one life.
    async fn live(&self, mut life: Option<&mut Life>) -> End {
        let mut close = self.0.close.subscribe();
        let hangs = life.is_some() && self.falls(0).iter().any(|fall| fall.kind == Kind::Hang);
        let patience = if hangs { HANG_AGAIN } else { PATIENCE };
        let first = Signs::first(self.0.address.clone(), self.0.keys.clone(), patience);
        let first = tokio::select! {
            ended = over(&mut life) => return End::Exited(ended),
            _ = close.wait_for(|closed| *closed) => return End::Closed,
            first = first => first,
        };
        let Some((signs, usual)) = first else { return End::Hung(vec![NAMES[0]], patience) };
        let (mut slow, mut strange): (usize, usize) = (0, 0);
        let mut deaf: Option<Instant> = None;
        loop {
            let pause = if deaf.is_some() || strange > 0 || slow > 0 { PAUSE / 10 } else { PAUSE };
            tokio::select! {
                ended = over(&mut life) => return End::Exited(ended),
                _ = close.wait_for(|closed| *closed) => return End::Closed,
                () = self.0.renew.notified(), if life.is_some() => return End::Renewed,
                () = self.0.look.notified() => {}
                () = sleep(pause) => {}
            }
            if let Some(life) = &life {
                for line in life.survived() {
                    self.survived(line);
                }
            }
            self.0.looks.send_modify(|(begun, _)| *begun += 1);
            let look = tokio::select! {
                ended = over(&mut life) => return End::Exited(ended),
                _ = close.wait_for(|closed| *closed) => return End::Closed,
                look = signs.look() => look,
            };
            match look {
                Look::Well(took) => {
                    (deaf, strange) = (None, 0);
                    *self.0.ping.lock().unwrap_or_else(PoisonError::into_inner) = took;
                    let is_slow = took >= SLOW.0 && took >= usual * SLOW.1;
                    slow = if is_slow { slow + 1 } else { 0 };
                    if slow >= SLOW_LOOKS && life.is_some() {
                        return End::Slow(took);
                    }
                }
                Look::Silent(names) => return End::Hung(names, patience),
                Look::Refused(text) => {
                    let since = *deaf.get_or_insert_with(Instant::now);
                    let patience = match life {
                        Some(_) => DEAF,
                        None if self.0.flight.asked_to_end(FAREWELL) => FAREWELL,
                        None => Duration::from_millis(500),
                    };
                    if since.elapsed() >= patience {
                        return End::Deaf(text);
                    }
                    // It is known how it is only when it is back.
                    self.0.looks.send_modify(|(begun, _)| *begun -= 1);
                    continue;
                }
                Look::Stranger => {
                    strange += 1;
                    if strange > 5 {
                        return End::Forgot;
                    }
                    self.0.looks.send_modify(|(begun, _)| *begun -= 1);
                    continue;
                }
            }
            self.0.looks.send_modify(|(begun, ended)| *ended = *begun);
        }
    }

    /// Whether an end is one that somebody asked for.
    fn was_asked(&self, end: &End) -> bool {
        match end {
            End::Exited(Ok(status)) => {
                status.code().is_some_and(|code| ASKED.contains(&code))
                    && self.0.flight.asked_to_end(FAREWELL)
            }
            End::Renewed => true,
            _ => false,
        }
    }

    /// Takes evidence.
    async fn fallen(&self, end: End, life: Option<&mut Life>) -> Fall {
        let (flying, before) = self.0.flight.now(MOMENTS);
        let mut fall = match end {
            End::Exited(Ok(status)) => Fall::new(Kind::Crash, life::how(status)),
            End::Exited(Err(error)) => Fall::new(Kind::Crash, format!("it is not there any more: {error}")),
            End::Deaf(text) if life.is_none() => {
                Fall::new(Kind::Crash, format!("nobody listens any more: {text}"))
            }
            End::Deaf(text) => {
                Fall::new(Kind::Hang, format!("the process lives and does not listen: {text}"))
            }
            End::Hung(names, patience) => {
                let text = format!("{} unanswered for {} s", names.join(", "), patience.as_secs());
                Fall::new(Kind::Hang, text)
            }
            End::Slow(took) => Fall::new(Kind::Slow, format!("a ping takes {:.1} s", took.as_secs_f32())),
            End::Forgot => Fall::new(Kind::Forgot, "its keys are not known any more"),
            End::Renewed | End::Closed => Fall::new(Kind::Crash, "it was ended"),
        };
        let stack = match fall.kind {
            Kind::Hang => self.stack().await,
            _ => None,
        };
        if let Some(life) = life {
            if fall.kind == Kind::Hang {
                life.abort().await;
            }
            let words = life.words();
            let waits = if fall.kind == Kind::Hang { words.join("\n") } else { String::new() };
            fall = fall.with_words(&words).with_waits(&waits).with_log(&life.tail());
        }
        if fall.frames.is_empty()
            && let Some(stack) = stack
        {
            fall = fall.with_waits(&stack);
        }
        (fall.flying, fall.before) = (flying, before);
        fall
    }

    /// Where the goroutines are, if the target still tells.
    async fn stack(&self) -> Option<String> {
        let client = Client::new(Duration::from_secs(3));
        let request = Request::api("GET", "debug/stack").maybe_bearer(self.0.keys.get(Tier::Admin));
        let response = client.send(&self.0.address, &request).await.ok()?;
        (response.status == 200).then(|| response.text())
    }

    /// Something panicked and the target went on: each text once.
    fn survived(&self, line: String) {
        let cause = normalised(&line);
        let known = |fall: &Arc<Fall>| fall.kind == Kind::Panic && normalised(&fall.headline) == cause;
        if !self.falls(0).iter().any(known) {
            self.push(Fall::new(Kind::Panic, line));
        }
    }
}

/// Waits until a process ends; for ever without one.
async fn over(life: &mut Option<&mut Life>) -> std::io::Result<ExitStatus> {
    match life {
        Some(life) => life.ended().await,
        None => std::future::pending().await,
    }
}
