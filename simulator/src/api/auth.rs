//! `auth/*`: what the caller may do, challenges, and the end of a session.

use hyper::{
    StatusCode,
    header::{COOKIE, HeaderName, SET_COOKIE, WWW_AUTHENTICATE},
    http::HeaderValue,
};
use portmaster_fixtures::Permission;
use serde::Serialize;

use super::{Call, Handler, Raw, Reply};
use crate::world::{World, session};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("auth/basic", basic).saying(&[401]),
    Handler::new("auth/bearer", bearer).saying(&[401]),
    Handler::new("auth/permissions", permissions),
    Handler::new("auth/reset", reset).saying(&[401]),
];

fn bearer(_: &mut World, call: &Call) -> Reply {
    challenge(call, r#"Bearer realm="Portmaster API" domain="/""#)
}

fn basic(_: &mut World, call: &Call) -> Reply {
    challenge(call, r#"Basic realm="Portmaster API" domain="/""#)
}

/// Asks for authentication unless the caller may read more than anyone.
fn challenge(call: &Call, challenge: &'static str) -> Reply {
    if call.token.read > Permission::Anyone {
        return Raw::text(StatusCode::OK, "Authenticated.").into();
    }
    Raw::text(StatusCode::UNAUTHORIZED, "Authorization required.")
        .with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        .into()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Permissions {
    read: Permission,
    write: Permission,
    read_role: &'static str,
    write_role: &'static str,
}

fn permissions(_: &mut World, call: &Call) -> Reply {
    let token = call.token;
    call.structured(&Permissions {
        read: token.read,
        write: token.write,
        read_role: token.read.role(),
        write_role: token.write.role(),
    })
}

fn reset(world: &mut World, call: &Call) -> Reply {
    let cookies = call.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    if let Some(cookie) = session::cookie(cookies) {
        world.sessions.end(cookie);
    }
    Raw::text(StatusCode::UNAUTHORIZED, "Session deleted.")
        .with(HeaderName::from_static("clear-site-data"), HeaderValue::from_static("*"))
        .with(SET_COOKIE, HeaderValue::from_static("Portmaster-API-Token=; Max-Age=0"))
        .with(WWW_AUTHENTICATE, HeaderValue::from_static(r#"None realm="Portmaster API""#))
        .into()
}
