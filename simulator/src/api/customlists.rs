//! `customlists/update`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("customlists/update", update)];

/// The option that names the list's file.
const FILE: &str = "filter/customListFile";

fn update(world: &mut World, _: &Call) -> Reply {
    let configured = world.core.custom_list || !world.config.text(FILE).is_empty();
    if configured || !world.rules.custom_list_needed {
        Reply::action("Custom filter list loaded successfully.")
    } else {
        Reply::failure("custom filter list not configured")
    }
}
