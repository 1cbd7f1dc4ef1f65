//! The connections of `debug/network`, grouped by process.

use std::collections::BTreeMap;

use portmaster_fixtures::scenario::ConnectionRow;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    limits::{self, Work},
    query::{Connection, Grammar, Query, QueryError},
    world::{World, platform::file_name, protocol},
};

/// The connections that a caller asks for.
pub(super) struct Chosen(Vec<ConnectionRow>);

impl Chosen {
    /// Those of a profile (`<source>/<id>`) that meet a condition; an empty parameter leaves everything in.
    ///
    /// # Errors
    /// When the condition is none. Its positions count from the query that is made of it, as in the cores.
    pub(super) fn new(world: &World, profile: &str, condition: &str) -> Result<Self, QueryError> {
        let condition = match condition {
            "" => None,
            text => {
                let clause = text.strip_prefix("where ").unwrap_or(text);
                Query::parse(&format!("query network: where {clause}"), Grammar::of(world.behaviour))?
                    .condition
            }
        };
        let work = Work::new(limits::MESSAGE_WORK);
        let of_profile = world
            .connections
            .values()
            .filter(|one| one.live && (profile.is_empty() || one.shared.profile == profile));
        let meets = |row: &ConnectionRow| {
            condition.as_ref().is_none_or(|condition| condition.matches(&Connection(row), &work))
        };
        Ok(Self(of_profile.map(|one| one.row()).filter(meets).collect()))
    }

    /// `accepted/all`, with those that are not decided yet if asked for.
    pub(super) fn title(&self, undecided: bool) -> String {
        let accepted = self.0.iter().filter(|row| matches!(row.verdict, 2 | 5 | 6 | 8)).count();
        let open = self.0.iter().filter(|row| row.verdict == 0).count();
        let open = if undecided { format!(" [~{open}]") } else { String::new() };
        format!("Network: {accepted}/{}{open} Connections", self.0.len())
    }

    /// A block for each process.
    pub(super) fn text(&self, world: &World) -> String {
        let mut processes = BTreeMap::<_, Vec<_>>::new();
        for row in &self.0 {
            let Extra { pid, reason } = Extra::of(row);
            let pid = pid.as_i64().unwrap_or(0);
            processes.entry((row.profile.as_str(), pid)).or_default().push((row, reason));
        }
        let mut blocks = Vec::new();
        for ((profile, pid), mut rows) in processes {
            rows.sort_by(|(a, _), (b, _)| (a.started, &a.id).cmp(&(b.started, &b.id)));
            let (source, id) = profile.split_once('/').unwrap_or(("", profile));
            let path = rows.first().map_or("", |(row, _)| row.path.as_str());
            let name = rows.first().map_or("", |(row, _)| row.profile_name.as_str());
            let lines: Vec<String> = rows.iter().map(|(row, reason)| line(row, pid, reason)).collect();
            blocks.push(format!(
                "ProfileName: {name}\nProfile:     {id}\nSource:      {source}\nProcessName: {}\nBinaryPath:  {path}\n\
                 CmdLine:     {}\nPID:         {pid}\n\n{}",
                file_name(path),
                command_line(world, path, pid),
                lines.join("\n"),
            ));
        }
        blocks.join("\n\n\n")
    }
}

/// What a report shows of a connection's `extra_data`; the rest of it is not looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Extra {
    pid: Value,
    reason: Value,
}

impl Extra {
    fn of(row: &ConnectionRow) -> Self {
        match (&row.extra_data, &row.extra_data_text) {
            (Value::Null, Some(text)) if text.starts_with('{') => {
                serde_json::from_str(text).unwrap_or_default()
            }
            (value, _) => Self { pid: value["pid"].clone(), reason: value["reason"].clone() },
        }
    }
}

/// The command line of a process; the binary's path if the world says nothing of it.
fn command_line(world: &World, path: &str, pid: i64) -> String {
    let processes = world.apps.iter().flat_map(|app| &app.processes);
    let known = processes.filter(|process| process.pid == pid).find_map(|process| process.cmd_line.clone());
    known.unwrap_or_else(|| path.to_owned())
}

/// A connection of a process in a line, in columns.
fn line(row: &ConnectionRow, pid: i64, reason: &Value) -> String {
    let peers = if row.kind == "ip" {
        let protocol = protocol::name(row.ip_protocol);
        let way = if row.direction == "inbound" { format!("<{protocol}") } else { format!("{protocol}>") };
        format!(
            "{:>15}:{:<5} {way} {:>15}:{:<5}",
            row.local_ip, row.local_port, row.remote_ip, row.remote_port
        )
    } else {
        " ".repeat(48)
    };
    let domain = if row.domain.is_empty() { String::new() } else { format!("to {}", row.domain) };
    // Cores take connections to port 443 for encrypted.
    // Counted are requests that were not answered as asked, and what a program makes once it is decided and has sent.
    let counted = match row.kind.as_str() {
        "dns" => !matches!(row.verdict, 0 | 2),
        _ => row.direction != "inbound" && row.verdict != 0 && row.bytes_sent > 0,
    };
    let flags: String = [
        (row.internal, 'I'),
        (row.encrypted || row.remote_port == 443, 'E'),
        (row.tunneled, 'T'),
        (counted, 'M'),
    ]
    .into_iter()
    .filter_map(|(set, flag)| set.then_some(flag))
    .collect();
    let time = |at: jiff::Timestamp| at.strftime("%H:%M:%S").to_string();
    let reason = |member: &str| reason[member].as_str().unwrap_or_default();
    let decided_by = match reason("Profile") {
        "" => "global",
        profile => profile,
    };
    format!(
        "{:>14} {peers} {domain:<24} {}-{:8} P#{} [{flags}] {} - by {} @ {decided_by}",
        verdict(row.verdict),
        time(row.started),
        row.ended.map(time).unwrap_or_default(),
        pid,
        reason("Msg"),
        reason("OptionKey"),
    )
}

/// The verdict as a word of the report.
fn verdict(number: i64) -> &'static str {
    match number {
        1 => "undeterminable",
        2 => "accepted",
        3 => "blocked",
        4 => "dropped",
        5 => "redirected to nameserver",
        6 => "tunneled",
        7 => "failed",
        8 => "split",
        _ => "undecided",
    }
}
