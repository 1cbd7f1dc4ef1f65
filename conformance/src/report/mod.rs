//! What came out of a run, for people and for programs.

mod about;
mod causes;
mod compare;
#[cfg(test)]
mod example;
mod families;
mod format;
mod fuzz;
mod html;
mod jsonl;
mod junit;
mod markdown;
mod merge;
mod open;
mod tally;
mod tap;
mod text;
mod wanted;
mod words;

pub use about::{About, Report};
pub use compare::{Comparison, compare};
#[cfg(test)]
pub(crate) use example::report as example_report;
pub use fuzz::Campaign;
pub(crate) use fuzz::outcome as campaign_outcome;
pub(crate) use html::STYLE;
pub use jsonl::{JSON_SCHEMA, ReadError};
pub use merge::{MergeError, merge};
pub use open::{Kind, OpenError};
pub use tally::Tally;
pub use text::write as write_text;
pub use wanted::{Opened, ReportError, Wanted, formats, written_twice};
