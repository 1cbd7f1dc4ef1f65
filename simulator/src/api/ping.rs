//! `ping`, `interop/ping` and `ready`.

use hyper::StatusCode;
use portmaster_fixtures::Defect;

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("interop/ping", interop_ping),
    Handler::new("ping", ping),
    Handler::new("ready", ready).saying(&[425]),
];

fn ping(_: &mut World, _: &Call) -> Reply {
    Reply::action("Pong.")
}

/// An empty message.
fn interop_ping(_: &mut World, _: &Call) -> Reply {
    Reply::action("")
}

fn ready(world: &mut World, _: &Call) -> Reply {
    if world.core.starting == world.behaviour.has(Defect::ReadyInverted) {
        Reply::action("Portmaster is ready.")
    } else {
        Reply::error(StatusCode::TOO_EARLY, "portmaster is not ready, reload (F5) to try again")
    }
}
