//! A bounded record of what clients asked and were told: requests with their answers, messages of the database websocket,
//! and changes that were refused while nobody waited for them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use portmaster_simulator::{Simulator, journal::Filter};
//!
//! let simulator = Simulator::builder().journal(100).start().await?;
//! // … the client under test does its work …
//! let journal = simulator.journal();
//! journal.verify(&Filter::default().method("POST").path("dns/clear"), 0)?;
//! # Ok(()) }
//! ```
//!
//! Entries are numbered from 1 in the order of their beginning and carry the world's instant, never that of the machine, so that
//! the same inputs give the same journal. Secrets are not in it: see [`MASK`].

mod curl;
mod difference;
mod entry;
mod filter;
mod handle;
mod har;
mod near;
mod summary;
mod verify;
mod wait;

pub use crate::core::{DEFAULT_CAPACITY, MASK, Outcome};
pub use difference::Difference;
pub use entry::{Answer, Body, Direction, Entry, Exchange, Message, Permit, What};
pub use filter::{Filter, Kind};
pub use handle::{Journal, Page};
pub use near::NearMiss;
#[cfg(feature = "control")]
pub(crate) use near::nearness;
pub use verify::{NotAsExpected, Times};
pub use wait::{Follower, WaitError};
