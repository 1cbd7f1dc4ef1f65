//! `spn/map/{map}/…` in JSON: pins, measurements and the optimization.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portmaster_fixtures::RecordForm;
use serde::Serialize;
use serde_json::Value;

use super::describe::{Hub, Measurement, entity, info, status};
use crate::{
    api::{Call, Reply},
    ordered::ordered,
    world::{World, spn},
};

/// What those answer that were asked for another map.
pub(super) const NO_MAP: &str = "map not found";

/// A hub in its place in the map (core-1.x §7.4, websocket §5.8).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pin<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    name: &'a str,
    map: &'static str,
    first_seen: Timestamp,
    #[serde(rename = "EntityV4")]
    entity_v4: Value,
    #[serde(rename = "EntityV6")]
    entity_v6: Value,
    states: Vec<&'static str>,
    verified_owner: &'a str,
    hop_distance: usize,
    connected_to: BTreeMap<String, Lane>,
    route: Option<Vec<&'a str>>,
    session_active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Lane {
    #[serde(rename = "HubID")]
    hub_id: String,
    capacity: u64,
    latency: u64,
}

impl Lane {
    fn new(id: &str, lane: &spn::Quality) -> Self {
        Self { hub_id: id.to_owned(), capacity: lane.capacity, latency: lane.latency }
    }
}

pub(super) fn pins(world: &mut World, call: &Call) -> Reply {
    match world.map(call.part("map")) {
        Some(map) => call.structured(&all_pins(world, map)),
        None => Reply::failure(NO_MAP),
    }
}

/// The pins as records of the database: id, when the hub was first seen, and the members.
pub(crate) fn pin_records(world: &World, map: &spn::Map) -> Vec<(String, Timestamp, Value)> {
    let record =
        |pin: Pin<'_>| (pin.id.to_owned(), pin.first_seen, serde_json::to_value(&pin).unwrap_or_default());
    all_pins(world, map).into_iter().map(record).collect()
}

fn all_pins<'a>(world: &'a World, map: &'a spn::Map) -> Vec<Pin<'a>> {
    let home = world.home_hub().map(|hub| hub.id.as_str());
    let places = home.map(|home| map.places(home)).unwrap_or_default();
    let sessions = world.sessions();
    let in_full = world.behaviour.record_form == RecordForm::Late;
    let mut pins = Vec::with_capacity(map.hubs.len());
    for hub in map.hubs.values() {
        let place = places.get(hub.id.as_str()).cloned().unwrap_or_default();
        let is_home = home == Some(hub.id.as_str());
        let session_active = sessions.contains(hub.id.as_str());
        let lane = |(id, lane): (&'_ String, &spn::Quality)| (id.clone(), Lane::new(id, lane));
        pins.push(Pin {
            id: &hub.id,
            name: &hub.name,
            map: "main",
            first_seen: hub.first_seen,
            entity_v4: entity(world, hub, hub.ipv4.map(Into::into)),
            entity_v6: entity(world, hub, hub.ipv6.map(Into::into)),
            states: world.hub_states(hub, &place, home.is_some(), is_home),
            verified_owner: hub.verified_owner(),
            hop_distance: place.hops,
            connected_to: ordered(hub.lanes.iter().map(lane)),
            route: (session_active && !is_home).then_some(place.route),
            session_active,
            info: in_full.then(|| info(world, hub)),
            status: in_full.then(|| status(world, hub)),
        });
    }
    pins
}

pub(super) fn measurements(world: &mut World, call: &Call) -> Reply {
    let Some(map) = world.map(call.part("map")) else { return Reply::failure(NO_MAP) };
    let here = world.here();
    let all: Vec<_> = map.by_cost().into_iter().map(|hub| Measurement::of(hub, here)).collect();
    call.structured(&all)
}

/// The words in which an optimization says what it is for and how it goes about it (core-1.x §7.4).
pub(super) const PURPOSE: &str = "target-structure";
pub(super) const APPROACH: [&str; 2] =
    ["Connect to best (lowest cost) 3 Hubs globally.", "Connect satellite to regions."];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Optimization<'a> {
    purpose: &'static str,
    approach: [&'static str; 2],
    suggested_connections: Option<Vec<Suggestion<'a>>>,
    max_connect: usize,
    stop_others: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Suggestion<'a> {
    hub: Hub<'a>,
    reason: String,
    duplicate: bool,
}

/// To how many hubs lanes should be: every suggested one.
pub(super) fn max_connect(suggestions: &[spn::Suggestion<'_>]) -> usize {
    suggestions.iter().filter(|one| !one.duplicate).count()
}

/// The map's optimization for this device.
pub(super) fn suggestions<'a>(world: &'a World, call: &Call) -> Result<Vec<spn::Suggestion<'a>>, Reply> {
    let map = world.map(call.part("map")).ok_or_else(|| Reply::failure(NO_MAP))?;
    let home = world.home_hub().map(|hub| hub.id.as_str());
    map.optimization(home).ok_or_else(|| Reply::failure("map is empty"))
}

pub(super) fn optimization(world: &mut World, call: &Call) -> Reply {
    let suggestions = match suggestions(world, call) {
        Ok(suggestions) => suggestions,
        Err(reply) => return reply,
    };
    let max_connect = max_connect(&suggestions);
    let suggested: Vec<_> = suggestions
        .into_iter()
        .map(|one| Suggestion { hub: Hub::new(world, one.hub), reason: one.reason, duplicate: one.duplicate })
        .collect();
    call.structured(&Optimization {
        purpose: PURPOSE,
        approach: APPROACH,
        suggested_connections: (!suggested.is_empty()).then_some(suggested),
        max_connect,
        stop_others: true,
    })
}
