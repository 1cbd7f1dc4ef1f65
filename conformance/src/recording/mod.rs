//! What a target was asked and what it answered: written down, asked again, and compared.

mod diff;
mod exchange;
mod expectations;
mod guard;
mod har;
mod line;
mod listen;
mod mask;
mod parting;
mod record;
mod redact;
mod replay;
mod report;
mod script;
mod stage;
mod stand_in;
mod swap;
mod taken;
mod wire;

pub(crate) use diff::{Finder, Question, Side, diff};
pub(crate) use exchange::Setup;
pub(crate) use guard::Guard;
pub(crate) use line::Recording;
pub(crate) use listen::listen;
pub(crate) use mask::Masks;
pub(crate) use parting::{write_json as write_partings_json, write_text as write_partings};
pub(crate) use record::{About, Recorder, WriteError};
pub(crate) use redact::Redactor;
pub(crate) use replay::{Outcome, Replay, Which};
pub(crate) use report::{write_json, write_text};
pub(crate) use stage::Stage;
pub(crate) use taken::asked;
