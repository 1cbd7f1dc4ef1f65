//! `app/*`: the program that asks.

use portmaster_fixtures::scenario::App;
use serde::Serialize;

use super::{Call, Handler, Reply};
use crate::{go::duration, world::World};

pub(super) const HANDLERS: &[Handler] =
    &[Handler::new("app/auth", auth), Handler::new("app/profile", profile)];

#[derive(Serialize)]
struct Profile<'a> {
    name: &'a str,
    profile: String,
    source: &'static str,
}

fn profile(world: &mut World, call: &Call) -> Reply {
    match world.caller() {
        Some(app) => {
            call.structured(&Profile { name: &app.name, profile: app.profile_id(), source: "local" })
        }
        None => Reply::failure("failed to find PID of connection"),
    }
}

/// Asks the person for a key. The order of the checks is the core's (core-2.2 §6).
fn auth(world: &mut World, call: &Call) -> Reply {
    if let Some(ttl) = call.filled("ttl")
        && let Err(fault) = duration::parse(&ttl)
    {
        return Reply::failure(fault);
    }
    for name in ["read", "write"] {
        if !matches!(call.parameter(name).as_deref(), Some("user" | "admin")) {
            return Reply::failure("invalid read permission");
        }
    }
    let _ = (world, App::default());
    Reply::failure("access denied")
}
