//! `ui/reload`.

use super::{Call, Handler, Reply};
use crate::world::{Change, World};

pub(super) const HANDLERS: &[Handler] = &[Handler::new("ui/reload", reload)];

fn reload(world: &mut World, _: &Call) -> Reply {
    match world.apply(Change::ReloadUi) {
        Ok(()) => Reply::action("all ui archives successfully reloaded"),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}
