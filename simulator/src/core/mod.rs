//! The running core: the world behind its lock, the clock's task, saving and putting back, who is told, and limits. What
//! serves it (`gateway`, `database`, `control`) stands on it, and nothing here knows what that is.

mod accept;
mod beginning;
mod book;
mod bundles;
mod doors;
mod gather;
mod listener;
mod redact;
mod saving;
mod shared;
mod slot;
mod time;
mod unsent;
mod watchers;

pub(crate) use accept::accept;
pub use beginning::LoadError;
pub(crate) use beginning::begun;
pub(crate) use book::Book;
pub use book::DEFAULT_CAPACITY;
pub use bundles::BundleError;
pub(crate) use bundles::{Bundles, Looked, Sources};
pub(crate) use doors::{Bridge, Bridged, Inside, Websocket, Work};
pub(crate) use gather::{Partial, gather};
pub(crate) use listener::Listener;
pub use redact::MASK;
pub(crate) use redact::Secrets;
pub use shared::{About, ExternalAuth};
pub(crate) use shared::{Outside, Served, Shared};
pub use slot::Outcome;
pub(crate) use slot::{By, Fields, Http, Kept, Out, Pass, Recorded, Slot, Told};
pub use time::AdvanceError;
pub(crate) use unsent::{Held, Unsent, Waiting};
pub(crate) use watchers::Shown;
