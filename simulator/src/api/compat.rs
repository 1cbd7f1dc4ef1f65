//! `compat/self-check`.

use std::time::Duration;

use portmaster_fixtures::scenario::OnlineStatus;

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("compat/self-check", self_check)];

fn self_check(world: &mut World, _: &Call) -> Reply {
    if world.network.online < OnlineStatus::Semi {
        return Reply::failure("self-check skipped: device is offline or in limited network");
    }
    match world.self_check_error() {
        None => Reply::action("self-check successful"),
        Some(error) => {
            let patience = Duration::from_secs(world.behaviour.self_check_seconds);
            Reply::After(patience, Box::new(Reply::failure(error)))
        }
    }
}
