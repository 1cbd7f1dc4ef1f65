//! The database websocket: how it opens, what it says, and what it does.

mod bridge;
mod config;
mod evaluate;
mod frames;
mod handshake;
mod language;
mod messages;
mod operations;
mod records;
mod space;
mod subscriptions;
mod talk;

use portmaster_fixtures::{Contract, Permission};

use crate::suite::{Check, Class, Need};

pub(super) fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = handshake::checks();
    checks.extend(frames::checks());
    checks.extend(messages::checks());
    checks.extend(operations::checks());
    checks.extend(records::checks(contract));
    checks.extend(subscriptions::checks());
    checks.extend(language::checks());
    checks.extend(bridge::checks(contract));
    checks.extend(config::checks());
    checks
}

/// A check that only reads.
fn reads(id: &str, section: &str, sentence: impl Into<String>) -> Check {
    Check::should(format!("websocket/{id}"), format!("websocket §{section}"), sentence)
        .needs([Need::Rights(Permission::Admin)])
}

/// A check that writes records of its own.
fn writes(id: &str, section: &str, sentence: impl Into<String>) -> Check {
    reads(id, section, sentence).class(Class::Writes)
}
