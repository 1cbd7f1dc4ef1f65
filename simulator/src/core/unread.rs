//! What peers have begun to send and not ended: held against one bound for all of them together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits;

/// How many bytes there are of all that is not whole yet, beyond what is short.
#[derive(Debug, Default)]
pub(crate) struct Unread(AtomicUsize);

/// One head, body or message that grows; given back when dropped.
#[derive(Debug)]
pub(crate) struct Growing<'a>(&'a Unread, usize);

impl Unread {
    /// Something that has just begun.
    pub(crate) fn begin(&self) -> Growing<'_> {
        Growing(self, 0)
    }
}

impl Growing<'_> {
    /// Says how long it is now; whether there is room for so much.
    pub(crate) fn is(&mut self, length: usize) -> bool {
        let (counted, before) = (length.saturating_sub(limits::UNREAD_EACH), self.1);
        self.1 = counted;
        match counted.checked_sub(before) {
            Some(0) => true,
            Some(more) => self.0.0.fetch_add(more, Ordering::Relaxed) + more <= limits::UNREAD,
            None => {
                self.0.0.fetch_sub(before - counted, Ordering::Relaxed);
                true
            }
        }
    }
}

impl Drop for Growing<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_have_one_bound_and_what_is_short_counts_nothing() {
        let unread = Unread::default();
        let (mut one, mut other) = (unread.begin(), unread.begin());
        assert!(one.is(limits::UNREAD) && other.is(limits::UNREAD_EACH));
        assert!(!other.is(limits::UNREAD));
        assert!(other.is(0) && one.is(10) && other.is(limits::UNREAD));
        drop(other);
        drop(one);
        assert_eq!(unread.0.into_inner(), 0);
    }
}
