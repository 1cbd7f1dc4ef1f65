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
mod negotiation;
mod netquery;
mod origin;
mod parameters;
mod paths;
mod property;
pub(crate) mod sample;
mod session;
mod structure;
mod websocket;

use std::{collections::BTreeSet, sync::LazyLock};

use portmaster_fixtures::{Contract, Endpoint};

use crate::{
    suite::{Check, Class},
    target::Request,
};

/// A family of checks.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The first part of its checks' ids.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// What its checks can be selected by, besides their classes.
    pub tags: &'static [&'static str],
    checks: fn(Contract) -> Vec<Check>,
}

/// Every tag: those of families, and the class of a check.
pub const TAGS: [&str; 9] =
    ["http", "security", "data", "websocket", "finding", "read", "writes", "disruptive", "final"];

/// The families in the order of every list and report.
pub const FAMILIES: [Family; 16] = [
    Family {
        name: "catalogue",
        about: "The endpoint list equals the published page.",
        tags: &["http"],
        checks: catalogue::checks,
    },
    Family {
        name: "badges",
        about: "Who may call an endpoint, as its badge says.",
        tags: &["security"],
        checks: badges::checks,
    },
    Family {
        name: "credentials",
        about: "How API keys and sessions are carried.",
        tags: &["security"],
        checks: credentials::checks,
    },
    Family { name: "paths", about: "Which paths reach an endpoint.", tags: &["http"], checks: paths::checks },
    Family {
        name: "content",
        about: "Types, lengths and forms of bodies.",
        tags: &["http"],
        checks: content::checks,
    },
    Family {
        name: "devmode",
        about: "What Development Mode opens.",
        tags: &["security"],
        checks: devmode::checks,
    },
    Family {
        name: "origin",
        about: "Which web pages may call.",
        tags: &["security"],
        checks: origin::checks,
    },
    Family {
        name: "methods",
        about: "Which methods an endpoint takes.",
        tags: &["http"],
        checks: methods::checks,
    },
    Family {
        name: "headers",
        about: "The security headers of every answer.",
        tags: &["http", "security"],
        checks: headers::checks,
    },
    Family {
        name: "structure",
        about: "The structure of JSON answers.",
        tags: &["data"],
        checks: structure::checks,
    },
    Family {
        name: "parameters",
        about: "What documented parameters do.",
        tags: &["data"],
        checks: parameters::checks,
    },
    Family {
        name: "actions",
        about: "What endpoints that act say and do.",
        tags: &["data"],
        checks: actions::checks,
    },
    Family {
        name: "netquery",
        about: "How answers of the query language relate to each other.",
        tags: &["data"],
        checks: netquery::checks,
    },
    Family {
        name: "websocket",
        about: "The database websocket.",
        tags: &["websocket"],
        checks: websocket::checks,
    },
    Family { name: "limits", about: "How large a request may be.", tags: &["http"], checks: limits::checks },
    Family {
        name: "findings",
        about: "What observed cores do, and their maintainers may not want.",
        tags: &["security"],
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

/// The endpoint that a check is about, as its id names it: the longest that stands in it (`dns/cache/:query`).
///
/// Of an endpoint whose path ends with a part of a word, such as `spn/map/:map/graph:format`, ids may leave that away.
pub fn endpoint_of(id: &str) -> Option<&'static str> {
    /// Endpoints by what ids say of them, the longest first.
    static NAMES: LazyLock<Vec<(String, &'static str)>> = LazyLock::new(|| {
        let slugs = Contract::ALL.iter().flat_map(|one| one.endpoints()).map(|one| sample::slug(&one.path));
        let slugs: BTreeSet<String> = slugs.collect();
        let mut names = vec![("database-websocket".to_owned(), "database-websocket")];
        for slug in slugs {
            // The list is made once, and lives as long as the program.
            let slug: &'static str = slug.leak();
            let last = slug.rsplit('/').next().unwrap_or_default();
            if let Some((word, _)) = last.split_once(':').filter(|(word, _)| !word.is_empty()) {
                names.push((format!("{}{word}", &slug[..slug.len() - last.len()]), slug));
            }
            names.push((slug.to_owned(), slug));
        }
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names
    });
    let (family, rest) = id.split_once('/')?;
    if family == "websocket" {
        return Some("database-websocket");
    }
    let whole = |name: &str| {
        rest.match_indices(name).any(|(at, _)| {
            let (before, after) = (&rest[..at], &rest[at + name.len()..]);
            (before.is_empty() || before.ends_with('/')) && (after.is_empty() || after.starts_with('/'))
        })
    };
    NAMES.iter().find(|(name, _)| whole(name)).map(|(_, slug)| *slug)
}

/// The contracts that have a check of that id, oldest first.
pub fn contracts_of(id: &str) -> Vec<Contract> {
    static IDS: LazyLock<Vec<(Contract, BTreeSet<String>)>> = LazyLock::new(|| {
        Contract::ALL.map(|one| (one, all(one).into_iter().map(|check| check.id).collect())).into()
    });
    IDS.iter().filter(|(_, ids)| ids.contains(id)).map(|(contract, _)| *contract).collect()
}

/// A request that reaches an endpoint and asks for little.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// What it does to the target.
    pub(crate) class: Class,
    /// The request, without credentials.
    pub(crate) request: Request,
}

/// The samples of an endpoint: every documented method, HEAD, and each documented parameter of what reads.
pub(crate) fn samples(endpoint: &Endpoint) -> Vec<Sample> {
    let mut samples = vec![];
    for (method, _) in sample::methods(endpoint) {
        let of = |method: &str| Sample {
            class: sample::class(endpoint, method),
            request: sample::request(endpoint, method),
        };
        samples.push(of(&method));
        if method == "GET" {
            samples.push(of("HEAD"));
            let own = endpoint.parameters.iter().filter(|one| one.method == method);
            for parameter in own.filter(|one| !one.field.contains("(in path)")) {
                let mut asks = of(&method);
                let between = if asks.request.target.contains('?') { '&' } else { '?' };
                let plain = |text: &str| text.replace([' ', '&', '#', '"'], "+");
                let (field, value) = (plain(&parameter.field), plain(&parameter.value));
                asks.request.target += &format!("{between}{field}={value}");
                samples.push(asks);
            }
        }
    }
    samples
}
