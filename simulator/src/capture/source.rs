//! The core that is captured, and what it did not tell.

use std::io;

use jiff::{Timestamp, fmt::rfc2822};
use portmaster_fixtures::Contract;
use portmaster_wire::answer::Answer;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    CaptureError,
    http::{Client, json, words},
    socket::Socket,
    text,
};
use crate::limits;

/// A core that answers.
#[derive(Debug)]
pub(super) struct Source {
    client: Client,
    socket: Option<Socket>,
    /// The core's time when it was first asked.
    pub(super) start: Timestamp,
    /// What it did not tell, or cannot be said.
    pub(super) missing: Vec<String>,
}

impl Source {
    /// Looks whether there is a core, and opens the websocket.
    pub(super) async fn open(target: &str, key: Option<&str>) -> Result<Self, CaptureError> {
        let client = Client::new(target, key)?;
        let target = client.authority().to_owned();
        let asked = timeout(limits::CAPTURE_FIRST, client.get("ping")).await;
        let asked = asked.map_err(|_| io::ErrorKind::TimedOut.into()).flatten();
        let pong = asked.map_err(|source| CaptureError::Unreachable { target: target.clone(), source })?;
        // Of a key that is none, some cores say so at once.
        if key.is_some() && matches!(pong.status, 401 | 403) {
            return Err(CaptureError::WrongKey);
        }
        let said = words(&pong);
        if pong.status != 200 || said != "Pong." {
            return Err(CaptureError::Stranger { target, status: pong.status, said });
        }
        if key.is_some() && !is_known(&client).await {
            return Err(CaptureError::WrongKey);
        }
        let date = pong.header("date").and_then(|date| rfc2822::parse(date).ok());
        let start = date.map_or_else(Timestamp::now, |date| date.timestamp());
        let mut missing = Vec::new();
        let socket = match Socket::open(&client).await {
            Ok(socket) => Some(socket),
            Err(why) => {
                missing.push(format!("the database websocket, and so most of the core: {why}"));
                None
            }
        };
        Ok(Self { client, socket, start, missing })
    }

    /// Notes what cannot be had.
    pub(super) fn miss(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.missing.contains(&what) {
            self.missing.push(what);
        }
    }

    /// Asks for a path below `/api/v1/`; what fails is noted.
    pub(super) async fn get(&mut self, path: &str) -> Option<Answer> {
        match self.client.get(path).await {
            Ok(reply) => Some(reply),
            Err(error) => {
                self.miss(format!("{path}: {error}"));
                None
            }
        }
    }

    /// The JSON at a path; whatever else it is, is noted.
    pub(super) async fn json(&mut self, path: &str) -> Option<Value> {
        let reply = self.get(path).await?;
        let named = path.split('?').next().unwrap_or(path);
        if reply.status != 200 {
            let said = words(&reply);
            self.miss(format!("{named}: status {} {said}", reply.status));
            return None;
        }
        let value = json(&reply);
        if value.is_none() {
            self.miss(format!("{named}: the answer is not JSON"));
        }
        value
    }

    /// The records below a prefix of the database, such as `core:profiles/`. What fails is noted, but not that there are
    /// none.
    pub(super) async fn records(&mut self, prefix: &str) -> Vec<(String, Value)> {
        // That there is no websocket is noted already, once for all.
        let Some(socket) = &mut self.socket else { return Vec::new() };
        let found = socket.query(prefix).await;
        if let Some(error) = found.error.filter(|error| !error.contains("not found")) {
            self.miss(format!("{prefix} of the database: {error}"));
        }
        if found.unread > 0 {
            self.miss(format!(
                "{prefix} of the database: {} records in a form that is not read",
                found.unread
            ));
        }
        found.records
    }

    /// A record of the database, if it is there.
    pub(super) async fn record(&mut self, key: &str) -> Option<Value> {
        self.records(key).await.into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The contract whose endpoints are most like those that the core lists; of like ones that of the core's version.
    pub(super) async fn contract(&mut self, version: &str) -> Contract {
        let Some(Value::Array(listed)) = self.json("endpoints").await else { return Contract::default() };
        let listed: Vec<&str> = listed.iter().map(|one| text(one, "Path")).collect();
        let strange = |contract: &Contract| {
            let known = contract.endpoints();
            let missing = known.iter().filter(|one| !listed.contains(&one.path.as_str())).count();
            missing + listed.iter().filter(|path| !known.iter().any(|one| one.path == **path)).count()
        };
        let other_version = |contract: &Contract| contract.behaviour().version != version;
        let best = Contract::ALL
            .into_iter()
            .min_by_key(|one| (strange(one), other_version(one)))
            .unwrap_or_default();
        match strange(&best) {
            0 => {}
            count => self.miss(format!(
                "{count} endpoints that differ between this core and contract {}",
                best.name()
            )),
        }
        best
    }
}

/// Whether a key lets one read more than anyone; where nobody can tell, it is taken to be one.
async fn is_known(client: &Client) -> bool {
    let Ok(reply) = client.get("auth/permissions").await else { return true };
    match reply.status {
        401 | 403 => false,
        // Some cores answer an unknown key with nothing at all.
        200 => json(&reply).and_then(|told| told.get("Read")?.as_i64()).is_some_and(|read| read > 1),
        _ => true,
    }
}
