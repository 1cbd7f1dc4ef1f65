//! Broadcasts: notifications that come with the updates, shown when their conditions hold (core-2.2 §6).

use std::time::Duration;

use jiff::Timestamp;

use super::{Change, Notification, World, change::ChangeError};

/// A broadcast.
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// Its id; the notification's event is `broadcasts:<id>`.
    pub id: String,
    /// What it shows.
    pub notification: Notification,
    /// The span after which one that was dismissed is shown again; never if absent.
    pub repeat: Option<Duration>,
    /// Whether to dismiss it is of no avail.
    pub permanent: bool,
}

/// What became of a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is shown.
    Displayed,
    /// It is shown already.
    AlreadyActive,
    /// It was dismissed before.
    AlreadyShown,
}

impl Broadcast {
    /// The id of the notification's event.
    pub fn event_id(id: &str) -> String {
        format!("broadcasts:{id}")
    }

    fn is_due(&self, dismissed: Timestamp, now: Timestamp) -> bool {
        let repeated = self.repeat.is_some_and(|span| now.duration_since(dismissed).unsigned_abs() >= span);
        self.permanent || repeated
    }
}

impl World {
    /// Shows a broadcast if it is due. With `state` it matters whether it was dismissed before.
    ///
    /// # Errors
    /// When the world refuses the change, which it does not.
    pub fn broadcast(&mut self, broadcast: Broadcast, state: bool) -> Result<Outcome, ChangeError> {
        if self.notification(&broadcast.notification.event_id).is_some() {
            return Ok(Outcome::AlreadyActive);
        }
        let dismissed = self.broadcasts.as_ref().and_then(|noted| noted.get(&broadcast.id)).copied();
        if state && dismissed.is_some_and(|at| !broadcast.is_due(at, self.now())) {
            return Ok(Outcome::AlreadyShown);
        }
        self.apply(Change::Notify(Box::new(broadcast.notification)))?;
        Ok(Outcome::Displayed)
    }
}
