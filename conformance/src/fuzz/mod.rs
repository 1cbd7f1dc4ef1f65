//! Fuzzing: cases drawn from a catalogue and the grammars, oracles that know the contract and no defect, and failures made
//! small and kept.
//!
//! A [`Campaign`] draws numbered cases from its seed. Cases come in epochs; each has a simulator of its own, unless the
//! target is somebody else's, so that what comes out depends on seed and number alone. What fails is made smaller as
//! long as it fails, tried once more, and kept as a [`Failure`], one for each cause.

mod attempt;
mod beside;
mod bodies;
mod bucket;
mod campaign;
mod case;
mod catalogue;
mod dialogue;
mod draw;
mod drawn;
mod epochs;
mod expectations;
mod failure;
mod falls;
mod finding;
mod hear;
mod host;
mod judge;
mod kin;
mod lane;
mod progress;
mod report;
mod scope;
mod settings;
mod shrink;
mod strategy;
mod subject;
mod summary;

pub(crate) use drawn::requests;

pub use campaign::Campaign;
pub use case::{Ask, Bytes, Case, Sent, Slip, Step, Talk, Who};
pub use failure::{About, BadFailure, Failure, JSON_SCHEMA};
pub use finding::Oracle;
pub use host::serve;
pub use progress::Progress;
pub use report::{Heading, write_jsonl, write_text};
pub use scope::Nothing;
pub use settings::{Beside, FuzzError, Settings, Until};
pub use summary::{Summary, Unconfirmed};
