//! Finds out what a foreign target is before anything is checked.

use std::time::Duration;

use super::trouble::Trouble;
use crate::{
    suite::Mode,
    target::{Address, Client, Keys, Request, Tier},
};

/// How long each first question may take: nothing that a core answers sooner, and who does not is not there.
const PATIENCE: Duration = Duration::from_secs(15);

/// How the target treats a request without a key.
pub(super) async fn mode(client: &Client, address: &Address) -> Result<Mode, Trouble> {
    let client = client.hasty(PATIENCE);
    let sent = client.send(address, &Request::api("GET", "auth/permissions")).await;
    let response = sent.map_err(|error| Trouble::Unreachable(format!("{address}: {error}")))?;
    let everything = response.json().is_ok_and(|body| body["Read"] == 4);
    Ok(match everything {
        // A grant begins a session; Development Mode does not.
        true if response.header("set-cookie").is_some() => Mode::Granted,
        true => Mode::Development,
        false => Mode::Guarded,
    })
}

/// Tries the keys: a run with keys that the target does not know would fail everywhere and say nowhere why.
pub(super) async fn keys(client: &Client, address: &Address, mode: Mode, keys: &Keys) -> Result<(), Trouble> {
    if mode == Mode::Development {
        return Ok(());
    }
    let client = client.hasty(PATIENCE);
    for (tier, flag, wanted) in [(Tier::User, "--user-key", 2), (Tier::Admin, "--admin-key", 3)] {
        let Some(key) = keys.get(tier) else { continue };
        let sent = client.send(address, &Request::api("GET", "auth/permissions").bearer(key)).await;
        let response = sent.map_err(|error| Trouble::Unreachable(format!("{address}: {error}")))?;
        let level = response.json().ok().and_then(|body| body["Read"].as_i64());
        let refused = match level {
            Some(level) => level < wanted,
            None => matches!(response.status, 401 | 403),
        };
        if refused {
            return Err(Trouble::Usage(format!(
                "{address} does not take the {} for one (it answers auth/permissions with {}): see {flag} and core/apiKeys",
                tier.name(),
                level.map_or_else(
                    || response.status.to_string(),
                    |level| format!("Read {level}, not {wanted}")
                ),
            )));
        }
    }
    Ok(())
}
