//! The control plane: HTTP and JSON on an address of its own, to look at a running world and to change it.
//!
//! A route is data beside its code ([`route::Route`]); the router and the OpenAPI document both come from that.

mod beside;
mod changes;
mod clock;
mod console;
mod difference;
mod events;
mod forks;
mod glance;
mod guard;
mod har;
mod health;
mod input;
mod journal;
mod kept;
mod openapi;
mod page;
mod patch;
mod places;
mod plane;
mod problem;
mod relay;
mod route;
mod scenarios;
mod scripts;
mod send;
mod server;
mod snapshots;
mod state;
mod timeline;

pub(crate) use beside::{Beside, NotBegun, Settings, Template};
pub(crate) use server::Control;

/// All routes, in the order of the document.
fn routes() -> Vec<route::Route> {
    [
        health::routes(),
        state::routes(),
        patch::routes(),
        changes::routes(),
        scenarios::routes(),
        clock::routes(),
        journal::routes(),
        har::routes(),
        timeline::routes(),
        scripts::routes(),
        snapshots::routes(),
        forks::routes(),
        events::routes(),
        glance::routes(),
        console::routes(),
        relay::routes(),
        page::routes(),
        openapi::routes(),
    ]
    .concat()
}
