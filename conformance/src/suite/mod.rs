//! The engine: what a check is, what it may use, and how checks are selected and run.

mod alone;
mod baseline;
mod cause;
mod check;
mod class;
mod context;
mod embedded;
mod endpoint;
mod exchange;
mod fold;
mod kept;
mod once;
mod outcome;
mod place;
mod runner;
mod select;
mod tape;

pub use alone::Alone;
pub use baseline::{Baseline, BaselineError};
pub(crate) use cause::TARGET;
pub use check::{Check, Future};
pub use class::{Class, Level, Need, TAGS};
pub use context::Context;
pub(crate) use context::Working;
pub(crate) use embedded::Embedded;
pub(crate) use endpoint::know;
pub use exchange::Exchange;
pub use outcome::{Evidence, Outcome, Record, SkipReason, Stop, Verdict};
pub use place::{Mode, Place};
pub(crate) use runner::Stranded;
pub use runner::{Allowed, Run, plan, run};
pub(crate) use select::matches;
pub use select::{Selection, Selector, Unknown};
pub(crate) use tape::{Taken, Tape};

pub use crate::target::{Key, Keys, Tier};
