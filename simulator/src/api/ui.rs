//! `ui/reload`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("ui/reload", reload)];

fn reload(_: &mut World, _: &Call) -> Reply {
    Reply::action("all ui archives successfully reloaded")
}
