//! `/glance`: what a person wants to see of the world at once, for the page.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use portmaster_fixtures::scenario::{ClockMode, OnlineStatus, SpnStatus};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    plane::Plane,
    problem::Problem,
    route::{Route, get},
};
use crate::{
    netquery::{Kind, Request, Retention},
    world::{Notification, World},
};

/// How many changes that are to come are told.
const MOST_COMING: usize = 30;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/glance", "Read what a person wants to see at once", read)
            .about("The network, the map of the privacy network, connections over time, notifications, and what comes next.")
            .answers::<Glance>("The world at a glance.")
            .refuses([StatusCode::INTERNAL_SERVER_ERROR]),
    ]
}

/// The world at a glance.
#[derive(Debug, Serialize, JsonSchema)]
struct Glance {
    /// The scenario's name.
    scenario: String,
    /// The world's present instant.
    #[schemars(with = "String")]
    now: Timestamp,
    /// The clock's pace.
    mode: ClockMode,
    /// The network that the device is in.
    network: Network,
    /// Resolvers, in their order.
    resolvers: Vec<Resolver>,
    /// How many answers the DNS cache has.
    cached: usize,
    /// The privacy network.
    spn: Spn,
    /// The names of the programs.
    apps: Vec<String>,
    /// Connections.
    connections: Connections,
    /// Notifications, the newest last.
    notifications: Vec<Note>,
    /// Troubles of modules, by their ids.
    modules: Vec<Trouble>,
    /// The end of the pause that goes on.
    #[schemars(with = "Option<String>")]
    paused_until: Option<Timestamp>,
    /// What comes next by itself.
    coming: Vec<Coming>,
}

/// The network that the device is in.
#[derive(Debug, Serialize, JsonSchema)]
struct Network {
    /// How far it reaches.
    online: OnlineStatus,
    /// The captive portal's address.
    portal: Option<String>,
    /// The country's code.
    country: Option<String>,
    /// Degrees north and east.
    place: Option<(f64, f64)>,
    /// Addresses of gateways.
    gateways: Vec<String>,
}

/// A resolver.
#[derive(Debug, Serialize, JsonSchema)]
struct Resolver {
    /// Its name, or else its address.
    name: String,
    /// Whether it fails.
    failing: bool,
}

/// The privacy network.
#[derive(Debug, Serialize, JsonSchema)]
struct Spn {
    /// Whether it is switched on.
    enabled: bool,
    /// How it is connected.
    status: SpnStatus,
    /// The home hub's id.
    home: Option<String>,
    /// Who is logged in.
    user: Option<String>,
    /// The account's state.
    account: Option<Value>,
    /// Hubs with a place.
    hubs: Vec<Hub>,
    /// Lanes between hubs, by their places in `hubs`.
    lanes: Vec<(usize, usize)>,
}

/// A hub on the map.
#[derive(Debug, Serialize, JsonSchema)]
struct Hub {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The country's code.
    country: String,
    /// Degrees north and east.
    place: (f64, f64),
    /// Load, percent.
    load: u8,
    /// Whether a session to it is open.
    session: bool,
}

/// Connections.
#[derive(Debug, Serialize, JsonSchema)]
struct Connections {
    /// How many the core knows.
    count: usize,
    /// How many of them go on.
    active: usize,
    /// The active ones over the last minutes: seconds since 1970, all, and those that are blocked.
    chart: Vec<(i64, i64, i64)>,
}

/// A notification.
#[derive(Debug, Serialize, JsonSchema)]
struct Note {
    /// The event's id.
    id: String,
    /// 0 information, 1 warning, 2 prompt, 3 error.
    kind: u8,
    /// Its title.
    title: String,
    /// Its text.
    message: String,
    /// How far the person has come with it.
    state: Value,
    /// What the person may choose: ids and texts.
    actions: Vec<(String, String)>,
}

/// A trouble of a module.
#[derive(Debug, Serialize, JsonSchema)]
struct Trouble {
    /// Its id.
    id: String,
    /// The module.
    module: String,
    /// What it is.
    title: String,
}

/// A change that comes by itself.
#[derive(Debug, Serialize, JsonSchema)]
struct Coming {
    /// When.
    #[schemars(with = "String")]
    at: Timestamp,
    /// What, in the words of a timeline.
    change: Value,
}

async fn read(State(plane): State<Arc<Plane>>) -> Result<Json<Glance>, Problem> {
    let scenario = plane.shared.about().scenario;
    let (mut glance, dev_mode) = plane.with(|world| (look(world, scenario), world.dev_mode()));
    let (netquery, now) = (plane.shared.served().netquery.clone(), glance.now);
    let chart = tokio::task::spawn_blocking(move || {
        let retention = Retention::default();
        netquery
            .answer(&Request {
                kind: Kind::ActiveChart,
                body: Some(b"{}"),
                now,
                dev_mode,
                retention: &retention,
            })
            .body
    });
    let error = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the connection database gave no chart");
    glance.connections.chart = points(&chart.await.map_err(error)?);
    Ok(Json(glance))
}

/// The points of a chart as `netquery/charts/connection-active` answers it.
fn points(answer: &[u8]) -> Vec<(i64, i64, i64)> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let rows = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap_or_default();
    rows.iter()
        .map(|row| (number(row, "timestamp"), number(row, "value"), number(row, "countBlocked")))
        .collect()
}

fn look(world: &World, scenario: String) -> Glance {
    let country = &world.network.location.country;
    let here = world.here();
    Glance {
        scenario,
        now: world.now(),
        mode: world.clock.mode(),
        network: Network {
            online: world.network.online,
            portal: world.network.captive_portal.as_ref().map(|portal| portal.url.clone()),
            country: Some(country.clone()).filter(|code| !code.is_empty()),
            place: here.map(|here| (here.latitude, here.longitude)),
            gateways: world.network.gateways.iter().map(ToString::to_string).collect(),
        },
        resolvers: world
            .resolvers()
            .iter()
            .map(|one| Resolver { name: one.label(), failing: world.resolver_fails(one) })
            .collect(),
        cached: world.dns.cache.len(),
        spn: spn(world),
        apps: world.apps.iter().map(|app| app.name.clone()).collect(),
        connections: Connections {
            count: world.connections.len(),
            active: world.connections.values().filter(|row| row.active).count(),
            chart: Vec::new(),
        },
        notifications: world.notifications().map(note).collect(),
        modules: world
            .modules
            .iter()
            .flat_map(|(module, states)| states.iter().map(move |one| (module, one)))
            .map(|(module, one)| Trouble {
                id: one.id.clone(),
                module: module.to_string(),
                title: one.name.clone(),
            })
            .collect(),
        paused_until: world.pause.as_ref().map(|pause| pause.until),
        coming: world
            .timeline
            .coming()
            .take(MOST_COMING)
            .map(|one| Coming { at: one.next, change: serde_json::to_value(one.change).unwrap_or_default() })
            .collect(),
    }
}

fn note(one: &Notification) -> Note {
    Note {
        id: one.event_id.clone(),
        kind: one.kind,
        title: one.title.clone(),
        message: one.message.clone(),
        state: serde_json::to_value(&one.state).unwrap_or_default(),
        actions: one.choices().map(|one| (one.id.clone(), one.text.clone())).collect(),
    }
}

fn spn(world: &World) -> Spn {
    let sessions = world.sessions();
    let placed = world.map("main").into_iter().flat_map(|map| map.hubs.values());
    let placed: Vec<_> = placed.filter_map(|hub| Some((hub, hub.place?))).collect();
    let at = |id: &str| placed.iter().position(|(hub, _)| hub.id == id);
    let lanes = placed.iter().enumerate().flat_map(|(from, (hub, _))| {
        hub.lanes.keys().filter_map(|id| at(id)).filter(move |to| from < *to).map(move |to| (from, to))
    });
    Spn {
        enabled: world.spn_enabled(),
        status: world.spn_status(),
        home: world.home_hub().map(|hub| hub.id.clone()),
        user: world.account().map(|account| account.username.clone()).filter(|name| !name.is_empty()),
        account: world.account().and_then(|account| serde_json::to_value(account.state).ok()),
        lanes: lanes.collect(),
        hubs: placed
            .iter()
            .map(|(hub, place)| Hub {
                id: hub.id.clone(),
                name: hub.name.clone(),
                country: hub.country.clone(),
                place: (place.latitude, place.longitude),
                load: hub.load,
                session: sessions.contains(hub.id.as_str()),
            })
            .collect(),
    }
}
