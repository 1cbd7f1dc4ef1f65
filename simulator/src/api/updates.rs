//! `updates/check`, `updates/apply` and `updates/from-url`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("updates/apply", apply),
    Handler::new("updates/check", check),
    Handler::new("updates/from-url", apply),
];

fn check(world: &mut World, _: &Call) -> Reply {
    Reply::action(world.behaviour.updates_check.clone())
}

/// Whatever the body says: the core answers before it looks (core-2.2 §6.1).
fn apply(_: &mut World, _: &Call) -> Reply {
    Reply::action("upgrade triggered")
}
