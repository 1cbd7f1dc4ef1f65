//! `endpoints`: the catalogue.

use super::{Call, Handler, Reply};
use crate::{go::json, world::World};

pub(super) const HANDLERS: &[Handler] = &[Handler::new("endpoints", endpoints)];

fn endpoints(world: &mut World, _: &Call) -> Reply {
    Reply::Data(json::to_vec(&world.contract.endpoints()))
}
