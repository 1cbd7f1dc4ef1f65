//! The map: hubs by id, the lanes between them, and the ways that lead over them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use portmaster_fixtures::scenario::{HubState, Region};
use serde::{Deserialize, Serialize};

use super::{Hub, measure::HUB_COST};
use crate::ordered::ordered;

/// The map `main`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The hubs by id.
    pub hubs: BTreeMap<String, Hub>,
    /// The regions.
    pub regions: Vec<Region>,
}

/// Where a hub is in the map, seen from the home hub.
#[derive(Clone, Debug, Default)]
pub struct Place<'a> {
    /// How many hubs the way passes, the home hub being the first; 0 when no way leads there.
    pub hops: usize,
    /// The ids of the cheapest way, from the home hub to this one.
    pub route: Vec<&'a str>,
}

impl Map {
    /// A hub by its name or its id.
    pub fn find(&self, name: &str) -> Option<&Hub> {
        self.hubs.get(name).or_else(|| self.hubs.values().find(|hub| hub.name == name))
    }

    /// The hubs by what the way to them costs, cheapest first.
    pub fn by_cost(&self) -> Vec<&Hub> {
        let mut hubs: Vec<&Hub> = self.hubs.values().collect();
        let cost = |hub: &Hub| hub.measurement.quality.cost();
        hubs.sort_by(|a, b| cost(a).total_cmp(&cost(b)).then_with(|| a.id.cmp(&b.id)));
        hubs
    }

    /// The hub that a device connects to when it may choose: the cheapest that is not to be avoided.
    pub fn best_home(&self) -> Option<&Hub> {
        self.by_cost().into_iter().find(|hub| {
            !hub.is_disregarded()
                && !hub.is(HubState::UsageDiscouraged)
                && !hub.is(HubState::UsageAsHomeDiscouraged)
        })
    }

    /// The region of a hub; a hub outside all of them has none.
    pub fn region(&self, hub: &Hub) -> Option<&Region> {
        let continent = portmaster_fixtures::Country::find(&hub.country)?.continent;
        self.regions.iter().find(|region| region.continents.iter().any(|one| one == continent))
    }

    /// Where every hub is, seen from a home hub: the fewest hops, and the cheapest way.
    pub fn places(&self, home: &str) -> BTreeMap<&str, Place<'_>> {
        let hops = self.hops(home);
        let mut routes = self.routes(home);
        ordered(self.hubs.keys().map(|id| {
            let hops = hops.get(id.as_str()).copied().unwrap_or(0);
            let route = routes.remove(id.as_str()).unwrap_or_default();
            (id.as_str(), Place { hops, route })
        }))
    }

    fn usable(&self, id: &str) -> bool {
        self.hubs.get(id).is_some_and(|hub| !hub.is(HubState::Offline))
    }

    /// Breadth first, over hubs that are not gone.
    fn hops(&self, home: &str) -> BTreeMap<&str, usize> {
        let mut hops = BTreeMap::new();
        let Some((home, _)) = self.hubs.get_key_value(home).filter(|(id, _)| self.usable(id)) else {
            return hops;
        };
        hops.insert(home.as_str(), 1);
        let mut queue = VecDeque::from([home.as_str()]);
        while let Some(id) = queue.pop_front() {
            let next = hops[id] + 1;
            for other in self.hubs[id].lanes.keys().filter(|other| self.usable(other)) {
                if !hops.contains_key(other.as_str()) {
                    hops.insert(other, next);
                    queue.push_back(other);
                }
            }
        }
        hops
    }

    /// Dijkstra's way: lanes and the hubs passed cost; of two equally cheap ways the first by id is taken.
    fn routes(&self, home: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut routes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let Some((home, _)) = self.hubs.get_key_value(home).filter(|(id, _)| self.usable(id)) else {
            return routes;
        };
        let mut heap = BinaryHeap::from([Reverse((0_u64, vec![home.as_str()]))]);
        while let Some(Reverse((cost, route))) = heap.pop() {
            let Some((id, hub)) = route.last().and_then(|id| self.hubs.get_key_value(*id)) else { continue };
            if routes.contains_key(id.as_str()) {
                continue;
            }
            // A failing hub is a place to go to, not to pass through.
            let passable = !hub.is_disregarded() || id == home;
            for (other, lane) in hub.lanes.iter().filter(|(other, _)| passable && self.usable(other)) {
                if !routes.contains_key(other.as_str()) {
                    let mut longer = route.clone();
                    longer.push(other.as_str());
                    // Whole thousandths, so that sums do not depend on their order.
                    heap.push(Reverse((cost + (f64::from(lane.cost() + HUB_COST) * 1e3) as u64, longer)));
                }
            }
            routes.insert(id, route);
        }
        routes
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use jiff::Timestamp;
    use portmaster_fixtures::{Scenario, scenario};
    use proptest::prelude::*;

    use super::*;
    use crate::world::{Spn, geo::Point};

    fn map(yaml: &str) -> Map {
        let spn = Scenario::parse("test", &format!("spn:\n  map: {yaml}")).expect("a scenario").spn;
        Spn::new(spn, 1, Timestamp::UNIX_EPOCH, None)
            .expect("a network")
            .map
            .map(Arc::unwrap_or_clone)
            .expect("a map")
    }

    fn generated(count: u16, seed: u64, here: Option<Point>) -> Map {
        let hubs = scenario::HubList::Generated(count);
        let told =
            scenario::Spn { map: Some(scenario::SpnMap { hubs, regions: Vec::new() }), ..Default::default() };
        Spn::new(told, seed, Timestamp::UNIX_EPOCH, here)
            .expect("a network")
            .map
            .map(Arc::unwrap_or_clone)
            .expect("a map")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_generated_map_is_sound(count in 0_u16..150, seed: u64) {
            let map = generated(count, seed, None);
            prop_assert_eq!(map.hubs.len(), usize::from(count));
            let names: BTreeSet<_> = map.hubs.values().map(|hub| &hub.name).collect();
            let addresses: BTreeSet<_> = map.hubs.values().map(|hub| hub.ipv4).collect();
            prop_assert_eq!((names.len(), addresses.len()), (map.hubs.len(), map.hubs.len()));
            for (id, hub) in &map.hubs {
                for (other, lane) in &hub.lanes {
                    prop_assert_ne!(id, other);
                    prop_assert_eq!(map.hubs[other].lanes.get(id), Some(lane), "a lane has two ends");
                }
            }
            prop_assert_eq!(map.best_home().is_some(), count > 0);
        }

        #[test]
        fn every_route_follows_lanes(count in 1_u16..100, seed: u64) {
            let map = generated(count, seed, None);
            let home = map.best_home().expect("a map with hubs has a home");
            for (id, place) in map.places(&home.id) {
                let (Some(first), Some(last)) = (place.route.first(), place.route.last()) else { continue };
                prop_assert_eq!((*first, *last), (home.id.as_str(), id));
                prop_assert!(place.hops > 0 && place.hops <= place.route.len());
                for pair in place.route.windows(2) {
                    prop_assert!(map.hubs[pair[0]].lanes.contains_key(pair[1]), "{:?}", place.route);
                }
                let once: BTreeSet<_> = place.route.iter().collect();
                prop_assert_eq!(once.len(), place.route.len());
            }
        }

        #[test]
        fn the_seed_decides(seed: u64) {
            let ids = |seed| generated(20, seed, None).hubs.into_keys().collect::<Vec<_>>();
            prop_assert_eq!(ids(seed), ids(seed));
            prop_assert_ne!(ids(seed), ids(seed.wrapping_add(1)));
        }
    }

    /// A detour over two wide lanes is cheaper than one narrow lane only where it saves what the hub costs.
    #[test]
    fn the_cheapest_way_is_not_the_shortest() {
        let map = map(
            "{ hubs: [
                { name: a, lanes: [ { to: b, latency_ms: 300, capacity_mbit: 10 }, { to: c, latency_ms: 5, capacity_mbit: 900 } ] },
                { name: b },
                { name: c, lanes: [ { to: b, latency_ms: 5, capacity_mbit: 900 } ] },
                { name: d, states: [offline], lanes: [ { to: a, latency_ms: 5, capacity_mbit: 900 } ] },
              ] }",
        );
        let id = |name: &str| map.find(name).map(|hub| hub.id.clone()).expect("a hub");
        let places = map.places(&id("a"));
        let b = &places[id("b").as_str()];
        assert_eq!((b.hops, b.route.as_slice()), (2, &[&*id("a"), &*id("c"), &*id("b")][..]));
        assert_eq!((places[id("a").as_str()].hops, places[id("d").as_str()].hops), (1, 0));
    }

    #[test]
    fn regions_get_their_satellites() {
        let map = map(
            "{ regions: [ { name: Europe, continents: [EU] }, { name: Asia, continents: [AS] } ], hubs: [
                { name: a, country: DE, latency_ms: 5, capacity_mbit: 900 },
                { name: b, country: FR, latency_ms: 6, capacity_mbit: 900 },
                { name: c, country: US, latency_ms: 7, capacity_mbit: 900 },
                { name: d, country: US, latency_ms: 8, capacity_mbit: 900 },
                { name: e, country: JP, latency_ms: 99, capacity_mbit: 900 },
                { name: f, country: JP, latency_ms: 9, capacity_mbit: 900, states: [failing] },
              ] }",
        );
        let home = map.find("a").map(|hub| hub.id.clone());
        let told: Vec<_> = map
            .optimization(home.as_deref())
            .expect("the map is not empty")
            .into_iter()
            .map(|one| (one.hub.name.as_str(), one.reason, one.duplicate))
            .collect();
        let best = |name| (name, "best globally".to_owned(), false);
        assert_eq!(
            told,
            [
                best("b"),
                best("c"),
                best("d"),
                ("b", "satellite in Europe".to_owned(), true),
                ("e", "satellite in Asia".to_owned(), false),
            ]
        );
    }
}
