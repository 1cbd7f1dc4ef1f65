//! One harmless, quick request for every endpoint.

use portmaster_fixtures::{Endpoint, Permission};

use crate::{suite::Class, target::Request};

/// A part of an id for a path pattern: `dns/cache/{query:…}` becomes `dns/cache/:query`.
pub(super) fn slug(path: &str) -> String {
    let mut slug = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, pattern) = after.split_once(':').unwrap_or((after, ""));
        slug.push_str(before);
        slug.push(':');
        slug.push_str(name);
        rest = after_pattern(pattern);
    }
    slug + rest
}

/// What follows the brace that closes a pattern; braces within the pattern are in pairs.
pub(super) fn after_pattern(pattern: &str) -> &str {
    let mut depth = 1;
    for (at, c) in pattern.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &pattern[at + 1..];
        }
    }
    ""
}

/// Fills the parts of a slug in.
pub(super) fn fill(slug: &str) -> String {
    slug.replace(":query", "example.com.A")
        .replace(":map", "main")
        .replace(":format", ".dot")
        .replace(":moduleName", "conformance")
        .replace(":eventName", "no such event")
        .replace(' ', "%20")
}

/// A request that reaches the endpoint, asks for little and takes little time.
pub(super) fn request(endpoint: &Endpoint, method: &str) -> Request {
    let slug = slug(&endpoint.path);
    let path = fill(&slug);
    let reads = matches!(method, "GET" | "HEAD");
    let (query, body) = match slug.as_str() {
        "debug/cpu" => ("?duration=10ms", ""),
        "netquery/query" if reads => ("?q=%7B%22pageSize%22%3A1%7D", ""),
        "netquery/query" => ("", "{\"pageSize\":1}"),
        "netquery/charts/connection-active" if reads => ("?q=%7B%7D", ""),
        "netquery/charts/connection-active" | "broadcasts/simulate" => ("", "{}"),
        _ => ("", ""),
    };
    Request::api(method, &format!("{path}{query}")).body(body)
}

/// What such a request does to the target.
pub(super) fn class(endpoint: &Endpoint, method: &str) -> Class {
    if matches!(method, "GET" | "HEAD") {
        return Class::Read;
    }
    match slug(&endpoint.path).as_str() {
        "netquery/query" | "netquery/charts/connection-active" => Class::Read,
        "broadcasts/simulate" | "ui/reload" | "updates/check" | "spn/account/login" => Class::Writes,
        "core/shutdown" => Class::Final,
        _ => Class::Disruptive,
    }
}

/// The documented methods with the permissions that they ask for.
pub(super) fn methods(endpoint: &Endpoint) -> Vec<(String, Permission)> {
    [(&endpoint.read_method, endpoint.read), (&endpoint.write_method, endpoint.write)]
        .into_iter()
        .filter(|(_, permission)| !permission.is_not_supported())
        .map(|(method, permission)| (method.clone(), permission))
        .collect()
}

/// Whether the endpoint writes its answer itself, so that HEAD is a GET without its body (core-1.x §5).
pub(super) fn is_raw(endpoint: &Endpoint) -> bool {
    let path = &endpoint.path;
    ["auth/basic", "auth/bearer", "auth/reset", "netquery/", "spn/account/login"]
        .iter()
        .any(|one| path.starts_with(one))
        || path.contains("/graph{")
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;

    #[test]
    fn patterns_become_names() {
        assert_eq!(slug("dns/cache/{query:[a-z0-9\\.-]{0,512}\\.[A-Z]{1,32}}"), "dns/cache/:query");
        let graph = "spn/map/{map:[A-Za-z0-9]{1,255}}/graph{format:\\.[a-z]{2,4}}";
        assert_eq!(slug(graph), "spn/map/:map/graph:format");
        assert_eq!(fill(&slug(graph)), "spn/map/main/graph.dot");
    }

    #[test]
    fn samples_have_no_open_parts() {
        for endpoint in Contract::Docs.endpoints() {
            for (method, _) in methods(endpoint) {
                let request = request(endpoint, &method);
                assert!(!request.target.contains([':', '{', ' ']), "{}", request.target);
            }
        }
    }

    #[test]
    fn whatever_a_user_would_miss_is_disruptive() {
        let class = |path: &str| {
            let endpoint = Contract::Docs.endpoints().iter().find(|one| one.path.starts_with(path)).unwrap();
            class(endpoint, "POST")
        };
        for path in ["core/restart", "spn/account/logout", "dns/clear", "spn/reinit", "modules/"] {
            assert_eq!(class(path), Class::Disruptive, "{path}");
        }
        assert_eq!(class("core/shutdown"), Class::Final);
        assert_eq!(class("ui/reload"), Class::Writes);
    }
}
