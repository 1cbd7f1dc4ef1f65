//! `…/measurements/table` and `…/optimization/table`, for people.

use std::fmt::Write;

use super::{
    describe::Measurement,
    map::{APPROACH, NO_MAP, PURPOSE, max_connect, suggestions},
};
use crate::{
    api::{Call, Reply},
    go::{duration, table},
    world::{
        World,
        spn::{Hub, Map},
    },
};

/// The columns behind those of the hub; cores have no values in the last ones (core-1.x §7.4).
const HEADER: &str = "Country\tRegion\tLatency\tCapacity\tCost\tGeo Prox.\tHub ID\tLifetime Usage\tPeriod Usage\tProt\tStatus\n";

/// The cells of a hub from its country on, the last one open.
fn cells(world: &World, map: &Map, hub: &Hub) -> String {
    let Measurement { calculated_cost, geo_proximity, .. } = Measurement::of(hub, world.here());
    let quality = hub.measurement.quality;
    format!(
        "{}\t{}\t{}\t{:.2}Mbit/s\t{calculated_cost:.2}c\t{geo_proximity:.2}%\t{}\n",
        hub.country,
        map.region(hub).map_or("-", |region| &region.name),
        duration::format(i64::try_from(quality.latency).unwrap_or(i64::MAX)),
        quality.capacity_mbit(),
        hub.id,
    )
}

pub(super) fn measurements(world: &mut World, call: &Call) -> Reply {
    let Some(map) = world.map(call.part("map")) else { return Reply::failure(NO_MAP) };
    let home = world.home_hub().map(|hub| hub.id.as_str());
    let mut text = format!("Hub Name\t{HEADER}");
    for hub in map.by_cost().into_iter().filter(|hub| home != Some(&hub.id)) {
        text.push_str(&format!("{}\t{}", hub.name, cells(world, map, hub)));
    }
    Reply::Data(table::align(&text).into())
}

pub(super) fn optimization(world: &mut World, call: &Call) -> Reply {
    let suggestions = match suggestions(world, call) {
        Ok(suggestions) => suggestions,
        Err(reply) => return reply,
    };
    let Some(map) = world.map(call.part("map")) else { return Reply::failure(NO_MAP) };
    let approach: String = APPROACH.iter().map(|step| format!("  - {step}\n")).collect();
    let mut rows = format!("Hub Name\tReason\tDuplicate\t{HEADER}");
    for one in &suggestions {
        let duplicate = if one.duplicate { "yes" } else { "" };
        let _ = write!(rows, "{}\t{}\t{duplicate}\t{}", one.hub.name, one.reason, cells(world, map, one.hub));
    }
    let text = format!(
        "Optimization:\nPurpose: {PURPOSE}\nApproach:\n{approach}MaxConnect: {}\nStopOthers: true\n\
         \nSuggested Connections:\n{}",
        max_connect(&suggestions),
        table::align(&rows),
    );
    Reply::Data(text.into())
}
