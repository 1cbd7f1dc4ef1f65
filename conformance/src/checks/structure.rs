//! The structure of JSON answers, and what their members say.

use futures_util::future::join_all;
use jiff::Timestamp;
use portmaster_fixtures::{ANSWERS, Answer, Behaviour, Contract, Permission};
use serde_json::Value;

use super::{
    answers::{NO_MAP, NO_SUCCESS, nothing},
    family::Family,
};
use crate::{
    suite::{Check, Context, Exchange, Need, Outcome, SkipReason, Stop},
    target::Request,
};

pub(super) const FAMILY: Family = Family {
    name: "structure",
    about: "The structure of JSON answers.",
    tags: &["data"],
    checks,
    of_catalogue: None,
};

fn checks(contract: Contract) -> Vec<Check> {
    let only_written = |answer: &Answer| {
        let path = answer.path.split('?').next().unwrap_or_default();
        contract.endpoints().iter().any(|one| one.path == path && one.read.is_not_supported())
    };
    let mut checks: Vec<_> = ANSWERS
        .iter()
        .filter(|answer| !only_written(answer))
        .map(|answer| structure(answer, contract.behaviour()))
        .collect();
    checks.extend(meaning());
    checks.extend(contract.options().iter().map(|option| {
        Check::should(
            format!("structure/config/options/{}", option.key),
            "core-1.x §7.1",
            format!("There is an option {} of its type.", option.key),
        )
        .run(move |context| async move {
            let (exchange, value) = &*context.list("config/options").await?;
            let entry =
                value.as_array().and_then(|all| all.iter().find(|one| one["Key"] == option.key.as_str()));
            let wanted = u8::from(option.opt_type);
            let found = entry.map(|one| one["OptType"].clone());
            match found {
                Some(found) if found == wanted => Ok(()),
                Some(found) => {
                    Err(exchange.violation_got(format!("OptType {wanted}"), format!("OptType {found}")))
                }
                None => {
                    Err(exchange.violation_got(format!("an option {}", option.key), "none with that key"))
                }
            }
        })
    }));
    checks
}

fn structure(answer: &'static Answer, behaviour: &'static Behaviour) -> Check {
    Check::must(
        format!("structure/{}", answer.id),
        answer.title,
        format!(
            "{} answers its members with their types.",
            answer.path.split('?').next().unwrap_or_default()
        ),
    )
    .needs([Need::Rights(answer.permission)])
    .run(move |context| async move {
        let (exchange, value) = ask(&context, answer.path, answer.permission, nothing(answer)).await?;
        match answer.shape(behaviour).map_err(Stop::Error)?.deviation(&value) {
            None => Ok(()),
            Some(deviation) => Err(exchange.violation_got("the members of the contract", deviation)),
        }
    })
}

async fn ask(
    context: &Context,
    path: &str,
    permission: Permission,
    nothing: &[(u16, SkipReason)],
) -> Result<(Exchange, Value), Stop> {
    let (place, key) = context.rights(permission)?;
    let exchange = context.send_to(place, Request::api("GET", path).maybe_bearer(key).kept()).await?;
    let said = nothing.iter().find(|(status, _)| *status == exchange.response.status);
    if let Some((_, reason)) = said
        && !exchange.is_refusal()
    {
        return Err(Stop::Skip(*reason));
    }
    let value = exchange.status(200)?.json()?;
    Ok((exchange, value))
}

/// Checks of what members say.
fn meaning() -> Vec<Check> {
    let should = |id: &str, sentence: &str| {
        let clause = if id.starts_with("spn/map/") { "core-1.x §7.4" } else { "core-1.x §7.1" };
        Check::should(format!("structure/{id}"), clause, sentence)
    };
    vec![
        should("dns/cache/:query/known", "A cached record is answered with its question and its metadata.")
            .needs([Need::Rights(Permission::User)])
            .run(cached_record),
        should("dns/resolvers/config-url", "A resolver's ConfigURL names its type and address.").run(
            async |context| {
                let (exchange, value) = ask(&context, "dns/resolvers", Permission::Anyone, &[]).await?;
                every(&exchange, &value, "Info.Type is the scheme of ConfigURL", |one| {
                    one["ConfigURL"].as_str()?.split("://").next().map(|scheme| one["Info"]["Type"] == scheme)
                })
            },
        ),
        should("endpoints/has-a-method", "Every entry has a permission and a method, to read or to write.")
            .run(async |context| {
                let (exchange, value) = ask(&context, "endpoints", Permission::Anyone, &[]).await?;
                every(
                    &exchange,
                    &value,
                    "Read with ReadMethod, Write with WriteMethod, at least one",
                    |one| {
                        let pair = |a: &str, b: &str| one[a].is_null() == one[b].is_null();
                        let any = !one["Read"].is_null() || !one["Write"].is_null();
                        Some(any && pair("Read", "ReadMethod") && pair("Write", "WriteMethod"))
                    },
                )
            }),
        should("config/options/sorted", "Options are sorted by key.").run(async |context| {
            let (exchange, value) = &*context.list("config/options").await?;
            let keys: Vec<_> =
                value.as_array().into_iter().flatten().filter_map(|one| one["Key"].as_str()).collect();
            match keys.windows(2).find(|pair| pair[0] >= pair[1]) {
                None => Ok(()),
                Some(pair) => Err(exchange
                    .violation_got("options sorted by key", format!("{} before {}", pair[0], pair[1]))),
            }
        }),
        Check::must(
            "structure/config/options/no-values",
            "Export Configuration Options",
            "The list of options does not include active settings: no API key stands in it.",
        )
        .run(async |context| {
            let exchange = context.send(Request::api("GET", "config/options")).await?;
            let text = exchange.response.text();
            let clean = context.keys().redact(&text) == text;
            exchange
                .expect(clean && exchange.response.succeeded(), "a list of options without any key in it")?;
            Ok(())
        }),
        should("network/location/addresses", "Each location says how it was found.")
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let (exchange, value) =
                    ask(&context, "network/location", Permission::User, NO_SUCCESS).await?;
                every(&exchange, &value["All"], "a Source, and IPVersion 4 or 6", |one| {
                    let version = matches!(one["IPVersion"].as_i64(), Some(4 | 6));
                    Some(version && one["Source"].as_str().is_some_and(|source| !source.is_empty()))
                })
            }),
        should("spn/map/:map/measurements/order", "Measurements come sorted by cost, cheapest first.")
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let (exchange, value) =
                    ask(&context, "spn/map/main/measurements", Permission::User, NO_MAP).await?;
                let costs: Vec<_> = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|one| one["CalculatedCost"].as_f64())
                    .collect();
                exchange.expect(costs.is_sorted(), "CalculatedCost ascending")?;
                Ok(())
            }),
        should("spn/map/:map/pins/links", "A pin's lanes are listed by the hub they lead to.")
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let (exchange, value) = ask(&context, "spn/map/main/pins", Permission::User, NO_MAP).await?;
                every(&exchange, &value, "each member of ConnectedTo named like its HubID", |one| {
                    one["ConnectedTo"]
                        .as_object()
                        .map(|lanes| lanes.iter().all(|(id, lane)| lane["HubID"] == id.as_str()))
                })
            }),
        should("spn/map/:map/pins/first-seen", "A pin says when it was first seen, as RFC 3339.")
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let (exchange, value) = ask(&context, "spn/map/main/pins", Permission::User, NO_MAP).await?;
                every(&exchange, &value, "FirstSeen as RFC 3339", |one| Some(is_instant(&one["FirstSeen"])))
            }),
        should(
            "spn/map/:map/measurements/table",
            "The table of measurements has a header line and then hubs, each in a line.",
        )
        .needs([Need::Rights(Permission::User)])
        .run(measurements_table),
        should("netquery/query/instants", "Connections say when they began, as RFC 3339.")
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let path = "netquery/query?q=%7B%22pageSize%22%3A20%7D";
                let (exchange, value) = ask(&context, path, Permission::User, &[]).await?;
                if value["results"].is_null() {
                    return Err(Stop::Skip(SkipReason::NothingToSee));
                }
                every(&exchange, &value["results"], "started as RFC 3339", |one| {
                    Some(is_instant(&one["started"]))
                })
            }),
        should("netquery/query/no-rows", "A query that matches nothing answers null, not an empty array.")
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let path = "netquery/query?q=%7B%22query%22%3A%7B%22id%22%3A%22no-such-connection%22%7D%7D";
                let (exchange, value) = ask(&context, path, Permission::User, &[]).await?;
                exchange.expect(value["results"].is_null(), "\"results\": null")?;
                Ok(())
            }),
        should(
            "netquery/query/indented",
            "netquery indents its answers by two blanks and ends them with a line end.",
        )
        .needs([Need::Rights(Permission::User)])
        .run(async |context| {
            let path = "netquery/query?q=%7B%22query%22%3A%7B%22id%22%3A%22no-such-connection%22%7D%7D";
            let (exchange, _) = ask(&context, path, Permission::User, &[]).await?;
            let text = exchange.response.text();
            exchange.expect(text.starts_with("{\n  \"") && text.ends_with("}\n"), "an indented answer")?;
            Ok(())
        }),
    ]
}

fn is_instant(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok())
}

/// Expects `holds` of every entry of an array; an entry that it cannot judge does not hold.
fn every(
    exchange: &Exchange,
    array: &Value,
    expected: &str,
    holds: impl Fn(&Value) -> Option<bool>,
) -> Outcome {
    let entries = array.as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return Err(Stop::Skip(SkipReason::NothingToSee));
    }
    match entries.iter().find(|one| holds(one) != Some(true)) {
        None => Ok(()),
        Some(entry) => Err(exchange.violation_got(format!("in every entry: {expected}"), entry.to_string())),
    }
}

/// An answer in the cache of names.
pub(super) struct Cached {
    /// The name, without a dot at its end.
    domain: String,
    /// The record's type.
    question: &'static str,
    /// How it was asked for, and what came.
    pub(super) exchange: Exchange,
    /// What came.
    pub(super) record: Value,
}

/// Looks for a record that the target itself says it cached: a connection of type dns names one.
pub(super) async fn find_cached(context: &Context) -> Result<Cached, Stop> {
    let query = "netquery/query?q=%7B%22select%22%3A%5B%22domain%22%5D%2C%22query%22%3A%7B%22type%22%3A%22dns%22%7D%2C%22groupBy%22%3A%5B%22domain%22%5D%7D";
    let (_, found) = ask(context, query, Permission::User, &[(400, SkipReason::NothingToSee)]).await?;
    let mut domains: Vec<String> = found["results"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["domain"].as_str())
        .map(|name| name.trim_end_matches('.').to_owned())
        // Others are no names that the endpoint takes.
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)))
        .collect();
    // What real cores and simulators have most probably looked up.
    domains.extend(["example.com", "recorder.wikipedia.org", "updates.safing.io"].map(str::to_owned));
    let both = |domain: String| ["A", "AAAA"].map(|question| (domain.clone(), question));
    let names: Vec<_> = domains.into_iter().flat_map(both).collect();
    // Most are not there, and a slow target takes its time to say so.
    for some in names.chunks(4) {
        let asked = some.iter().map(|(domain, question)| cached(context, domain, question));
        for found in join_all(asked).await {
            if !matches!(found, Err(Stop::Skip(_))) {
                return found;
            }
        }
    }
    Err(Stop::Skip(SkipReason::NothingToSee))
}

async fn cached(context: &Context, domain: &str, question: &'static str) -> Result<Cached, Stop> {
    let path = format!("dns/cache/{domain}.{question}");
    let asked = ask(context, &path, Permission::User, &[(500, SkipReason::NothingToSee)]).await;
    asked.map(|(exchange, record)| Cached { domain: domain.to_owned(), question, exchange, record })
}

async fn cached_record(context: Context) -> Outcome {
    let Cached { domain, question, exchange, record } = find_cached(&context).await?;
    if let Some(deviation) = portmaster_fixtures::cached_record(context.contract().behaviour())
        .map_err(Stop::Error)?
        .deviation(&record)
    {
        return Err(exchange.violation_got("the members of the contract", deviation));
    }
    exchange.header("Content-Type", "application/json; charset=utf-8")?;
    let key = format!("cache:intel/nameRecord/{domain}.{question}");
    let right = record["Domain"] == format!("{domain}.")
        && record["Question"] == question
        && record["_meta"]["Key"] == key.as_str();
    exchange.expect(right, format!("Domain {domain}., Question {question}, _meta.Key {key}"))?;
    Ok(())
}

async fn measurements_table(context: Context) -> Outcome {
    let (_, measured) = ask(&context, "spn/map/main/measurements", Permission::User, NO_MAP).await?;
    let (place, key) = context.rights(Permission::User)?;
    let request = Request::api("GET", "spn/map/main/measurements/table").maybe_bearer(key);
    let exchange = context.send_to(place, request).await?;
    let text = exchange.status(200)?.response.text();
    exchange.expect(text.starts_with("Hub Name "), "a header line that begins with \"Hub Name\"")?;
    let hubs = measured.as_array().map_or(0, Vec::len);
    let lines = text.trim_end().lines().count() - 1;
    exchange.expect(
        lines <= hubs && (lines > 0 || hubs == 0),
        format!("after it 1 to {hubs} lines, one a hub"),
    )?;
    Ok(())
}
