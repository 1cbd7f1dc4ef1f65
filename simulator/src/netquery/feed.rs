//! What the world tells, written into the tables (netquery §6).

use portmaster_fixtures::scenario::ConnectionRow;

use super::{Store, StoreError};
use crate::world::{Event, World};

impl Store {
    /// Writes all connections of a world that has just been made, and what was measured until then, into empty tables.
    pub fn begin_with(&self, world: &mut World) -> Result<(), StoreError> {
        let mut row = ConnectionRow::default();
        self.fill(|tables| {
            world.connections.in_order().into_iter().try_for_each(|one| {
                one.write_to(&mut row);
                tables.write(&row)
            })
        })?;
        self.record(&world.take_events())
    }

    /// Writes what happened to connections.
    pub(crate) fn record(&self, events: &[Event]) -> Result<(), StoreError> {
        let concerns = |event: &Event| {
            matches!(event, Event::Connection(_) | Event::Stored(_) | Event::Gone(..) | Event::Measured(_))
        };
        if !events.iter().any(concerns) {
            return Ok(());
        }
        self.change(|tables| {
            for event in events {
                match event {
                    Event::Connection(row) | Event::Stored(row) => tables.write(row)?,
                    Event::Measured(samples) => {
                        samples.iter().try_for_each(|sample| tables.measure(sample))?;
                    }
                    Event::Gone(gone, _) => tables.remove(gone.iter().map(|one| one.id()))?,
                    _ => {}
                }
            }
            Ok(())
        })
    }
}
