//! The clock of the world that is served: what waits for it, and what moves it.

use std::{thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{ClockMode, StateMatch};

use serde_json::json;

use super::shared::Shared;
use crate::{limits, world::Moved};

/// Why a clock was not moved to where it was to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdvanceError {
    /// The instant is over.
    #[error("cannot go back: it is {now}, asked for {asked}")]
    Past {
        /// The world's instant.
        now: Timestamp,
        /// The instant that was asked for.
        asked: Timestamp,
    },
    /// What was waited for did not come to hold. The clock stands at the limit.
    #[error("{path} did not come to hold by {limit}")]
    Limit {
        /// The state's path.
        path: String,
        /// The instant up to which it was waited for.
        limit: Timestamp,
    },
}

impl Shared {
    /// Lets the clock go otherwise. It shows the same instant as before.
    pub(crate) fn set_clock(&self, mode: ClockMode) {
        self.with(|world| world.clock.set_mode(mode, self.began.elapsed()));
        self.tell_clock();
        self.due_changed.notify_one();
        self.clock_moved.notify_waiters();
    }

    /// Moves the clock on by a span, whatever its pace, and lets happen what is due on the way: the instant that it then
    /// shows.
    pub(crate) fn advance(&self, by: Duration) -> Timestamp {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let target = self.with(|world| world.now().saturating_add(by).unwrap_or(Timestamp::MAX));
        self.move_to(target, None)
    }

    /// Moves the clock on to an instant.
    ///
    /// # Errors
    /// When it is over.
    pub(crate) fn advance_to(&self, instant: Timestamp) -> Result<Timestamp, AdvanceError> {
        let now = self.with(|world| world.now());
        if instant < now {
            return Err(AdvanceError::Past { now, asked: instant });
        }
        Ok(self.move_to(instant, None))
    }

    /// Moves the clock on to the instant at which a state comes to hold, which may be now.
    ///
    /// # Errors
    /// When it does not within the limit.
    pub(crate) fn advance_until(
        &self,
        state: &StateMatch,
        limit: Duration,
    ) -> Result<Timestamp, AdvanceError> {
        let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
        let limit = self.with(|world| world.now().saturating_add(limit).unwrap_or(Timestamp::MAX));
        let reached = self.move_to(limit, Some(state));
        if self.with(|world| world.is_so(state)) {
            return Ok(reached);
        }
        Err(AdvanceError::Limit { path: state.path.clone(), limit })
    }

    /// Moves the clock to an instant, or to an earlier one at which a state holds. The world is unlocked now and then, so
    /// that nobody waits for all of a long time.
    fn move_to(&self, target: Timestamp, until: Option<&StateMatch>) -> Timestamp {
        loop {
            if let Moved::There(instant) = self.move_a_little(target, until) {
                return instant;
            }
            if self.is_waited_for() {
                thread::sleep(limits::MOMENT);
            }
        }
    }

    /// Lets those in who wait for the world: a lock goes to whoever comes first.
    pub(crate) async fn let_others_in(&self) {
        match self.is_waited_for() {
            true => tokio::time::sleep(limits::MOMENT).await,
            false => tokio::task::yield_now().await,
        }
    }

    /// Moves the clock towards an instant, or an earlier one at which a state holds, by so many things as happen without
    /// keeping others waiting. Call it until it is there.
    pub(crate) fn move_a_little(&self, target: Timestamp, until: Option<&StateMatch>) -> Moved {
        let moved = self.with(|world| world.move_towards(target, until, limits::DUE_AT_ONCE));
        if let Moved::There(_) = moved {
            self.tell_clock();
        }
        self.due_changed.notify_one();
        self.clock_moved.notify_waiters();
        moved
    }

    /// Tells those who watch that the clock was moved, or goes otherwise.
    fn tell_clock(&self) {
        self.show("clock", || self.with(|world| json!({ "now": world.now(), "mode": world.clock.mode() })));
    }

    /// Lets happen what the world does by itself, at its instant, until the task is dropped.
    pub(crate) async fn run_by_itself(&self) {
        loop {
            let due = self.with(|world| {
                let due = world.next_due()?;
                world.clock.outside(Duration::try_from(due - world.now()).unwrap_or_default())
            });
            // What is due already waits for a world that has fallen behind; a frozen clock never gets there.
            if due == Some(Duration::ZERO)
                && self.with(|world| matches!(world.clock.mode(), ClockMode::Running(_)))
            {
                self.let_others_in().await;
                continue;
            }
            match due.filter(|span| !span.is_zero()) {
                Some(span) => tokio::select! {
                    () = tokio::time::sleep(span) => {}
                    () = self.due_changed.notified() => {}
                },
                None => self.due_changed.notified().await,
            }
        }
    }

    /// Waits for a span of the world's time. It is over when another world takes the place of this one.
    pub(crate) async fn wait(&self, span: Duration) {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let (deadline, number) = self.with(|world| {
            let deadline = world.now().saturating_add(span).unwrap_or(Timestamp::MAX);
            (deadline, self.served().number)
        });
        loop {
            let mut moved = std::pin::pin!(self.clock_moved.notified());
            moved.as_mut().enable();
            let left = self.with(|world| {
                let over = world.now() >= deadline || self.served().number != number;
                let left = Duration::try_from(deadline - world.now()).unwrap_or_default();
                if over { Some(Duration::ZERO) } else { world.clock.outside(left) }
            });
            match left {
                Some(Duration::ZERO) => return,
                Some(outside) => tokio::select! {
                    () = tokio::time::sleep(outside) => {}
                    () = moved => {}
                },
                None => moved.await,
            }
        }
    }
}
