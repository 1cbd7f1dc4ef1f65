//! `modules/{moduleName}/trigger/{eventName}`.

use super::{Call, Handler, Reply};
use crate::{go::quote::quote, world::World};

pub(super) const HANDLERS: &[Handler] =
    &[Handler::new("modules/{moduleName:.+}/trigger/{eventName:.+}", trigger)];

/// Modules with the events that can be triggered. To trigger one tells its listeners and does nothing else: the core stays
/// up after `core/trigger/shutdown`.
const MODULES: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("base", &[]),
    ("broadcasts", &[]),
    ("config", &["config change"]),
    ("core", &["restart", "shutdown"]),
    ("netenv", &["network changed", "online status changed"]),
    ("nameserver", &[]),
    ("profiles", &["profile config change"]),
    ("spn", &[]),
    ("status", &[]),
    ("ui", &["reload"]),
    ("updates", &["active version update", "resource update", "trigger update"]),
];

fn trigger(_: &mut World, call: &Call) -> Reply {
    let (module, event) = (call.part("moduleName"), call.part("eventName"));
    let Some((_, events)) = MODULES.iter().find(|(name, _)| *name == module) else {
        return Reply::failure(format!("failed to inject event: module {} does not exist", quote(module)));
    };
    if !events.contains(&event) {
        let error =
            format!("failed to inject event: module {} has no event named {}", quote(module), quote(event));
        return Reply::failure(error);
    }
    Reply::action("event successfully injected")
}
