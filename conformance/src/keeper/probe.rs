//! Looks at a target from outside: whether it answers, whether it is ready.

use std::time::{Duration, Instant};

use portmaster_fixtures::Contract;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::target::{Address, Client, Database, DatabaseError, Keys, Request, SendError, Tier};

/// How long an answer may take until it is missing.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a list of endpoints that is no contract's must stay the same to be whole.
const PLATEAU: Duration = Duration::from_secs(8);
/// The same for somebody else's target, which has been running for longer most likely.
const SHORT_PLATEAU: Duration = Duration::from_millis(1500);

/// What shows that a target lives: each of them once it was seen.
#[derive(Clone, Debug)]
pub(super) struct Signs {
    address: Address,
    keys: Keys,
    client: Client,
    patience: Duration,
    /// Ping, a read with a key, a get over the websocket.
    seen: [bool; 3],
}

/// How a target looks.
#[derive(Debug)]
pub(super) enum Look {
    /// It answers; ping took so long.
    Well(Duration),
    /// These are unanswered.
    Silent(Vec<&'static str>),
    /// Nobody listens.
    Refused(String),
    /// It does not know its keys.
    Stranger,
}

pub(super) const NAMES: [&str; 3] = ["ping", "a read with a key", "a get over the database websocket"];

/// What came of one sign.
enum Sign {
    Shown,
    Unknown,
    Silent,
    Refused(String),
    /// Something else, which is an answer, too.
    Odd,
}

impl Signs {
    /// Looks which signs the target shows, and how long a ping takes; nothing when there is no answer to it.
    pub(super) async fn first(address: Address, keys: Keys, patience: Duration) -> Option<(Self, Duration)> {
        let client = Client::new(patience);
        let mut signs = Self { address, keys, client, patience, seen: [true; 3] };
        // Before the rest, and before much is asked: what is slow later is so by comparison.
        let begun = Instant::now();
        let ping = signs.ping().await;
        let took = begun.elapsed();
        if matches!(ping, Sign::Silent) {
            return None;
        }
        let (read, get) = tokio::join!(signs.read(), signs.get());
        let shown = |sign: &Sign| matches!(sign, Sign::Shown);
        signs.seen = [shown(&ping), shown(&read), shown(&get)];
        Some((signs, took))
    }

    /// Looks at it.
    pub(super) async fn look(&self) -> Look {
        let begun = Instant::now();
        let ping = async {
            let sign = if self.seen[0] { self.ping().await } else { Sign::Odd };
            (sign, begun.elapsed())
        };
        let read = async { if self.seen[1] { self.read().await } else { Sign::Odd } };
        let get = async { if self.seen[2] { self.get().await } else { Sign::Odd } };
        let ((ping, took), read, get) = tokio::join!(ping, read, get);
        let all = [ping, read, get];
        for sign in &all {
            if let Sign::Refused(text) = sign {
                return Look::Refused(text.clone());
            }
        }
        let silent: Vec<_> = all
            .iter()
            .zip(NAMES)
            .filter(|(sign, _)| matches!(sign, Sign::Silent))
            .map(|(_, name)| name)
            .collect();
        if !silent.is_empty() {
            return Look::Silent(silent);
        }
        if all.iter().any(|sign| matches!(sign, Sign::Unknown)) {
            return Look::Stranger;
        }
        Look::Well(took)
    }

    async fn ping(&self) -> Sign {
        match self.client.send(&self.address, &Request::api("GET", "ping")).await {
            Ok(_) => Sign::Shown,
            Err(error) => of(&error),
        }
    }

    async fn read(&self) -> Sign {
        let Some(key) = self.keys.get(Tier::Admin).or_else(|| self.keys.get(Tier::User)) else {
            return Sign::Odd;
        };
        let request = Request::api("GET", "auth/permissions").bearer(key);
        match self.client.send(&self.address, &request).await {
            Ok(response) => match response.json().ok().and_then(|body| body["Read"].as_i64()) {
                Some(level) if level >= 2 => Sign::Shown,
                Some(_) => Sign::Unknown,
                None if matches!(response.status, 401 | 403) => Sign::Unknown,
                None => Sign::Odd,
            },
            Err(error) => of(&error),
        }
    }

    async fn get(&self) -> Sign {
        let Some(key) = self.keys.get(Tier::Admin) else { return Sign::Odd };
        let asked = async {
            let mut database = Database::open(&self.address, Some(key.secret())).await?;
            database.get("config:core/devMode").await
        };
        match timeout(self.patience, asked).await {
            Ok(Ok(_)) => Sign::Shown,
            Err(_) | Ok(Err(DatabaseError::Silent)) => Sign::Silent,
            Ok(Err(_)) => Sign::Odd,
        }
    }
}

fn of(error: &SendError) -> Sign {
    match error {
        SendError::Connect { .. } => Sign::Refused(error.to_string()),
        SendError::Timeout(_) => Sign::Silent,
        // It broke in the middle: the next look says more.
        _ => Sign::Odd,
    }
}

/// Whether a target is ready, and what it is waited for if not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It is.
    Ready,
    /// It is not, for that reason, and will not be within the limit.
    Unready(String),
}

/// Waits until a target is ready: it answers, knows its keys, and lists as many endpoints as it will. A core listens before it is
/// (core-1.x §4).
pub(crate) async fn ready(address: &Address, keys: &Keys, own: bool, limit: Duration) -> Readiness {
    let begun = Instant::now();
    let client = Client::new(PATIENCE.min(limit));
    let mut list: Option<(usize, Instant)> = None;
    loop {
        let why = match step(address, keys, &client, own, &mut list).await {
            Ok(()) => return Readiness::Ready,
            Err(why) => why,
        };
        if begun.elapsed() >= limit {
            return Readiness::Unready(why);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn step(
    address: &Address,
    keys: &Keys,
    client: &Client,
    own: bool,
    list: &mut Option<(usize, Instant)>,
) -> Result<(), String> {
    client.send(address, &Request::api("GET", "ping")).await.map_err(|error| match error {
        SendError::Connect { .. } if own => {
            format!("nothing listens on {}, as it was told to", address.authority())
        }
        error => error.to_string(),
    })?;
    if own && let Some(key) = keys.get(Tier::Admin) {
        let request = Request::api("GET", "auth/permissions").bearer(key);
        let response = client.send(address, &request).await.map_err(|error| error.to_string())?;
        if response.json().ok().and_then(|body| body["Read"].as_i64()).is_none_or(|level| level < 3) {
            return Err("it does not know the keys in its config.json".to_owned());
        }
    }
    let response =
        client.send(address, &Request::api("GET", "endpoints")).await.map_err(|error| error.to_string())?;
    let listed: Option<Vec<Value>> = response.json().ok().and_then(|value| value.as_array().cloned());
    // Who lists nothing is as ready as can be told.
    let Some(listed) = listed else { return Ok(()) };
    let mut paths: Vec<&str> = listed.iter().filter_map(|one| one["Path"].as_str()).collect();
    paths.sort_unstable();
    let whole = |contract: &Contract| {
        let mut own: Vec<&str> = contract.endpoints().iter().map(|one| one.path.as_str()).collect();
        own.sort_unstable();
        own == paths
    };
    if Contract::ALL.iter().any(whole) {
        return Ok(());
    }
    let plateau = if own { PLATEAU } else { SHORT_PLATEAU };
    match list {
        Some((count, since)) if *count == paths.len() => match since.elapsed() >= plateau {
            true => Ok(()),
            false => Err(format!("its list of endpoints, {} now, may still grow", paths.len())),
        },
        _ => {
            *list = Some((paths.len(), Instant::now()));
            Err(format!("its list of endpoints, {} now, may still grow", paths.len()))
        }
    }
}
