//! Which endpoint an id names.

use std::{collections::BTreeSet, sync::LazyLock};

use portmaster_fixtures::{Contract, slug};

/// The endpoint that a check is about, as its id names it: the longest that stands in it (`dns/cache/:query`).
///
/// Of an endpoint whose path ends with a part of a word, such as `spn/map/:map/graph:format`, ids may leave that away.
pub(super) fn endpoint_of(id: &str) -> Option<&'static str> {
    /// Endpoints by what ids say of them, the longest first.
    static NAMES: LazyLock<Vec<(String, &'static str)>> = LazyLock::new(|| {
        let slugs = Contract::ALL.iter().flat_map(|one| one.endpoints()).map(|one| slug(&one.path));
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
