//! Tunnels: the ways from the home hub to the hubs that sessions are open to, and the connections that take them.

use std::{fmt, sync::Arc};

use portmaster_fixtures::scenario::SpnStatus;
use serde_json::{Value, json};

use super::{Algorithm, HUB_COST, Hub};
use crate::{go::json as gojson, world::World};

/// A way through the network.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// The id of the hub at its end.
    pub exit: String,
    /// What connections say of it: `{Path, PathCost, RoutingAlg}` as JSON.
    pub context: String,
}

/// The ways that there are, once they were looked for; that takes long. What could be another way forgets them.
#[derive(Clone, Default)]
pub struct Ways(Option<Arc<[Tunnel]>>);

/// They follow from the rest of the world.
impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ways")
    }
}

impl World {
    /// The ways that connections can take now, one to each hub that a session is open to.
    pub(in crate::world) fn tunnels(&mut self) -> Arc<[Tunnel]> {
        if let Some(known) = &self.ways.0 {
            return Arc::clone(known);
        }
        let found: Arc<[Tunnel]> = self.find_tunnels().into();
        self.ways.0 = Some(Arc::clone(&found));
        found
    }

    fn find_tunnels(&self) -> Vec<Tunnel> {
        let Some((home, map)) = self.home_hub().zip(self.map("main")) else { return Vec::new() };
        if self.spn_status() != SpnStatus::Connected || self.pause.is_some() {
            return Vec::new();
        }
        let algorithm = Algorithm::called(self.config.text("spn/routingAlgorithm"));
        let places = map.places(&home.id);
        let home_alone = [home.id.as_str()];
        let ways: Vec<&[&str]> = match algorithm {
            Algorithm::Home => vec![&home_alone],
            _ => {
                let ends = self.sessions_in(home, map, &places).into_iter().filter(|id| *id != home.id);
                ends.filter_map(|id| places.get(id)).map(|place| place.route.as_slice()).collect()
            }
        };
        // The longest ways where none is as long as is asked for.
        let longest = ways.iter().map(|way| way.len()).max().unwrap_or(0);
        let least = algorithm.least().min(longest);
        let tunnel = |way: &[&str]| {
            let hubs: Vec<&Hub> = way.iter().filter_map(|id| map.hubs.get(*id)).collect();
            let lanes = way.windows(2).filter_map(|pair| map.hubs.get(pair[0])?.lanes.get(pair[1]));
            let cost: f32 = lanes.map(|lane| lane.cost() + HUB_COST).sum();
            let path: Vec<Value> = hubs.iter().map(|hub| self.step(hub)).collect();
            let context = json!({ "Path": path, "PathCost": cost.round(), "RoutingAlg": algorithm.word() });
            Some(Tunnel { exit: (*way.last()?).to_owned(), context: gojson::to_string(&context) })
        };
        ways.into_iter().filter(|way| !way.is_empty() && way.len() >= least).filter_map(tunnel).collect()
    }

    /// A hub of a way.
    fn step(&self, hub: &Hub) -> Value {
        let mut step = json!({ "ID": hub.id, "Name": hub.name });
        let addresses = [("IPv4", hub.ipv4.map(Into::into)), ("IPv6", hub.ipv6.map(Into::into))];
        for (name, ip) in addresses.into_iter().filter_map(|(name, ip)| Some((name, ip?))) {
            let at = self.hub_whereabouts(hub, Some(ip));
            step[name] = json!({ "IP": ip, "Country": at.country, "ASN": at.asn, "ASOwner": at.as_org });
        }
        step
    }

    /// Whether these hubs are a way from the home hub to one that a session is open to, and ways are taken.
    pub fn is_way(&self, way: &[&str]) -> bool {
        let Some((home, map)) = self.home_hub().zip(self.map("main")) else { return false };
        let lanes = way
            .windows(2)
            .all(|pair| map.hubs.get(pair[0]).is_some_and(|hub| hub.lanes.contains_key(pair[1])));
        let usable = way.iter().all(|id| map.hubs.get(*id).is_some_and(|hub| !hub.is_disregarded()));
        let open = way.last().is_some_and(|exit| self.sessions().contains(exit));
        self.spn_status() == SpnStatus::Connected
            && self.pause.is_none()
            && way.first() == Some(&home.id.as_str())
            && lanes
            && usable
            && open
    }
}
