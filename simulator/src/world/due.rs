//! What happens by itself when its instant comes.

use jiff::Timestamp;

use super::{Change, World};

impl World {
    /// The next instant at which something happens by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.pause.as_ref().map(|pause| pause.until)
    }

    /// Lets happen what is due by now.
    pub fn run_due(&mut self) {
        while self.next_due().is_some_and(|due| due <= self.now()) {
            // Resuming refuses nothing.
            let _ = self.apply(Change::Resume);
        }
    }
}
