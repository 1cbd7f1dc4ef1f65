//! The tables of a world that begins (netquery §6).

use std::{sync::Arc, thread};

use super::{
    Store, StoreError,
    dump::{Begun, Kept},
};
use crate::world::{Event, World};

/// So many connections are written at once, by a thread of their own: who asks first should not wait for all.
const MANY: usize = 20_000;

impl Store {
    /// The connections of a world that has just been made, and what was measured until then.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) fn begun(world: &mut World) -> Result<Self, StoreError> {
        let is_measured = |event: &Event| matches!(event, Event::Measured(_) | Event::Made(_));
        let (measured, others): (Vec<_>, Vec<_>) = world.take_events().into_iter().partition(is_measured);
        let rows: Vec<_> = world.connections.in_order().into_iter().cloned().collect();
        let are_many = rows.len() >= MANY;
        let store = Self::holding(Kept::Begun(Arc::new(Begun { rows, measured })), world);
        if store.note(&others, world.connections.ever()) {
            store.write()?;
        }
        if are_many {
            let store = store.clone();
            // Without a thread, or should it fail, it is up to the one who asks first.
            let _ = thread::Builder::new().name("connections".to_owned()).spawn(move || store.open());
        }
        Ok(store)
    }
}
