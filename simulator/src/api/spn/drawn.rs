//! `spn/map/{map}/graph.dot` and `graph.html`.

use hyper::StatusCode;
use portmaster_fixtures::Defect;

use super::{
    graph::{about_hub, about_lane, lanes, nodes},
    page,
};
use crate::{
    api::{Call, Raw, Reply},
    world::{World, spn::Map},
};

pub(super) fn graph(world: &mut World, call: &Call) -> Reply {
    let world = &*world;
    let Some(map) = world.map(call.part("map")) else {
        return Raw::text(StatusCode::NOT_FOUND, "Map not found.").into();
    };
    match call.part("format") {
        ".dot" => {
            let as_dot = world.behaviour.has(Defect::GraphAsDot);
            let kind = if as_dot { "text/x-dot; charset=utf-8" } else { "text/plain; charset=utf-8" };
            Raw { told: true, ..Raw::new(kind, dot(world, map)) }.into()
        }
        ".html" if world.dev_mode() => {
            Raw { told: true, ..Raw::new("text/html; charset=utf-8", page::html(world, map)) }.into()
        }
        ".html" => Raw::text(
            StatusCode::PRECONDITION_FAILED,
            "Graph html formatting (js rendering) is only available in dev mode.",
        )
        .into(),
        _ => Raw::text(StatusCode::BAD_REQUEST, "Unsupported format.").into(),
    }
}

/// Graphviz: lanes first, then hubs (core-2.2 §6.8).
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
