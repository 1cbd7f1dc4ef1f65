//! Every check, a file a concern.

mod actions;
mod answers;
mod badges;
mod catalogue;
mod content;
mod credentials;
mod devmode;
mod findings;
mod headers;
mod limits;
mod methods;
mod netquery;
mod origin;
mod parameters;
mod paths;
mod property;
mod sample;
mod session;
mod shapes;
mod structure;
mod websocket;

use std::{collections::BTreeSet, sync::LazyLock};

use portmaster_fixtures::{Contract, Endpoint};

use crate::suite::Check;

/// A family of checks.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The first part of its checks' ids.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    checks: fn(Contract) -> Vec<Check>,
}

/// The families in the order of every list and report.
pub const FAMILIES: [Family; 16] = [
    Family {
        name: "catalogue",
        about: "The endpoint list equals the published page.",
        checks: catalogue::checks,
    },
    Family { name: "badges", about: "Who may call an endpoint, as its badge says.", checks: badges::checks },
    Family {
        name: "credentials",
        about: "How API keys and sessions are carried.",
        checks: credentials::checks,
    },
    Family { name: "paths", about: "Which paths reach an endpoint.", checks: paths::checks },
    Family { name: "content", about: "Types, lengths and forms of bodies.", checks: content::checks },
    Family { name: "devmode", about: "What Development Mode opens.", checks: devmode::checks },
    Family { name: "origin", about: "Which web pages may call.", checks: origin::checks },
    Family { name: "methods", about: "Which methods an endpoint takes.", checks: methods::checks },
    Family { name: "headers", about: "The security headers of every answer.", checks: headers::checks },
    Family { name: "structure", about: "The structure of JSON answers.", checks: structure::checks },
    Family { name: "parameters", about: "What documented parameters do.", checks: parameters::checks },
    Family { name: "actions", about: "What endpoints that act say and do.", checks: actions::checks },
    Family {
        name: "netquery",
        about: "How answers of the query language relate to each other.",
        checks: netquery::checks,
    },
    Family { name: "websocket", about: "The database websocket.", checks: websocket::checks },
    Family { name: "limits", about: "How large a request may be.", checks: limits::checks },
    Family {
        name: "findings",
        about: "What observed cores do, and their maintainers may not want.",
        checks: findings::checks,
    },
];

/// Every check of a contract, in the order of every list and report.
pub fn all(contract: Contract) -> Vec<Check> {
    FAMILIES.iter().flat_map(|family| (family.checks)(contract)).collect()
}

/// Every check that needs no more than a list of endpoints, in the same order.
pub fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    [
        catalogue::of_catalogue,
        badges::of_catalogue,
        paths::of_catalogue,
        content::of_catalogue,
        devmode::of_catalogue,
        methods::of_catalogue,
        findings::of_catalogue,
    ]
    .into_iter()
    .flat_map(|checks| checks(endpoints))
    .collect()
}

/// The contracts that have a check of that id, oldest first.
pub fn contracts_of(id: &str) -> Vec<Contract> {
    static IDS: LazyLock<Vec<(Contract, BTreeSet<String>)>> = LazyLock::new(|| {
        Contract::ALL.map(|one| (one, all(one).into_iter().map(|check| check.id).collect())).into()
    });
    IDS.iter().filter(|(_, ids)| ids.contains(id)).map(|(contract, _)| *contract).collect()
}
