//! What all recorded answers of an endpoint have in common.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{exchange::Exchange, structure::Structure};

/// What is known of the successful answers of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The structure of those that are JSON objects or arrays.
    pub(crate) structure: Option<Structure>,
    /// The others: how many different ones, and one of them.
    texts: BTreeSet<Vec<u8>>,
}

impl Known {
    /// Whether every answer that is no JSON object or array is the same.
    pub(crate) fn constant(&self) -> bool {
        self.texts.len() == 1
    }
}

/// What is known, by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    known: BTreeMap<String, Known>,
    nothing: Known,
}

impl Expectations {
    /// What these exchanges say. Bodies that were recorded in part, or not at all, say nothing.
    pub(crate) fn of<'a>(exchanges: impl IntoIterator<Item = &'a Exchange>) -> Self {
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for exchange in exchanges {
            let response = &exchange.response;
            let partial = exchange.body_unrecorded || response.body_truncated.is_some();
            if !response.succeeded() || partial {
                continue;
            }
            let entry = known.entry(exchange.request.endpoint()).or_default();
            match serde_json::from_slice::<Value>(response.bytes()) {
                Ok(value) if value.is_object() || value.is_array() => {
                    entry.structure.get_or_insert_default().absorb(&value);
                }
                _ => {
                    entry.texts.insert(response.bytes().to_vec());
                }
            }
        }
        Self { known, nothing: Known::default() }
    }

    /// What is known of the endpoint of a request.
    pub(crate) fn on(&self, exchange: &Exchange) -> &Known {
        self.known.get(&exchange.request.endpoint()).unwrap_or(&self.nothing)
    }
}
