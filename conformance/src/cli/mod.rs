//! The command line.

mod bar;
mod command;
mod diff;
mod entry;
mod flags;
mod footprint;
mod fuzz;
mod launch;
mod list;
mod lock;
mod manual;
mod page;
mod plan;
mod probe;
mod provision;
mod record;
mod replay;
mod reports;
mod restore;
mod run;
mod self_test;
mod signals;
mod subject;
mod trouble;

pub use command::{Args, Command, execute};
pub use subject::Wanted;
pub use trouble::Trouble;
