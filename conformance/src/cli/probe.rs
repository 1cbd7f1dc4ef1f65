//! Finds out what a foreign target is before anything is checked.

use crate::{
    suite::Mode,
    target::{Address, Client, Request, SendError},
};

/// How the target treats a request without a key.
pub(super) async fn mode(client: &Client, address: &Address) -> Result<Mode, SendError> {
    let response = client.send(address, &Request::api("GET", "auth/permissions")).await?;
    let everything = response.json().is_ok_and(|body| body["Read"] == 4);
    Ok(match everything {
        // A grant begins a session; Development Mode does not.
        true if response.header("set-cookie").is_some() => Mode::Granted,
        true => Mode::Development,
        false => Mode::Guarded,
    })
}
