//! Which endpoint of a catalogue a path names.

use std::collections::BTreeMap;

use portmaster_fixtures::Endpoint;
use portmaster_wire::percent;
use regex::Regex;

use crate::checks::sample::{self, Piece};

/// An endpoint with its names and its pattern.
#[derive(Debug)]
pub(super) struct Known {
    /// The catalogue's entry.
    pub(super) endpoint: &'static Endpoint,
    /// Its name in lists, such as `dns/cache/:query`.
    pub(super) slug: String,
    pattern: Option<Regex>,
}

/// A catalogue, ready to look paths up.
#[derive(Debug)]
pub(super) struct Catalogue {
    all: Vec<Known>,
    exact: BTreeMap<&'static str, usize>,
}

impl Catalogue {
    /// The catalogue of these endpoints.
    pub(super) fn new(endpoints: &'static [Endpoint]) -> Self {
        let known = |endpoint: &'static Endpoint| {
            let open = sample::pieces(&endpoint.path).iter().any(|piece| matches!(piece, Piece::Part(..)));
            let pattern = || format!("^{}$", sample::expression(&endpoint.path));
            // A foreign catalogue's pattern that is none of ours matches nothing.
            let pattern = open.then(|| Regex::new(&pattern()).ok()).flatten();
            Known { endpoint, slug: sample::slug(&endpoint.path), pattern }
        };
        let all: Vec<Known> = endpoints.iter().map(known).collect();
        let exact = endpoints.iter().enumerate().map(|(at, one)| (one.path.as_str(), at)).collect();
        Self { all, exact }
    }

    /// An entry of the catalogue with its names.
    pub(super) fn find_entry(&self, endpoint: &Endpoint) -> Option<&Known> {
        self.all.iter().find(|known| known.endpoint.path == endpoint.path)
    }

    /// The endpoint of a decoded path below `/api/v1/`.
    pub(super) fn find(&self, path: &str) -> Option<&Known> {
        if let Some(&at) = self.exact.get(path) {
            return self.all.get(at);
        }
        self.all.iter().find(|one| one.pattern.as_ref().is_some_and(|pattern| pattern.is_match(path)))
    }

    /// The endpoint that a request target names, if its path is clean.
    pub(super) fn of_target(&self, target: &str) -> Option<&Known> {
        let path = decoded(target.split('?').next()?)?;
        if !is_clean(&path) {
            return None;
        }
        self.find(path.strip_prefix("/api/v1/")?)
    }
}

/// Whether a path goes to a router as it is, without a redirect.
pub(super) fn is_clean(path: &str) -> bool {
    path.starts_with('/') && !path.contains("//") && path.split('/').all(|part| part != "." && part != "..")
}

/// A path without its percent signs, if they are right. To a router's patterns bytes that are no text are as good as any
/// character: a module's name may hold them.
pub(super) fn decoded(path: &str) -> Option<String> {
    percent::decoded(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;

    #[test]
    fn targets_are_found_as_a_router_finds_them() {
        let catalogue = Catalogue::new(Contract::V2_2.endpoints());
        let slug = |target: &str| catalogue.of_target(target).map(|known| known.slug.as_str());
        assert_eq!(slug("/api/v1/ping"), Some("ping"));
        assert_eq!(slug("/api/v1/%70ing?x=1"), Some("ping"));
        assert_eq!(slug("/api/v1/dns/cache/example.com.A"), Some("dns/cache/:query"));
        assert_eq!(slug("/api/v1/spn/map/main/graph.dot"), Some("spn/map/:map/graph:format"));
        assert_eq!(
            Catalogue::new(Contract::Docs.endpoints())
                .of_target("/api/v1/modules/a%E0b/trigger/none")
                .map(|known| known.slug.as_str()),
            Some("modules/:moduleName/trigger/:eventName")
        );
        for target in ["/api/v1//ping", "/api/v1/ping/", "/api/v1/PING", "/ping", "/api/v1/%zz", "*", ""] {
            assert_eq!(slug(target), None, "{target}");
        }
    }
}
