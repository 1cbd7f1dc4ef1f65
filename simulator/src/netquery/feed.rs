//! What the world tells, written into the tables (netquery §6).

use portmaster_fixtures::scenario::ConnectionRow;

use super::{Store, StoreError, store::Tables};
use crate::world::{Event, World};

impl Store {
    /// Writes all connections of a world that has just been made, and what was measured until then, into empty tables.
    pub fn begin_with(&self, world: &mut World) -> Result<(), StoreError> {
        let is_measured = |event: &Event| matches!(event, Event::Measured(_) | Event::Made(_));
        let (measured, others): (Vec<_>, Vec<_>) = world.take_events().into_iter().partition(is_measured);
        let mut row = ConnectionRow::default();
        self.fill(|tables| {
            for one in world.connections.in_order() {
                one.write_to(&mut row);
                tables.write(&row)?;
            }
            measured.iter().try_for_each(|event| record(event, tables))
        })?;
        self.record(&others)
    }

    /// Writes what happened to connections.
    pub(crate) fn record(&self, events: &[Event]) -> Result<(), StoreError> {
        if !events.iter().any(concerns) {
            return Ok(());
        }
        self.change(|tables| events.iter().try_for_each(|event| record(event, tables)))
    }
}

/// Whether something happened to connections.
fn concerns(event: &Event) -> bool {
    matches!(
        event,
        Event::Connection(_) | Event::Stored(_) | Event::Gone(..) | Event::Measured(_) | Event::Made(_)
    )
}

fn record(event: &Event, tables: &mut Tables<'_>) -> rusqlite::Result<()> {
    match event {
        Event::Connection(row) | Event::Stored(row) => tables.write(row),
        Event::Measured(samples) => samples.iter().try_for_each(|sample| tables.measure(sample)),
        Event::Made(traffic) => traffic
            .iter()
            .try_for_each(|one| tables.measured(one.of.id(), [one.time, one.incoming, one.outgoing])),
        Event::Gone(gone, _) => tables.remove(gone.iter().map(|one| one.id())),
        _ => Ok(()),
    }
}
