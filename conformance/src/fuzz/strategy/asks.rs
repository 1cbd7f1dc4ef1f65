//! Requests to an endpoint.

use base64::{Engine, engine::general_purpose::STANDARD};
use portmaster_fixtures::{Endpoint, Parameter};
use proptest::{collection::vec, prelude::*, sample::select, string::string_regex};

use super::{
    json::{any_json, like, written},
    language, paths, queries,
    text::{edge, encoded, text, word},
};
use crate::{
    checks::sample,
    fuzz::{
        bodies,
        case::{Ask, Bytes, Slip, Who},
        scope::Scope,
    },
    suite::Tier,
};

/// Who asks: nobody, somebody with a key of any tier in any form, or with what is no key.
pub(super) fn who(scope: &Scope) -> BoxedStrategy<Who> {
    let tiers = scope.tiers().to_vec();
    let key = string_regex("[!-~]{0,12}").expect("a plain pattern");
    let scheme = select(vec!["Bearer ", "bearer ", "Basic ", "Token ", "Bearer", "Bearer  ", "", "Digest "]);
    // What no key of ours begins with, so that none is met by chance.
    let stranger = one_of![
        4 => key.prop_map(|key| format!("Bearer {key}")),
        2 => (text(), text()).prop_map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))),
        2 => (scheme, text()).prop_map(|(scheme, text)| format!("{scheme}{}", header(&text))),
    ]
    .boxed();
    let cookie = || string_regex("[A-Za-z0-9_-]{0,43}").expect("a plain pattern");
    let others = one_of![
        4 => stranger.clone().prop_map(Who::Stranger),
        1 => cookie().prop_map(Who::Cookie),
        1 => Just(Who::Session),
    ];
    if tiers.is_empty() {
        return one_of![3 => Just(Who::Nobody), 2 => others].boxed();
    }
    let tier = || select(tiers.clone());
    let usual = one_of![
        2 => Just(Who::Nobody),
        5 => tier().prop_map(Who::Bearer),
        1 => (tier(), 0_u8..30).prop_map(|(tier, at)| Who::Basic(tier, at)),
        1 => (tier(), cookie()).prop_map(|(tier, cookie)| Who::Both(tier, cookie)),
        3 => others,
    ]
    .boxed();
    if !scope.compares() {
        return usual;
    }
    one_of![
        12 => usual,
        1 => (tier(), select(&Slip::ALL[..])).prop_map(|(tier, slip)| Who::Nearly(tier, slip)),
        1 => (tier(), stranger).prop_map(|(tier, other)| Who::Twice(tier, other)),
    ]
    .boxed()
}

/// A text that can stand in a header.
fn header(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~')).collect::<String>().trim().to_owned()
}

/// Whoever may do most.
pub(super) fn mighty(scope: &Scope) -> Who {
    [Tier::Admin, Tier::User]
        .into_iter()
        .find(|tier| scope.tiers().contains(tier))
        .map_or(Who::Nobody, Who::Bearer)
}

/// A value for a parameter, by its documented example and its name.
fn value(parameter: &Parameter) -> BoxedStrategy<String> {
    let example = Just(parameter.value.clone());
    match parameter.field.as_str() {
        "where" => one_of![4 => language::condition(), 1 => text()].boxed(),
        "profile" | "id" | "from" | "to" => {
            let keys =
                vec!["global", "local/_unidentified", "special/global-config", "local/none", "/", "local/"];
            one_of![4 => select(keys).prop_map(str::to_owned), 1 => edge(), 1 => text()].boxed()
        }
        "key" => {
            let keys = vec!["filter/defaultAction", "filter/endpoints", "core/apiKeys", "nope"];
            one_of![4 => select(keys).prop_map(str::to_owned), 1 => text()].boxed()
        }
        _ => one_of![3 => example, 4 => edge(), 2 => text()].boxed(),
    }
}

/// A query string, with its question mark, or nothing.
fn query_string(endpoint: &Endpoint) -> BoxedStrategy<String> {
    let own: Vec<_> = endpoint
        .parameters
        .iter()
        .filter(|parameter| !parameter.field.contains("(in path)"))
        .map(|parameter| {
            let name = parameter.field.clone();
            value(parameter).prop_map(move |value| format!("{name}={}", encoded(&value))).boxed()
        })
        .collect();
    let stray = one_of![
        (word(), text()).prop_map(|(name, value)| format!("{name}={}", encoded(&value))),
        select(vec!["", "x", "=", "&", "a=%zz", "a;b", "q", "%00=1"]).prop_map(str::to_owned),
    ];
    let one = match own.is_empty() {
        true => stray.boxed(),
        false => one_of![6 => prop::strategy::Union::new(own), 1 => stray].boxed(),
    };
    let often = if endpoint.parameters.is_empty() { 1 } else { 6 };
    one_of![
        6 => Just(String::new()),
        often => vec(one, 1..4).prop_map(|all| format!("?{}", all.join("&"))),
    ]
    .boxed()
}

/// Where a page comes from, or pretends to.
const ORIGIN: [&str; 8] = [
    "http://evil.example", "null", "http://127.0.0.1", "http://localhost:4200", "chrome-extension://x",
    "://", "http://[::1", "",
];

/// Header lines that say where a page comes from; the core's own is one that names the host that is asked.
fn origin() -> BoxedStrategy<Vec<(String, String)>> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let host = pair("Host", "core.example");
    let own = vec![host.clone(), pair("Origin", "http://core.example")];
    let both = vec![host, pair("Origin", "http://core.example"), pair("Origin", "http://evil.example")];
    one_of![
        2 => select(&ORIGIN[..]).prop_map(move |value| vec![pair("Origin", value)]),
        2 => Just(own),
        1 => Just(both),
    ]
    .boxed()
}

/// Header lines that ask for something, or pretend to.
fn headers(scope: &Scope) -> BoxedStrategy<Vec<(String, String)>> {
    const ACCEPT: [&str; 12] = [
        "application/json",
        "application/cbor",
        "application/msgpack",
        "application/yaml",
        "text/html",
        "*/*",
        ",",
        "",
        "text/html, application/json;q=0.1",
        "json",
        "image/png",
        "application/cbor, */*",
    ];
    let pair = |name: &'static str| move |value: String| (name.to_owned(), value);
    let picked = |name: &'static str, values: &'static [&'static str]| {
        select(values).prop_map(str::to_owned).prop_map(pair(name))
    };
    let one = one_of![
        6 => picked("Accept", &ACCEPT),
        2 => picked("Origin", &ORIGIN),
        1 => picked("Range", &["bytes=0-9", "bytes=9-0", "x"]),
        1 => picked("If-None-Match", &["*", "\"x\""]),
        1 => picked("Accept-Encoding", &["gzip", "identity;q=0", "*"]),
        1 => picked("X-Forwarded-For", &["203.0.113.1", "127.0.0.1"]),
        1 => picked("Expect", &["100-continue"]),
        1 => picked("Upgrade", &["websocket", "h2c"]),
        1 => (string_regex("X-[A-Za-z]{1,8}").expect("a plain pattern"), text().prop_map(|text| header(&text))),
    ];
    let usual = one_of![4 => Just(vec![]), 2 => vec(one, 1..3)].boxed();
    if scope.compares() { one_of![11 => usual, 1 => origin()].boxed() } else { usual }
}

/// A body for the endpoint, with the header lines that say what it is.
fn body(scope: &Scope, slug: &str) -> BoxedStrategy<(Bytes, Vec<(String, String)>)> {
    const TYPES: [&str; 8] = [
        "application/json",
        "application/json; charset=utf-8",
        "text/yaml",
        "application/cbor",
        "application/msgpack",
        "text/plain",
        "image/png",
        "x",
    ];
    let document = match slug {
        "netquery/query" => written(queries::query(scope)),
        "netquery/query/batch" => written(queries::batch(scope)),
        "netquery/charts/connection-active" | "netquery/charts/bandwidth" => written(queries::chart(scope)),
        _ => match bodies::examples(slug) {
            [] => written(any_json()),
            examples => written(prop::strategy::Union::new(examples.iter().map(like))),
        },
    };
    let bytes = one_of![
        12 => document,
        1 => Just(Bytes::default()),
        1 => text().prop_map(|text| text.into()),
        1 => vec(any::<u8>(), 0..40).prop_map(Bytes),
    ];
    let kind = one_of![3 => Just(None), 2 => select(&TYPES[..]).prop_map(Some)];
    (bytes, kind)
        .prop_map(|(bytes, kind)| {
            let header = kind.map(|kind| ("Content-Type".to_owned(), kind.to_owned()));
            (bytes, header.into_iter().collect())
        })
        .boxed()
}

fn reads(method: &str) -> bool {
    !matches!(method, "POST" | "PUT" | "DELETE")
}

/// A method: mostly one that the endpoint has.
fn method(endpoint: &Endpoint) -> BoxedStrategy<String> {
    let mut own = vec![];
    if !endpoint.read.is_not_supported() {
        own.extend([(8, "GET"), (1, "HEAD")]);
    }
    if !endpoint.write.is_not_supported() {
        own.extend([(6, "POST"), (1, "PUT"), (2, "DELETE")]);
    }
    own.extend([(1, "OPTIONS")]);
    let others =
        select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "PROPFIND", "X"]);
    let own = prop::strategy::Union::new_weighted(
        own.into_iter().map(|(weight, one)| (weight, Just(one))).collect(),
    );
    one_of![12 => own, 1 => others].prop_map(str::to_owned).boxed()
}

/// A length that no core takes (core-1.x §5.6).
const TOO_LONG: u64 = 30_000_000;

/// Puts a request together, without what its method does not have.
pub(super) fn ask(
    scope: &Scope,
    who: BoxedStrategy<Who>,
    method: BoxedStrategy<String>,
    target: BoxedStrategy<String>,
    body: BoxedStrategy<(Bytes, Vec<(String, String)>)>,
) -> BoxedStrategy<Ask> {
    let asked = one_of![4 => Just(""), 1 => select(vec!["GET", "POST", "DELETE", "PATCH", "x"])];
    let chunked = prop::bool::weighted(0.05);
    let twice = prop::bool::weighted(0.12);
    // Mostly a body stands where there is one, and is as long as it is said to be.
    let announced = one_of![60 => Just(None), 1 => select(vec![TOO_LONG, 10 * TOO_LONG]).prop_map(Some)];
    // Who asks beforehand says from where.
    let origin = one_of![1 => Just(vec![]), 3 => origin()];
    let (stray, announced, origin) = match scope.compares() {
        true => (prop::bool::weighted(0.02).boxed(), announced.boxed(), origin.boxed()),
        false => (Just(false).boxed(), Just(None).boxed(), Just(vec![]).boxed()),
    };
    ((who, method, target), (headers(scope), asked, origin), body, (chunked, twice, stray, announced))
        .prop_map(
            |(
                (who, method, target),
                (mut headers, asked, origin),
                (bytes, kind),
                (chunked, twice, stray, announced),
            )| {
                if method == "OPTIONS" && !asked.is_empty() {
                    headers.push(("Access-Control-Request-Method".to_owned(), asked.to_owned()));
                }
                if method == "OPTIONS" && !headers.iter().any(|(name, _)| name == "Origin") {
                    headers.extend(origin);
                }
                let takes_body = matches!(method.as_str(), "POST" | "PUT");
                let has_body = takes_body || stray;
                if has_body {
                    headers.extend(kind);
                }
                Ask {
                    announced: announced.filter(|_| takes_body),
                    chunked: chunked && has_body,
                    twice: twice && reads(&method),
                    body: if has_body { bytes } else { Bytes::default() },
                    method,
                    target,
                    who,
                    headers,
                }
            },
        )
        .boxed()
}

/// Requests to an endpoint: on paths inside its pattern.
pub(super) fn inside(scope: &Scope, endpoint: &Endpoint) -> BoxedStrategy<Ask> {
    let slug = sample::slug(&endpoint.path);
    let asked = match slug.as_str() {
        "netquery/query" => Some(queries::query(scope)),
        "netquery/query/batch" => Some(queries::batch(scope)),
        "netquery/charts/connection-active" => Some(queries::chart(scope)),
        _ => None,
    };
    let query = match asked {
        Some(asked) => one_of![
            1 => query_string(endpoint),
            6 => asked.prop_map(|query| format!("?q={}", encoded(&query.to_string()))),
        ]
        .boxed(),
        None => query_string(endpoint),
    };
    let target =
        (paths::inside(endpoint), query).prop_map(|(path, query)| format!("/api/v1/{path}{query}")).boxed();
    let who = one_of![3 => who(scope), 2 => Just(mighty(scope))].boxed();
    ask(scope, who, method(endpoint), target, body(scope, &slug))
}

/// Requests around an endpoint's pattern.
pub(super) fn around(scope: &Scope, endpoint: &Endpoint) -> BoxedStrategy<Ask> {
    let slug = sample::slug(&endpoint.path);
    let target = paths::around(endpoint).prop_map(|path| format!("/api/v1/{path}")).boxed();
    ask(scope, who(scope), method(endpoint), target, body(scope, &slug))
}

/// Requests at the ends of what an endpoint's pattern allows, and just beside them, by who may.
pub(super) fn at_the_ends(scope: &Scope, endpoint: &Endpoint) -> Option<BoxedStrategy<Ask>> {
    let method = if endpoint.read.is_not_supported() { "POST" } else { "GET" };
    let plain =
        move |path| Ask { method: method.to_owned(), target: format!("/api/v1/{path}"), ..Ask::default() };
    let who = mighty(scope);
    paths::at_the_ends(endpoint)
        .map(|paths| paths.prop_map(move |path| Ask { who: who.clone(), ..plain(path) }).boxed())
}

/// Requests with one parameter and no other, by who may: what is read of it shows, whatever the others are needed for.
pub(super) fn parameter(scope: &Scope, endpoint: &Endpoint) -> Vec<BoxedStrategy<Ask>> {
    let names = endpoint.parameters.iter().filter(|one| !one.field.contains("(in path)"));
    let who = mighty(scope);
    names
        .map(|one| {
            let (who, method, name) = (who.clone(), one.method.clone(), one.field.clone());
            (paths::inside(endpoint), one_of![1 => edge(), 1 => word()])
                .prop_map(move |(path, value)| Ask {
                    method: method.clone(),
                    target: format!("/api/v1/{path}?{name}={}", encoded(&value)),
                    who: who.clone(),
                    ..Ask::default()
                })
                .boxed()
        })
        .collect()
}

/// Requests just as they are documented, by who may: with the examples of parameters and bodies.
pub(super) fn documented(scope: &Scope, endpoint: &Endpoint) -> BoxedStrategy<Ask> {
    let methods = [(endpoint.read, "GET"), (endpoint.write, "POST")];
    let methods = methods.into_iter().filter(|(permission, _)| !permission.is_not_supported());
    let methods: Vec<_> = methods.map(|(_, method)| method).collect();
    let parameters = endpoint.parameters.iter().filter(|one| !one.field.contains("(in path)"));
    let parameters: Vec<_> = parameters.map(|one| format!("{}={}", one.field, encoded(&one.value))).collect();
    let query = match parameters.is_empty() {
        true => Just(String::new()).boxed(),
        false => select(vec![String::new(), format!("?{}", parameters.join("&"))]).boxed(),
    };
    let examples = bodies::examples(&sample::slug(&endpoint.path));
    let mut bodies: Vec<Bytes> = examples.iter().map(|one| one.to_string().into()).collect();
    if bodies.is_empty() {
        bodies.push(Bytes::default());
    }
    let who = mighty(scope);
    (select(methods), paths::inside(endpoint), query, select(bodies))
        .prop_map(move |(method, path, query, body)| Ask {
            method: method.to_owned(),
            target: format!("/api/v1/{path}{query}"),
            who: who.clone(),
            body: if method == "POST" { body } else { Bytes::default() },
            ..Ask::default()
        })
        .boxed()
}

/// Requests for a websocket: mostly as they should be, or with one thing missing, or from a page.
pub(super) fn door(scope: &Scope) -> BoxedStrategy<Ask> {
    const NEEDED: [(&str, &str, &str); 4] = [
        ("Connection", "Upgrade", "keep-alive"),
        ("Upgrade", "websocket", "h2c"),
        ("Sec-WebSocket-Version", "13", "8"),
        ("Sec-WebSocket-Key", "Y29uZm9ybWFuY2Utc3VpdA==", "short"),
    ];
    let needed = NEEDED.map(|(name, right, wrong)| {
        one_of![10 => Just(Some(right)), 1 => Just(None), 1 => Just(Some(wrong))]
            .prop_map(move |value| value.map(|value| (name.to_owned(), value.to_owned())))
    });
    let origin = one_of![1 => Just(vec![]), 1 => origin()];
    let who = one_of![4 => Just(mighty(scope)), 1 => who(scope)];
    let method = one_of![8 => Just("GET"), 1 => Just("POST"), 1 => Just("HEAD")];
    (who, method, needed, origin)
        .prop_map(|(who, method, needed, origin)| Ask {
            method: method.to_owned(),
            target: "/api/database/v1".to_owned(),
            who,
            headers: needed.into_iter().flatten().chain(origin).collect(),
            ..Ask::default()
        })
        .boxed()
}

/// Requests outside the catalogue.
pub(super) fn elsewhere(scope: &Scope) -> BoxedStrategy<Ask> {
    let method =
        select(vec!["GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "PATCH"]).prop_map(str::to_owned).boxed();
    let targets = match scope.compares() {
        true => one_of![6 => paths::elsewhere(), 1 => paths::absolute()].boxed(),
        false => paths::elsewhere(),
    };
    ask(scope, who(scope), method, targets, body(scope, ""))
}
