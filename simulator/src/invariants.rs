//! What holds of every world, whatever happens in it: `docs/worlds.md` has the same list.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::{
    Contract, Scenario, SystemStatus,
    scenario::{BUILT_IN, Change, ClockMode, Connections, OnlineStatus, SpnStatus},
};
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::{
    database,
    netquery::{Kind, Request, Retention, Store},
    world::{Connection, Event, Options, Record, World, chance},
};

/// A world and its connection database.
struct Look {
    world: World,
    store: Store,
    /// Whether its connections are rows that were recorded, as they were.
    recorded: bool,
    /// Since when nothing of the internet is reached, if that is so.
    lost: Option<Timestamp>,
    /// What a subscriber knows, by key.
    told: BTreeMap<String, Value>,
}

/// An invariant: the sentence of the list, and what contradicts it.
type Invariant = (&'static str, fn(&mut Look) -> Vec<String>);

const INVARIANTS: &[Invariant] = &[
    ("The profile of every connection is there.", profiles),
    (
        "The process of every connection is in the network tree, under its number and the millisecond in which it began.",
        processes,
    ),
    ("Every process in the network tree has a profile, and that profile is in use.", layers),
    (
        "A process begins before its connections, a connection begins before it ends, and nothing has begun or ended later than now.",
        times,
    ),
    ("A connection is active exactly as long as it has not ended.", activity),
    (
        "A tunnel in use begins at the home hub, follows lanes of the map, and ends at a hub that a session is open to; countries are those of its hubs.",
        tunnels,
    ),
    (
        "The lanes of the map have two ends, the way of a pin follows them to the home hub, and it is as long as hops are counted at least.",
        pins,
    ),
    ("What `netquery/query` counts is what the world knows.", tables),
    ("The chart of active connections is the sum of the rows that `netquery/query` shows.", chart),
    (
        "Traffic is measured on connections that are there, not later than now, and no more of it than they have.",
        traffic,
    ),
    ("Notifications are known by their events, have not expired, and offer each action once.", notifications),
    (
        "The status shows the network's state; a captive portal is told of only while one is in the way.",
        status,
    ),
    ("The account, the connection to the privacy network and the profiles began before now.", beginnings),
    (
        "While somebody is logged in and the privacy network is not connected, there is no home hub and no session; nothing is tunnelled then, nor while it or the core rests.",
        unconnected,
    ),
    ("What was connected to the internet ends when the internet is lost.", lost),
    ("What subscribers were told is what is there.", heard),
];

/// What subscribers are told of, by the beginnings of keys.
const HEARD: &[&str] = &[
    "config:", "core:profiles/", "core:spn/account/user", MAP, "notifications:all/",
    "runtime:layeredProfile/", "runtime:spn/status", "runtime:subsystems/", "runtime:system/status",
];

const MAP: &str = "map:main/";

fn value(record: &Record) -> Value {
    record.text().map(|text| serde_json::from_slice(text).unwrap()).unwrap_or_default()
}

/// A record without its times and without what hubs say of themselves from time to time, which nobody is told of each time.
fn lasting(record: &Record) -> Value {
    let mut value = value(record);
    if let Some(members) = value.as_object_mut() {
        let of_hubs: &[&str] = if record.key.starts_with(MAP) { &["Info", "Status"] } else { &[] };
        members.retain(|name, _| name != "_meta" && !of_hubs.contains(&name.as_str()));
    }
    value
}

fn live(look: &Look) -> impl Iterator<Item = &std::sync::Arc<Connection>> {
    look.world.connections.values().filter(|one| one.live)
}

fn extra(one: &Connection) -> Value {
    one.row().extra_data_value().into_owned()
}

fn profiles(look: &mut Look) -> Vec<String> {
    let keys: BTreeSet<&str> =
        look.world.connections.values().map(|one| one.shared.profile.as_str()).collect();
    let missing = keys.into_iter().filter(|key| look.world.profile_record(key).is_none());
    missing.map(|key| format!("no profile {key}")).collect()
}

fn processes(look: &mut Look) -> Vec<String> {
    if look.recorded {
        return Vec::new();
    }
    let plain = look.world.behaviour.websocket.system_status == SystemStatus::SecurityLevels;
    let mut keys = BTreeMap::new();
    for one in live(look) {
        let extra = extra(one);
        if let Some(pid) = extra["pid"].as_i64() {
            let key = match plain {
                true => format!("network:tree/{pid}"),
                false => format!("network:tree/{pid}-{}", extra["processCreatedAt"]),
            };
            keys.insert(key, (one.shared.profile.clone(), one.shared.path.clone()));
        }
    }
    let mut wrong = Vec::new();
    for (key, (profile, path)) in keys {
        match database::record(&mut look.world, &key).map(|record| value(&record)) {
            Some(process) if process["PrimaryProfileID"] == profile && process["Path"] == path => {}
            Some(process) => wrong.push(format!("{key} of {profile}: {process}")),
            None => wrong.push(format!("{key} of {profile} is not there")),
        }
    }
    wrong
}

fn layers(look: &mut Look) -> Vec<String> {
    let all = database::records(&look.world, "network:tree/");
    let all = all.iter().filter(|record| record.key.matches('/').count() == 1);
    let keys: Vec<String> =
        all.map(|record| value(record)["PrimaryProfileID"].as_str().unwrap_or_default().to_owned()).collect();
    let mut wrong = Vec::new();
    for key in keys {
        if look.world.profile_record(&key).is_none() {
            wrong.push(format!("no profile {key}"));
        }
        if database::record(&mut look.world, &format!("runtime:layeredProfile/{key}")).is_none() {
            wrong.push(format!("{key} is not in use"));
        }
    }
    wrong
}

fn times(look: &mut Look) -> Vec<String> {
    let now = look.world.now();
    let mut wrong = Vec::new();
    for one in look.world.connections.values() {
        let created = extra(one)["processCreatedAt"].as_i64().filter(|_| !look.recorded).unwrap_or(0);
        let in_order = one.started <= now
            && created <= one.started.as_millisecond()
            && one.ended.is_none_or(|ended| one.started <= ended && ended <= now);
        if !in_order {
            wrong.push(format!("{}: {created}, {}, {:?}, now {now}", one.id(), one.started, one.ended));
        }
    }
    wrong
}

fn activity(look: &mut Look) -> Vec<String> {
    let all = look.world.connections.values();
    let wrong = all.filter(|one| one.active == one.ended.is_some());
    wrong.map(|one| format!("{}: active {}, ended {:?}", one.id(), one.active, one.ended)).collect()
}

fn tunnels(look: &mut Look) -> Vec<String> {
    if look.recorded {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for one in live(look).filter(|one| one.shared.tunneled && one.active) {
        let tunnel = extra(one)["tunnel"].take();
        let path = tunnel["Path"].as_array().cloned().unwrap_or_default();
        let ids: Vec<&str> = path.iter().filter_map(|hub| hub["ID"].as_str()).collect();
        let hubs = look.world.map("main").map(|map| &map.hubs);
        let country = |hub: &Value| {
            let known = hubs.and_then(|hubs| hubs.get(hub["ID"].as_str()?));
            let said = hub["IPv4"]["Country"].as_str().or(hub["IPv6"]["Country"].as_str());
            known.is_some_and(|known| said.is_none_or(|said| said == known.country))
        };
        let row = one.row();
        let ends = row.exit_node.as_deref() == ids.last().copied();
        if !look.world.is_way(&ids) || !ends || !path.iter().all(country) {
            wrong.push(format!("{}: {:?}, {tunnel}", row.id, row.exit_node));
        }
    }
    wrong
}

fn pins(look: &mut Look) -> Vec<String> {
    let home = look.world.home_hub().map(|hub| hub.id.clone());
    let all = database::records(&look.world, "map:main/");
    let pins: BTreeMap<String, Value> =
        all.iter().map(|record| (record.key["map:main/".len()..].to_owned(), value(record))).collect();
    let has_lane = |from: &str, to: &str| !pins.get(from).is_none_or(|pin| pin["ConnectedTo"][to].is_null());
    let mut wrong = Vec::new();
    for (id, pin) in &pins {
        for other in pin["ConnectedTo"].as_object().into_iter().flatten().map(|(other, _)| other) {
            if !has_lane(other, id) {
                wrong.push(format!("the lane from {id} to {other} has one end"));
            }
        }
        let route: Vec<&str> =
            pin["Route"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let hops = pin["HopDistance"].as_u64().unwrap_or(0) as usize;
        let follows = route.windows(2).all(|pair| has_lane(pair[0], pair[1]));
        let ends = [route.first(), route.last()].map(|end| end.map(|end| (*end).to_owned()));
        let between = route.is_empty() || ends.contains(&home) && ends.contains(&Some(id.clone()));
        if !follows || !between || (!route.is_empty() && !(1..=route.len()).contains(&hops)) {
            wrong.push(format!("{id}: {hops} hops, {route:?}, home {home:?}"));
        }
        if pin["SessionActive"] != look.world.sessions().contains(id.as_str()) && look.world.spn_enabled() {
            wrong.push(format!("{id}: session {}", pin["SessionActive"]));
        }
    }
    wrong
}

/// What the connection database answers.
fn ask(look: &Look, kind: Kind, body: &Value) -> Vec<Value> {
    let retention = Retention::default();
    let body = body.to_string();
    let request = Request {
        kind,
        body: Some(body.as_bytes()),
        now: look.world.now(),
        dev_mode: false,
        retention: &retention,
    };
    let answer: Value = serde_json::from_slice(&look.store.answer(&request).body).unwrap();
    answer["results"].as_array().cloned().unwrap_or_default()
}

/// All rows of the live table, page by page.
fn rows(look: &Look) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = json!({ "orderBy": ["id"], "pageSize": 100, "page": all.len() / 100 });
        let page = ask(look, Kind::Query, &page);
        let is_last = page.len() < 100;
        all.extend(page);
        if is_last {
            return all;
        }
    }
}

fn tables(look: &mut Look) -> Vec<String> {
    let shown: BTreeMap<String, Value> = rows(look)
        .into_iter()
        .map(|row| {
            let facts = json!([row["active"], row["verdict"], row["bytes_received"], row["exit_node"]]);
            (row["id"].as_str().unwrap_or_default().to_owned(), facts)
        })
        .collect();
    let known: BTreeMap<String, Value> = live(look)
        .map(|one| {
            let row = one.row();
            (row.id, json!([row.active, row.verdict, row.bytes_received, row.exit_node]))
        })
        .collect();
    let differs = |(id, facts): (&String, &Value)| {
        let other = shown.get(id);
        // Early contracts do not count bytes.
        let same = |other: &Value| {
            plain(other)
                .into_iter()
                .zip(plain(facts))
                .enumerate()
                .all(|(at, (a, b))| a == b || (at == 2 && a == ""))
        };
        (!other.is_some_and(same)).then(|| format!("{id}: {facts}, shown {other:?}"))
    };
    let mut wrong: Vec<String> = known.iter().filter_map(differs).collect();
    wrong.extend(shown.keys().filter(|id| !known.contains_key(*id)).map(|id| format!("{id} is unknown")));
    let active = shown.values().filter(|facts| plain(facts)[0] == json!(1)).count();
    if look.world.state()["connections"]["active"] != active {
        wrong.push(format!("{active} active rows, state {}", look.world.state()["connections"]));
    }
    wrong
}

/// Truths as numbers and no text as none, in which contracts differ.
fn plain(facts: &Value) -> Vec<Value> {
    let one = |fact: &Value| match fact {
        Value::Bool(truth) => json!(i32::from(*truth)),
        Value::Null => json!(""),
        other => other.clone(),
    };
    facts.as_array().into_iter().flatten().map(one).collect()
}

fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| Some(value.as_str()?.parse::<Timestamp>().ok()?.as_second()))
}

fn chart(look: &mut Look) -> Vec<String> {
    let now = look.world.now().as_second();
    let mut expected: BTreeMap<i64, i64> = BTreeMap::new();
    for row in rows(look) {
        let from = seconds(&row["started"]).unwrap_or(now).max(now - 600);
        let to = seconds(&row["ended"]).unwrap_or(now - 1).min(now - 1);
        for second in from..=to {
            *expected.entry(second.div_euclid(10)).or_default() += 1;
        }
    }
    let mut shown: BTreeMap<i64, i64> = BTreeMap::new();
    for point in ask(look, Kind::ActiveChart, &json!({})) {
        let count = |name: &str| point[name].as_i64().unwrap_or(0);
        *shown.entry(count("timestamp").div_euclid(10)).or_default() +=
            count("value") + count("countBlocked");
    }
    let different = expected.iter().filter(|(bucket, sum)| shown.get(*bucket) != Some(*sum));
    let mut wrong: Vec<String> =
        different.map(|(bucket, sum)| format!("{bucket}0: {sum}, shown {:?}", shown.get(bucket))).collect();
    wrong.extend(
        shown.keys().filter(|one| !expected.contains_key(*one)).map(|one| format!("{one}0 is too much")),
    );
    wrong
}

fn traffic(look: &mut Look) -> Vec<String> {
    if look.recorded {
        return Vec::new();
    }
    let now = look.world.now().as_second();
    let mut sums: BTreeMap<String, [i64; 2]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for point in ask(look, Kind::BandwidthChart, &json!({ "interval": 1, "groupBy": ["id"] })) {
        let id = point["id"].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| point[name].as_i64().unwrap_or(0);
        if number("timestamp") > now {
            wrong.push(format!("{id}: measured at {}, now {now}", number("timestamp")));
        }
        let sum = sums.entry(id).or_default();
        (sum[0], sum[1]) = (sum[0] + number("incoming"), sum[1] + number("outgoing"));
    }
    for (id, [incoming, outgoing]) in sums {
        let of = look.world.connections.get(&id);
        if !of.is_some_and(|one| incoming <= one.bytes_received && outgoing <= one.bytes_sent) {
            let of = of.map(|one| [one.bytes_received, one.bytes_sent]);
            wrong.push(format!("{id}: measured {incoming} and {outgoing}, has {of:?}"));
        }
    }
    wrong
}

fn notifications(look: &mut Look) -> Vec<String> {
    let now = look.world.now();
    let mut wrong = Vec::new();
    for (event, one) in &look.world.notifications {
        let ids: Vec<&str> = one.choices().map(|action| action.id.as_str()).collect();
        let once = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
        let in_order = one.created <= one.modified && one.modified <= now && one.is_there(now);
        if *event != one.event_id || one.guid.is_empty() || !once || !in_order {
            wrong.push(format!("{event}: {one:?}, now {now}"));
        }
    }
    wrong
}

fn status(look: &mut Look) -> Vec<String> {
    let status = value(&look.world.system_status());
    let network = &look.world.network;
    let is_portal = network.online == OnlineStatus::Portal;
    let told = look.world.notification("netenv:captive-portal").is_some();
    let portal = &status["CaptivePortal"]["URL"];
    let right = status["OnlineStatus"] == network.online.number()
        && (is_portal || (portal == "" && !told))
        && (!is_portal || *portal == network.captive_portal.clone().unwrap_or_default().url);
    if right { Vec::new() } else { vec![format!("{network:?}, told {told}: {status}")] }
}

fn beginnings(look: &mut Look) -> Vec<String> {
    let now = look.world.now();
    let mut wrong = Vec::new();
    if look.world.spn_connected_since() > now {
        wrong.push(format!("connected since {}, now {now}", look.world.spn_connected_since()));
    }
    if let Some(account) = look.world.account()
        && account.logged_in > now
    {
        wrong.push(format!("logged in at {}, now {now}", account.logged_in));
    }
    for one in look.world.profiles.iter() {
        let profile = &one.profile;
        if profile.created > now.as_second()
            || (profile.last_edited != 0 && profile.last_edited < profile.created)
        {
            wrong.push(format!(
                "{}: created {}, edited {}, now {now}",
                profile.name, profile.created, profile.last_edited
            ));
        }
    }
    wrong
}

fn unconnected(look: &mut Look) -> Vec<String> {
    let is_connected = look.world.spn_status() == SpnStatus::Connected;
    let mut wrong = Vec::new();
    if look.world.spn_enabled() && !is_connected && look.world.account().is_some() {
        let all = database::records(&look.world, MAP);
        let pins = all.iter().map(value);
        wrong.extend(pins.filter(|pin| pin["HopDistance"] != 0 || pin["SessionActive"] == true).map(|pin| {
            format!("{}: {} hops, session {}", pin["Name"], pin["HopDistance"], pin["SessionActive"])
        }));
    }
    if !look.recorded && (!is_connected || look.world.pause.is_some()) {
        let tunnelled = live(look).filter(|one| one.active && one.shared.tunneled);
        wrong.extend(tunnelled.map(|one| format!("{} is tunnelled", one.id())));
    }
    wrong
}

fn lost(look: &mut Look) -> Vec<String> {
    let Some(lost) = look.lost else { return Vec::new() };
    // 4 is the scope of the internet.
    let wrong = live(look).filter(|one| one.active && one.shared.scope >= 4 && one.started < lost);
    wrong.map(|one| format!("{} since {lost}", one.id())).collect()
}

fn heard(look: &mut Look) -> Vec<String> {
    let there = look.there();
    let differs = |key: &String| look.told.get(key) != there.get(key);
    let keys: BTreeSet<&String> = there.keys().chain(look.told.keys()).collect();
    let members = |all: &BTreeMap<String, Value>, key: &String| -> BTreeMap<String, Value> {
        let members = all.get(key).and_then(Value::as_object).into_iter().flatten();
        members.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let wrong = keys.into_iter().filter(|key| differs(key));
    wrong
        .map(|key| {
            let (told, is) = (members(&look.told, key), members(&there, key));
            let other = is.iter().filter(|(name, value)| told.get(*name) != Some(value));
            let other: Vec<_> =
                other.map(|(name, value)| format!("{name} {:?}, is {value}", told.get(name))).collect();
            format!("{key}: told {other:?} of {} members", is.len())
        })
        .collect()
}

impl Look {
    fn at(scenario: Scenario, contract: Contract, recorded: bool) -> Self {
        let options =
            Options { contract: Some(contract), clock: Some(ClockMode::Manual), ..Options::default() };
        let mut world = World::new(scenario, options).unwrap();
        let store = Store::begun(&mut world).unwrap();
        let mut look = Self { world, store, recorded, lost: None, told: BTreeMap::new() };
        look.told = look.there();
        look.note();
        look
    }

    /// What a subscriber would find who came now.
    fn there(&self) -> BTreeMap<String, Value> {
        let all = HEARD.iter().flat_map(|prefix| database::records(&self.world, prefix));
        all.map(|record| (record.key.clone(), lasting(&record))).collect()
    }

    /// What a subscriber makes of what happened. A map that was withdrawn is asked for anew.
    fn hear(&mut self, events: &[Event]) {
        let is_told = |key: &str| HEARD.iter().any(|prefix| key.starts_with(prefix));
        for event in events {
            match event {
                Event::Record(record) if is_told(&record.key) => {
                    _ = match record.meta.deleted {
                        0 => self.told.insert(record.key.clone(), lasting(record)),
                        _ => self.told.remove(&record.key),
                    };
                }
                Event::Hubs(ids) => {
                    for key in ids.iter().map(|id| format!("{MAP}{id}")) {
                        match database::record(&mut self.world, &key) {
                            Some(pin) => self.told.insert(key, lasting(&pin)),
                            None => self.told.remove(&key),
                        };
                    }
                }
                _ => {}
            }
        }
        let has_map = self.told.keys().any(|key| key.starts_with(MAP));
        if !self.world.spn_enabled() {
            self.told.retain(|key, _| !key.starts_with(MAP));
        } else if !has_map {
            let pins = self.there().into_iter().filter(|(key, _)| key.starts_with(MAP));
            self.told.extend(pins);
        }
    }

    fn advance(&mut self, by: SignedDuration) {
        self.world.clock.advance(by);
        self.world.run_due();
        self.note();
    }

    fn note(&mut self) {
        let events = self.world.take_events();
        self.store.record(&events, self.world.connections.ever()).unwrap();
        self.hear(&events);
        let is_reached = matches!(self.world.network.online, OnlineStatus::Online | OnlineStatus::Semi);
        self.lost = (!is_reached).then(|| self.lost.unwrap_or(self.world.now()));
    }

    fn check(&mut self, when: &str) {
        for (sentence, contradictions) in INVARIANTS {
            let found = contradictions(self);
            let first = found.iter().take(3).collect::<Vec<_>>();
            assert!(found.is_empty(), "{when}: {sentence} Not so {} times, as {first:#?}", found.len());
        }
    }
}

#[test]
fn they_hold_of_every_scenario_at_any_time() {
    for (at, (name, _)) in BUILT_IN.iter().enumerate() {
        let scenario = Scenario::load(name).unwrap();
        // As with `--start now`.
        let start = scenario.written_start() + SignedDuration::from_hours(24 * 200);
        let mut scenario = scenario.beginning(start);
        let own = scenario.contract;
        let recorded = !matches!(scenario.connections, Connections::Generated(_));
        // An hour; a minute of a machine that never rests.
        let busy = *name == "busy-server";
        if let Connections::Generated(recipe) = &mut scenario.connections
            && busy
        {
            recipe.generate.count = 500;
        }
        let steps = [0, 1, 9, 51, 60, 60, 120, 300, 600, 2_400];
        let contract = own.unwrap_or(Contract::ALL[at % Contract::ALL.len()]);
        let mut look = Look::at(scenario, contract, recorded);
        for step in steps {
            look.advance(SignedDuration::from_secs(if busy { step / 20 } else { step }));
            let when = format!("{name}, {contract}, {}", look.world.now());
            look.check(&when);
        }
    }
}

/// Changes of all kinds, in a world at home.
const CHANGES: &[&str] = &[
    "network: { online: offline }",
    "network: { online: limited }",
    "network: { online: portal }",
    "network: { online: portal, captive_portal: { url: 'http://x.example/', domain: x.example } }",
    "network: { online: online }",
    "network: { online: online, captive_portal: null }",
    "config: { spn/enable: false }",
    "config: { spn/enable: true }",
    "config: { spn/use: false }",
    "config: { spn/use: null, history/enable: false }",
    "config: { spn/routingAlgorithm: triple-hop }",
    "config: { spn/routingAlgorithm: home }",
    "config: { spn/routingAlgorithm: null }",
    "spn: { status: failed }",
    "spn: { status: null, sessions: 3 }",
    "spn: { sessions: 0 }",
    "spn: { sessions: 6 }",
    "spn: { home: Avior }",
    "spn: { home: null }",
    "spn: { account: null }",
    "spn: { account: { username: ada, plan: { name: P, features: [spn, history, bw-vis] }, ends: 2031-01-01T00:00:00Z } }",
    "spn: { hubs: { degrade: [{ hub: Avior, latency_ms: 900, states: [failing] }] } }",
    "spn: { hubs: { degrade: [{ hub: Avior, states: [offline] }] } }",
    "spn: { hubs: { degrade: [{ hub: Avior, states: [] }] } }",
    "spn: { hubs: { join: [{ name: New, country: DE, lanes: [{ to: Avior, latency_ms: 3, capacity_mbit: 9 }] }] } }",
    "spn: { hubs: { leave: [New] } }",
    "connections: { open: 20 }",
    "connections: { open: { count: 5, apps: [Firefox] }, close: 2 }",
    "connections: { close: 3 }",
    "connections: { close: all }",
    "connections: { open: [{ profile_name: Firefox, domain: a.example., remote_ip: 192.0.2.7, remote_port: 443 }] }",
    "notifications: { add: [{ id: a, expires: 70 }, { id: b, actions: [{ id: x, text: X }, { id: y, text: Y }] }] }",
    "notifications: { remove: [b] }",
    "modules: { fail: [{ module: Resolver, id: r, title: R }] }",
    "modules: { recover: [r] }",
    "pause: { duration: 45s }",
    "pause: { duration: 45s, only_spn: true }",
    "resume: true",
    "apps: { add: [{ name: Chatterbox, path: /opt/chatterbox, processes: [{ pid: 7001 }] }] }",
    "apps: { add: [{ name: Quiet, path: /opt/quiet }] }",
    "connections: { open: { count: 4, apps: [Quiet] } }",
];

#[test]
fn they_hold_after_two_hundred_random_changes() {
    for (seed, contract) in [(1, Contract::V2_2), (2, Contract::Docs)] {
        let mut look = Look::at(Scenario::load("home-office").unwrap(), contract, false);
        let mut rng = chance::fresh(seed, "changes");
        let mut told = Vec::new();
        for _ in 0..100 {
            let text = CHANGES[rng.random_range(0..CHANGES.len())];
            let change: Change = serde_saphyr::from_str(text).unwrap();
            // One that names what is not there is refused, and changes nothing.
            let done = look.world.change(&change).is_ok();
            look.note();
            told.push(format!("{}{text}", if done { "" } else { "refused: " }));
            look.check(&format!("seed {seed}, {contract}, {told:#?}"));
            look.advance(SignedDuration::from_secs(rng.random_range(0..90)));
        }
    }
}

#[test]
fn the_documentation_lists_them() {
    let text = include_str!("../../docs/worlds.md");
    let list = text.split("## What holds of every world\n").nth(1).expect("the list");
    let list = list.split("\n## ").next().unwrap_or_default();
    let told: Vec<String> = list
        .split("\n- ")
        .skip(1)
        .map(|one| {
            one.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(told, INVARIANTS.iter().map(|(sentence, _)| *sentence).collect::<Vec<_>>());
}
