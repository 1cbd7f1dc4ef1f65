//! `core/*`: restart and shutdown.

use super::{Call, Handler, Reply};
use crate::world::{Change, Lifecycle, World};

pub(super) const HANDLERS: &[Handler] =
    &[Handler::new("core/restart", restart), Handler::new("core/shutdown", shutdown)];

fn restart(world: &mut World, _: &Call) -> Reply {
    go_down(world, Lifecycle::Restart, "restart initiated")
}

fn shutdown(world: &mut World, _: &Call) -> Reply {
    go_down(world, Lifecycle::Shutdown, "shutdown initiated")
}

fn go_down(world: &mut World, how: Lifecycle, text: &str) -> Reply {
    match world.apply(Change::Lifecycle(how)) {
        Ok(()) => Reply::action(text),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}
