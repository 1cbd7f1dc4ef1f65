//! `modules/{moduleName}/trigger/{eventName}`.

use super::{Call, Handler, Reply};
use crate::{
    go::quote::quote,
    world::{Change, World},
};

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

fn trigger(world: &mut World, call: &Call) -> Reply {
    let (named, wanted) = (call.part("moduleName"), call.part("eventName"));
    let Some((module, events)) = MODULES.iter().find(|(name, _)| *name == named) else {
        return Reply::failure(format!("failed to inject event: module {} does not exist", quote(named)));
    };
    let Some(event) = events.iter().find(|event| **event == wanted) else {
        let error =
            format!("failed to inject event: module {} has no event named {}", quote(module), quote(wanted));
        return Reply::failure(error);
    };
    match world.apply(Change::ModuleEvent { module, event }) {
        Ok(()) => Reply::action("event successfully injected"),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}
