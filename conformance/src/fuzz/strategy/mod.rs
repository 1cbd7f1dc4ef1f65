//! What is sent: strategies for cases, from the catalogue and the grammars.

mod asks;
mod cases;
mod extremes;
mod json;
mod language;
mod meetings;
mod paths;
mod queries;
mod raw;
mod sequences;
mod talks;
mod text;

pub(super) use cases::cases;
