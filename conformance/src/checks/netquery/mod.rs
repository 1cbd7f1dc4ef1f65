//! The query language of netquery, by what must hold between answers, whatever connections a target has.

mod charts;
mod conditions;
mod full;
mod groups;
mod malformed;
mod order;
mod universe;

use portmaster_fixtures::{Contract, Permission};

use crate::suite::{Check, Need};

pub(super) fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = conditions::checks();
    checks.extend(groups::checks());
    checks.extend(order::checks());
    checks.extend(malformed::checks());
    checks.extend(charts::checks());
    // The cores that answer batches have the larger language (netquery §4 "Versions").
    if contract.endpoints().iter().any(|endpoint| endpoint.path == "netquery/query/batch") {
        checks.extend(full::checks());
    }
    checks
}

/// What every core with that language does.
fn should(id: &str, section: &str, sentence: &str) -> Check {
    Check::should(format!("netquery/{id}"), format!("netquery §{section}"), sentence)
        .needs([Need::Rights(Permission::User)])
}
