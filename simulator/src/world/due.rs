//! What happens by itself when its instant comes.

use jiff::Timestamp;
use portmaster_fixtures::scenario::ClockMode;

use super::{Change, World};

/// How many things happen at once at most on a clock that runs. The world then falls behind for a while, rather than
/// keeping everybody waiting.
const MOST_AT_ONCE: usize = 10_000;

impl World {
    /// The next instant at which something happens by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        let pause = self.pause.as_ref().map(|pause| pause.until);
        [pause, self.next_expiry(), self.timeline.next(), self.next_late()].into_iter().flatten().min()
    }

    /// Lets happen what is due by now, in order, each at its own instant: however seldom somebody looks, the world is the
    /// same.
    pub fn run_due(&mut self) {
        let now = self.now();
        let most = if matches!(self.clock.mode(), ClockMode::Running(_)) { MOST_AT_ONCE } else { usize::MAX };
        for _ in 0..most {
            let Some(due) = self.next_due().filter(|due| *due <= now) else {
                self.clock.show(now);
                self.react_to_states();
                return;
            };
            self.clock.show(due);
            self.happen(due);
            self.react_to_states();
        }
    }

    /// Lets one thing happen that is due.
    fn happen(&mut self, due: Timestamp) {
        if self.pause.as_ref().is_some_and(|pause| pause.until <= due) {
            // Resuming refuses nothing.
            let _ = self.apply(Change::Resume);
        } else if self.next_expiry().is_some_and(|expiry| expiry <= due) {
            let _ = self.apply(Change::ExpireNotifications);
        } else if self.next_late().is_some_and(|late| late <= due) {
            self.tell_late(due);
        } else if let Some(change) = self.timeline.take(due) {
            self.perform_or_tell("timeline", &change);
        }
    }
}
