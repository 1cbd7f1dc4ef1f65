//! Waiting for entries: woken by what happens, never by looking again and again.

use std::sync::Arc;

use super::{Filter, book::Book, entry::Entry, filter::Matcher, slot::Slot};

/// Why what was waited for did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

/// Reads on behind a number; one that is past the end belongs to a journal that began anew.
fn read_on(book: &Book, since: &mut u64) -> Vec<Arc<Slot>> {
    if book.last() < *since {
        *since = 0;
    }
    let new = book.after(*since);
    *since = new.last().map_or(*since, |slot| slot.seq);
    new
}

/// Ends once so many entries fit. Each is looked at once, when nothing will be added to it.
pub(super) async fn until(book: &Book, filter: &Filter, count: usize) -> Vec<Entry> {
    let _watching = book.watch();
    let matcher = Matcher::new(filter);
    let mut since = filter.since.unwrap_or(0);
    let (mut found, mut open): (Vec<Entry>, Vec<Arc<Slot>>) = (Vec::new(), Vec::new());
    loop {
        let mut changed = std::pin::pin!(book.changed.notified());
        changed.as_mut().enable();
        open.extend(read_on(book, &mut since));
        let (complete, rest): (Vec<_>, Vec<_>) = open.into_iter().partition(|slot| slot.is_complete());
        open = rest;
        let complete: Vec<_> = complete.into_iter().filter(|slot| matcher.may_fit(slot)).collect();
        if !complete.is_empty() {
            let secrets = book.secrets();
            found.extend(
                complete.iter().map(|slot| Entry::of(slot, &secrets)).filter(|entry| matcher.fits(entry)),
            );
        }
        if found.len() >= count {
            found.sort_by_key(|entry| entry.seq);
            return found;
        }
        changed.await;
    }
}

/// Ends once there is something behind a number.
pub(super) async fn next(book: &Book, mut since: u64) -> Vec<Entry> {
    let _watching = book.watch();
    loop {
        let mut changed = std::pin::pin!(book.changed.notified());
        changed.as_mut().enable();
        let new = read_on(book, &mut since);
        if !new.is_empty() {
            let secrets = book.secrets();
            return new.iter().map(|slot| Entry::of(slot, &secrets)).collect();
        }
        changed.await;
    }
}
