//! The family.

use portmaster_fixtures::Contract;

use super::{
    bridge, config, frames, handshake, language, messages, operations, records, strain, subscriptions,
};
use crate::{checks::family::Family, suite::Check};

pub(crate) const FAMILY: Family = Family {
    name: "websocket",
    about: "The database websocket.",
    tags: &["websocket"],
    checks,
    of_catalogue: None,
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = handshake::checks(contract);
    checks.extend(frames::checks());
    checks.extend(messages::checks());
    checks.extend(operations::checks());
    checks.extend(records::checks(contract));
    checks.extend(subscriptions::checks());
    checks.extend(language::checks());
    checks.extend(bridge::checks(contract));
    checks.extend(config::checks());
    checks.extend(strain::checks());
    checks
}
