//! `customlists/update`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("customlists/update", update)];

/// The option that names the list's file.
const FILE: &str = "filter/customListFile";

/// A list that the scenario has is read; any other file is none that there is.
fn update(world: &mut World, _: &Call) -> Reply {
    let file = world.config.text(FILE);
    if world.core.custom_list || file.is_empty() && !world.behaviour.custom_list_needed {
        Reply::action("Custom filter list loaded successfully.")
    } else if file.is_empty() {
        Reply::failure("custom filter list not configured")
    } else {
        Reply::failure(format!("open {file}: {}", world.no_such_file()))
    }
}
