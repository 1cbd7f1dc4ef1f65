//! Every family, and every check.

use std::{collections::BTreeSet, sync::LazyLock};

use portmaster_fixtures::{Contract, Endpoint};

use super::{
    actions, badges, catalogue, content, credentials, devmode, family::Family, findings, headers, limits,
    methods, netquery, origin, parameters, paths, structure, websocket,
};
use crate::suite::Check;

/// The families in the order of every list and report.
pub const FAMILIES: &[Family] = &[
    catalogue::FAMILY,
    badges::FAMILY,
    credentials::FAMILY,
    paths::FAMILY,
    content::FAMILY,
    devmode::FAMILY,
    origin::FAMILY,
    methods::FAMILY,
    headers::FAMILY,
    structure::FAMILY,
    parameters::FAMILY,
    actions::FAMILY,
    netquery::FAMILY,
    websocket::FAMILY,
    limits::FAMILY,
    findings::FAMILY,
];

/// Every check of a contract, in the order of every list and report.
pub fn all(contract: Contract) -> Vec<Check> {
    tagged(|family| (family.checks)(contract))
}

/// Every check that needs no more than a list of endpoints, in the same order.
pub fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    tagged(|family| family.of_catalogue.map_or(vec![], |checks| checks(endpoints)))
}

fn tagged(checks: impl Fn(&Family) -> Vec<Check>) -> Vec<Check> {
    FAMILIES
        .iter()
        .flat_map(|family| checks(family).into_iter().map(|check| check.tagged(family.tags)))
        .collect()
}

/// The contracts that have a check of that id, oldest first.
pub fn contracts_of(id: &str) -> Vec<Contract> {
    static IDS: LazyLock<Vec<(Contract, BTreeSet<String>)>> = LazyLock::new(|| {
        Contract::ALL.map(|one| (one, all(one).into_iter().map(|check| check.id).collect())).into()
    });
    IDS.iter().filter(|(_, ids)| ids.contains(id)).map(|(contract, _)| *contract).collect()
}
