//! `network/*`: gateways, nameservers and where the device is.

use std::time::Duration;

use portmaster_fixtures::scenario::{Location, LocationSource, Traceroute};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Call, Handler, Reply, ip::Ip};
use crate::world::{World, geo};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("network/gateways", gateways),
    Handler::new("network/location", location),
    Handler::new("network/location/traceroute", traceroute),
    Handler::new("network/nameservers", nameservers),
];

/// How long a traceroute takes to give up (core-1.x §7.2).
const PATIENCE: Duration = Duration::from_millis(1200);

fn gateways(world: &mut World, call: &Call) -> Reply {
    call.structured(&world.network.gateways.iter().copied().map(Ip).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct Nameserver {
    #[serde(rename = "IP")]
    ip: Ip,
    #[serde(rename = "Search")]
    search: Option<Vec<String>>,
}

fn nameservers(world: &mut World, call: &Call) -> Reply {
    let of_system = world.network.nameservers.iter().map(|one| Nameserver {
        ip: Ip(one.ip),
        search: (!one.search.is_empty()).then(|| one.search.clone()),
    });
    call.structured(&of_system.collect::<Vec<_>>())
}

fn location(world: &mut World, call: &Call) -> Reply {
    let found = described(world, &world.network.location, world.network.location.source);
    call.structured(&json!({ "All": [found] }))
}

fn traceroute(world: &mut World, call: &Call) -> Reply {
    match world.network.traceroute {
        Traceroute::Answers => {
            let found = described(world, &world.network.location, LocationSource::Traceroute);
            call.structured(&json!({ "All": [found] }))
        }
        Traceroute::Silent => {
            Reply::After(PATIENCE, Box::new(Reply::failure("did not receive any actionable ICMP reply")))
        }
    }
}

/// A source's word and how much it is worth, percent.
pub(super) fn told(source: LocationSource) -> (&'static str, u8) {
    match source {
        LocationSource::Interface => ("interface", 100),
        LocationSource::Upnp => ("upnp", 90),
        LocationSource::Traceroute => ("traceroute", 80),
        LocationSource::Timezone => ("timezone", 1),
    }
}

/// A location as endpoints show it (core-1.x §6).
fn described(world: &World, location: &Location, source: LocationSource) -> Value {
    let (word, accuracy) = told(source);
    // A time zone has neither an address nor a country.
    let known = source != LocationSource::Timezone;
    let ip = location.ip.filter(|_| known);
    let country = if known { location.country.as_str() } else { "" };
    let mut place = geo::place(world.behaviour.country_form, country);
    place.insert(
        "Coordinates".to_owned(),
        json!({ "AccuracyRadius": location.radius, "Latitude": location.latitude, "Longitude": location.longitude }),
    );
    place.insert("AutonomousSystemNumber".to_owned(), if known { location.asn.into() } else { 0.into() });
    place.insert(
        "AutonomousSystemOrganization".to_owned(),
        if known { location.as_org.clone() } else { String::new() }.into(),
    );
    for flag in ["IsAnycast", "IsSatelliteProvider", "IsAnonymousProxy"] {
        place.insert(flag.to_owned(), false.into());
    }
    json!({
        "IP": ip.map(|ip| ip.to_string()).unwrap_or_default(),
        "IPVersion": if ip.is_some_and(|ip| ip.is_ipv6()) { 6 } else { 4 },
        "Location": place,
        "Source": word,
        "SourceAccuracy": accuracy,
    })
}
