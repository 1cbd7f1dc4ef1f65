//! `network:`, processes and their connections (websocket §5.7), and the connections that `runtime:netquery/data/`
//! tells of.

use std::sync::Arc;

use jiff::Timestamp;
use portmaster_fixtures::{
    Behaviour, Defect, SystemStatus,
    scenario::{App, ConnectionRow, Process},
};
use serde_json::{Value, json};

use super::{
    Database, Found, OperationError,
    structure::{Structure, Type},
    subscribers::Subscribers,
};
use crate::{
    query::scope,
    world::{Connection, Meta, Record, World, connections::entity, platform::file_name},
};

/// Processes and connections as a database.
pub(super) struct Network;

impl Database for Network {
    fn is_writable(&self) -> bool {
        false
    }

    fn get(&self, world: &mut World, key: &str) -> Result<Arc<Record>, OperationError> {
        // A connection is found whatever process its key names.
        let parts: Vec<&str> = key.split('/').collect();
        let connection = match parts.as_slice() {
            ["tree", _, kind @ ("dns" | "ip"), id] => {
                let found = world.connections.get(id).filter(|one| one.live && one.shared.kind == *kind);
                found.map(|one| connection(&one.row()))
            }
            _ => None,
        };
        let process = || processes(world).into_iter().find(|record| record.place().1 == key);
        connection.or_else(process).map(Arc::new).ok_or(OperationError::NotFound)
    }

    fn list(&self, world: &World, prefix: &str) -> Result<Found, OperationError> {
        let parts: Vec<&str> = prefix.split('/').collect();
        let possible = match parts.as_slice() {
            [_] | [_, _] => true,
            [_, _, kind] | [_, _, kind, _] => matches!(*kind, "" | "dns" | "ip"),
            _ => false,
        };
        if !possible {
            return Ok(Vec::new().into());
        }
        let mut found = processes(world);
        for kind in ["dns", "ip"] {
            let live = world.connections.values().filter(|one| one.live && one.shared.kind == kind);
            found.extend(live.map(|one| connection(&one.row())));
        }
        found.retain(|record| record.place().1.starts_with(prefix));
        Ok(found.into())
    }

    fn structure(&self, _: &World, key: &str) -> Option<&'static Structure> {
        Some(if key.split('/').nth(2).is_some() { &CONNECTION } else { &PROCESS })
    }
}

const PROCESS: Structure = Structure {
    holder: "Process",
    name: "process.Process",
    fields: &[
        ("Name", Type::Text("string")),
        ("UserID", Type::Int("int")),
        ("UserName", Type::Text("string")),
        ("UserHome", Type::Text("string")),
        ("Pid", Type::Int("int")),
        ("CreatedAt", Type::Int("int64")),
        ("ParentPid", Type::Int("int")),
        ("ParentCreatedAt", Type::Int("int64")),
        ("LeaderPid", Type::Int("int")),
        ("Path", Type::Text("string")),
        ("ExecName", Type::Text("string")),
        ("Cwd", Type::Text("string")),
        ("CmdLine", Type::Text("string")),
        ("FirstArg", Type::Text("string")),
        ("Env", Type::Kind("map")),
        ("Tags", Type::Kind("slice")),
        ("MatchingPath", Type::Text("string")),
        ("PrimaryProfileID", Type::Text("string")),
        ("FirstSeen", Type::Int("int64")),
        ("LastSeen", Type::Int("int64")),
        ("Error", Type::Text("string")),
        ("ExecHashes", Type::Kind("map")),
    ],
};

const CONNECTION: Structure = Structure {
    holder: "Connection",
    name: "network.Connection",
    fields: &[
        ("ID", Type::Text("string")),
        ("Type", Type::Int("int8")),
        ("External", Type::Bool),
        ("Scope", Type::Text("string")),
        ("IPVersion", Type::Byte("uint8")),
        ("Inbound", Type::Bool),
        ("IPProtocol", Type::Byte("uint8")),
        ("LocalIP", Type::Kind("slice")),
        ("LocalIPScope", Type::Int("int8")),
        ("LocalPort", Type::Int("uint16")),
        ("PID", Type::Int("int")),
        ("Entity", Type::Kind("ptr")),
        ("Resolver", Type::Kind("ptr")),
        ("Verdict", Type::Int("int8")),
        ("ConnectionEstablished", Type::Bool),
        ("Reason", Type::Kind("struct")),
        ("Started", Type::Int("int64")),
        ("Ended", Type::Int("int64")),
        ("VerdictPermanent", Type::Bool),
        ("Inspecting", Type::Bool),
        ("Tunneled", Type::Bool),
        ("Encrypted", Type::Bool),
        ("TunnelOpts", Type::Kind("ptr")),
        ("ProcessContext", Type::Kind("struct")),
        ("DNSContext", Type::Kind("ptr")),
        ("TunnelContext", Type::Any),
        ("SplitTunContext", Type::Kind("ptr")),
        ("HistoryEnabled", Type::Bool),
        ("BandwidthEnabled", Type::Bool),
        ("BytesReceived", Type::Int("uint64")),
        ("BytesSent", Type::Int("uint64")),
        ("Internal", Type::Bool),
        ("ProfileRevisionCounter", Type::Int("uint64")),
    ],
};

/// Whether the network tree knows a process by its number alone, as early cores do.
fn plain_keys(world: &World) -> bool {
    world.behaviour.websocket.system_status == SystemStatus::SecurityLevels
}

fn processes(world: &World) -> Vec<Record> {
    world.apps.iter().flat_map(|app| processes_of(world, app)).collect()
}

fn processes_of(world: &World, app: &App) -> Vec<Record> {
    app.processes.iter().map(|process| process_record(world, app, process)).collect()
}

fn process_record(world: &World, app: &App, process: &Process) -> Record {
    let started = process.started.unwrap_or(world.clock.start());
    let created = started.as_millisecond();
    let name = file_name(&app.path);
    let (user_id, user_name, user_home) = world.user();
    let key = match plain_keys(world) {
        true => format!("network:tree/{}", process.pid),
        false => format!("network:tree/{}-{created}", process.pid),
    };
    let line = process.cmd_line.as_deref().unwrap_or(&app.path);
    let arguments = line.split_once(' ').map_or("", |(_, rest)| rest);
    let value = json!({
        "Name": name, "UserID": user_id, "UserName": user_name, "UserHome": user_home, "Pid": process.pid,
        "CreatedAt": created, "ParentPid": process.parent.unwrap_or(1), "ParentCreatedAt": created,
        "LeaderPid": process.pid, "Path": app.path, "ExecName": name, "Cwd": user_home,
        "CmdLine": line, "FirstArg": arguments.split(' ').next().unwrap_or_default(), "Env": null, "Tags": null,
        "MatchingPath": "", "PrimaryProfileID": format!("local/{}", world.profile_id(app)),
        "FirstSeen": started.as_second(), "LastSeen": 0, "Error": "", "ExecHashes": null,
    });
    Record::of(key, Meta::made(started), value)
}

fn address(text: &str) -> &str {
    if text == "<nil>" { "" } else { text }
}

fn of_scope(text: &str) -> i8 {
    text.parse().map_or(0, scope::of)
}

/// The key of a connection without its database.
fn key(row: &ConnectionRow) -> String {
    format!("tree/{}/{}/{}", pid(row), if row.kind == "dns" { "dns" } else { "ip" }, row.id)
}

fn pid(row: &ConnectionRow) -> i64 {
    let known = row.extra_data_value().get("pid").and_then(Value::as_i64);
    known.or_else(|| row.id.split('-').next()?.parse().ok()).unwrap_or_default()
}

fn meta(row: &ConnectionRow) -> Meta {
    let meta = Meta::made(row.started);
    row.ended.map_or(meta, |ended| meta.changed(ended))
}

/// A connection as the network tree shows it.
fn connection(row: &ConnectionRow) -> Record {
    let known = row.extra_data_value();
    let extra = |name: &str| known.get(name).cloned().unwrap_or_default();
    let reason = match extra("reason") {
        Value::Null => json!({ "Msg": "", "OptionKey": "", "Profile": "", "Context": null }),
        reason => reason,
    };
    let dns = row.kind == "dns";
    let scope = if dns { row.domain.clone() } else { address(&row.remote_ip).to_owned() };
    let created = known.get("processCreatedAt").cloned().unwrap_or_else(|| 0.into());
    let value = json!({
        "ID": row.id,
        "Type": if dns { 2 } else { i32::from(row.kind == "ip") },
        "External": row.external, "Scope": scope, "IPVersion": row.ip_version,
        "Inbound": row.direction == "inbound", "IPProtocol": row.ip_protocol,
        "LocalIP": address(&row.local_ip), "LocalIPScope": of_scope(&row.local_ip), "LocalPort": row.local_port,
        "PID": pid(row),
        "Entity": entity(row),
        "Resolver": null, "Verdict": row.verdict, "ConnectionEstablished": row.allowed().unwrap_or(false),
        "Reason": reason, "Started": row.started.as_second(),
        "Ended": row.ended.map_or(0, Timestamp::as_second), "VerdictPermanent": false,
        "Inspecting": false, "Tunneled": row.tunneled, "Encrypted": row.encrypted, "TunnelOpts": null,
        "ProcessContext": {
            "ProcessName": file_name(&row.path), "ProfileName": row.profile_name,
            "BinaryPath": row.path, "CmdLine": row.path, "PID": pid(row), "CreatedAt": created,
            "Profile": row.profile.rsplit('/').next().unwrap_or_default(),
            "Source": row.profile.split('/').next().unwrap_or_default(),
        },
        "DNSContext": extra("dns"), "TunnelContext": extra("tunnel"),
        "SplitTunContext": extra("split_tun"),
        "HistoryEnabled": row.history, "BandwidthEnabled": true, "BytesReceived": row.bytes_received,
        "BytesSent": row.bytes_sent, "Internal": row.internal, "ProfileRevisionCounter": row.profile_revision,
    });
    Record::of(format!("network:{}", key(row)), meta(row), value)
}

/// A connection as `runtime:netquery/data/` tells of it.
pub(super) fn netquery_record(row: &ConnectionRow, behaviour: &Behaviour) -> Record {
    let [received, sent] = match behaviour.has(Defect::PushesWithoutBytes) {
        true => [0; 2],
        false => [row.bytes_received, row.bytes_sent],
    };
    let value = json!({
        "ID": row.id, "ProfileID": row.profile, "Path": row.path, "Type": row.kind, "External": row.external,
        "IPVersion": row.ip_version, "IPProtocol": row.ip_protocol, "LocalIP": row.local_ip,
        "LocalPort": row.local_port, "RemoteIP": row.remote_ip, "RemotePort": row.remote_port,
        "Domain": row.domain, "Country": row.country, "ASN": row.asn, "ASOwner": row.as_owner,
        "Latitude": row.latitude, "Longitude": row.longitude, "Scope": row.scope,
        "WorstVerdict": row.worst_verdict, "ActiveVerdict": row.verdict,
        "FirewallVerdict": row.firewall_verdict, "Started": row.started, "Ended": row.ended,
        "Tunneled": row.tunneled, "Encrypted": row.encrypted, "Internal": row.internal,
        "Direction": row.direction, "ExtraData": row.extra_data_value(), "Allowed": row.allowed(),
        "ProfileRevision": row.profile_revision, "ExitNode": row.exit_node,
        "BytesReceived": received, "BytesSent": sent, "Active": row.active,
        "ProfileName": row.profile_name,
    });
    // A JSON text, so that conditions see all of it.
    let body = crate::world::Body::json(crate::go::json::to_vec(&value));
    Record::new(format!("runtime:netquery/data/{}", row.id), meta(row), body)
}

/// Tells subscribers of a connection that was opened, changed or ended.
pub(super) fn publish(subscribers: &Subscribers, row: &ConnectionRow, behaviour: &Behaviour) {
    if subscribers.listens("network") {
        subscribers.publish(&Arc::new(connection(row)));
    }
    if subscribers.listens("runtime") {
        subscribers.publish(&Arc::new(netquery_record(row, behaviour)));
    }
}

/// Tells subscribers of the processes of a program (websocket §5.9), and of those that it had before and has no more.
pub(super) fn publish_program(subscribers: &Subscribers, world: &World, name: &str, was: Option<&App>) {
    if !subscribers.listens("network") {
        return;
    }
    let [before, now] =
        [was, world.app(name)].map(|app| app.map_or_else(Vec::new, |app| processes_of(world, app)));
    let gone = before.iter().filter(|old| now.iter().all(|one| one.key != old.key));
    for record in gone.map(|old| old.clone().deleted(world.now())) {
        subscribers.publish(&Arc::new(record));
    }
    let same = |one: &Record| before.iter().any(|old| old.key == one.key && old.text() == one.text());
    for record in now.into_iter().filter(|one| !same(one)) {
        subscribers.publish(&Arc::new(record));
    }
}

/// Tells subscribers of connections that have gone.
pub(super) fn publish_gone(
    subscribers: &Subscribers,
    gone: &[Arc<Connection>],
    at: Timestamp,
    behaviour: &Behaviour,
) {
    for one in gone.iter().filter(|one| one.live) {
        if subscribers.listens("network") {
            subscribers.publish(&Arc::new(connection(&one.row()).deleted(at)));
        }
        if subscribers.listens("runtime") {
            subscribers.publish(&Arc::new(netquery_record(&one.row(), behaviour).deleted(at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use portmaster_fixtures::{
        Contract, Scenario,
        scenario::{BUILT_IN, ClockMode},
    };

    use super::*;
    use crate::world::Options;

    #[test]
    fn only_real_cores_push_connections_without_bytes() {
        let row = ConnectionRow { bytes_received: 7, bytes_sent: 5, ..ConnectionRow::default() };
        for contract in Contract::ALL {
            for behaviour in [contract.behaviour(), contract.healthy_behaviour()] {
                let record = netquery_record(&row, behaviour);
                let told: Value = serde_json::from_slice(record.text().unwrap()).unwrap();
                let bytes = [told["BytesReceived"].as_i64(), told["BytesSent"].as_i64()];
                let honest =
                    contract == Contract::Docs || std::ptr::eq(behaviour, contract.healthy_behaviour());
                let expected = if honest { [7, 5] } else { [0, 0] };
                assert_eq!(bytes, expected.map(Some), "{contract}");
            }
        }
    }

    #[test]
    fn every_profile_of_a_connection_or_a_process_is_there() {
        for (name, _) in BUILT_IN {
            for contract in Contract::ALL {
                let clock = Some(ClockMode::Manual);
                let options = Options { contract: Some(contract), clock, ..Options::default() };
                let scenario = Scenario::load(name).unwrap();
                if scenario.contract.is_some_and(|own| own != contract) {
                    // What was recorded of one core has that core's ids.
                    continue;
                }
                let mut world = World::new(scenario, options).unwrap();
                world
                    .perform(&serde_json::from_str(r#"{ "connections": { "open": 5 } }"#).unwrap())
                    .unwrap_or(());
                let of_rows = world.connections.values().map(|one| one.shared.profile.clone());
                let mut keys: BTreeSet<String> = of_rows.collect();
                for process in processes(&world) {
                    let process: Value = serde_json::from_slice(process.text().unwrap()).unwrap();
                    keys.insert(process["PrimaryProfileID"].as_str().unwrap().to_owned());
                }
                for key in keys {
                    assert!(world.profile_record(&key).is_some(), "{name}, {contract}: {key}");
                }
            }
        }
    }
}
