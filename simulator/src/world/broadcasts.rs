//! Broadcasts: notifications that come with the updates, shown when their conditions hold (core-2.2 §6.3).

use std::time::Duration;

use jiff::Timestamp;

use super::{Change, Notification, World, change::ChangeError};
use crate::{
    limits::{self, Work},
    query::{Condition, Json},
};

/// A broadcast.
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// Its id; the notification's event is `broadcasts:<id>`.
    pub id: String,
    /// What must hold of the matching data; it is shown to everybody if absent.
    pub condition: Option<Condition>,
    /// What it shows.
    pub notification: Notification,
    /// The span after which one that was dismissed is shown again; never if absent.
    pub repeat: Option<Duration>,
    /// Whether to dismiss it is of no avail.
    pub permanent: bool,
}

/// How broadcasts are shown.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal<'a> {
    /// What they are matched with, as JSON.
    pub data: &'a str,
    /// Whether it matters what was dismissed before.
    pub state: bool,
    /// Whether those that no longer hold or are no longer sent are taken away.
    pub automatic: bool,
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
    /// Its condition does not hold.
    DoesNotMatch,
    /// Its condition no longer holds, and it was taken away.
    Mismatch,
    /// It is no longer sent, and was taken away.
    Unsent,
}

impl Outcome {
    /// In the words of the cores (core-2.2 §6.3).
    pub fn words(self) -> &'static str {
        match self {
            Self::Displayed => "displayed",
            Self::AlreadyActive => "broadcast skipped: already active",
            Self::AlreadyShown => "broadcast skipped: already shown",
            Self::DoesNotMatch => "broadcast skipped: does not match",
            Self::Mismatch => "broadcast skipped: removed due to mismatch",
            Self::Unsent => "broadcast skipped: removed by source",
        }
    }
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
    /// Shows a broadcast if its condition holds and it is due.
    ///
    /// # Errors
    /// When the world refuses the change, which it does not.
    pub fn broadcast(&mut self, broadcast: Broadcast, how: Rehearsal<'_>) -> Result<Outcome, ChangeError> {
        let event_id = &broadcast.notification.event_id;
        let active = self.notification(event_id).is_some();
        if broadcast
            .condition
            .as_ref()
            .is_some_and(|condition| !condition.matches(&Json(how.data), &Work::new(limits::PUSH_WORK)))
        {
            if !active || !(how.automatic || how.state) {
                return Ok(Outcome::DoesNotMatch);
            }
            self.apply(Change::Dismiss { event_id: event_id.clone() })?;
            return Ok(Outcome::Mismatch);
        }
        if active {
            return Ok(Outcome::AlreadyActive);
        }
        let dismissed = self.broadcasts.as_ref().and_then(|noted| noted.get(&broadcast.id)).copied();
        if how.state && dismissed.is_some_and(|at| !broadcast.is_due(at, self.now())) {
            return Ok(Outcome::AlreadyShown);
        }
        self.apply(Change::Notify(Box::new(broadcast.notification)))?;
        Ok(Outcome::Displayed)
    }

    /// Takes away the broadcasts that are noted and shown, but not among those that are sent, and names them.
    ///
    /// That the note decides is our reading of recordings in which nothing was noted and nothing was taken away.
    ///
    /// # Errors
    /// When the world refuses the change, which it does not.
    pub fn withdraw<'a>(&mut self, sent: impl Fn(&str) -> bool + 'a) -> Result<Vec<String>, ChangeError> {
        let noted = self.broadcasts.iter().flatten().map(|(id, _)| id);
        let unsent = noted.filter(|id| !sent(id) && self.notification(&Broadcast::event_id(id)).is_some());
        let unsent: Vec<String> = unsent.cloned().collect();
        for id in &unsent {
            self.apply(Change::Dismiss { event_id: Broadcast::event_id(id) })?;
        }
        Ok(unsent)
    }
}
