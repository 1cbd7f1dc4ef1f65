//! What successful answers to one question have in common.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{answered::Answered, structure::Structure};

/// What is known of the successful answers of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The structure of those that are JSON objects or arrays.
    pub(crate) structure: Option<Structure>,
    /// The others: how many different ones, and one of them.
    texts: BTreeSet<Vec<u8>>,
}

impl Known {
    /// What these answers say.
    pub(crate) fn of<'a>(answers: impl IntoIterator<Item = &'a Answered>) -> Self {
        let mut known = Self::default();
        answers.into_iter().for_each(|answer| known.absorb(answer));
        known
    }

    /// Takes one more answer in, if it is a successful one.
    pub(crate) fn absorb(&mut self, answer: &Answered) {
        if !answer.succeeded() {
            return;
        }
        match serde_json::from_slice::<Value>(answer.bytes()) {
            Ok(value) if value.is_object() || value.is_array() => {
                self.structure.get_or_insert_default().absorb(&value);
            }
            _ => {
                self.texts.insert(answer.bytes().to_vec());
            }
        }
    }

    /// Whether every answer that is no JSON object or array is the same.
    pub(crate) fn constant(&self) -> bool {
        self.texts.len() == 1
    }
}
