//! A deterministic stand-in for the local API of a Portmaster core.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use portmaster_simulator::Simulator;
//!
//! let simulator = Simulator::builder().scenario("fresh-install").dev_mode(true).start().await?;
//! println!("try: curl {}/api/v1/ping", simulator.url());
//! # Ok(()) }
//! ```
//!
//! The same scenario, seed and sequence of requests give the same bytes.

#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "rooms have more than each feature needs")
)]

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod apart;
mod api;
#[cfg(feature = "capture")]
mod capture;
#[cfg(feature = "check")]
mod check;
#[cfg(feature = "control")]
mod control;
mod core;
mod database;
#[cfg(feature = "documents")]
mod describe;
#[cfg(feature = "documents")]
mod export;
mod gateway;
mod go;
#[cfg(test)]
mod invariants;
pub mod journal;
mod limits;
mod mutants;
pub mod netquery;
mod ordered;
mod query;
mod simulator;
mod snapshot;
mod world;

pub use crate::core::{About, AdvanceError, BundleError, ExternalAuth, LoadError};
#[cfg(feature = "capture")]
pub use capture::{CaptureError, Captured, capture, capture_folder};
#[cfg(feature = "check")]
pub use check::check;
#[cfg(feature = "documents")]
pub use describe::{asyncapi, openapi};
#[cfg(feature = "documents")]
pub use export::{Exchange, ExportError, Exported, Question, exchanges};
pub use limits::EVENTS;
pub use mutants::{Death, MutantError};
pub use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{Change, ClockMode, StartAt, StateMatch},
};
pub use simulator::{
    Builder, ChangeRefused, DEFAULT_MAX_MESSAGE, Simulator, StartError, UI_NETQUERY_LATENCY,
};
pub use snapshot::{Snapshot, SnapshotError};
pub use world::{Lifecycle, Options, SetupError, generate, keys::is_key as is_api_key};
