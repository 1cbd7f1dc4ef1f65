//! `metrics/list`.

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("metrics/list", list)];

fn list(_: &mut World, call: &Call) -> Reply {
    call.structured(&Vec::<u8>::new())
}

/// The metrics that a caller may read, in Prometheus' text form.
pub(crate) fn text(_: &World, _: portmaster_fixtures::Permission) -> String {
    String::new()
}
