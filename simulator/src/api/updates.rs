//! `updates/check`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("updates/check", check)];

fn check(_: &mut World, _: &Call) -> Reply {
    Reply::action("triggered update check")
}
