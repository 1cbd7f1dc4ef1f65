//! HTTP, in the order in which a request meets it: connection → guard → route → authorise → dispatch → render.

mod admission;
mod authorise;
mod body;
mod bridge;
mod bundles;
mod dispatch;
mod early;
mod faults;
mod front;
mod guard;
mod head;
mod pages;
mod path;
mod recorder;
mod render;
mod route;
mod saving;
mod server;
mod target;
mod time;
mod upgrade;
mod watchers;

pub use authorise::{ExternalAuth, session_cookie};
pub(crate) use bridge::{Bridged, bridge};
pub use bundles::BundleError;
pub(crate) use bundles::Sources;
pub(crate) use route::Routes;
pub use saving::LoadError;
pub(crate) use saving::begun;
pub(crate) use server::{Shared, serve};
pub use time::AdvanceError;
pub(crate) use watchers::Shown;
