//! `spn/account/*`: logging in and out, and the account (core-1.x §7.2, core-2.2 §6.7).

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
    http::HeaderValue,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    api::{Call, Raw, Reply, record::Meta},
    go::quote::quote,
    world::{
        Change, World,
        spn::{Account, LoginError},
    },
};

/// Where the provider of the network is asked.
const PROVIDER: &str = "api.account.safing.io";

pub(super) fn login(world: &mut World, call: &Call) -> Reply {
    let Some(username) = credentials(&call.headers) else { return challenge() };
    if let Some(account) = world.account() {
        let text = format!("Already {}", logged_in(account));
        return Raw::text(StatusCode::CONFLICT, &text).into();
    }
    match world.authenticate() {
        Err(LoginError::Refused) => return challenge(),
        Err(LoginError::Unreachable) => {
            let text = format!("Internal error: {}", no_connection(world, "Post", "authenticate"));
            return Raw::text(StatusCode::INTERNAL_SERVER_ERROR, &text).into();
        }
        Ok(()) => {}
    }
    if let Err(refused) = world.apply(Change::LogIn { username }) {
        return Reply::failure(refused.to_string());
    }
    let text = world.account().map(|account| format!("Now {}", logged_in(account)));
    Raw::new("text/plain; charset=utf-8", text.unwrap_or_default()).into()
}

fn logged_in(account: &Account) -> String {
    format!("logged in as {} as device {}", account.username, account.device.name)
}

fn challenge() -> Reply {
    Raw::text(StatusCode::UNAUTHORIZED, "Login with your SPN account.")
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=SPN Login"))
        .into()
}

/// The user's name, if a name and a password are given. Any password will do.
fn credentials(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    (!username.is_empty() && !password.is_empty()).then(|| username.to_owned())
}

/// Go's words for a provider whose name cannot be resolved.
fn no_connection(world: &World, method: &str, path: &str) -> String {
    let server = world.network.nameservers.first().map_or_else(
        || "127.0.0.1:53".to_owned(),
        |nameserver| std::net::SocketAddr::new(nameserver.ip, 53).to_string(),
    );
    let url = quote(&format!("https://{PROVIDER}/api/v1/{path}"));
    format!("http request failed: {method} {url}: dial tcp: lookup {PROVIDER} on {server}: no such host")
}

/// The account may go while the person's name and device stay.
pub(super) fn logout(world: &mut World, call: &Call) -> Reply {
    let purge = call.filled("purge").is_some();
    match world.apply(Change::LogOut { purge }) {
        Ok(()) if purge => Reply::action("Logged out and user data purged."),
        Ok(()) => Reply::action("Logged out."),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}

#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    account: Map<String, Value>,
    #[serde(rename = "_meta")]
    meta: Meta,
}

/// The account; with `refresh` the provider is asked first, for which the core needs a token.
pub(super) fn profile(world: &mut World, call: &Call) -> Reply {
    let Some(account) = world.account() else {
        return Reply::error(StatusCode::UNAUTHORIZED, "not logged in");
    };
    if call.filled("refresh").is_some() {
        if !account.token {
            return Reply::failure("not logged in");
        }
        if !world.provider_answers() {
            return Reply::failure(no_connection(world, "Get", "user/profile"));
        }
        if let Err(refused) = world.apply(Change::RefreshAccount) {
            return Reply::failure(refused.to_string());
        }
    }
    let Some(account) = world.account() else {
        return Reply::error(StatusCode::UNAUTHORIZED, "not logged in");
    };
    let meta = Meta {
        modified: account.updated.as_second(),
        ..Meta::made("core:spn/account/user".to_owned(), account.created)
    };
    Reply::record(&Record { account: world.account_fields(account), meta })
}
