//! Hubs, as answers describe them.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use portmaster_fixtures::{RecordForm, scenario::HubState};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    query::scope,
    world::{World, geo::Point, spn},
};

/// How long a hub's key is good after it was announced, s (core-1.x §7.4).
const KEY_LIFE: i64 = 48 * 3600;

/// A measurement. Costs and proximities are of Go's narrow floats.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Measurement {
    /// ns.
    latency: u64,
    latency_measured_at: Timestamp,
    /// bit/s.
    capacity: u64,
    capacity_measured_at: Timestamp,
    pub(super) calculated_cost: f32,
    /// Percent.
    pub(super) geo_proximity: f32,
}

impl Measurement {
    pub(super) fn of(hub: &spn::Hub, here: Option<Point>) -> Self {
        let spn::Measurement { quality, measured } = hub.measurement;
        Self {
            latency: quality.latency,
            latency_measured_at: measured,
            capacity: quality.capacity,
            capacity_measured_at: measured,
            calculated_cost: quality.cost(),
            geo_proximity: hub.proximity(here) as f32,
        }
    }
}

/// A hub with everything that is known of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Hub<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    public_key: Option<()>,
    map: &'static str,
    info: Value,
    status: Value,
    measurements: Measurement,
    first_seen: Timestamp,
    #[serde(rename = "VerifiedIPs")]
    verified_ips: bool,
    invalid_info: bool,
    invalid_status: bool,
}

impl<'a> Hub<'a> {
    pub(super) fn new(world: &World, hub: &'a spn::Hub) -> Self {
        Self {
            id: &hub.id,
            public_key: None,
            map: "main",
            info: info(world, hub),
            status: status(world, hub),
            measurements: Measurement::of(hub, world.here()),
            first_seen: hub.first_seen,
            verified_ips: hub.is(HubState::Trusted),
            invalid_info: false,
            invalid_status: false,
        }
    }
}

/// A list as Go writes it: null if there is nothing in it.
fn list(entries: &[String]) -> Value {
    if entries.is_empty() { Value::Null } else { json!(entries) }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Drops the named members where they are empty, as later cores do (core-2.2 §9).
fn without_empty(world: &World, mut value: Value, optional: &[&str]) -> Value {
    if world.behaviour.record_form == RecordForm::Late
        && let Some(members) = value.as_object_mut()
    {
        let empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!(0);
        members.retain(|name, value| !(optional.contains(&name.as_str()) && empty(value)));
    }
    value
}

/// What a hub's operator announces.
pub(super) fn info(world: &World, hub: &spn::Hub) -> Value {
    let value = json!({
        "ID": hub.id,
        "Timestamp": hub.first_seen.as_second(),
        "Name": hub.name,
        "Group": hub.group,
        "ContactAddress": hub.contact,
        "ContactService": "",
        "Hosters": list(&hub.hosters),
        "Datacenter": hub.datacenter,
        "IPv4": text(hub.ipv4),
        "IPv6": text(hub.ipv6),
        "Transports": list(&hub.transports),
        "Entry": list(&hub.entry),
        "Exit": list(&hub.exit),
    });
    let optional = [
        "Group", "ContactAddress", "ContactService", "Hosters", "Datacenter", "IPv4", "IPv6", "Transports",
        "Entry", "Exit",
    ];
    without_empty(world, value, &optional)
}

/// How a hub says that it is.
pub(super) fn status(world: &World, hub: &spn::Hub) -> Value {
    let at = hub.measurement.measured.as_second();
    let lane = |(id, lane): (&String, &spn::Quality)| json!({ "ID": id, "Capacity": lane.capacity, "Latency": lane.latency });
    let lanes: Vec<Value> = hub.lanes.iter().map(lane).collect();
    let value = json!({
        "Timestamp": at,
        "Version": hub.version,
        "Keys": {
            "a1": { "Scheme": "ECDH-X25519", "Key": STANDARD.encode(hub.key), "Expires": at + KEY_LIFE },
        },
        "Lanes": if lanes.is_empty() { Value::Null } else { lanes.into() },
        "Load": hub.load,
    });
    without_empty(world, value, &["Lanes", "Load"])
}

/// A hub's address with what is known of it; null for none. Later cores name the address first.
pub(super) fn entity(world: &World, hub: &spn::Hub, ip: Option<IpAddr>) -> Value {
    let Some(ip) = ip else { return Value::Null };
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    let late = world.behaviour.record_form == RecordForm::Late;
    let address = [("IP", json!(ip)), ("IPScope", json!(scope::of(ip)))];
    if late {
        address.iter().for_each(|(name, value)| _ = put(name, value.clone()));
    }
    put("Protocol", 0.into());
    put("Port", 0.into());
    put("Domain", format!("{}.", hub.id.to_lowercase()).into());
    put("ReverseDomain", "".into());
    put("CNAME", Value::Null);
    if !late {
        address.iter().for_each(|(name, value)| _ = put(name, value.clone()));
    }
    let whereabouts = world.hub_whereabouts(hub, Some(ip));
    put("Country", json!(whereabouts.country));
    let coordinates = whereabouts.place.map(|place| {
        json!({
            "AccuracyRadius": place.radius,
            "Latitude": place.latitude,
            "Longitude": place.longitude,
        })
    });
    put("Coordinates", coordinates.into());
    put("ASN", whereabouts.asn.into());
    put("ASOrg", json!(whereabouts.as_org));
    let known = !whereabouts.country.is_empty();
    put("LocationError", if known { "" } else { "geoip database not available" }.into());
    put("BlockedByLists", Value::Null);
    put("BlockedEntities", Value::Null);
    put("ListOccurences", Value::Null);
    put("ListsError", "".into());
    out.into()
}
