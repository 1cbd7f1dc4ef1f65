//! Which endpoint a path is: patterns with gorilla/mux semantics, compiled once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{LazyLock, Mutex, OnceLock, PoisonError},
};

use hyper::http::HeaderValue;
use portmaster_fixtures::{Contract, Endpoint, Piece, pieces};
use regex::Regex;

use crate::{
    api::{self, Handler},
    mutants::{Catalogue, Mutants},
};

/// An endpoint with its code.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) endpoint: &'static Endpoint,
    pub(super) handler: &'static Handler,
    /// The type that its answers have unless another is negotiated.
    pub(super) content_type: HeaderValue,
}

/// A regular expression for a whole path and the names of its parts, compiled when a path first has to be held against it.
type Pattern = LazyLock<(Regex, Vec<&'static str>), Box<dyn FnOnce() -> (Regex, Vec<&'static str>) + Send>>;

/// The endpoints of a contract.
#[derive(Debug)]
pub(super) struct Routes {
    exact: HashMap<&'static str, Route>,
    patterns: Vec<(Pattern, Route)>,
}

/// What a path was found to be.
pub(super) struct Found<'a> {
    pub(super) route: &'a Route,
    /// The named parts of the path.
    pub(super) parts: Vec<(&'static str, String)>,
}

impl Routes {
    /// The routes of a contract as mutants would have them.
    pub(super) fn followed(contract: Contract, mutants: &Mutants) -> &'static Self {
        mutants.endpoints().map_or_else(|| Self::of(contract), Self::mutated)
    }

    /// The routes of endpoints that live as long as the program, by their address.
    fn mutated(endpoints: &'static Catalogue) -> &'static Self {
        static KNOWN: Mutex<BTreeMap<usize, &'static Routes>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(endpoints.as_ptr().addr())
            .or_insert_with(|| Box::leak(Box::new(Self::compile(endpoints.iter().copied()))))
    }

    /// The routes of a contract.
    fn of(contract: Contract) -> &'static Self {
        static ALL: [OnceLock<Routes>; Contract::ALL.len()] =
            [const { OnceLock::new() }; Contract::ALL.len()];
        let endpoints = || contract.endpoints().iter().map(|one| (one.path.as_str(), one));
        ALL[contract.position()].get_or_init(|| Self::compile(endpoints()))
    }

    /// The routes of endpoints, each beside the path by which its code is known.
    fn compile(endpoints: impl Iterator<Item = (&'static str, &'static Endpoint)>) -> Self {
        let handlers: HashMap<&str, &'static Handler> =
            api::handlers().map(|handler| (handler.path, handler)).collect();
        let mut routes = Self { exact: HashMap::new(), patterns: Vec::new() };
        for (path, endpoint) in endpoints {
            let Some(&handler) = handlers.get(path) else { continue };
            let content_type = format!("{}; charset=utf-8", endpoint.mime_type);
            let content_type =
                HeaderValue::from_str(&content_type).expect("a catalogue's MIME type is plain ASCII");
            let route = Route { endpoint, handler, content_type };
            if endpoint.path.contains('{') {
                let compiled: Pattern = LazyLock::new(Box::new(move || pattern(&endpoint.path)));
                routes.patterns.push((compiled, route));
            } else {
                routes.exact.insert(&endpoint.path, route);
            }
        }
        routes
    }

    /// Finds the endpoint of a decoded path below `/api/v1/`.
    pub(super) fn find(&self, path: &str) -> Option<Found<'_>> {
        if let Some(route) = self.exact.get(path) {
            return Some(Found { route, parts: Vec::new() });
        }
        self.patterns.iter().find_map(|(pattern, route)| {
            let (regex, names) = &**pattern;
            let captures = regex.captures(path)?;
            let part = |at: usize| captures.get(at + 1).map_or("", |group| group.as_str()).to_owned();
            let parts = names.iter().enumerate().map(|(at, name)| (*name, part(at))).collect();
            Some(Found { route, parts })
        })
    }
}

/// Turns `a/{name:[a-z]+}/b` into a regular expression for the whole path, and the names of its parts.
fn pattern(template: &'static str) -> (Regex, Vec<&'static str>) {
    let mut text = "^".to_owned();
    let mut names = Vec::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(piece) => text += &regex::escape(piece),
            Piece::Part(name, inner) => {
                names.push(name);
                text += &format!("({})", if inner.is_empty() { "[^/]+" } else { inner });
            }
        }
    }
    text.push('$');
    let regex =
        Regex::new(&text).unwrap_or_else(|error| panic!("the catalogue's pattern {template}: {error}"));
    (regex, names)
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Mutant;

    use super::*;

    fn finds(path: &str) -> bool {
        Routes::of(Contract::Docs).find(path).is_some()
    }

    #[test]
    fn limits_are_exact() {
        for (path, found) in [
            (format!("dns/cache/{}.A", "a".repeat(512)), true),
            (format!("dns/cache/{}.A", "a".repeat(513)), false),
            (format!("dns/cache/a.{}", "A".repeat(32)), true),
            (format!("dns/cache/a.{}", "A".repeat(33)), false),
            ("dns/cache/.A".to_owned(), true),
            ("dns/cache/A.A".to_owned(), false),
            ("dns/cache/a.A/".to_owned(), false),
            ("dns/cache/a.A\n".to_owned(), false),
            (format!("spn/map/{}/pins", "m".repeat(255)), true),
            (format!("spn/map/{}/pins", "m".repeat(256)), false),
            ("spn/map/main/graph.a".to_owned(), false),
            ("spn/map/main/graph.ab".to_owned(), true),
            ("spn/map/main/graph.abcd".to_owned(), true),
            ("spn/map/main/graph.abcde".to_owned(), false),
            ("modules/a/b/trigger/c/d".to_owned(), true),
            ("modules//trigger/x".to_owned(), false),
        ] {
            assert_eq!(finds(&path), found, "{path}");
        }
    }

    #[test]
    fn parts_are_named() {
        let found = Routes::of(Contract::Docs).find("modules/a/trigger/b/trigger/c").unwrap();
        assert_eq!(found.parts, [("moduleName", "a/trigger/b".to_owned()), ("eventName", "c".to_owned())]);
    }

    #[test]
    fn the_endpoints_of_every_mutant_are_routed() {
        for mutant in Mutant::all() {
            for contract in Contract::ALL.into_iter().filter(|one| mutant.suits(*one)) {
                let mutants = Mutants::of(std::slice::from_ref(&mutant.id), contract, false).unwrap();
                let routes = Routes::followed(contract, &mutants);
                assert!(routes.exact.len() + routes.patterns.len() > 0, "{}", mutant.id);
            }
        }
    }

    #[test]
    fn every_endpoint_of_a_contract_is_routed() {
        for contract in Contract::ALL {
            let routes = Routes::of(contract);
            assert_eq!(routes.exact.len() + routes.patterns.len(), contract.endpoints().len());
        }
    }
}
