//! How a check of this family begins: its id, its clause, and the rights that it needs.

use portmaster_fixtures::Permission;

use crate::suite::{Check, Class, Need};

/// A check that only reads.
pub(super) fn reads(id: &str, section: &str, sentence: impl Into<String>) -> Check {
    Check::should(format!("websocket/{id}"), format!("websocket §{section}"), sentence)
        .needs([Need::Rights(Permission::Admin)])
}

/// A check that writes records of its own.
pub(super) fn writes(id: &str, section: &str, sentence: impl Into<String>) -> Check {
    reads(id, section, sentence).class(Class::Writes)
}
