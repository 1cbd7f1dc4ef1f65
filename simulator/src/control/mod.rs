//! The control plane: HTTP and JSON on an address of its own, to look at a running world and to change it.
//!
//! A route is data beside its code ([`route::Route`]); the router and the OpenAPI document both come from that.

mod changes;
mod clock;
mod guard;
mod health;
mod input;
mod journal;
mod openapi;
mod plane;
mod problem;
mod route;
mod scenarios;
mod server;
mod state;

pub(crate) use server::{Control, Settings};

/// All routes, in the order of the document.
fn routes() -> Vec<route::Route> {
    [
        health::routes(),
        state::routes(),
        changes::routes(),
        scenarios::routes(),
        clock::routes(),
        journal::routes(),
        openapi::routes(),
    ]
    .concat()
}
