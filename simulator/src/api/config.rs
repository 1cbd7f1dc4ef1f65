//! `config/options`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("config/options", options)];

fn options(world: &mut World, call: &Call) -> Reply {
    call.structured(&world.config.options())
}
