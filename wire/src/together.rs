//! One bound for what many hold, such as the bytes that all connections have begun to read.

use std::{
    fmt,
    ops::Deref,
    sync::atomic::{AtomicUsize, Ordering},
};

/// How many bytes many hold together, and how many they may.
#[derive(Debug)]
pub struct Together {
    held: AtomicUsize,
    most: usize,
    each: usize,
}

/// What one of them holds. It is given back when this is dropped.
#[derive(Debug)]
pub struct Share<T: Deref<Target = Together>> {
    of: T,
    counted: usize,
}

/// All together hold more than they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many bytes they may hold.
    pub most: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} bytes of all together", self.most)
    }
}

impl std::error::Error for Full {}

impl Together {
    /// Nobody holds anything yet. The first bytes of `each` are not counted.
    pub const fn new(most: usize, each: usize) -> Self {
        Self { held: AtomicUsize::new(0), most, each }
    }

    /// A share of nothing yet.
    pub fn begin(&self) -> Share<&Self> {
        Share::of(self)
    }

    /// How many bytes there are more than there may be.
    pub fn excess(&self) -> usize {
        self.held.load(Ordering::Relaxed).saturating_sub(self.most)
    }
}

impl<T: Deref<Target = Together>> Share<T> {
    /// A share of nothing yet.
    pub fn of(of: T) -> Self {
        Self { of, counted: 0 }
    }

    /// How many bytes it is, as far as they count.
    pub fn counted(&self) -> usize {
        self.counted
    }

    /// Says how many bytes it is now. They count even if they are too many.
    ///
    /// # Errors
    /// When it grew, and all together are more than there may be.
    pub fn is(&mut self, bytes: usize) -> Result<(), Full> {
        let (counted, before) = (bytes.saturating_sub(self.of.each), self.counted);
        self.counted = counted;
        let Together { held, most, .. } = &*self.of;
        match counted.checked_sub(before) {
            Some(0) => Ok(()),
            Some(more) if held.fetch_add(more, Ordering::Relaxed) + more > *most => Err(Full { most: *most }),
            Some(_) => Ok(()),
            None => {
                held.fetch_sub(before - counted, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

impl<T: Deref<Target = Together>> Drop for Share<T> {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_have_one_bound_and_what_is_short_counts_nothing() {
        let all = Together::new(1000, 10);
        let (mut one, mut other) = (all.begin(), all.begin());
        assert_eq!((one.is(1000), other.is(10)), (Ok(()), Ok(())));
        let full = other.is(1000).unwrap_err();
        assert_eq!((full.to_string().as_str(), all.excess()), ("more than 1000 bytes of all together", 980));
        assert_eq!((other.is(0), one.is(10), other.is(1010)), (Ok(()), Ok(()), Ok(())));
        drop(other);
        drop(one);
        assert_eq!(all.held.into_inner(), 0);
    }
}
