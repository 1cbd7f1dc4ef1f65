//! One harmless, quick request for every endpoint.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use portmaster_fixtures::{Contract, Endpoint, Permission};
pub(crate) use portmaster_fixtures::{Piece, pieces, slug};
use proptest::{
    strategy::{Strategy, ValueTree},
    string::string_regex,
    test_runner::TestRunner,
};
use regex::Regex;

use crate::{suite::Class, target::Request};

/// A regular expression for the paths of an endpoint below `/api/v1/`, to be put between other text.
pub(crate) fn expression(path: &str) -> String {
    let expression = |piece| match piece {
        Piece::Text(text) => regex::escape(text),
        Piece::Part(_, "") => "[^/]+".to_owned(),
        Piece::Part(_, pattern) => format!("(?:{pattern})"),
    };
    format!("(?:{})", pieces(path).into_iter().map(expression).collect::<String>())
}

/// Values of parts that reach little or nothing, by the part's name.
const VALUES: [(&str, &str); 14] = [
    ("query", "example.com.A"),
    ("map", "main"),
    ("format", ".dot"),
    ("moduleName", "conformance"),
    ("eventName", "none"),
    ("id", "c0ffee.png"),
    ("id", "dns"),
    ("pid", "1"),
    ("source", "local"),
    ("destination", "192.0.2.1"),
    ("identifier", "all/conformance/none.txt"),
    ("artifact_path", "all/conformance"),
    ("artifact_name", "none.txt"),
    ("name", "conformance"),
];

/// Fills a piece in: with a value from above that matches the pattern, or one drawn from the pattern, the
/// same every time.
pub(crate) fn fill(piece: &Piece<'_>) -> String {
    static FILLED: Mutex<BTreeMap<(String, String), String>> = Mutex::new(BTreeMap::new());
    let (name, pattern) = match *piece {
        Piece::Text(text) => return text.to_owned(),
        Piece::Part(name, pattern) => (name, pattern),
    };
    let mut filled = FILLED.lock().unwrap_or_else(PoisonError::into_inner);
    filled.entry((name.to_owned(), pattern.to_owned())).or_insert_with(|| value(name, pattern)).clone()
}

fn value(name: &str, pattern: &str) -> String {
    let whole = Regex::new(&format!("^(?:{pattern})$"));
    let fits = |value: &str| whole.as_ref().is_ok_and(|whole| whole.is_match(value));
    let known = VALUES.iter().find(|(one, value)| *one == name && fits(value)).map(|(_, value)| *value);
    known.map(str::to_owned).or_else(|| drawn(pattern)).unwrap_or_else(|| name.to_owned())
}

fn drawn(pattern: &str) -> Option<String> {
    let plain = |text: &str| {
        let letters = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
        letters && text.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
    };
    let strategy = string_regex(pattern).ok()?;
    let mut runner = TestRunner::deterministic();
    (0..100).filter_map(|_| Some(strategy.new_tree(&mut runner).ok()?.current())).find(|text| plain(text))
}

/// A path of the endpoint, all its parts filled in.
pub(super) fn path(endpoint: &Endpoint) -> String {
    pieces(&endpoint.path).iter().map(fill).collect()
}

/// A request that reaches the endpoint, asks for little and takes little time.
pub(super) fn request(endpoint: &Endpoint, method: &str) -> Request {
    let slug = slug(&endpoint.path);
    let path = path(endpoint);
    let reads = matches!(method, "GET" | "HEAD");
    let (query, body) = match slug.as_str() {
        "debug/cpu" => ("?duration=10ms", ""),
        "netquery/query" if reads => ("?q=%7B%22pageSize%22%3A1%7D", ""),
        "netquery/query" => ("", "{\"pageSize\":1}"),
        "netquery/charts/connection-active" if reads => ("?q=%7B%7D", ""),
        "netquery/query/batch" if reads => ("?q=%7B%22a%22%3A%7B%22pageSize%22%3A1%7D%7D", ""),
        "netquery/query/batch" => ("", "{\"a\":{\"pageSize\":1}}"),
        "sync/settings/export" => ("?from=global", ""),
        // The upgrade that it triggers cannot succeed: nobody listens there.
        "updates/from-url" => ("", "http://127.0.0.1:9/conformance"),
        "netquery/charts/connection-active" | "netquery/charts/bandwidth" | "broadcasts/simulate" => {
            ("", "{}")
        }
        _ => ("", ""),
    };
    Request::api(method, &format!("{path}{query}")).body(body)
}

/// What such a request does to the target.
pub(crate) fn class(endpoint: &Endpoint, method: &str) -> Class {
    if matches!(method, "GET" | "HEAD") {
        return Class::Read;
    }
    match slug(&endpoint.path).as_str() {
        "netquery/query"
        | "netquery/query/batch"
        | "netquery/charts/connection-active"
        | "netquery/charts/bandwidth"
        | "sync/profile/export"
        | "sync/settings/export"
        | "sync/single-setting/export"
        | "interop/ping" => Class::Read,
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

/// Whether the endpoint answers in the form that the caller accepts, JSON when that says nothing, whatever
/// its catalogue entry declares (core-2.2 §4).
pub(super) fn is_export(endpoint: &Endpoint) -> bool {
    endpoint.path.starts_with("sync/") && endpoint.path.ends_with("/export")
}

/// The endpoint of a contract with that slug.
pub(super) fn find(contract: Contract, wanted: &str) -> Option<&'static Endpoint> {
    contract.endpoints().iter().find(|endpoint| slug(&endpoint.path) == wanted)
}

/// Whether the endpoint writes its answer itself, so that HEAD is a GET without its body (core-1.x §5.11).
pub(super) fn is_raw(endpoint: &Endpoint) -> bool {
    let path = &endpoint.path;
    ["auth/basic", "auth/bearer", "auth/reset", "netquery/", "spn/account/login"]
        .iter()
        .any(|one| path.starts_with(one))
        || path.contains("/graph{")
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
    for (method, _) in methods(endpoint) {
        let of = |method: &str| Sample { class: class(endpoint, method), request: request(endpoint, method) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_names() {
        assert_eq!(slug("dns/cache/{query:[a-z0-9\\.-]{0,512}\\.[A-Z]{1,32}}"), "dns/cache/:query");
        let graph = "spn/map/{map:[A-Za-z0-9]{1,255}}/graph{format:\\.[a-z]{2,4}}";
        assert_eq!(slug(graph), "spn/map/:map/graph:format");
        assert_eq!(pieces(graph).iter().map(fill).collect::<String>(), "spn/map/main/graph.dot");
        let unknown = pieces("new/{thing:[a-f]{3}}/x").iter().map(fill).collect::<String>();
        assert!(Regex::new("^new/[a-f]{3}/x$").unwrap().is_match(&unknown), "{unknown}");
    }

    #[test]
    fn samples_have_no_open_parts() {
        for endpoint in Contract::ALL.iter().flat_map(|contract| contract.endpoints()) {
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
