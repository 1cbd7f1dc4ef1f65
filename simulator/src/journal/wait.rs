//! Waiting for entries: woken by what happens, never by looking again and again.

use std::{sync::Arc, time::Duration};

use super::{
    entry::Entry,
    filter::{Filter, Matcher},
    handle::Journal,
    verify::report,
};
use crate::core::{Book, Slot};

/// Why what was waited for did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The journal is off.
    #[error("the journal is off; Builder::journal turns it on")]
    Off,
    /// Too few entries fit.
    #[error("expected {expected}, found {found} in time\n{report}")]
    TooFew {
        /// How many were expected.
        expected: usize,
        /// How many there were.
        found: usize,
        /// What was expected, and what came nearest.
        report: String,
    },
}

/// Reads what is recorded as it comes to its end: requests once they are answered, everything else at once.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::time::Duration;
/// use portmaster_simulator::Simulator;
///
/// let simulator = Simulator::builder().journal(100).start().await?;
/// let mut follower = simulator.journal().follow();
/// # let _ = tokio::time::timeout(Duration::ZERO, async {
/// for entry in follower.next().await {
///     println!("#{}", entry.seq);
/// }
/// # }).await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Follower {
    book: Option<Arc<Book>>,
    since: u64,
    /// What was begun and has not come to its end.
    open: Vec<Arc<Slot>>,
}

impl Follower {
    /// Follows what comes behind a number.
    fn new(book: Option<Arc<Book>>, since: u64) -> Self {
        if let Some(book) = &book {
            book.watch();
        }
        Self { book, since, open: Vec::new() }
    }

    /// The next entries, at least one. Who asks too seldom misses those that were dropped meanwhile. Of a journal that is off
    /// none ever come. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Vec<Entry> {
        let Some(book) = self.book.clone() else { return std::future::pending().await };
        let slots = self.slots(&book).await;
        let secrets = book.secrets();
        slots.iter().map(|slot| Entry::of(slot, &secrets)).collect()
    }

    /// The next slots, at least one.
    async fn slots(&mut self, book: &Book) -> Vec<Arc<Slot>> {
        loop {
            let mut changed = std::pin::pin!(book.changed.notified());
            changed.as_mut().enable();
            if book.last() < self.since {
                // The journal began anew.
                self.since = 0;
            }
            let new = book.after(self.since);
            self.since = new.last().map_or(self.since, |slot| slot.seq);
            self.open.extend(new);
            let (complete, open): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.open).into_iter().partition(|slot| slot.is_complete());
            self.open = open;
            if !complete.is_empty() {
                return complete;
            }
            changed.await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(book) = &self.book {
            book.unwatch();
        }
    }
}

impl Journal {
    /// Waits until so many entries fit, those included that are there already. Requests count once they are answered.
    ///
    /// # Errors
    /// When there are too few in time (outside, not in the world), with the nearest misses; when the journal is off.
    pub async fn wait(
        &self,
        filter: &Filter,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<Entry>, WaitError> {
        let Some(book) = &self.0 else { return Err(WaitError::Off) };
        match tokio::time::timeout(timeout, until(book, filter, count)).await {
            Ok(entries) => Ok(entries),
            Err(_) => Err(WaitError::TooFew {
                expected: count,
                found: self.count(filter),
                report: report(self, filter),
            }),
        }
    }

    /// Follows what is recorded from now on.
    pub fn follow(&self) -> Follower {
        Follower::new(self.0.clone(), self.0.as_ref().map_or(0, |book| book.last()))
    }
}

/// Ends once so many entries fit. Each is looked at once, when nothing will be added to it.
async fn until(book: &Arc<Book>, filter: &Filter, count: usize) -> Vec<Entry> {
    let matcher = Matcher::new(filter);
    let mut follower = Follower::new(Some(Arc::clone(book)), filter.since.unwrap_or(0));
    let mut found: Vec<Entry> = Vec::new();
    while found.len() < count {
        let mut slots = follower.slots(book).await;
        slots.retain(|slot| matcher.may_fit(slot));
        if !slots.is_empty() {
            let secrets = book.secrets();
            found.extend(slots.iter().map(|slot| Entry::of(slot, &secrets)).filter(|one| matcher.fits(one)));
        }
    }
    found.sort_by_key(|entry| entry.seq);
    found
}
