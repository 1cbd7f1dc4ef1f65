//! What a target was asked and what it answered: written down, asked again, and compared.

mod bytes;
mod compare;
mod endpoint;
mod exchange;
mod expectations;
mod line;
mod mask;
mod message;
mod replay;
mod report;
mod script;
mod stage;
mod structure;
mod swap;
mod value;
mod wire;

pub(crate) use compare::By;
pub(crate) use line::Recording;
pub(crate) use mask::Masks;
pub(crate) use replay::{Outcome, Replay, Which};
pub(crate) use report::{write_json, write_text};
pub(crate) use stage::Stage;
