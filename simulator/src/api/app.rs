//! `app/*`: the program that asks.

use portmaster_fixtures::{Defect, scenario::App};
use serde::Serialize;

use super::{Call, Handler, Reply};
use crate::{go::duration, world::World};

pub(super) const HANDLERS: &[Handler] =
    &[Handler::new("app/auth", auth), Handler::new("app/profile", profile)];

/// What a core says when it cannot tell who asks.
const NOT_FOUND: &str = "failed to find PID of connection: could not find connection in system state tables";

#[derive(Serialize)]
struct Profile<'a> {
    name: &'a str,
    profile: String,
    source: &'static str,
}

fn profile(world: &mut World, call: &Call) -> Reply {
    if world.rules.has(Defect::CallerNotFound) {
        return Reply::failure(NOT_FOUND);
    }
    match world.caller() {
        Some(app) => {
            call.structured(&Profile { name: &app.name, profile: world.profile_id(app), source: "local" })
        }
        None => Reply::failure(NOT_FOUND),
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
    if world.rules.has(Defect::CallerNotFound) {
        return Reply::failure(format!("failed to identify requesting process: {NOT_FOUND}"));
    }
    let _ = (world, App::default());
    Reply::failure("access denied")
}
