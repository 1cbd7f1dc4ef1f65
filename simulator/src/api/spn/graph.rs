//! `spn/map/{map}/graph.dot` and `graph.html`.

use hyper::StatusCode;
use portmaster_fixtures::Defect;

use super::page;
use crate::{
    api::{Call, Raw, Reply},
    go::duration,
    world::{
        World,
        spn::{HUB_COST, Hub, Map, Place},
    },
};

pub(super) fn graph(world: &mut World, call: &Call) -> Reply {
    let world = &*world;
    let Some(map) = world.map(call.part("map")) else {
        return Raw::text(StatusCode::NOT_FOUND, "Map not found.").into();
    };
    match call.part("format") {
        ".dot" => {
            let as_dot = world.rules.has(Defect::GraphAsDot);
            let kind = if as_dot { "text/x-dot; charset=utf-8" } else { "text/plain; charset=utf-8" };
            Raw::new(kind, dot(world, map)).into()
        }
        ".html" if world.dev_mode() => Raw::new("text/html; charset=utf-8", page::html(world, map)).into(),
        ".html" => Raw::text(
            StatusCode::PRECONDITION_FAILED,
            "Graph html formatting (js rendering) is only available in dev mode.",
        )
        .into(),
        _ => Raw::text(StatusCode::BAD_REQUEST, "Unsupported format.").into(),
    }
}

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

/// Graphviz: lanes first, then hubs (core-2.2 recordings, core-1.x §7).
fn dot(world: &World, map: &Map) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from("graph  {\n\tcenter=true;\n\toverlap=scale;\n\tratio=fill;\n");
    for (a, b) in lanes(map) {
        let (Some(lane), Some(about)) = (a.lanes.get(&b.id), about_lane(a, b)) else { continue };
        out.push_str(&format!(
            "\t{}--{}[ color=black, len={:.6}, penwidth={:.6}, tooltip=\"{}\" ];\n",
            a.id,
            b.id,
            lane.latency_ms() / 5.0,
            lane.capacity_mbit().sqrt() * 2.0,
            quoted(&about.join("\n")),
        ));
    }
    for node in nodes(world, map) {
        let remark = node.remark.map(|remark| format!("\n({remark})")).unwrap_or_default();
        out.push_str(&format!(
            "\t{} [ color=transparent, fillcolor={}, fontsize=20, label=\"{}\", margin=0, penwidth=4, \
             shape=circle, style=filled, tooltip=\"{}\" ];\n",
            node.hub.id,
            node.color,
            quoted(&format!("{}\n{}{remark}", node.hub.name, node.hub.short_id())),
            quoted(&about_hub(&node).join("\n")),
        ));
    }
    out.push_str("\n}\n");
    out
}
