//! The privacy network: account, connection and map.

use std::collections::{BTreeMap, BTreeSet};

use portmaster_fixtures::Country;
use serde_json::{Value, json};

use super::{
    filled,
    http::{json as told_json, words},
    regions,
    source::Source,
    text,
};
use crate::limits::CAPTURED_HUBS;

/// What pins say of a hub, and how scenarios say it.
const STATES: &[(&str, &str)] = &[
    ("Failing", "failing"),
    ("Offline", "offline"),
    ("Trusted", "trusted"),
    ("UsageDiscouraged", "usage-discouraged"),
    ("UsageAsHomeDiscouraged", "usage-as-home-discouraged"),
    ("UsageAsDestinationDiscouraged", "usage-as-destination-discouraged"),
    ("ConnectivityIssues", "connectivity-issues"),
    ("AllowUnencrypted", "allow-unencrypted"),
];

/// How far the connection is, in the word of the wire.
pub(super) async fn status(source: &mut Source) -> Option<String> {
    let status = source.record("runtime:spn/status").await?;
    Some(text(&status, "Status").to_owned()).filter(|word| !word.is_empty())
}

/// `spn`, without the status.
pub(super) async fn spn(source: &mut Source) -> Value {
    let status = source.record("runtime:spn/status").await.unwrap_or_default();
    let account = account(source).await;
    let pins = pins(source).await;
    let is_home = |pin: &&Value| states(pin).any(|state| state == "IsHomeHub");
    let home = pins.iter().find(is_home).map_or_else(|| text(&status, "HomeHubID"), |pin| text(pin, "ID"));
    let is_open =
        |pin: &&Value| pin.get("SessionActive") == Some(&Value::Bool(true)) && text(pin, "ID") != home;
    let sessions = Some(pins.iter().filter(is_open).count()).filter(|count| *count > 0);
    let map = if pins.is_empty() { Value::Null } else { map(source, &pins, home).await };
    // A home that is not in the map is none.
    let home = if pins.iter().take(CAPTURED_HUBS).any(|pin| text(pin, "ID") == home) { home } else { "" };
    Value::Object(filled([
        ("home", home.into()),
        ("connected_since", text(&status, "ConnectedSince").into()),
        ("sessions", sessions.into()),
        ("account", account),
        ("map", map),
    ]))
}

/// The hubs; that there is no map, as before the network was first up, is no failure.
async fn pins(source: &mut Source) -> Vec<Value> {
    let Some(reply) = source.get("spn/map/main/pins").await else { return Vec::new() };
    match told_json(&reply) {
        Some(Value::Array(pins)) if reply.status == 200 => return pins,
        _ if words(&reply).contains("map not found") => {}
        _ => source.miss(format!("spn/map/main/pins: status {} {}", reply.status, words(&reply))),
    }
    Vec::new()
}

fn states(pin: &Value) -> impl Iterator<Item = &str> {
    pin.get("States").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The account, if somebody is logged in.
async fn account(source: &mut Source) -> Value {
    let Some(reply) = source.get("spn/account/user/profile").await else { return Value::Null };
    if reply.status == 401 && words(&reply).contains("not logged in") {
        return Value::Null;
    }
    let told = match told_json(&reply).filter(|_| reply.status == 200) {
        Some(told) => told,
        None => {
            source.miss(format!("spn/account/user/profile: status {} {}", reply.status, words(&reply)));
            return Value::Null;
        }
    };
    let part = |name: &str| told.get(name).cloned().unwrap_or_default();
    let (device, plan, subscription) = (part("device"), part("current_plan"), part("subscription"));
    let state = match text(&told, "state") {
        "approved" => "",
        "" => "none",
        other => other,
    };
    let balance = part("balance").as_i64().filter(|cents| *cents != 0);
    let month = |count: &Value| count.as_i64() == Some(1);
    let member = |name: &str| plan.get(name).cloned().unwrap_or_default();
    let plan = filled([
        ("name", text(&plan, "name").into()),
        ("amount", member("amount")),
        ("months", Some(member("months")).filter(|count| !month(count)).into()),
        ("renewable", Some(member("renewable")).filter(|is| *is == Value::Bool(true)).into()),
        ("features", member("feature_ids")),
    ]);
    let device = filled([("name", text(&device, "name").into()), ("id", text(&device, "id").into())]);
    Value::Object(filled([
        ("username", text(&told, "username").into()),
        ("state", state.into()),
        ("balance", balance.into()),
        ("device", device.into()),
        ("plan", plan.into()),
        ("ends", text(&subscription, "ends_at").into()),
        ("next_billing", text(&subscription, "next_billing_date").into()),
        ("payment_provider", text(&subscription, "payment_provider").into()),
        ("logged_in", text(&told, "LoggedInAt").into()),
    ]))
}

/// `spn.map`
async fn map(source: &mut Source, pins: &[Value], home: &str) -> Value {
    let list = match source.json("spn/map/main/measurements").await {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let table = source.get("spn/map/main/measurements/table").await;
    let table = table.filter(|reply| reply.status == 200).map(|reply| reply.body).unwrap_or_default();
    let lines = regions::lines(&String::from_utf8_lossy(&table));
    let measured = regions::measured(&list, &lines, home);
    if measured.len() < pins.len() {
        source.miss(format!("the measurements of {} hubs", pins.len() - measured.len()));
    }
    if pins.len() > CAPTURED_HUBS {
        source.miss(format!("{} hubs beyond the first {CAPTURED_HUBS}", pins.len() - CAPTURED_HUBS));
    }
    let pins = &pins[..pins.len().min(CAPTURED_HUBS)];
    let names = names(pins);
    if pins.iter().any(|pin| pin.get("Info").is_none()) {
        source.miss("what operators announce of their hubs, their versions and their load");
    }
    let mut told = BTreeSet::new();
    let hubs: Vec<Value> = pins.iter().map(|pin| hub(pin, &names, &measured, &mut told, source)).collect();
    let regions = serde_json::to_value(regions::regions(&lines)).unwrap_or_default();
    Value::Object(filled([("hubs", hubs.into()), ("regions", regions)]))
}

/// The names of hubs by id, each once.
fn names(pins: &[Value]) -> BTreeMap<String, String> {
    let mut taken = BTreeSet::new();
    let name = |pin: &Value| {
        let id = text(pin, "ID");
        let tail = id.get(id.len().saturating_sub(8)..).unwrap_or(id);
        let name = match text(pin, "Name") {
            "" => tail.to_owned(),
            name if taken.contains(name) => format!("{name} {tail}"),
            name => name.to_owned(),
        };
        taken.insert(name.clone());
        (id.to_owned(), name)
    };
    pins.iter().map(name).collect()
}

fn hub(
    pin: &Value,
    names: &BTreeMap<String, String>,
    measured: &BTreeMap<String, Value>,
    told: &mut BTreeSet<(String, String)>,
    source: &Source,
) -> Value {
    let id = text(pin, "ID");
    let part = |name: &str| pin.get(name).cloned().unwrap_or_default();
    let (info, status, v4, v6) = (part("Info"), part("Status"), part("EntityV4"), part("EntityV6"));
    let entity = if v4.is_null() { &v6 } else { &v4 };
    let country = text(entity, "Country");
    let at = entity.get("Coordinates").cloned().unwrap_or_default();
    let degrees = |name: &str| at.get(name).cloned().unwrap_or_default();
    let (latitude, longitude) = (degrees("Latitude"), degrees("Longitude"));
    let is_middle = Country::find(country).is_some_and(|country| {
        latitude.as_f64() == Some(country.latitude) && longitude.as_f64() == Some(country.longitude)
    });
    let degrees = |value: Value| Some(value).filter(|_| !is_middle);
    let some = |value: Option<&Value>| value.filter(|value| value.as_f64() != Some(0.0)).cloned();
    let group = Some(text(&info, "Group")).filter(|group| !group.is_empty());
    let measurement = measured.get(id).cloned().unwrap_or_default();
    let other_time = |text: &str| {
        let is_start = text.parse::<jiff::Timestamp>().is_ok_and(|at| at == source.start);
        Some(Value::from(text)).filter(|_| !is_start)
    };
    let special: Vec<&str> = STATES
        .iter()
        .filter(|(wire, _)| states(pin).any(|one| one == *wire))
        .map(|(_, word)| *word)
        .collect();
    let list = |name: &str| info.get(name).cloned().unwrap_or_default();
    let mut hub = filled([
        ("name", names.get(id).cloned().into()),
        ("id", id.into()),
        ("group", group.unwrap_or_else(|| text(pin, "VerifiedOwner")).into()),
        ("contact", text(&info, "ContactAddress").into()),
        ("hosters", list("Hosters")),
        ("datacenter", text(&info, "Datacenter").into()),
        ("ipv4", text(&v4, "IP").into()),
        ("ipv6", text(&v6, "IP").into()),
        ("transports", list("Transports")),
        ("entry", list("Entry")),
        ("exit", list("Exit")),
        ("country", country.into()),
        ("latitude", degrees(latitude).into()),
        ("longitude", degrees(longitude).into()),
        ("asn", some(entity.get("ASN")).into()),
        ("as_org", text(entity, "ASOrg").into()),
        ("version", text(&status, "Version").into()),
        ("first_seen", other_time(text(pin, "FirstSeen")).into()),
        ("measured", other_time(text(&measurement, "LatencyMeasuredAt")).into()),
        ("latency_ms", scaled(&measurement, "Latency")),
        ("capacity_mbit", scaled(&measurement, "Capacity")),
        ("load", some(status.get("Load")).into()),
        ("states", special.into()),
    ]);
    let lanes = part("ConnectedTo");
    let mut own = Vec::new();
    for (other, lane) in lanes.as_object().into_iter().flatten() {
        // A lane is one, whichever end lists it.
        let ends = if id < other.as_str() { (id, other.as_str()) } else { (other.as_str(), id) };
        let Some(to) = names.get(other).filter(|_| other != id) else { continue };
        if told.insert((ends.0.to_owned(), ends.1.to_owned())) {
            own.push(json!({
                "to": to, "latency_ms": scaled(lane, "Latency"), "capacity_mbit": scaled(lane, "Capacity"),
            }));
        }
    }
    hub.extend(filled([("lanes", own.into())]));
    Value::Object(hub)
}

/// A number in millionths: ns as ms, bit/s as Mbit/s; null where there is none.
fn scaled(value: &Value, name: &str) -> Value {
    let number = value.get(name).and_then(Value::as_f64).map(|number| number / 1e6);
    match number {
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => Value::from(number as i64),
        Some(number) => number.into(),
        None => Value::Null,
    }
}
