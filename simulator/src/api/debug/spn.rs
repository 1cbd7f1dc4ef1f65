//! The privacy network in debug reports.

use std::collections::BTreeMap;

use portmaster_fixtures::scenario::SpnStatus;

use super::report::Report;
use crate::{
    go::duration,
    world::{
        World,
        spn::{Hub, Map, Place},
    },
};

/// Writes the section.
pub(super) fn write(world: &World, to: &mut Report) {
    let module = if world.spn_enabled() { "enabled" } else { "disabled" };
    let home = world.home_hub().filter(|_| world.spn_enabled());
    let of_home = |what: fn(&Hub) -> String| home.map(what).unwrap_or_default();
    let mut lines = vec![
        format!("HomeHubID:    {}", of_home(|hub| hub.id.clone())),
        format!("HomeHubName:  {}", of_home(|hub| hub.name.clone())),
        format!(
            "HomeHubIP:    {}",
            of_home(|hub| hub.address().map(|ip| ip.to_string()).unwrap_or_default())
        ),
        format!("Transport:    {}", of_home(|hub| hub.transports.first().cloned().unwrap_or_default())),
    ];
    if home.is_some() && world.spn_status() == SpnStatus::Connected {
        let since = world.now().duration_since(world.spn_connected_since()).as_secs();
        lines.push(format!(
            "Connected:    {} ago",
            duration::format(since.max(0).saturating_mul(1_000_000_000))
        ));
    }
    lines.extend([
        "---".to_owned(),
        "Client:       true".to_owned(),
        "PublicHub:    false".to_owned(),
        "HubHasIPv4:   false".to_owned(),
        "HubHasIPv6:   false".to_owned(),
    ]);
    if let Some(map) = world.map("main") {
        lines.push("---\nMap main:".to_owned());
        // A map is there without a connection too, but then nothing runs over it.
        let connected = world.spn_status() == SpnStatus::Connected;
        let terminals = if connected { world.sessions().len() } else { 0 };
        lines.push(format!("Active Terminals: {terminals} Hubs"));
        lines.extend(
            states(world, map).into_iter().map(|(state, hubs)| format!("State {state}: {hubs} Hubs")),
        );
    }
    to.block(&format!("SPN: {} (module {module})", world.spn_status().word()), &lines.join("\n"));
}

/// How many hubs are in a state, by its name.
fn states(world: &World, map: &Map) -> BTreeMap<&'static str, usize> {
    let home = world.home_hub().map(|hub| hub.id.as_str());
    let places = home.map(|home| map.places(home)).unwrap_or_default();
    let nowhere = Place::default();
    let mut counts = BTreeMap::new();
    for hub in map.hubs.values() {
        let place = places.get(hub.id.as_str()).unwrap_or(&nowhere);
        for state in world.hub_states(hub, place, home.is_some(), home == Some(hub.id.as_str())) {
            *counts.entry(state).or_default() += 1;
        }
    }
    counts
}
