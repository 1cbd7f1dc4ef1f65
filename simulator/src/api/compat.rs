//! `compat/self-check`.

use std::time::Duration;

use portmaster_fixtures::scenario::{OnlineStatus, SelfCheck};

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("compat/self-check", self_check)];

fn self_check(world: &mut World, _: &Call) -> Reply {
    if world.network.online < OnlineStatus::Semi {
        return Reply::failure("self-check skipped: device is offline or in limited network");
    }
    match world.core.self_check {
        SelfCheck::Passed => Reply::action("self-check successful"),
        SelfCheck::Failed => {
            let patience = Duration::from_secs(world.rules.self_check_seconds);
            let text = format!(
                "self-check #1: system integration check failed: did not receive test packet after {}s",
                patience.as_secs()
            );
            Reply::After(patience, Box::new(Reply::failure(text)))
        }
    }
}
