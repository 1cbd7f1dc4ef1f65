//! What all recorded answers of an endpoint have in common.

use std::collections::BTreeMap;

use super::exchange::Exchange;
use crate::contrast::Known;

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
            if response.succeeded() && !partial {
                known.entry(exchange.request.endpoint()).or_default().absorb(response);
            }
        }
        Self { known, nothing: Known::default() }
    }

    /// What is known of the endpoint of a request.
    pub(crate) fn on(&self, exchange: &Exchange) -> &Known {
        self.known.get(&exchange.request.endpoint()).unwrap_or(&self.nothing)
    }
}
