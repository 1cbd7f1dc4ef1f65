//! What the world tells, written into the tables (netquery §6).

use std::sync::Arc;

use super::{Store, StoreError};
use crate::world::Event;

impl Store {
    /// Writes what happened to connections, as much as possible at once.
    pub(crate) fn record(&self, events: &[Event]) -> Result<(), StoreError> {
        let rows: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Connection(row) | Event::Stored(row) => Some(Arc::clone(row)),
                _ => None,
            })
            .collect();
        if !rows.is_empty() {
            self.upsert(&rows)?;
        }
        for event in events {
            if let Event::Measured(samples) = event {
                self.load_bandwidth(samples.iter())?;
            }
        }
        Ok(())
    }
}
