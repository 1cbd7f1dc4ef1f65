//! The endpoint list of the target equals the published page, entry by entry.

use std::sync::Arc;

use portmaster_fixtures::{Contract, Endpoint};
use serde_json::{Value, json};

use super::{family::Family, sample};
use crate::suite::{Check, Context, Exchange, Outcome, Stop};

pub(super) const FAMILY: Family = Family {
    name: "catalogue",
    about: "The endpoint list equals the published page.",
    tags: &["http"],
    checks,
    of_catalogue: Some(of_catalogue),
};

fn checks(contract: Contract) -> Vec<Check> {
    of_catalogue(contract.endpoints())
}

/// The checks against a list of endpoints.
fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    let mut checks = vec![
        Check::must("catalogue/list", "Export API Endpoints", "The list of endpoints is a JSON array.")
            .run(async |context| list(&context).await.map(drop)),
        Check::must(
            "catalogue/no-doubles",
            "Export API Endpoints",
            "No path stands twice in the list of endpoints.",
        )
        .run(no_doubles),
        Check::info(
            "catalogue/no-more",
            "page: Export API Endpoints",
            "The list holds no endpoint that is not on the page; a started core may list more.",
        )
        .run(move |context| no_more(context, endpoints)),
    ];
    for endpoint in endpoints {
        let slug = sample::slug(&endpoint.path);
        checks.push(
            Check::must(
                format!("catalogue/entry/{slug}"),
                &endpoint.name,
                format!("The list describes {} as the page does.", endpoint.path),
            )
            .run(move |context| entry(context, endpoint)),
        );
        checks.push(
            Check::must(
                format!("catalogue/exists/{slug}"),
                &endpoint.name,
                format!("There is an endpoint {}.", endpoint.path),
            )
            .run(move |context| exists(context, endpoint)),
        );
    }
    checks
}

async fn list(context: &Context) -> Result<Arc<(Exchange, Value)>, Stop> {
    let list = context.list("endpoints").await?;
    if list.1.is_array() { Ok(list) } else { Err(list.0.violation("a JSON array")) }
}

/// The entries of a list.
fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

async fn no_doubles(context: Context) -> Outcome {
    let (exchange, list) = &*list(&context).await?;
    let mut paths: Vec<_> = entries(list).filter_map(|entry| entry["Path"].as_str()).collect();
    paths.sort_unstable();
    match paths.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(exchange.violation_got("every path once", format!("{} twice", pair[0]))),
    }
}

async fn no_more(context: Context, endpoints: &[Endpoint]) -> Outcome {
    let (exchange, list) = &*list(&context).await?;
    let known = |path: &str| endpoints.iter().any(|one| one.path == path);
    let more: Vec<_> =
        entries(list).filter_map(|entry| entry["Path"].as_str()).filter(|path| !known(path)).collect();
    match more.as_slice() {
        [] => Ok(()),
        more => {
            Err(exchange.violation_got("the endpoints of the page only", format!("also {}", more.join(", "))))
        }
    }
}

/// What of an entry is compared: everything but names and descriptions, which are prose.
fn facts(entry: &Value) -> Value {
    let parameters: Vec<_> = entry["Parameters"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|one| json!({"Method": one["Method"], "Field": one["Field"], "Value": one["Value"]}))
        .collect();
    let or = |name: &str, empty: Value| if entry[name].is_null() { empty } else { entry[name].clone() };
    json!({
        "Path": entry["Path"],
        "MimeType": entry["MimeType"],
        "Read": or("Read", json!(0)),
        "ReadMethod": or("ReadMethod", json!("")),
        "Write": or("Write", json!(0)),
        "WriteMethod": or("WriteMethod", json!("")),
        "Parameters": parameters,
    })
}

async fn entry(context: Context, endpoint: &Endpoint) -> Outcome {
    let (exchange, list) = &*list(&context).await?;
    let page = serde_json::to_value(endpoint).map_err(|error| Stop::Error(error.to_string()))?;
    let wanted = facts(&page);
    let Some(found) = entries(list).find(|entry| entry["Path"] == endpoint.path.as_str()) else {
        return Err(exchange.violation_got(format!("an entry with {wanted}"), "no entry with that path"));
    };
    let found = facts(found);
    if found == wanted { Ok(()) } else { Err(exchange.violation_got(wanted.to_string(), found.to_string())) }
}

/// Asks with GET, which a core refuses with 405 where an endpoint only writes, and with 404 where there is
/// none.
async fn exists(context: Context, endpoint: &Endpoint) -> Outcome {
    let exchange = context.send(sample::request(endpoint, "GET").body("")).await?;
    if endpoint.read.is_not_supported() {
        exchange.status(405)?;
    } else {
        exchange.expect(!exchange.is_unrouted(), "anything but \"Not found.\"")?;
        exchange.expect(exchange.response.status != 405, "anything but \"Method not allowed.\"")?;
    }
    Ok(())
}
