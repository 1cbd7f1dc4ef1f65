//! Which endpoint an id names.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{LazyLock, OnceLock},
};

use portmaster_fixtures::{Contract, Endpoint, Piece, pieces, slug};
use regex::Regex;

/// How the websocket is called where endpoints are.
const WEBSOCKET: &str = "database-websocket";

/// What ids and requests are looked up in.
struct Index {
    /// Endpoints by what ids say of them.
    names: HashMap<String, &'static str>,
    /// Endpoints with what their paths match; those without a part that varies first.
    patterns: Vec<(Regex, &'static str)>,
}

/// The endpoints of all contracts.
static CONTRACTS: LazyLock<Index> =
    LazyLock::new(|| Index::of(Contract::ALL.iter().flat_map(|one| one.endpoints())));
/// Those of the list that a target is checked against, which no contract need have.
static LISTED: OnceLock<Index> = OnceLock::new();

impl Index {
    fn of<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Self {
        let paths: BTreeSet<&str> = endpoints.map(|one| one.path.as_str()).collect();
        // An index is made once, and lives as long as the program.
        let slugs: BTreeSet<&'static str> = paths.iter().map(|path| &*slug(path).leak()).collect();
        let mut names = HashMap::from([(WEBSOCKET.to_owned(), WEBSOCKET)]);
        for slug in slugs {
            let last = slug.rsplit('/').next().unwrap_or_default();
            if let Some((word, _)) = last.split_once(':').filter(|(word, _)| !word.is_empty()) {
                names.entry(format!("{}{word}", &slug[..slug.len() - last.len()])).or_insert(slug);
            }
            names.insert(slug.to_owned(), slug);
        }
        let mut all: Vec<_> = paths.into_iter().map(|path| (pieces(path), path)).collect();
        all.sort_by_key(|(pieces, _)| pieces.len());
        // The simulator's tests hold that every pattern of a contract can be read; one of a list that cannot matches nothing.
        let read = |(pieces, path): (Vec<Piece<'_>>, &str)| Some((pattern(&pieces)?, &*slug(path).leak()));
        Self { names, patterns: all.into_iter().filter_map(read).collect() }
    }

    fn all() -> impl Iterator<Item = &'static Self> {
        std::iter::once(&*CONTRACTS).chain(LISTED.get())
    }
}

/// Makes the endpoints known of the list that a target is checked against. A program checks against one.
pub(crate) fn know(listed: &[Endpoint]) {
    LISTED.get_or_init(|| Index::of(listed.iter()));
}

/// The endpoint that a check is about, as its id names it: the longest that stands in it (`dns/cache/:query`).
///
/// Of an endpoint whose path ends with a part of a word, such as `spn/map/:map/graph:format`, ids may leave that away.
pub(super) fn endpoint_of(id: &str) -> Option<&'static str> {
    let (family, rest) = id.split_once('/')?;
    if family == "websocket" {
        return Some(WEBSOCKET);
    }
    let ends = || rest.match_indices('/').map(|(at, _)| at);
    let starts = std::iter::once(0).chain(ends().map(|at| at + 1));
    let parts = starts.flat_map(|from| {
        let ends = ends().chain([rest.len()]).filter(move |to| *to >= from);
        ends.map(move |to| &rest[from..to])
    });
    let found = parts.flat_map(|part| Index::all().filter_map(move |index| index.names.get_key_value(part)));
    found.max_by_key(|(name, _)| name.len()).map(|(_, slug)| *slug)
}

/// The endpoint that a request's target is for, its path as in ids, if it stands there plainly.
pub(super) fn endpoint_asked(target: &str) -> Option<&'static str> {
    let path = target.split('?').next()?;
    if path == "/api/database/v1" {
        return Some(WEBSOCKET);
    }
    let path = path.strip_prefix("/api/v1/")?;
    let mut found =
        Index::all().filter_map(|index| index.patterns.iter().find(|(pattern, _)| pattern.is_match(path)));
    found.next().map(|(_, slug)| *slug)
}

fn pattern(pieces: &[Piece<'_>]) -> Option<Regex> {
    let text = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => regex::escape(text),
        Piece::Part(_, "") => "[^/]+".to_owned(),
        Piece::Part(_, pattern) => format!("(?:{pattern})"),
    });
    Regex::new(&format!("^{}$", text.collect::<String>())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_for_an_endpoint() {
        for (target, wanted) in [
            ("/api/v1/ping", Some("ping")),
            ("/api/v1/debug/cpu?duration=10ms", Some("debug/cpu")),
            ("/api/v1/dns/cache/example.com.A", Some("dns/cache/:query")),
            ("/api/database/v1", Some("database-websocket")),
            ("/api/v1/%70ing", None),
            ("/api/v1/ping/", None),
            ("/ping", None),
        ] {
            assert_eq!(endpoint_asked(target), wanted, "{target}");
        }
    }
}
