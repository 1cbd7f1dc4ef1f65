//! `ping`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("ping", ping)];

fn ping(_: &mut World, _: &Call) -> Reply {
    Reply::action("Pong.")
}
