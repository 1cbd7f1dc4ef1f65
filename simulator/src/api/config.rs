//! `config/options`.

use portmaster_fixtures::Defect;

use super::{Call, Format, Handler, Reply, written::once};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("config/options", options)];

fn options(world: &mut World, call: &Call) -> Reply {
    if call.format == Format::MsgPack && world.behaviour.has(Defect::OptionsNotInMsgpack) {
        return Reply::failure("msgpack: Encode(unsupported func(interface {}) error)");
    }
    let options = world.config.options();
    Reply::structure(once(options, call.format, || call.format.write(&options)))
}
