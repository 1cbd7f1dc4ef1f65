//! The device's network.

use serde_json::{Map, Value, json};

use super::{filled, source::Source, text};

/// The words for the numbers of online states (websocket §5.5).
const ONLINE: [&str; 6] = ["unknown", "offline", "limited", "portal", "semi", "online"];

/// `network`, without what connections tell.
pub(super) async fn network(source: &mut Source) -> Map<String, Value> {
    let status = source.record("runtime:system/status").await.unwrap_or_default();
    let number = status.get("OnlineStatus").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
    let online = number.and_then(|at| ONLINE.get(at)).filter(|word| **word != "online");
    let portal = status.get("CaptivePortal").cloned().unwrap_or_default();
    let portal = filled([
        ("url", text(&portal, "URL").into()),
        ("domain", text(&portal, "Domain").into()),
        ("ip", text(&portal, "IP").into()),
    ]);
    let gateways = source.json("network/gateways").await.unwrap_or_default();
    let nameservers = source.json("network/nameservers").await.unwrap_or_default();
    let nameserver = |one: &Value| {
        filled([("ip", text(one, "IP").into()), ("search", one.get("Search").cloned().unwrap_or_default())])
    };
    let located = source.json("network/location").await.unwrap_or_default();
    let best = located.get("All").and_then(|all| all.get(0)).cloned().unwrap_or_default();
    filled([
        ("online", online.copied().unwrap_or_default().into()),
        ("captive_portal", portal.into()),
        ("gateways", gateways),
        ("nameservers", nameservers.as_array().into_iter().flatten().map(nameserver).collect()),
        ("location", location(&best)),
    ])
}

/// The first of the locations, which is the best one.
fn location(told: &Value) -> Value {
    let Some(place) = told.get("Location") else { return Value::Null };
    let country = place.get("Country").cloned().unwrap_or_default();
    let code = match text(&country, "Code") {
        "" => text(&country, "ISOCode"),
        code => code,
    };
    let point = place.get("Coordinates").cloned().unwrap_or_default();
    let number = |value: &Value, name: &str| value.get(name).filter(|at| at.as_f64() != Some(0.0)).cloned();
    let source = match text(told, "Source") {
        word @ ("interface" | "upnp" | "traceroute") => json!(word),
        _ => Value::Null,
    };
    Value::Object(filled([
        ("source", source),
        ("ip", text(told, "IP").into()),
        ("country", code.into()),
        ("asn", number(place, "AutonomousSystemNumber").into()),
        ("as_org", text(place, "AutonomousSystemOrganization").into()),
        ("latitude", number(&point, "Latitude").into()),
        ("longitude", number(&point, "Longitude").into()),
        ("radius", number(&point, "AccuracyRadius").into()),
    ]))
}
