//! Checks any Portmaster core, real or simulated, against the contract of its developer API.
//!
//! [`checks::all`] lists the checks of a contract, [`suite::run`] runs them in a [`suite::Context`], and
//! [`report`] writes what came out. The program `portmaster-conformance` is a command line over these.

#[macro_use]
mod one_of;

pub mod checks;
pub mod cli;
mod contrast;
pub mod docs;
pub mod exit;
pub mod fuzz;
mod harm;
pub mod keeper;
pub mod page;
mod recording;
pub mod report;
#[cfg(test)]
mod schema;
pub mod selftest;
pub mod shard;
pub mod suite;
pub mod target;
