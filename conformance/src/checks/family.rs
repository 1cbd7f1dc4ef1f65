//! What a family of checks is.

use std::fmt;

use portmaster_fixtures::{Contract, Endpoint};

use crate::suite::Check;

/// The checks of a list of endpoints.
type OfCatalogue = fn(&'static [Endpoint]) -> Vec<Check>;

/// A family of checks. Each is described in the file of its checks.
#[derive(Clone, Copy)]
pub struct Family {
    /// The first part of its checks' ids.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// What its checks can be selected by, besides their classes.
    pub tags: &'static [&'static str],
    /// Its checks of a contract.
    pub(super) checks: fn(Contract) -> Vec<Check>,
    /// Its checks that need no more than a list of endpoints.
    pub(super) of_catalogue: Option<OfCatalogue>,
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("name", &self.name).finish_non_exhaustive()
    }
}
