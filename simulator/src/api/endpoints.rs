//! `endpoints`: the catalogue.

use super::{Call, Format, Handler, Reply, written::once};
use crate::{go::json, world::World};

pub(super) const HANDLERS: &[Handler] = &[Handler::new("endpoints", endpoints)];

fn endpoints(world: &mut World, _: &Call) -> Reply {
    let endpoints = world.contract.endpoints();
    once(endpoints, Format::Json, || Ok(json::to_vec(&endpoints))).map_or_else(Reply::failure, Reply::Data)
}
