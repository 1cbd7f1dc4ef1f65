//! The form of a structured answer.

use serde::Serialize;

use super::Reply;
use crate::go::json;

/// A form that structured answers can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON as Go writes it.
    #[default]
    Json,
}

impl Format {
    /// Writes a structure.
    pub fn write(self, value: &impl Serialize) -> Reply {
        match self {
            Self::Json => Reply::Struct(json::to_vec(value)),
        }
    }
}
