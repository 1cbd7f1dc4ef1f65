//! `spn/*`: the account, the map and a new start of the privacy network.

mod account;
mod describe;
mod drawn;
mod graph;
mod intel;
mod map;
mod page;
mod route;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use map::pin_records;

use portmaster_fixtures::Defect;

use super::{Call, Handler, Reply};
use crate::world::{Change, World};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("spn/account/login", account::login).saying(&[401, 409]),
    Handler::new("spn/account/logout", account::logout),
    Handler::new("spn/account/user/profile", account::profile).saying(&[401]),
    Handler::spn("spn/map/{map:[A-Za-z0-9]{1,255}}/graph{format:\\.[a-z]{2,4}}", drawn::graph)
        .saying(&[400, 404, 412]),
    Handler::spn("spn/map/{map:[A-Za-z0-9]{1,255}}/intel/update", intel::update),
    Handler::spn("spn/map/{map:[A-Za-z0-9]{1,255}}/measurements", map::measurements),
    Handler::spn("spn/map/{map:[A-Za-z0-9]{1,255}}/measurements/table", table::measurements),
    Handler::spn("spn/map/{map:[A-Za-z0-9]{1,255}}/optimization", map::optimization),
    Handler::spn("spn/map/{map:[A-Za-z0-9]{1,255}}/optimization/table", table::optimization),
    Handler::spn("spn/map/{map:[A-Za-z0-9]{1,255}}/pins", map::pins),
    Handler::spn(
        "spn/map/{map:[A-Za-z0-9]{1,255}}/route/to/{destination:[a-z0-9_\\.:-]{1,255}}",
        route::route,
    ),
    Handler::new("spn/reinit", reinit),
];

/// Cores with modules refuse when the network's module is down, and one also when it is up (core-1.x §6).
fn reinit(world: &mut World, _: &Call) -> Reply {
    if world.behaviour.module_not_ready && !world.spn_enabled() {
        return Reply::failure("can only re-initialize when the SPN is enabled");
    }
    if world.behaviour.has(Defect::ReinitFails) {
        return Reply::failure("failed to stop SPN: modules: dependency loop detected, cannot continue");
    }
    let records = world.spn_cache_records();
    match world.apply(Change::ReinitSpn) {
        Ok(()) => Reply::action(format!(
            "Completed SPN re-initialization and deleted {records} cache records in the process."
        )),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}
