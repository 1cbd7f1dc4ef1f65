//! Keeps a target: starts it, watches it, outlives it, and says what brought it down.
//!
//! A [`Keeper`] of a command starts a process for it and, when that ends or hangs, takes evidence, starts it anew and tells
//! (`Fall`). A keeper of somebody else's target watches in the same way and can do no more than tell. Whoever sends something
//! asks it before and after: `Keeper::up` waits until there is a target, `Keeper::settle` until it is known how it is.

mod cause;
mod core;
mod fall;
mod folder;
mod launch;
mod life;
mod probe;
mod stack;
mod template;
mod watch;

pub(crate) use cause::normalised;
pub(crate) use fall::{Fall, Kind};
pub(crate) use folder::temporary;
pub(crate) use launch::Way;
pub use launch::{Launch, LaunchError};
#[cfg(unix)]
pub(crate) use life::heir;
pub(crate) use life::{Life, how};
pub(crate) use probe::{Readiness, ready};
pub use watch::Keeper;
