//! How far a campaign is.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How far a campaign is; to be looked at, and to be stopped, while it goes on. Threads share it.
#[derive(Debug, Default)]
pub struct Progress {
    pub(super) cases: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) failing: AtomicU64,
    /// Set when it should end early.
    pub(super) stop: AtomicBool,
    /// The next epoch of this shard.
    pub(super) next: AtomicU64,
    pub(super) digest: AtomicU64,
    /// How many failures are to be made small, once everything was sent, and how many of them were.
    pub(super) to_shrink: AtomicU64,
    pub(super) shrunk: AtomicU64,
    /// For how many seconds at most, where there is a bound.
    seconds: AtomicU64,
    /// What sorts of failures were met, a line each, as they came.
    found: Mutex<Vec<String>>,
}

impl Progress {
    /// How many cases were tried, and how many of them failed.
    pub fn counts(&self) -> (u64, u64) {
        (self.cases.load(Relaxed), self.failing.load(Relaxed))
    }

    /// How far it is with making failures small; `None` while cases are sent.
    pub fn shrinking(&self) -> Option<String> {
        let all = self.to_shrink.load(Relaxed);
        let limit = match self.seconds.load(Relaxed) {
            0 => String::new(),
            seconds => format!(" within {seconds} s"),
        };
        (all > 0).then(|| format!("{} of {all} made small{limit}", self.shrunk.load(Relaxed)))
    }

    pub(super) fn shrinks_for(&self, patience: Option<Duration>) {
        self.seconds.store(patience.map_or(0, |patience| patience.as_secs()), Relaxed);
    }

    /// What sorts of failures were met so far, a line each, in the order in which they came. Whether they happen again, and what
    /// has one cause, shows once they are made small.
    pub fn found(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn met(&self, line: String) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Ends the campaign soon.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }
}
