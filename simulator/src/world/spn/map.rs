//! The map: hubs by id, the lanes between them, and the ways that lead over them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use portmaster_fixtures::scenario::{HubState, Region};

use super::{Hub, measure::HUB_COST};

/// The map `main`.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// The hubs by id.
    pub hubs: BTreeMap<String, Hub>,
    /// The regions.
    pub regions: Vec<Region>,
}

/// Where a hub is in the map, seen from the home hub.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// How many hubs the way passes, the home hub being the first; 0 when no way leads there.
    pub hops: usize,
    /// The ids of the cheapest way, from the home hub to this one.
    pub route: Vec<String>,
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
    pub fn places(&self, home: &str) -> BTreeMap<&str, Place> {
        let hops = self.hops(home);
        let routes = self.routes(home);
        self.hubs
            .keys()
            .map(|id| {
                let hops = hops.get(id.as_str()).copied().unwrap_or(0);
                let route = routes.get(id.as_str()).cloned().unwrap_or_default();
                (id.as_str(), Place { hops, route })
            })
            .collect()
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
    fn routes(&self, home: &str) -> BTreeMap<&str, Vec<String>> {
        let mut routes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let Some((home, _)) = self.hubs.get_key_value(home).filter(|(id, _)| self.usable(id)) else {
            return routes;
        };
        let mut heap = BinaryHeap::from([Reverse((0_u64, vec![home.clone()]))]);
        while let Some(Reverse((cost, route))) = heap.pop() {
            let Some((id, hub)) = route.last().and_then(|id| self.hubs.get_key_value(id)) else { continue };
            if routes.contains_key(id.as_str()) {
                continue;
            }
            // A failing hub is a place to go to, not to pass through.
            let passable = !hub.is_disregarded() || id == home;
            for (other, lane) in hub.lanes.iter().filter(|(other, _)| passable && self.usable(other)) {
                if !routes.contains_key(other.as_str()) {
                    let mut longer = route.clone();
                    longer.push(other.clone());
                    // Whole thousandths, so that sums do not depend on their order.
                    heap.push(Reverse((cost + ((lane.cost() + HUB_COST) * 1e3) as u64, longer)));
                }
            }
            routes.insert(id, route);
        }
        routes
    }
}
