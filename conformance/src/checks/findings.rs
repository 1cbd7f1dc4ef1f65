//! What a maintainer would want to know: what observed cores do though nothing asks for it, and though it is
//! to somebody's harm. Whoever knows puts them into a baseline.

use portmaster_fixtures::{Contract, Endpoint, Permission};
use serde_json::Value;

use super::{family::Family, sample};
use crate::{
    suite::{Check, Class, Context, Need, Outcome, SkipReason, Stop},
    target::Request,
};

pub(super) const FAMILY: Family = Family {
    name: "findings",
    about: "What observed cores do, and their maintainers may not want.",
    tags: &["security"],
    checks,
    of_catalogue: Some(of_catalogue),
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = of_catalogue(contract.endpoints());
    checks.push(short_key());
    checks
}

/// The findings on endpoints that are in the list.
fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    let mut checks: Vec<_> = endpoints.iter().filter_map(open_write).collect();
    let has = |slug: &str| endpoints.iter().any(|one| sample::slug(&one.path) == slug);
    if has("broadcasts/matching-data") {
        checks.push(keys_in_clear("broadcasts/matching-data", "broadcasts/matching-data"));
    }
    if has("sync/settings/export") {
        checks.push(keys_in_clear("sync/settings/export", "sync/settings/export?from=global"));
    }
    if has("profile/icon/:id") {
        checks.push(leaked_path());
    }
    if has("ready") {
        checks.push(inverted_ready());
    }
    for (slug, path, permission) in TYPED {
        if has(slug) {
            checks.push(declared(endpoints, slug, path, permission));
        }
    }
    checks
}

/// A write that anybody may do. One that only tells that the core is there does no harm.
fn open_write(endpoint: &'static Endpoint) -> Option<Check> {
    if endpoint.write != Permission::Anyone || endpoint.path == "interop/ping" {
        return None;
    }
    let check = Check::finding(
        format!("findings/open-write/{}", sample::slug(&endpoint.path)),
        "core-2.2 §5",
        format!("Nobody without a key makes the core do what {} does.", endpoint.path),
    );
    Some(check.class(Class::Disruptive).needs([Need::Guarded]).run(move |context| async move {
        let exchange = context.send(sample::request(endpoint, &endpoint.write_method)).await?;
        exchange.expect(exchange.is_refusal(), "a refusal: status 401 with the challenge, or 403")?;
        Ok(())
    }))
}

/// What shows settings to administrators shows their keys as well (core-2.2 §8 Q8).
fn keys_in_clear(id: &str, path: &'static str) -> Check {
    Check::finding(
        format!("findings/keys-in-clear/{id}"),
        "core-2.2 §8 Q8",
        format!("No API key can be read in the answer of {id}."),
    )
    .needs([Need::Rights(Permission::Admin)])
    .run(move |context| async move {
        let (place, key) = context.rights(Permission::Admin)?;
        let exchange = context.send_to(place, Request::api("GET", path).maybe_bearer(key)).await?;
        if !exchange.response.succeeded() && !exchange.is_refusal() {
            return Err(Stop::Skip(SkipReason::NoSuccess));
        }
        let text = exchange.status(200)?.response.text();
        let known = context.keys().redact(&text) != text;
        let listed = serde_json::from_str(&text).is_ok_and(|value| lists_keys(&value));
        if !known && !listed {
            return Ok(());
        }
        Err(exchange.violation_got("no API key in the answer", "API keys in clear (not repeated here)"))
    })
}

/// Whether some `core/apiKeys`, flat or as a tree, has an entry.
fn lists_keys(value: &Value) -> bool {
    let entries = |value: &Value| value.as_array().is_some_and(|keys| !keys.is_empty());
    match value {
        Value::Object(members) => members.iter().any(|(name, one)| {
            (matches!(name.as_str(), "apiKeys" | "core/apiKeys") && entries(one)) || lists_keys(one)
        }),
        Value::Array(items) => items.iter().any(lists_keys),
        _ => false,
    }
}

fn leaked_path() -> Check {
    Check::finding(
        "findings/path-leaked/profile/icon",
        "core-2.2 §6.6",
        "The error about a missing icon does not name folders of the machine.",
    )
    .needs([Need::Rights(Permission::User)])
    .run(async |context| {
        let (place, key) = context.rights(Permission::User)?;
        let request = Request::api("GET", "profile/icon/c0ffee.png").maybe_bearer(key);
        let exchange = context.send_to(place, request).await?;
        let text = exchange.response.text();
        let leaks = text
            .split([' ', ':', '"'])
            .any(|word| word.starts_with('/') && word.matches('/').count() > 1 || word.contains('\\'));
        let reached = !exchange.is_refusal() && !exchange.is_unrouted();
        exchange.expect(reached && !leaks, "an error of the endpoint without a path")?;
        Ok(())
    })
}

fn inverted_ready() -> Check {
    Check::finding(
        "findings/ready-inverted",
        "core-2.2 §8 Q3",
        "A core that serves its API says that it is ready.",
    )
    .run(async |context| {
        context.send(Request::api("GET", "ready")).await?.status(200)?;
        Ok(())
    })
}

/// A key that nobody has is nobody's, however short (core-1.x §5.7).
fn short_key() -> Check {
    Check::finding(
        "findings/short-key",
        "core-1.x §5.7",
        "An unknown key of fewer than four bytes is not answered with an empty 200.",
    )
    .needs([Need::Guarded])
    .run(async |context| {
        let request = Request::api("GET", "network/gateways").header("Authorization", "Bearer x");
        let exchange = context.send(request).await?;
        exchange.expect(exchange.is_refusal(), "a refusal: status 401 with the challenge, or 403")?;
        Ok(())
    })
}

/// Endpoints whose answers real cores send with another type than the catalogue's, and what to ask.
const TYPED: [(&str, &str, Permission); 4] = [
    ("netquery/query", "netquery/query?q=%7B%22pageSize%22%3A1%7D", Permission::User),
    ("spn/map/:map/graph:format", "spn/map/main/graph.dot", Permission::User),
    (
        "netquery/query/batch",
        "netquery/query/batch?q=%7B%22a%22%3A%7B%22pageSize%22%3A1%7D%7D",
        Permission::User,
    ),
    ("sync/settings/export", "sync/settings/export?from=global", Permission::Admin),
];

fn declared(
    endpoints: &'static [Endpoint],
    slug: &'static str,
    path: &'static str,
    permission: Permission,
) -> Check {
    let mime = endpoints.iter().find(|one| sample::slug(&one.path) == slug).map_or("", |one| &one.mime_type);
    Check::finding(
        format!("findings/undeclared-type/{slug}"),
        "core-1.x §1",
        format!("{slug} is answered with the type that the list of endpoints declares, {mime}."),
    )
    .needs([Need::Rights(permission)])
    .run(move |context| typed(context, path, permission, mime))
}

async fn typed(context: Context, path: &str, permission: Permission, mime: &str) -> Outcome {
    let (place, key) = context.rights(permission)?;
    let exchange = context.send_to(place, Request::api("GET", path).maybe_bearer(key)).await?;
    if !exchange.response.succeeded() && !exchange.is_refusal() && !exchange.is_unrouted() {
        return Err(Stop::Skip(SkipReason::NoSuccess));
    }
    exchange.status(200)?.header("Content-Type", &format!("{mime}; charset=utf-8"))?;
    Ok(())
}
