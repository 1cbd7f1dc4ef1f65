//! Ways through the network to a destination: which hubs can be exits, what they cost, and how they are reached.

use std::net::IpAddr;

use portmaster_fixtures::scenario::HubState;

use super::{Hub, Map, measure::HUB_COST};
use crate::world::{
    World,
    geo::{Point, Whereabouts},
};

/// How many hubs a way passes at least; the words are those of the option `spn/routingAlgorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The home hub and no other.
    Home,
    /// One.
    SingleHop,
    /// Two.
    DoubleHop,
    /// Three.
    TripleHop,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Home, Self::SingleHop, Self::DoubleHop, Self::TripleHop];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::SingleHop => "single-hop",
            Self::DoubleHop => "double-hop",
            Self::TripleHop => "triple-hop",
        }
    }

    /// The one that is called so; the cores' default is two hops.
    pub fn called(word: &str) -> Self {
        Self::ALL.into_iter().find(|one| one.word() == word).unwrap_or(Self::DoubleHop)
    }

    /// How many hubs a way passes at least.
    pub(super) fn least(self) -> usize {
        self.hops().0
    }

    /// How many hubs a way passes, at least and at most.
    fn hops(self) -> (usize, usize) {
        match self {
            Self::Home => (1, 1),
            Self::SingleHop => (1, MOST_HOPS),
            Self::DoubleHop => (2, MOST_HOPS),
            Self::TripleHop => (3, MOST_HOPS),
        }
    }
}

/// The longest way that is looked for, in hubs.
const MOST_HOPS: usize = 5;

/// Where a way shall lead.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The address.
    pub ip: IpAddr,
    /// Where it is.
    pub whereabouts: Whereabouts,
    /// Whether only exits will do whose operator is trusted, as for connections that are not encrypted.
    pub trusted_only: bool,
}

/// A hub at which the network could be left, or entered.
#[derive(Clone, Copy, Debug)]
pub struct Exit<'a> {
    /// The hub.
    pub hub: &'a Hub,
    /// What the rest of the way costs.
    pub cost: f32,
}

/// A hub of a way, and what it costs to get there.
pub type Step<'a> = (&'a Hub, f32);

/// A way from the home hub.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    /// The hubs behind the home hub.
    pub steps: Vec<Step<'a>>,
    /// What the rest of the way costs.
    pub exit: f32,
}

impl Route<'_> {
    /// What all of it costs.
    pub fn cost(&self) -> f32 {
        self.steps.iter().map(|(_, cost)| cost).sum::<f32>() + self.exit
    }
}

/// What a search found, cheapest first.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The hubs that will do.
    pub exits: Vec<Exit<'a>>,
    /// The hubs that will not.
    pub disregarded: Vec<&'a Hub>,
    /// The cheapest way over each exit.
    pub routes: Vec<Route<'a>>,
}

/// What an exit in the destination's own autonomous system costs, wherever it is (core-2.2 §6.9).
const SAME_SYSTEM: f32 = 1350.0;

/// How much less an exit in the destination's country costs (core-2.2 §6.9).
const SAME_COUNTRY: f32 = 243.85;

/// Kilometres between exit and destination in other countries, and the cost that was recorded for them
/// (core-2.2 §6.9). Between and beyond them we go straight on; how the cores do is not known.
const EXIT_COSTS: [(f64, f64); 5] =
    [(557.146, 464.62), (745.784, 472.04), (8_074.83, 2_491.0), (15_631.40, 3_681.53), (16_210.83, 3_786.0)];

/// The same for the way from a device that is known by its time zone only to its home hub.
const HOME_COSTS: [(f64, f64); 2] = [(197.4, 4_409.0), (940.7, 4_492.0)];

/// The farthest that two places can be apart, km; what is of unknown place is that far.
const FARTHEST: f64 = 20_015.0;

/// Goes straight from point to point of a table, and on at its ends.
fn straight(table: &[(f64, f64)], at: f64) -> f32 {
    let inside = table.windows(2).find(|pair| at <= pair[1].0);
    let (a, b) = match inside.or_else(|| table.windows(2).last()) {
        Some(pair) => (pair[0], pair[1]),
        None => return 0.0,
    };
    (a.1 + (at - a.0) * (b.1 - a.1) / (b.0 - a.0)) as f32
}

fn apart(a: Option<Point>, b: Option<Point>) -> f64 {
    a.zip(b).map_or(FARTHEST, |(a, b)| a.distance(b))
}

/// What it costs to go from an exit to a destination.
fn exit_cost(exit: &Whereabouts, destination: &Whereabouts) -> f32 {
    if exit.asn != 0 && exit.asn == destination.asn {
        return SAME_SYSTEM;
    }
    let cost = straight(&EXIT_COSTS, apart(exit.place, destination.place));
    let abroad = exit.country.is_empty() || exit.country != destination.country;
    if abroad { cost } else { (cost - SAME_COUNTRY).max(0.0) }
}

impl World {
    /// What leads from the home hub to a destination, and what does not.
    pub fn routes<'a>(
        &self,
        map: &'a Map,
        home: &'a Hub,
        to: &Destination,
        algorithm: Algorithm,
    ) -> Found<'a> {
        let may_be_home = algorithm.hops().0 == 1;
        let will_do = |hub: &Hub| {
            (may_be_home || hub.id != home.id)
                && !hub.is_disregarded()
                && !hub.is(HubState::UsageDiscouraged)
                && !hub.is(HubState::UsageAsDestinationDiscouraged)
                && (!to.trusted_only || hub.is(HubState::Trusted))
        };
        let cost = |hub: &Hub| {
            let ip = if to.ip.is_ipv6() { hub.ipv6.map(IpAddr::V6) } else { hub.ipv4.map(IpAddr::V4) };
            exit_cost(&self.hub_whereabouts(hub, ip), &to.whereabouts)
        };
        let (exits, disregarded) = sorted(map, &will_do, &cost);
        let mut routes = ways(map, home, &exits, algorithm);
        routes.sort_by(|a, b| a.cost().total_cmp(&b.cost()));
        Found { exits, disregarded, routes }
    }

    /// Which hubs could be the home hub, and which could not.
    pub fn homes<'a>(&self, map: &'a Map) -> (Vec<Exit<'a>>, Vec<&'a Hub>) {
        let will_do = |hub: &Hub| {
            !hub.is_disregarded()
                && !hub.is(HubState::UsageDiscouraged)
                && !hub.is(HubState::UsageAsHomeDiscouraged)
        };
        let here = self.here();
        sorted(map, &will_do, &|hub| straight(&HOME_COSTS, apart(here, hub.place)))
    }
}

/// The hubs that will do, cheapest first, and the others by name.
fn sorted<'a>(
    map: &'a Map,
    will_do: &dyn Fn(&Hub) -> bool,
    cost: &dyn Fn(&Hub) -> f32,
) -> (Vec<Exit<'a>>, Vec<&'a Hub>) {
    let (good, mut others): (Vec<&Hub>, Vec<&Hub>) = map.hubs.values().partition(|hub| will_do(hub));
    let mut exits: Vec<Exit<'_>> = good.into_iter().map(|hub| Exit { hub, cost: cost(hub) }).collect();
    exits.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    others.sort_by(|a, b| a.name.cmp(&b.name));
    (exits, others)
}

/// The cheapest ways of the fewest hubs that the algorithm allows and that lead to any exit at all.
///
/// Recorded ways of two hops were all that there were, none of three beside them (core-2.2 §6.9).
fn ways<'a>(map: &'a Map, home: &'a Hub, exits: &[Exit<'a>], algorithm: Algorithm) -> Vec<Route<'a>> {
    let (least, most) = algorithm.hops();
    // The cheapest way of so many hubs to each hub, by the hub's id.
    let mut ends: Vec<Vec<Step<'a>>> = vec![vec![(home, 0.0)]];
    for hops in 1..=most {
        let last = |id: &str| ends.iter().find(|way| way.last().is_some_and(|(hub, _)| hub.id == id));
        if hops >= least {
            let route = |exit: &Exit<'a>| {
                let way = last(&exit.hub.id)?;
                Some(Route { steps: way[1..].to_vec(), exit: exit.cost })
            };
            let routes: Vec<Route<'a>> = exits.iter().filter_map(route).collect();
            if !routes.is_empty() {
                return routes;
            }
        }
        ends = longer(map, &ends);
    }
    Vec::new()
}

/// Ways that pass one hub more, the cheapest to each.
fn longer<'a>(map: &'a Map, ways: &[Vec<Step<'a>>]) -> Vec<Vec<Step<'a>>> {
    let mut best: std::collections::BTreeMap<&str, (f32, Vec<Step<'a>>)> = Default::default();
    for way in ways {
        let so_far: f32 = way.iter().map(|(_, cost)| cost).sum();
        let Some((end, _)) = way.last() else { continue };
        for (id, lane) in &end.lanes {
            let Some(hub) = map.hubs.get(id).filter(|hub| !hub.is_disregarded()) else { continue };
            if way.iter().any(|(passed, _)| passed.id == hub.id) {
                continue;
            }
            let step = lane.cost() + HUB_COST;
            let cheaper = best.get(id.as_str()).is_none_or(|(cost, _)| so_far + step < *cost);
            if cheaper {
                let way = way.iter().copied().chain([(hub, step)]).collect();
                best.insert(id, (so_far + step, way));
            }
        }
    }
    best.into_values().map(|(_, way)| way).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(country: &str, asn: u32, latitude: f64, longitude: f64) -> Whereabouts {
        let place = Point::given(Some((latitude, longitude)), country);
        Whereabouts { country: country.to_owned(), asn, as_org: String::new(), place }
    }

    #[test]
    fn exits_cost_what_was_recorded() {
        let (here, there) = (at("DE", 24940, 50.5, 12.4), at("AU", 13335, -33.5, 143.2));
        for (exit, destination, cost) in [
            (at("FR", 12876, 48.86, 2.34), &here, 472.04),
            (at("NL", 64501, 52.3, 4.9), &here, 464.62),
            (at("US", 15169, 37.75, -97.8), &here, 2491.0),
            (at("AU", 13335, -33.5, 143.2), &here, 3681.53),
            (at("AU", 64500, -33.8, 151.2), &here, 3786.0),
            (at("AU", 64500, -33.8, 151.2), &there, 228.0),
            (at("DE", 24940, 50.5, 12.4), &here, 1350.0),
        ] {
            let ours = exit_cost(&exit, destination);
            assert!((ours - cost).abs() < 0.05, "{exit:?}: {ours} for {cost}");
        }
    }

    #[test]
    fn what_is_unknown_is_far() {
        let nowhere = Whereabouts { place: None, ..at("", 0, 0.0, 0.0) };
        assert!(exit_cost(&nowhere, &nowhere) > 3786.0);
    }
}
