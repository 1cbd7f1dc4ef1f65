//! The families that a report has: those of checks, and what befell the target.

use crate::{checks::FAMILIES, suite::TARGET};

/// Their names and what they are about, in their order.
pub(super) fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = FAMILIES.iter().map(|family| (family.name, family.about));
    own.chain([(TARGET, "What befell the target while it was checked.")])
}
