//! What happens by itself when its instant comes.

use jiff::Timestamp;

use super::{Change, World};

impl World {
    /// The next instant at which something happens by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        let pause = self.pause.as_ref().map(|pause| pause.until);
        [pause, self.next_expiry()].into_iter().flatten().min()
    }

    /// Lets happen what is due by now.
    pub fn run_due(&mut self) {
        while self.next_due().is_some_and(|due| due <= self.now()) {
            // These refuse nothing.
            if self.pause.as_ref().is_some_and(|pause| pause.until <= self.now()) {
                let _ = self.apply(Change::Resume);
            }
            let _ = self.apply(Change::ExpireNotifications);
        }
    }
}
