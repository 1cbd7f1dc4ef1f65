//! `spn/map/{map}/route/to/{destination}`: a rehearsal of the search for a way, told in words (core-2.2 §6.9).

use std::{
    fmt::{Display, Write},
    net::IpAddr,
};

use portmaster_fixtures::scenario::{LocationSource, SelfCheck};
use serde_json::Value;

use super::map::NO_MAP;
use crate::{
    api::{Call, Reply},
    go::table,
    world::{
        World,
        geo::Whereabouts,
        profiles::LOCAL,
        spn::{Algorithm, Destination, Exit, Found, Hub, Map, Route},
    },
};

/// A rehearsal's first line and the cores' remark, typing error included.
fn opening(what: impl Display) -> String {
    format!(
        "Routing simulation: looking for {what}\nPlease note that this routing simulation does match the \
         behavior of regular routing to 100%.\n\nRouting Options:\n"
    )
}

/// The options that a profile brings. What rules of it stand in the brackets was never recorded.
fn options(title: &str, regard: &str) -> String {
    format!(
        "{title} Options:\n  Regard: {regard}\n  Disregard: None\n  No Default: false\n  Hub Policies: [[]]\n  \
         Require Verified Owners: []\n"
    )
}

/// The reason that is given for every hub that will not do.
const REASON: &str = "does not match general criteria";

pub(super) fn route(world: &mut World, call: &Call) -> Reply {
    let world = &*world;
    let Some(map) = world.map(call.part("map")) else { return Reply::failure(NO_MAP) };
    let profile = call.filled("profile");
    let told = match call.part("destination") {
        "home" if profile.is_some() => Err("cannot apply profile to home hub route".to_owned()),
        "home" => Ok(home(world, map)),
        name => to_address(world, map, call, name, profile),
    };
    told.map_or_else(Reply::failure, Reply::action)
}

fn to_address(
    world: &World,
    map: &Map,
    call: &Call,
    name: &str,
    profile: Option<String>,
) -> Result<String, String> {
    let ip = address(world, name)?;
    let hub = map
        .hubs
        .values()
        .find(|hub| hub.ipv4.map(IpAddr::V4) == Some(ip) || hub.ipv6.map(IpAddr::V6) == Some(ip));
    let whereabouts = world
        .whereabouts(ip)
        .or_else(|| hub.map(|hub| world.hub_whereabouts(hub, Some(ip))))
        .ok_or_else(|| format!("failed to get geoip location for {ip}: "))?;
    let algorithm = algorithm(world, profile.as_deref())?;
    let encrypted = call.parameter("encrypted").as_deref() == Some("true");
    let to = Destination { ip, whereabouts, trusted_only: profile.is_some() && !encrypted };
    let home = world.home_hub().ok_or("home hub not set")?;
    let found = world.routes(map, home, &to, algorithm);

    let mut out = opening(format_args!("route to {ip} at {}", to.whereabouts.words()));
    let _ = writeln!(out, "Algorithm: {}", algorithm.word());
    if profile.is_some() {
        out.push_str(&options("Transit", "None"));
        out.push_str(&options("Destination", if to.trusted_only { "Trusted" } else { "None" }));
        out.push_str("  Check Hub Policy With:\n");
    }
    let Found { exits, disregarded, routes } = &found;
    exits_table(world, map, exits, disregarded, &mut out);
    out.push_str("\nConsidered Routes (cheapest 10% are shuffled)\n");
    let mut rows = "Cost\tPath\n".to_owned();
    for route in routes {
        let _ = writeln!(rows, "{:.0}\t{}", route.cost(), path(home, route, ip));
    }
    out.push_str(&table::align(&rows));
    Ok(out)
}

/// The rehearsal for the home hub itself. Ways to it are not told of.
fn home(world: &World, map: &Map) -> String {
    let location = &world.network.location;
    let known = location.source != LocationSource::Timezone;
    let here = if known {
        let (country, as_org) = (location.country.clone(), location.as_org.clone());
        Whereabouts { country, asn: location.asn, as_org, place: world.here() }.words()
    } else {
        format!("TZ({}/{})", location.latitude, location.longitude)
    };
    let mut out = opening(format_args!("home hub near {here} and <none>"));
    out.push_str("Algorithm: \n");
    out.push_str(&options("Home", "None"));
    let (exits, disregarded) = world.homes(map);
    exits_table(world, map, &exits, &disregarded, &mut out);
    out
}

fn exits_table(world: &World, map: &Map, exits: &[Exit<'_>], disregarded: &[&Hub], out: &mut String) {
    let header = "Hub Name\tCost\tLocation\n";
    let mut rows = header.to_owned();
    for Exit { hub, cost } in exits {
        let whereabouts = world.hub_whereabouts(hub, hub.address());
        let _ = writeln!(rows, "{}\t{cost:.0}\t{}", named(hub), whereabouts.words());
    }
    let _ = write!(out, "\n\nConsidered Exits (cheapest 10% are shuffled)\n{}", table::align(&rows));
    // When an exit is too expensive is not known; none of those recorded was.
    let _ = write!(out, "\nToo Expensive Exits:\n{}", table::align(header));
    let home = world.home_hub();
    let places = home.map(|home| map.places(&home.id)).unwrap_or_default();
    let mut rows = "Hub Name\tReason\tStates\n".to_owned();
    for hub in disregarded {
        let place = places.get(hub.id.as_str()).cloned().unwrap_or_default();
        let is_home = home.is_some_and(|home| home.id == hub.id);
        let states = world.hub_states(hub, &place, home.is_some(), is_home).join(", ");
        let _ = writeln!(rows, "{}\t{REASON}\t{states}", named(hub));
    }
    let _ = write!(out, "\nDisregarded Exits:\n{}", table::align(&rows));
}

fn named(hub: &Hub) -> String {
    format!("{} {}", hub.name, hub.short_id())
}

fn path(home: &Hub, route: &Route<'_>, ip: IpAddr) -> String {
    let mut path = named(home);
    for (hub, cost) in &route.steps {
        let _ = write!(path, " >> {cost:.2}c >> {}", named(hub));
    }
    format!("{path} >> {:.2}c >> {ip}", route.exit)
}

/// The algorithm that a profile asks for; without a profile, the global one.
fn algorithm(world: &World, profile: Option<&str>) -> Result<Algorithm, String> {
    const KEY: &str = "spn/routingAlgorithm";
    let global = Algorithm::called(world.config.text(KEY));
    let Some(id) = profile.filter(|id| *id != "global") else { return Ok(global) };
    let profile = world.profiles.get(&format!("{LOCAL}/{id}")).ok_or_else(|| {
        format!("failed to get profile: failed to load profile {LOCAL}/{id} by ID: database entry not found")
    })?;
    let own = profile.settings().get(KEY).and_then(Value::as_str).map(Algorithm::called);
    Ok(own.unwrap_or(global))
}

/// The address that a destination is or has.
///
/// The core asks the system, whose questions come back to the core's own resolver where the system integration works.
/// Where it does not, the network's nameserver is asked, of which no scenario says anything.
fn address(world: &World, name: &str) -> Result<IpAddr, String> {
    if let Ok(ip) = name.parse() {
        return Ok(ip);
    }
    let integrated = world.core.self_check == SelfCheck::Passed;
    if let Some(ip) = integrated.then(|| cached(world, name)).flatten() {
        return Ok(ip);
    }
    let server =
        world.network.nameservers.first().map_or("127.0.0.1:53".to_owned(), |one| format!("{}:53", one.ip));
    let on = if is_domain(name) { format!(" on {server}") } else { String::new() };
    Err(format!("failed to lookup IP address of {name}: lookup {name}{on}: no such host"))
}

/// The first address in the cached answers for a name, IPv4 before IPv6.
fn cached(world: &World, name: &str) -> Option<IpAddr> {
    ["A", "AAAA"].into_iter().find_map(|kind| {
        let answers = &world.dns.cache.get(&format!("{}.{kind}", name.trim_end_matches('.')))?.entry.answer;
        answers.iter().find_map(|answer| answer.strip_prefix(kind)?.trim().parse().ok())
    })
}

/// What Go asks a nameserver for: labels of up to 63 characters that neither begin nor end with a hyphen, not all of
/// digits.
fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let bare = name.strip_suffix('.').unwrap_or(name);
    bare.len() <= 253
        && bare.split('.').all(label)
        && bare.bytes().any(|b| b.is_ascii_alphabetic() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::is_domain;

    #[test]
    fn some_names_are_not_worth_a_question() {
        for name in ["example.com", "a_b", "nodots", "1.a", "x."] {
            assert!(is_domain(name), "{name}");
        }
        for name in ["-", "300.1.1.1", "a..b", "a-", ".", "one:two", &"a".repeat(64)] {
            assert!(!is_domain(name), "{name}");
        }
    }
}
