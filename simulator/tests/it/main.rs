//! The simulator as its users meet it: a module a theme. One alone: `cargo test -p portmaster-simulator --test it THEME::`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod common;

mod blocking;
mod capture;
mod cli;
mod control;
mod day;
mod describe;
mod determinism;
mod export;
mod faults;
mod guide;
mod healthy;
mod interface;
mod journal;
mod kept;
mod latency;
mod lifetimes;
mod limits;
mod mutants;
mod page;
mod plain;
mod pprof;
mod proofs;
mod pushes;
mod scenarios;
mod shown;
mod snapshots;
mod websocket;
mod worlds;
mod written;
