//! The structure of JSON answers, and what their members say.

use jiff::Timestamp;
use portmaster_fixtures::{Contract, Permission};
use serde_json::Value;

use super::shapes::Shape;
use crate::{
    suite::{Check, Context, Exchange, Need, Outcome, Place, SkipReason, Stop},
    target::Request,
};

/// An endpoint that answers JSON.
struct Answer {
    id: &'static str,
    title: &'static str,
    path: &'static str,
    permission: Permission,
    /// What it answers, in the language of `shapes`.
    shape: &'static str,
    /// Statuses that say that there is nothing to show, and the reason that they stand for.
    nothing: &'static [(u16, SkipReason)],
}

const NO_MAP: &[(u16, SkipReason)] = &[(500, SkipReason::NoMap), (503, SkipReason::NoMap)];
const NO_SUCCESS: &[(u16, SkipReason)] = &[(500, SkipReason::NoSuccess), (503, SkipReason::NoSuccess)];

const RESOLVER: &str =
    "{Name: string, Type: string, Source: string, IP: string, Domain: string, IPScope: int, Port: int}";
const META: &str = "{Created: int, Modified: int, Expires: int, Deleted: int, Key: string}";
const SOCKET: &str = "{IP: string, Port: int}";
const COORDINATES: &str = "{AccuracyRadius: int, Latitude: number, Longitude: number}";
const ENTITY: &str = "null|{Protocol: int, Port: int, Domain: string, ReverseDomain: string, CNAME: null|[string], \
    IP: string, IPScope: int, Country: string, Coordinates: null|@coordinates, ASN: int, ASOrg: string, \
    LocationError: string, BlockedByLists: null|[string], BlockedEntities: null|[string], \
    ListOccurences: any, ListsError: string}";
const MEASUREMENTS: &str = "{Latency: int, LatencyMeasuredAt: string, Capacity: int, CapacityMeasuredAt: string, \
    CalculatedCost: number, GeoProximity: number}";

const ANSWERS: [Answer; 19] = [
    Answer {
        id: "app/profile",
        title: "Get the ID of the calling profile",
        path: "app/profile",
        permission: Permission::User,
        shape: "{name: string, profile: string, source: string}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "auth/permissions",
        title: "View Current Permissions",
        path: "auth/permissions",
        permission: Permission::Anyone,
        shape: "{Read: int, Write: int, ReadRole: string, WriteRole: string}",
        nothing: &[],
    },
    Answer {
        id: "broadcasts/matching-data",
        title: "Get Broadcast Notifications Matching Data",
        path: "broadcasts/matching-data",
        permission: Permission::Admin,
        shape: "{Account: any, Config: {…}, Install: {Version: string, NumericVersion: int, Time: string, \
            NumericDate: int, DaysSinceInstall: int, UnixTimestamp: int}, Location: {…}, NumericVersion: int, \
            SPN: {Status: string, HomeHubID: string, HomeHubName: string, ConnectedIP: string, \
            ConnectedTransport: string, ConnectedSince: null|string}, Updates: {…}, UptimeHours: int, Version: string}",
        nothing: &[],
    },
    Answer {
        id: "config/options",
        title: "Export Configuration Options",
        path: "config/options",
        permission: Permission::Anyone,
        shape: "[{Name: string, Key: string, Description: string, Help: string, Sensitive: bool, OptType: int, \
            ExpertiseLevel: int, ReleaseLevel: int, RequiresRestart: bool, DefaultValue: any, \
            ValidationRegex: string, PossibleValues?: [{Name: string, Description: string, Value: any}], \
            Annotations: null|{…}}]",
        nothing: &[],
    },
    Answer {
        id: "debug/network/state",
        title: "Get Network State Table Data",
        path: "debug/network/state",
        permission: Permission::User,
        shape: "{TCP4Connections: null|[@connection], TCP4Listeners: null|[@bind], \
            TCP6Connections: null|[@connection], TCP6Listeners: null|[@bind], UDP4Binds: null|[@bind], \
            UDP6Binds: null|[@bind]}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "dns/resolvers",
        title: "List DNS Resolvers",
        path: "dns/resolvers",
        permission: Permission::Anyone,
        shape: "[{ConfigURL: string, Info: @resolver, ServerAddress: string, UpstreamBlockDetection: string, \
            Search: null|[string], SearchOnly: bool, Path: string, Failing: bool}]",
        nothing: &[],
    },
    Answer {
        id: "endpoints",
        title: "Export API Endpoints",
        path: "endpoints",
        permission: Permission::Anyone,
        shape: "[{Path: string, MimeType: string, Read?: int, ReadMethod?: string, Write?: int, \
            WriteMethod?: string, Name: string, Description: string, \
            Parameters?: [{Method: string, Field: string, Value: string, Description: string}]}]",
        nothing: &[],
    },
    Answer {
        id: "netquery/charts/connection-active/GET",
        title: "Active Connections Chart",
        path: "netquery/charts/connection-active?q=%7B%7D",
        permission: Permission::User,
        shape: "{params: null|{…}, query: string, results: null|[{timestamp: int, value: int, countBlocked: int}]}",
        nothing: &[],
    },
    Answer {
        id: "netquery/query/GET",
        title: "Query Connections",
        path: "netquery/query?q=%7B%22pageSize%22%3A5%7D",
        permission: Permission::User,
        shape: "{results: null|[{id: string, active: bool, allowed: any, profile: string, path: string, type: string, \
            domain: any, started: string, ended: any, verdict: int, internal: bool, tunneled: bool, …}], …}",
        nothing: &[],
    },
    Answer {
        id: "netquery/query/count",
        title: "Query Connections",
        path: "netquery/query?q=%7B%22select%22%3A%5B%7B%22%24count%22%3A%7B%22field%22%3A%22*%22%2C%22as%22%3A%22n%22%7D%7D%5D%7D",
        permission: Permission::User,
        shape: "{results: [{n: int}], …}",
        nothing: &[],
    },
    Answer {
        id: "network/gateways",
        title: "Get Default Gateways",
        path: "network/gateways",
        permission: Permission::User,
        shape: "null|[string]",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "network/location",
        title: "Get Approximate Internet Location",
        path: "network/location",
        permission: Permission::User,
        shape: "{All: null|[{IP: string, IPVersion: int, Location: null|{Continent: {Code: string}, \
            Country: {ISOCode: string}, Coordinates: @coordinates, AutonomousSystemNumber: int, \
            AutonomousSystemOrganization: string, IsAnycast: bool, IsSatelliteProvider: bool, \
            IsAnonymousProxy: bool}, Source: string, SourceAccuracy: int}]}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "network/location/traceroute",
        title: "Get Approximate Internet Location via Traceroute",
        path: "network/location/traceroute",
        permission: Permission::User,
        shape: "{All?: any, …}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "network/nameservers",
        title: "Get System Nameservers",
        path: "network/nameservers",
        permission: Permission::User,
        shape: "null|[{IP: string, Search: null|[string]}]",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "spn/account/user/profile",
        title: "SPN User Profile",
        path: "spn/account/user/profile",
        permission: Permission::User,
        shape: "{username: string, state: string, balance: number, device: null|{name: string, id: string}, \
            subscription: null|{ends_at: null|string, state: string, …}, current_plan: null|@plan, \
            next_plan: null|@plan, LoggedInAt: null|string, _meta: @meta, …}",
        nothing: &[(401, SkipReason::NoAccount), (503, SkipReason::NoAccount)],
    },
    Answer {
        id: "spn/map/:map/measurements",
        title: "Get SPN map measurements",
        path: "spn/map/main/measurements",
        permission: Permission::User,
        shape: "[@measurements]",
        nothing: NO_MAP,
    },
    Answer {
        id: "spn/map/:map/optimization",
        title: "Get SPN map optimization",
        path: "spn/map/main/optimization",
        permission: Permission::User,
        shape: "{Purpose: string, Approach: null|[string], SuggestedConnections: null|[{Hub: {ID: string, Map: string, \
            Info: {ID: string, Timestamp: int, Name: string, …}, Status: {Timestamp: int, Version: string, …}, \
            Measurements: @measurements, FirstSeen: string, VerifiedIPs: bool, InvalidInfo: bool, \
            InvalidStatus: bool, …}, Reason: string, Duplicate: bool}], MaxConnect: int, StopOthers: bool}",
        nothing: NO_MAP,
    },
    Answer {
        id: "spn/map/:map/pins",
        title: "Get SPN map pins",
        path: "spn/map/main/pins",
        permission: Permission::User,
        shape: "[{ID: string, Name: string, Map: string, FirstSeen: string, EntityV4: @entity, EntityV6: @entity, \
            States: null|[string], VerifiedOwner: string, HopDistance: int, \
            ConnectedTo: null|{*: {HubID: string, Capacity: int, Latency: int}}, Route: null|[string], \
            SessionActive: bool, …}]",
        nothing: NO_MAP,
    },
    Answer {
        id: "dns/cache/:query/unknown",
        title: "Get DNS Record from Cache",
        path: "dns/cache/not-cached.conformance.example.A",
        permission: Permission::User,
        shape: "@record",
        nothing: &[(500, SkipReason::NothingToSee)],
    },
];

/// Puts the structures that several answers share in their places.
fn shape(text: &str) -> Result<Shape, Stop> {
    let text = text
        .replace(
            "@record",
            "{Domain: string, Question: string, RCode: int, Answer: null|[string], \
            Ns: null|[string], Extra: null|[string], Expires: int, Resolver: null|@resolver, _meta: @meta}",
        )
        .replace("@entity", ENTITY)
        .replace("@connection", "{Local: @socket, Remote: @socket, PID: int, UID: int, Inode: int}")
        .replace("@bind", "{Local: @socket, PID: int, UID: int, Inode: int, ListensAny: bool}")
        .replace("@plan", "{name: string, amount: number, months: int, renewable: bool, …}")
        .replace("@measurements", MEASUREMENTS)
        .replace("@coordinates", COORDINATES)
        .replace("@socket", SOCKET)
        .replace("@resolver", RESOLVER)
        .replace("@meta", META);
    Shape::read(&text).map_err(Stop::Error)
}

pub(super) fn checks(contract: Contract) -> Vec<Check> {
    let mut checks: Vec<_> = ANSWERS.iter().map(structure).collect();
    checks.extend(meaning());
    checks.extend(contract.options().iter().map(|option| {
        Check::should(
            format!("structure/config/options/{}", option.key),
            "core-1.x §7",
            format!("There is an option {} of its type.", option.key),
        )
        .run(move |context| async move {
            let (exchange, value) = ask(&context, "config/options", Permission::Anyone, &[]).await?;
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

fn structure(answer: &'static Answer) -> Check {
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
        let (exchange, value) = ask(&context, answer.path, answer.permission, answer.nothing).await?;
        match shape(answer.shape)?.deviation(&value) {
            None => Ok(()),
            Some(deviation) => Err(exchange.violation_got("the members of core-1.x §7", deviation)),
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
    let place = if path.starts_with("spn/") && place == Place::Main { Place::Populated } else { place };
    let exchange = context.send_to(place, Request::api("GET", path).maybe_bearer(key)).await?;
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
    let should = |id: &str, sentence: &str| Check::should(format!("structure/{id}"), "core-1.x §7", sentence);
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
            let (exchange, value) = ask(&context, "config/options", Permission::Anyone, &[]).await?;
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

/// Looks up a record that the target itself says it cached: a connection of type dns names one.
async fn cached_record(context: Context) -> Outcome {
    let query = "netquery/query?q=%7B%22select%22%3A%5B%22domain%22%5D%2C%22query%22%3A%7B%22type%22%3A%22dns%22%7D%2C%22groupBy%22%3A%5B%22domain%22%5D%7D";
    let (_, found) = ask(&context, query, Permission::User, &[(400, SkipReason::NothingToSee)]).await?;
    let mut domains: Vec<String> = found["results"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["domain"].as_str())
        .map(|name| name.trim_end_matches('.').to_owned())
        .collect();
    // What real cores and simulators have most probably looked up.
    domains.extend(["example.com", "recorder.wikipedia.org", "updates.safing.io"].map(str::to_owned));
    for domain in domains {
        for question in ["A", "AAAA"] {
            let path = format!("dns/cache/{domain}.{question}");
            let asked = ask(&context, &path, Permission::User, &[(500, SkipReason::NothingToSee)]).await;
            let (exchange, record) = match asked {
                Err(Stop::Skip(_)) => continue,
                other => other?,
            };
            if let Some(deviation) = shape("@record")?.deviation(&record) {
                return Err(exchange.violation_got("the members of core-1.x §7", deviation));
            }
            let key = format!("cache:intel/nameRecord/{domain}.{question}");
            let right = record["Domain"] == format!("{domain}.")
                && record["Question"] == question
                && record["_meta"]["Key"] == key.as_str();
            exchange.expect(right, format!("Domain {domain}., Question {question}, _meta.Key {key}"))?;
            return Ok(());
        }
    }
    Err(Stop::Skip(SkipReason::NothingToSee))
}

async fn measurements_table(context: Context) -> Outcome {
    let (_, measured) = ask(&context, "spn/map/main/measurements", Permission::User, NO_MAP).await?;
    let (place, key) = context.rights(Permission::User)?;
    let place = if place == Place::Main { Place::Populated } else { place };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_can_be_read() {
        for answer in &ANSWERS {
            let read = shape(answer.shape);
            assert!(read.is_ok(), "{}: {read:?}", answer.id);
        }
    }
}
