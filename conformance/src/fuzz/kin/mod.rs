//! Which differences between two targets are likely to have one cause: what makes them appear, or what they look like, is the same.

mod asked;
mod gather;
mod looks;
mod marks;
mod rights;
#[cfg(test)]
mod tests;

pub(super) use gather::gather;

use super::{bucket::Bucket, finding::Oracle};

/// In how many cases something must have been the same to be part of the cause.
const ENOUGH: usize = 3;
/// The beginning of a mark that names an endpoint.
const AT: &str = "only at ";

impl Bucket {
    fn is_alike(&self) -> bool {
        self.small.finding.oracle == Oracle::Alike
    }
}
