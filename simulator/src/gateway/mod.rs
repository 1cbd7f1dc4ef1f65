//! HTTP, in the order in which a request meets it: connection → guard → route → authorise → dispatch → render.

mod admission;
mod authorise;
mod body;
mod bridge;
mod dispatch;
mod early;
mod faults;
mod front;
mod guard;
mod head;
mod pages;
mod path;
mod patience;
mod plain;
mod recorder;
mod render;
mod route;
mod server;
mod stream;
mod target;
mod upgrade;

pub(crate) use bridge::bridge;
pub(crate) use server::serve;
