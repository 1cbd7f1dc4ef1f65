//! Those who watch a world from outside, such as a page of the control plane: what happens is shown to them, and nothing
//! waits for them.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::{
    limits,
    world::{Event, Lifecycle, Record, World},
};

/// Something that happened, in a form to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// What kind of thing it is.
    pub(crate) kind: &'static str,
    /// What it says.
    pub(crate) data: Value,
}

/// Those who watch. Room for what they are shown is made when the first one comes.
#[derive(Debug, Default)]
pub(super) struct Watchers(OnceLock<broadcast::Sender<Arc<Shown>>>);

impl Watchers {
    /// Begins to watch.
    pub(super) fn watch(&self) -> broadcast::Receiver<Arc<Shown>> {
        self.0.get_or_init(|| broadcast::Sender::new(limits::WATCHED)).subscribe()
    }

    /// Whether there is anybody.
    pub(super) fn any(&self) -> bool {
        self.0.get().is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Shows something.
    pub(super) fn send(&self, kind: &'static str, data: Value) {
        if let Some(sender) = self.0.get() {
            // Nobody there is no fault.
            let _ = sender.send(Arc::new(Shown { kind, data }));
        }
    }

    /// Shows what the world told.
    pub(super) fn show(&self, world: &World, events: &[Event]) {
        if !self.any() {
            return;
        }
        for event in events {
            match event {
                Event::Changed(topics) => {
                    self.send("change", json!({ "topics": topics, "now": world.now() }))
                }
                Event::Connection(row) | Event::Stored(row) => {
                    self.send("connection", json!({ "id": row.id, "active": row.active }));
                }
                Event::Record(record) => self.show_record(world, record),
                Event::Refused(why) => self.send("refused", json!({ "why": why, "now": world.now() })),
                Event::Lifecycle(how) => {
                    let how = if *how == Lifecycle::Restart { "restart" } else { "shutdown" };
                    self.send("lifecycle", json!({ "how": how, "now": world.now() }));
                }
                Event::Gone(gone, _) => {
                    for one in gone {
                        self.send("connection", json!({ "id": one.id(), "gone": true }));
                    }
                }
                Event::Told(_)
                | Event::Answered
                | Event::Hubs(_)
                | Event::Program(..)
                | Event::HandedOver { .. }
                | Event::Measured(_)
                | Event::Made(_)
                | Event::ReloadUi => {}
            }
        }
    }

    fn show_record(&self, world: &World, record: &Record) {
        if let Some(id) = record.key.strip_prefix("notifications:all/") {
            let shown = world.notification(id);
            let state = shown.map(|one| serde_json::to_value(&one.state).unwrap_or_default());
            self.send("notification", json!({ "id": id, "state": state, "now": world.now() }));
        }
    }
}
