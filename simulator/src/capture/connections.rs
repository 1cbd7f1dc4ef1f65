//! Connections, page by page, and what they tell of the device and the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use jiff::Timestamp;
use portmaster_fixtures::{Contract, scenario::ConnectionRow};
use portmaster_wire::percent;
use serde_json::{Map, Value, json};

use super::{filled, source::Source, text};
use crate::{
    limits::{CAPTURED_CONNECTIONS, CAPTURED_NETWORKS},
    query::scope,
};

/// The largest page that cores give (netquery §3.5).
const PAGE: usize = 100;

/// The number of the scope of addresses of the Internet.
const GLOBAL: i8 = 4;

/// The rows of the live table, then those of the history that are not there.
pub(super) async fn rows(source: &mut Source, contract: Contract) -> Vec<Value> {
    let mut rows: Vec<ConnectionRow> = Vec::new();
    let mut places = BTreeMap::new();
    let mut odd = 0;
    // Cores without a history heed no name of a database.
    let keeps_history = contract.options().iter().any(|option| option.key == "history/enable");
    let databases = if keeps_history { &["main", "history"][..] } else { &["main"] };
    for database in databases {
        let live = *database == "main";
        for told in table(source, database).await {
            let Some(row) = row(&told, live) else {
                odd += 1;
                continue;
            };
            match places.get(&row.id).and_then(|at: &usize| rows.get_mut(*at)) {
                Some(known) if !live => {
                    known.history = true;
                    let differ = |live: i64, kept: i64| (live != kept).then_some(kept);
                    known.history_bytes_received = differ(known.bytes_received, row.bytes_received);
                    known.history_bytes_sent = differ(known.bytes_sent, row.bytes_sent);
                }
                // A page that moved shows a row twice.
                Some(_) => {}
                None => {
                    places.insert(row.id.clone(), rows.len());
                    rows.push(row);
                }
            }
        }
    }
    if odd > 0 {
        source.miss(format!("{odd} connections of a form that is not known"));
    }
    if !rows.is_empty() {
        source.miss("how much traffic there was at which second, which only charts tell");
    }
    let plain = serde_json::to_value(ConnectionRow::default()).unwrap_or_default();
    rows.iter().map(|row| differing(serde_json::to_value(row).unwrap_or_default(), &plain)).collect()
}

/// The members that are not as they are without being said.
fn differing(row: Value, plain: &Value) -> Value {
    let Value::Object(members) = row else { return row };
    members.into_iter().filter(|(name, value)| plain.get(name) != Some(value)).collect::<Map<_, _>>().into()
}

/// All rows of a table.
async fn table(source: &mut Source, database: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = all.len() / PAGE;
        let query = json!({ "databases": [database], "pageSize": PAGE, "page": page }).to_string();
        let Some(answer) = source
            .json(&format!("netquery/query?q={}", percent::encoded(&query, percent::is_unreserved)))
            .await
        else {
            break;
        };
        let Some(Value::Array(rows)) = answer.get("results").cloned() else { break };
        let is_last = rows.len() < PAGE;
        all.extend(rows);
        if is_last {
            break;
        }
        if all.len() >= CAPTURED_CONNECTIONS {
            source.miss(format!("connections beyond the first {CAPTURED_CONNECTIONS} of {database}"));
            break;
        }
    }
    all
}

/// A row, from the columns that the core has.
fn row(told: &Value, live: bool) -> Option<ConnectionRow> {
    let plain = ConnectionRow { allowed: Some(None), ..ConnectionRow::default() };
    let plain = serde_json::to_value(plain).ok()?;
    let mut members = Map::new();
    for (name, usual) in plain.as_object()? {
        let Some(value) = told.get(name) else { continue };
        let value = match (usual, value) {
            (_, Value::Number(number)) if matches!(name.as_str(), "started" | "ended") => {
                Timestamp::from_second(number.as_i64()?).ok()?.to_string().into()
            }
            (_, Value::String(text)) if name == "ended" && text.is_empty() => Value::Null,
            (Value::Bool(_), Value::Number(number)) => (number.as_i64() != Some(0)).into(),
            (_, Value::Null) if name != "allowed" => continue,
            (_, value) => value.clone(),
        };
        members.insert(name.clone(), value);
    }
    let mut row: ConnectionRow = serde_json::from_value(Value::Object(members)).ok()?;
    if told.get("active").is_none() {
        row.active = row.ended.is_none();
    }
    // What follows from the verdict need not be said.
    let said = row.allowed.take();
    row.allowed = said.filter(|said| *said != row.allowed());
    (row.live, row.history) = (live, !live);
    (!row.id.is_empty()).then_some(row)
}

/// `network.addresses`: the own addresses that connections were made from, the most used of a family first.
pub(super) fn addresses(rows: &[Value], network: &mut Map<String, Value>) {
    let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for row in rows {
        if let Ok(ip) = text(row, "local_ip").parse::<IpAddr>()
            && !ip.is_loopback()
            && !ip.is_unspecified()
            && !ip.is_multicast()
            && row.get("direction").is_none()
        {
            *counts.entry(ip).or_default() += 1;
        }
    }
    let mut all: Vec<(IpAddr, usize)> = counts.into_iter().collect();
    all.sort_by_key(|(ip, count)| (ip.is_ipv6(), std::cmp::Reverse(*count)));
    let all: Vec<String> = all.into_iter().map(|(ip, _)| ip.to_string()).collect();
    network.extend(filled([("addresses", all.into())]));
}

/// Where an address is and whose: country, autonomous system and its owner, degrees.
type Place = (String, i64, String, String, String);

/// `network.known`: what the connections tell of the networks of the world, the wider ones where all of them agree.
pub(super) fn known(scenario: &mut Map<String, Value>) {
    let mut nets: BTreeMap<(bool, String), BTreeMap<IpAddr, Place>> = BTreeMap::new();
    for row in scenario.get("connections").and_then(Value::as_array).into_iter().flatten() {
        let Ok(ip) = text(row, "remote_ip").parse::<IpAddr>() else { continue };
        if text(row, "country").is_empty() || scope::of(ip) != GLOBAL {
            continue;
        }
        let number = |name: &str| row.get(name).cloned().unwrap_or_default();
        let place = (
            text(row, "country").to_owned(),
            number("asn").as_i64().unwrap_or_default(),
            text(row, "as_owner").to_owned(),
            number("latitude").to_string(),
            number("longitude").to_string(),
        );
        nets.entry((ip.is_ipv6(), wide(ip))).or_default().insert(ip, place);
    }
    let mut told = Vec::new();
    for ((_, net), places) in nets {
        let distinct: BTreeSet<&Place> = places.values().collect();
        match (distinct.len(), places.first_key_value()) {
            (1, Some((_, place))) => told.push(network(net, place)),
            _ => told.extend(places.iter().map(|(ip, place)| network(narrow(*ip), place))),
        }
    }
    told.truncate(CAPTURED_NETWORKS);
    if let Some(network) = scenario.get_mut("network").and_then(Value::as_object_mut)
        && !told.is_empty()
    {
        network.insert("known".to_owned(), told.into());
    }
}

fn network(net: String, (country, asn, owner, latitude, longitude): &Place) -> Value {
    let degrees = |text: &String| text.parse::<f64>().ok().map(Value::from).unwrap_or_default();
    let asn = (*asn > 0).then_some(*asn);
    Value::Object(filled([
        ("net", net.into()),
        ("country", country.as_str().into()),
        ("asn", asn.into()),
        ("as_org", owner.as_str().into()),
        ("latitude", degrees(latitude)),
        ("longitude", degrees(longitude)),
    ]))
}

/// The network around an address: /24 or /48.
fn wide(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

fn narrow(ip: IpAddr) -> String {
    format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 128 })
}
