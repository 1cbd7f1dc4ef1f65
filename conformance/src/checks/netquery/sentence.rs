//! How a check of this family begins: its id, its clause, and the rights that it needs.

use portmaster_fixtures::Permission;

use crate::suite::{Check, Need};

/// What every core with that language does.
pub(super) fn should(id: &str, section: &str, sentence: &str) -> Check {
    Check::should(format!("netquery/{id}"), format!("netquery §{section}"), sentence)
        .needs([Need::Rights(Permission::User)])
}
