//! HTTP, in the order in which a request meets it: connection → guard → route → authorise → dispatch → render.

mod authorise;
mod bundles;
mod dispatch;
mod faults;
mod guard;
mod head;
mod pages;
mod path;
mod render;
mod route;
mod server;
mod upgrade;

pub use authorise::{ExternalAuth, session_cookie};
pub use bundles::BundleError;
pub(crate) use bundles::Sources;
pub(crate) use dispatch::{Bridged, bridge};
pub(crate) use server::{Shared, serve};
