//! What a graph of the map shows, in whatever form.

use crate::{
    go::duration,
    world::{
        World,
        spn::{HUB_COST, Hub, Map, Place},
    },
};

/// A hub as a graph shows it.
pub(super) struct Node<'a> {
    pub(super) hub: &'a Hub,
    pub(super) states: Vec<&'static str>,
    /// A word beside its name, or none.
    pub(super) remark: Option<&'static str>,
    /// The color by its X11 name.
    pub(super) color: &'static str,
}

/// Every hub by id, and every lane once, from the first of its ends by id.
pub(super) fn nodes<'a>(world: &World, map: &'a Map) -> Vec<Node<'a>> {
    let home = world.home_hub().map(|hub| hub.id.as_str());
    let places = home.map(|home| map.places(home)).unwrap_or_default();
    let nowhere = Place::default();
    let node = |hub: &'a Hub| {
        let place = places.get(hub.id.as_str()).unwrap_or(&nowhere);
        let is_home = home == Some(hub.id.as_str());
        let states = world.hub_states(hub, place, home.is_some(), is_home);
        let (remark, color) = if is_home {
            (Some("Home"), "steelblue2")
        } else if hub.is_disregarded() {
            (Some("disregarded"), "tomato2")
        } else if states.contains(&"Trusted") {
            (Some("trusted"), "seagreen2")
        } else {
            (None, "seashell2")
        };
        Node { hub, states, remark, color }
    };
    map.hubs.values().map(node).collect()
}

/// What people read about a lane, a fact a line.
pub(super) fn about_lane(a: &Hub, b: &Hub) -> Option<[String; 4]> {
    let lane = a.lanes.get(&b.id)?;
    Some([
        format!("{} <> {}", a.name, b.name),
        format!("Latency: {}", duration::format(i64::try_from(lane.latency).unwrap_or(i64::MAX))),
        format!("Capacity: {:.2} Mbit/s", lane.capacity_mbit()),
        format!("Cost: {:.2}", lane.cost()),
    ])
}

/// What people read about a hub, a fact a line.
pub(super) fn about_hub(node: &Node<'_>) -> Vec<String> {
    let hub = node.hub;
    let origin = format!("({} AS{} {})", hub.country, hub.asn, hub.as_org);
    let mut lines = vec![
        format!("ID: {}", hub.id),
        format!("States: {}", node.states.join(", ")),
        format!("Version: {}", hub.version),
    ];
    lines.extend(hub.ipv4.map(|ip| format!("IPv4: {ip} {origin}")));
    lines.extend(hub.ipv6.map(|ip| format!("IPv6: {ip} {origin}")));
    lines.push(format!("Load: {}", hub.load));
    lines.push(format!("Cost: {HUB_COST:.2}"));
    lines
}

/// The lanes of a map, each once.
pub(super) fn lanes(map: &Map) -> impl Iterator<Item = (&Hub, &Hub)> {
    map.hubs.values().flat_map(|hub| {
        hub.lanes
            .keys()
            .filter(|other| **other > hub.id)
            .filter_map(|other| map.hubs.get(other))
            .map(move |other| (hub, other))
    })
}
