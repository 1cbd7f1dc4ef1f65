//! The suite's tests: a module a theme. One alone: `cargo test -p portmaster-conformance --test it THEME::`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "the simulator's tests use all of it")]
#[path = "../../../simulator/tests/it/browser/mod.rs"]
mod browser;
mod common;

mod baselines;
mod beside;
mod can_fail;
mod causes;
mod cli;
mod docs;
mod findings;
mod fuzz;
mod ids;
mod keeper;
mod launched;
mod live;
mod page;
mod provision;
mod recording;
mod reports;
mod safety;
mod self_test;
mod shrinking;
mod slow;
mod strangers;
mod whole;
