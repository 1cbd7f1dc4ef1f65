//! Believable hubs, drawn from the seed.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{Hub, HubState, Lane};
use rand::{Rng, RngExt, rngs::ChaCha20Rng, seq::IndexedRandom};

use super::hub;
use crate::world::{chance, geo::Point};

/// Stars, after which the hubs are called.
const NAMES: &[&str] = &[
    "Achernar", "Acrux", "Adhara", "Albireo", "Alcor", "Aldebaran", "Algol", "Alhena", "Alioth", "Alkaid",
    "Alnair", "Alnilam", "Alnitak", "Alphard", "Altair", "Antares", "Arcturus", "Atria", "Avior",
    "Bellatrix", "Betelgeuse", "Canopus", "Capella", "Caph", "Castor", "Deneb", "Denebola", "Diphda",
    "Dubhe", "Elnath", "Eltanin", "Enif", "Fomalhaut", "Gacrux", "Hadar", "Hamal", "Izar", "Kochab",
    "Markab", "Megrez", "Menkar", "Merak", "Mimosa", "Mira", "Mirach", "Mirfak", "Mizar", "Nunki", "Peacock",
    "Phecda", "Polaris", "Pollux", "Procyon", "Rasalhague", "Regulus", "Rigel", "Sabik", "Sadr", "Scheat",
    "Shaula", "Sirius", "Spica", "Tarazed", "Vega",
];

/// Where data centers are: country, the city's short name, degrees north and east.
const CITIES: &[(&str, &str, f64, f64)] = &[
    ("DE", "FRA", 50.11, 8.68),
    ("DE", "BER", 52.52, 13.40),
    ("DE", "NUE", 49.45, 11.08),
    ("NL", "AMS", 52.37, 4.90),
    ("FR", "PAR", 48.86, 2.35),
    ("GB", "LON", 51.51, -0.13),
    ("CH", "ZRH", 47.38, 8.54),
    ("AT", "VIE", 48.21, 16.37),
    ("SE", "STO", 59.33, 18.07),
    ("FI", "HEL", 60.17, 24.94),
    ("NO", "OSL", 59.91, 10.75),
    ("PL", "WAW", 52.23, 21.01),
    ("CZ", "PRG", 50.08, 14.44),
    ("IT", "MIL", 45.46, 9.19),
    ("ES", "MAD", 40.42, -3.70),
    ("RO", "BUH", 44.43, 26.10),
    ("IS", "REK", 64.15, -21.94),
    ("US", "NYC", 40.71, -74.01),
    ("US", "MIA", 25.76, -80.19),
    ("US", "CHI", 41.88, -87.63),
    ("US", "DAL", 32.78, -96.80),
    ("US", "LAX", 34.05, -118.24),
    ("US", "SEA", 47.61, -122.33),
    ("CA", "TOR", 43.65, -79.38),
    ("BR", "SAO", -23.55, -46.63),
    ("CL", "SCL", -33.45, -70.67),
    ("JP", "TYO", 35.68, 139.69),
    ("SG", "SIN", 1.35, 103.82),
    ("IN", "BOM", 19.08, 72.88),
    ("AU", "SYD", -33.87, 151.21),
    ("NZ", "AKL", -36.85, 174.76),
    ("ZA", "JNB", -26.20, 28.05),
];

/// Hosters with an autonomous system each, from the numbers kept for documentation.
const HOSTERS: &[(&str, u32)] = &[
    ("Northgate Hosting", 65536),
    ("Meridian Cloud", 65537),
    ("Polder Networks", 65538),
    ("Blue Harbour", 65539),
    ("Quarry Datacenters", 65540),
    ("Lighthouse Internet", 65541),
    ("Tessera Systems", 65542),
];

/// Operators; only the first is a verified one.
const OPERATORS: &[(&str, &str)] = &[
    ("Safing", "hubs@safing.example"),
    ("Community", "abuse@community.example"),
    ("Openway", "noc@openway.example"),
];

/// How many of the nearest other hubs a hub has lanes to.
const NEIGHBOURS: usize = 3;

/// So many hubs, each in a data center, with lanes to near ones and in a ring, so that all can be reached.
pub(super) fn hubs(count: u16, seed: u64, start: Timestamp, here: Option<Point>) -> Vec<Hub> {
    let mut rng = chance::fresh(seed, "spn-map");
    let mut made: Vec<(Hub, Point)> =
        (0..usize::from(count)).map(|at| one(at, &mut rng, start, here)).collect();
    let lanes = lanes(&made, &mut rng);
    for (from, to) in lanes {
        let lane = Lane {
            to: made[to].0.name.clone(),
            latency_ms: latency(made[from].1.distance(made[to].1), &mut rng),
            capacity_mbit: f64::from(rng.random_range(100_u32..=980)),
        };
        made[from].0.lanes.push(lane);
    }
    made.into_iter().map(|(hub, _)| hub).collect()
}

fn one(at: usize, rng: &mut ChaCha20Rng, start: Timestamp, here: Option<Point>) -> (Hub, Point) {
    let mut public_key = [0; 32];
    rng.fill_bytes(&mut public_key);
    let (country, city, latitude, longitude) =
        CITIES[if at < CITIES.len() { at } else { rng.random_range(0..CITIES.len()) }];
    let (hoster, asn) = *HOSTERS.choose(rng).unwrap_or(&HOSTERS[0]);
    let (group, contact) = if rng.random_bool(0.4) {
        OPERATORS[0]
    } else {
        *OPERATORS[1..].choose(rng).unwrap_or(&OPERATORS[1])
    };
    let place = Point { latitude, longitude, radius: 100 };
    let far = here.map_or(1000.0, |here| here.distance(place));
    let seen = start - SignedDuration::from_secs(rng.random_range(3_600..400 * 86_400));
    let measured = start - SignedDuration::from_secs(rng.random_range(60..6 * 3_600));
    let hub = Hub {
        name: match at / NAMES.len() {
            0 => NAMES[at].to_owned(),
            round => format!("{}{}", NAMES[at % NAMES.len()], round + 1),
        },
        id: Some(hub::id(&public_key)),
        group: group.to_owned(),
        contact: contact.to_owned(),
        hosters: vec![hoster.to_owned()],
        datacenter: format!(
            "{country}-{}-{city}{}",
            hoster.split(' ').next().unwrap_or(hoster),
            rng.random_range(1..4)
        ),
        ipv4: Some(address(at)),
        ipv6: rng.random_bool(0.8).then(|| Ipv6Addr::new(0x2001, 0xdb8, 0x517, at as u16, 0, 0, 0, 1)),
        transports: vec!["tcp:17".to_owned(), "http:80".to_owned()],
        entry: vec!["- TCP/25".to_owned()],
        exit: vec!["- * TCP/25".to_owned()],
        country: country.to_owned(),
        latitude: Some(latitude),
        longitude: Some(longitude),
        asn,
        as_org: hoster.to_owned(),
        version: if rng.random_bool(0.9) { "0.5.4" } else { "0.5.3" }.to_owned(),
        first_seen: Some(seen),
        measured: Some(measured),
        latency_ms: latency(far, rng),
        capacity_mbit: f64::from(rng.random_range(40_000_u32..=980_000)) / 1e3,
        load: rng.random_range(2..=77),
        states: states(at, group, rng),
        lanes: Vec::new(),
    };
    (hub, place)
}

/// Most hubs are well; the first one is never anything but trusted, so that there is always a home.
fn states(at: usize, group: &str, rng: &mut ChaCha20Rng) -> Vec<HubState> {
    let trusted = (group == OPERATORS[0].0).then_some(HubState::Trusted);
    let trouble = match rng.random_range(0..40) {
        0 => Some(HubState::Failing),
        1 => Some(HubState::Offline),
        2 => Some(HubState::UsageDiscouraged),
        3 => Some(HubState::UsageAsHomeDiscouraged),
        4 => Some(HubState::UsageAsDestinationDiscouraged),
        _ => None,
    };
    trusted.into_iter().chain(trouble.filter(|_| at > 0)).collect()
}

/// An address of 198.18.0.0/15, which is kept for tests and never routed.
fn address(at: usize) -> Ipv4Addr {
    let number = 256 + at as u32;
    Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number)
}

/// The latency over a distance, ms: light in glass and back, detours, and a little chance.
fn latency(km: f64, rng: &mut ChaCha20Rng) -> f64 {
    let micros = 900.0 + km * 14.0 + f64::from(rng.random_range(0_u32..4_000));
    micros.round() / 1e3
}

/// Pairs of hubs that a lane joins, each once: a ring, and the nearest of each.
fn lanes(made: &[(Hub, Point)], rng: &mut ChaCha20Rng) -> BTreeSet<(usize, usize)> {
    let count = made.len();
    let mut pairs = BTreeSet::new();
    let mut join = |a: usize, b: usize| {
        if a != b {
            pairs.insert((a.min(b), a.max(b)));
        }
    };
    for at in 0..count {
        join(at, (at + 1) % count);
        let mut near: Vec<(u64, usize)> = (0..count)
            .filter(|other| *other != at)
            .map(|other| (made[at].1.distance(made[other].1) as u64, other))
            .collect();
        near.sort_unstable();
        for (_, other) in near.into_iter().take(NEIGHBOURS) {
            join(at, other);
        }
        if rng.random_bool(0.5) {
            join(at, rng.random_range(0..count));
        }
    }
    pairs
}
