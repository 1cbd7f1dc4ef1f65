//! HTTP, in the order in which a request meets it: connection → guard → route → authorise → dispatch → render.

mod authorise;
mod dispatch;
mod guard;
mod head;
mod pages;
mod path;
mod render;
mod route;
mod server;

pub use authorise::{ExternalAuth, session_cookie};
pub(crate) use server::{Shared, serve};
