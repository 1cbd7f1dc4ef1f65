//! `endpoints`: the catalogue.

use super::{Call, Format, Handler, Reply, written::once};
use crate::{go::json, world::World};

pub(super) const HANDLERS: &[Handler] = &[Handler::new("endpoints", endpoints)];

fn endpoints(world: &mut World, _: &Call) -> Reply {
    let endpoints = world.contract.endpoints();
    let write = || Ok(json::to_vec(&world.contract.catalogue()));
    once(endpoints, Format::Json, write).map_or_else(Reply::failure, Reply::Data)
}
