//! Takes API keys from a target in Development Mode, through the database websocket, and puts its settings
//! back.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use portmaster_fixtures::Permission;
use serde_json::{Value, json};

use super::trouble::Trouble;
use crate::{
    suite::{Key, Keys, Mode, Tier},
    target::{Address, Client, Database, DatabaseError, Request},
};

const API_KEYS: &str = "config:core/apiKeys";
const DEV_MODE: &str = "config:core/devMode";
/// How long a target may take to know its new keys; cores need about 0.3 s (websocket §7).
const SETTLED: Duration = Duration::from_secs(10);

/// A target's settings before the suite changed them.
#[derive(Debug)]
pub(super) struct Provision {
    address: Address,
    admin: Key,
    before: [(&'static str, Value); 2],
}

impl Provision {
    /// Adds a key of every tier to the target's settings and to `keys`, and switches Development Mode off.
    pub(super) async fn take(
        client: &Client,
        address: &Address,
        mode: Mode,
        keys: &mut Keys,
    ) -> Result<Self, Trouble> {
        let given = keys.get(Tier::Admin).cloned();
        if mode == Mode::Guarded && given.is_none() {
            return Err(Trouble::Usage(
                "no keys taken: the target is not in Development Mode, and over HTTP alone only a person can grant a \
                 key (app/auth); switch Development Mode on, or give --admin-key"
                    .to_owned(),
            ));
        }
        let trouble = |error: DatabaseError| Trouble::Usage(format!("no keys taken: {error}"));
        let mut database = Database::open(address, given.as_ref().map(Key::secret)).await.map_err(trouble)?;
        let mut before = [(DEV_MODE, Value::Null), (API_KEYS, Value::Null)];
        for (option, value) in &mut before {
            *value = database.get(option).await.map_err(trouble)?["Value"].take();
        }
        let mut entries: Vec<Value> = before[1].1.as_array().cloned().unwrap_or_default();
        let chance = RandomState::new();
        for tier in Tier::ALL {
            let secret = format!(
                "conformance-{:016x}{:016x}",
                chance.hash_one(tier.name()),
                chance.hash_one((tier.name(), 2))
            );
            entries.push(json!(format!("{secret}{}", tier.permissions())));
            keys.insert(Key::new(tier, secret));
        }
        let admin = keys
            .get(Tier::Admin)
            .cloned()
            .ok_or_else(|| Trouble::Usage("no Admin key was made".to_owned()))?;
        let taken = Self { address: address.clone(), admin, before };
        let changed = async {
            database.update(API_KEYS, &json!({ "Value": entries })).await?;
            database.update(DEV_MODE, &json!({ "Value": false })).await
        };
        let settled = match changed.await {
            Ok(()) => taken.settled(client).await,
            Err(error) => Err(error.to_string()),
        };
        match settled {
            Ok(()) => Ok(taken),
            Err(error) => {
                let back = taken.restore(&mut database).await.err().map(|error| format!("; {error}"));
                Err(Trouble::Usage(format!("no keys taken: {error}{}", back.unwrap_or_default())))
            }
        }
    }

    /// Waits until the target knows the new keys and asks for them.
    async fn settled(&self, client: &Client) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let nobody = Request::api("GET", "auth/permissions");
            let admin = nobody.clone().bearer(&self.admin);
            let read = async |request| {
                let response =
                    client.send(&self.address, &request).await.map_err(|error| error.to_string())?;
                Ok::<_, String>(response.json().ok().and_then(|body| body["Read"].as_i64()))
            };
            let both = (read(nobody).await?, read(admin).await?);
            if both == (Some(Permission::Anyone.number().into()), Some(Permission::Admin.number().into())) {
                return Ok(());
            }
            if begun.elapsed() > SETTLED {
                return Err("the target does not know the keys that were put into core/apiKeys".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Puts the settings back as they were.
    pub(super) async fn put_back(self) -> Result<(), String> {
        let hint = |error: &dyn std::fmt::Display| {
            format!(
                "the settings core/apiKeys and core/devMode of {} could not be put back: {error}",
                self.address
            )
        };
        let mut database =
            Database::open(&self.address, Some(self.admin.secret())).await.map_err(|error| hint(&error))?;
        self.restore(&mut database).await.map_err(|error| hint(&error))
    }

    async fn restore(&self, database: &mut Database) -> Result<(), DatabaseError> {
        for (option, value) in &self.before {
            database.update(option, &json!({ "Value": value })).await?;
        }
        Ok(())
    }
}
