//! The family.

use portmaster_fixtures::Contract;

use super::{charts, conditions, full, groups, malformed, order};
use crate::{checks::family::Family, suite::Check};

pub(crate) const FAMILY: Family = Family {
    name: "netquery",
    about: "How answers of the query language relate to each other.",
    tags: &["data"],
    checks,
    of_catalogue: None,
};

fn checks(contract: Contract) -> Vec<Check> {
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
