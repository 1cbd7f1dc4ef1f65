//! Finds out what a foreign target is before anything is checked.

use super::trouble::Trouble;
use crate::{
    suite::Mode,
    target::{Address, Client, Request},
};

/// How the target treats a request without a key.
pub(super) async fn mode(client: &Client, address: &Address) -> Result<Mode, Trouble> {
    let sent = client.send(address, &Request::api("GET", "auth/permissions")).await;
    let response = sent.map_err(|fault| Trouble::Unreachable(format!("{address}: {fault}")))?;
    let everything = response.json().is_ok_and(|body| body["Read"] == 4);
    Ok(match everything {
        // A grant begins a session; Development Mode does not.
        true if response.header("set-cookie").is_some() => Mode::Granted,
        true => Mode::Development,
        false => Mode::Guarded,
    })
}
