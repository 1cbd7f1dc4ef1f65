//! The graph as a page, for a browser without a network: hubs where they stand, lanes between them.

use std::collections::BTreeMap;

use super::graph::{about_hub, about_lane, lanes, nodes};
use crate::world::{World, spn::Map};

const PAGE: &str = include_str!("page.html");

/// The smallest distance between two hubs, degrees.
const APART: f64 = 3.5;

pub(super) fn html(world: &World, map: &Map) -> String {
    let nodes = nodes(world, map);
    let mut spots: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        // Hubs of unknown place stand in a row at the lower edge.
        let wanted = node
            .hub
            .place
            .map_or((-180.0 + at as f64 * APART % 360.0, 72.0), |place| (place.longitude, -place.latitude));
        let spot = free(wanted, spots.values());
        spots.insert(&node.hub.id, spot);
    }
    let mut lines = String::new();
    for (a, b) in lanes(map) {
        let ((x1, y1), (x2, y2)) = (spots[a.id.as_str()], spots[b.id.as_str()]);
        let about = about_lane(a, b).map(|lines| lines.join("\n")).unwrap_or_default();
        let width = a.lanes[&b.id].capacity_mbit().sqrt() / 40.0;
        lines.push_str(&format!(
            "<line data-hubs=\"{} {}\" x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\" \
             stroke-width=\"{width:.2}\"><title>{}</title></line>\n",
            escaped(&a.id),
            escaped(&b.id),
            escaped(&about),
        ));
    }
    let mut circles = String::new();
    for node in &nodes {
        let (x, y) = spots[node.hub.id.as_str()];
        let near: Vec<&str> =
            std::iter::once(&node.hub.id).chain(node.hub.lanes.keys()).map(String::as_str).collect();
        circles.push_str(&format!(
            "<g data-hubs=\"{}\"><circle id=\"{}\" cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"1.5\" fill=\"{}\"><title>{}</title>\
             </circle><text x=\"{:.2}\" y=\"{:.2}\">{}</text></g>\n",
            escaped(&near.join(" ")),
            escaped(&node.hub.id),
            fill(node.color),
            escaped(&about_hub(node).join("\n")),
            x + 1.8,
            y + 0.9,
            escaped(&node.hub.name),
        ));
    }
    let summary = format!("Map main: {} hubs, {} lanes", map.hubs.len(), lanes(map).count());
    PAGE.replace("{summary}", &summary).replace("{lanes}", &lines).replace("{hubs}", &circles)
}

/// The nearest free spot on a spiral around the wanted one.
fn free<'a>(wanted: (f64, f64), taken: impl Iterator<Item = &'a (f64, f64)> + Clone) -> (f64, f64) {
    for step in 0..400 {
        let turn = f64::from(step) * 2.4;
        let reach = APART * 0.6 * f64::from(step).sqrt();
        let spot = (wanted.0 + reach * turn.cos(), wanted.1 + reach * turn.sin());
        let clear = |other: &(f64, f64)| (other.0 - spot.0).hypot(other.1 - spot.1) >= APART;
        if taken.clone().all(clear) {
            return spot;
        }
    }
    wanted
}

/// The graph's colors as style sheets know them.
fn fill(color: &str) -> &'static str {
    match color {
        "steelblue2" => "#5cacee",
        "tomato2" => "#ee5c42",
        "seagreen2" => "#4eee94",
        _ => "#eee5de",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('{', "&#123;")
}
