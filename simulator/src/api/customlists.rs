//! `customlists/update`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("customlists/update", update)];

fn update(_: &mut World, _: &Call) -> Reply {
    Reply::action("Custom filter list loaded successfully.")
}
