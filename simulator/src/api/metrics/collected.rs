//! What there is to measure, from the world.

use portmaster_fixtures::Permission;
use rand::RngExt;

use super::metric::{Metric, Shown};
use crate::{
    api::debug::{GO_VERSION, Level, goroutines, log_entries},
    world::{Connection, World, chance},
};

/// All metrics, by their names with labels.
pub(super) fn metrics(world: &World) -> Vec<Metric> {
    let mut all = vec![runtime(world)];
    all.extend(host());
    all.extend(logs(world));
    all.extend(network(world));
    if world.spn_enabled() {
        all.extend(spn(world));
    }
    all.sort_by_cached_key(Metric::labelled_identifier);
    all
}

/// The numbers of the invented runtime.
fn runtime(world: &World) -> Metric {
    let uptime = world.now().duration_since(world.clock.start()).as_secs_f64().floor();
    let values = vec![
        ("go_memstats_alloc_bytes", 9_437_184.0),
        ("go_memstats_heap_inuse_bytes", 11_534_336.0),
        ("go_memstats_heap_objects", 61_000.0),
        ("go_memstats_sys_bytes", 36_700_160.0),
        ("go_cpu_count", 4.0),
        ("go_gomaxprocs", 4.0),
        ("go_goroutines", f64::from(goroutines())),
        ("go_threads", 11.0),
        ("process_cpu_seconds_total", uptime * 0.06),
        ("process_resident_memory_bytes", 58_720_256.0),
        ("process_start_time_seconds", world.clock.start().as_second() as f64),
    ];
    Metric {
        permission: Permission::Admin,
        expertise: 2,
        ..Metric::new("_runtime", "Golang Runtime", Shown::Runtime(values))
    }
}

/// The device: a quarter of a terabyte, sixteen gibibytes, not much to do.
fn host() -> impl Iterator<Item = Metric> {
    const DISK: f64 = 256e9;
    const DISK_USED: f64 = 96e9;
    const MEMORY: f64 = 17_179_869_184.0;
    const MEMORY_USED: f64 = 6_442_450_944.0;
    [
        ("host/disk/free", "Host Disk Free", DISK - DISK_USED),
        ("host/disk/total", "Host Disk Total", DISK),
        ("host/disk/used", "Host Disk Used", DISK_USED),
        ("host/disk/used/percent", "Host Disk Used in Percent", DISK_USED / DISK * 100.0),
        ("host/load/avg/1", "Host Load Avg 1min", 0.42),
        ("host/load/avg/5", "Host Load Avg 5min", 0.36),
        ("host/load/avg/15", "Host Load Avg 15min", 0.31),
        ("host/mem/available", "Host Memory Available", MEMORY - MEMORY_USED),
        ("host/mem/total", "Host Memory Total", MEMORY),
        ("host/mem/used", "Host Memory Used", MEMORY_USED),
        ("host/mem/used/percent", "Host Memory Used in Percent", MEMORY_USED / MEMORY * 100.0),
    ]
    .into_iter()
    .map(|(identifier, name, value)| Metric::new(identifier, name, Shown::Value(value)))
}

fn logs(world: &World) -> [Metric; 4] {
    let count = |level| {
        let entries = log_entries(world);
        Shown::Value(entries.iter().filter(|entry| entry.level == level).count() as f64)
    };
    let mut info = Metric::new("info", "", Shown::Value(1.0)).labelled([
        ("build_date", ""),
        ("build_source", ""),
        ("comment", "simulated"),
        ("commit", ""),
        ("go_arch", "amd64"),
        ("go_compiler", "gc"),
        ("go_os", "linux"),
        ("go_version", GO_VERSION),
        ("version", world.version()),
    ]);
    if !world.behaviour.metrics_with_values {
        info = info.labelled([("build_host", ""), ("build_options", ""), ("build_user", "")]);
    }
    [
        info,
        Metric::new("logs/critical/total", "Total Critical Log Lines", Shown::Value(0.0)),
        Metric::new("logs/error/total", "Total Error Log Lines", count(Level::Error)),
        Metric::new("logs/warning/total", "Total Warning Log Lines", count(Level::Warning)),
    ]
}

fn network(world: &World) -> Vec<Metric> {
    let count = |counts: fn(&Connection) -> bool| {
        Shown::Value(world.connections.values().filter(|row| row.live && counts(row)).count() as f64)
    };
    let outgoing = |shown| Metric {
        persist: true,
        ..Metric::new("network/connections/total", "Connections", shown).labelled([("direction", "out")])
    };
    let mut chance = chance::fresh(world.chance.seed(), "metrics");
    let requests = world.connections.values().filter(|row| row.shared.kind == "dns").count();
    // Between a third of a millisecond, from the cache, and half a second.
    let durations = (0..requests).map(|_| 10_f64.powf(chance.random_range(-3.5..-0.3))).collect();
    let timed = |identifier, durations| Metric {
        expertise: 1,
        ..Metric::new(identifier, "", Shown::Durations(durations))
    };
    let mut all = vec![
        timed("firewall/handling/duration/seconds", Vec::new()),
        timed("nameserver/request/duration/seconds", durations),
        Metric {
            internal: "active_connections",
            ..Metric::new(
                "network/connections/active/total",
                "",
                count(|row| row.active && row.shared.kind == "ip"),
            )
        },
        Metric {
            internal: "blocked_outgoing_connections",
            ..outgoing(count(|row| row.shared.direction == "outbound" && matches!(row.shared.verdict, 3 | 4)))
                .labelled([("blocked", "true")])
        },
        outgoing(count(|row| allowed_out(row) && encrypted(row) && row.shared.tunneled))
            .labelled([("encrypted", "true"), ("tunneled", "true")]),
        outgoing(count(|row| allowed_out(row) && encrypted(row) && !row.shared.tunneled))
            .labelled([("encrypted", "true")]),
        outgoing(count(|row| allowed_out(row) && !encrypted(row) && row.shared.tunneled))
            .labelled([("tunneled", "true")]),
        outgoing(count(|row| allowed_out(row) && !encrypted(row) && !row.shared.tunneled)),
    ];
    if world.behaviour.metrics_with_values {
        all.push(Metric {
            internal: "handled_dns_requests",
            expertise: 1,
            persist: true,
            ..Metric::new("nameserver/request/total", "", Shown::Value(requests as f64))
        });
    }
    all
}

/// DNS requests that are answered do not count as connections; blocked ones do.
fn allowed_out(row: &Connection) -> bool {
    row.shared.direction == "outbound" && row.shared.kind == "ip" && !matches!(row.shared.verdict, 3 | 4)
}

fn encrypted(row: &Connection) -> bool {
    row.shared.encrypted || row.remote_port == 443
}

/// A metric of the privacy network that shows a number: identifier, label, title, internal name, whether it is kept.
type SpnMetric = (&'static str, Option<(&'static str, &'static str)>, &'static str, &'static str, bool);

const SPN: &[SpnMetric] = &[
    ("spn/cranes/active", Some(("status", "authenticated")), "SPN Active Authenticated Cranes", "", false),
    ("spn/cranes/active", Some(("status", "private")), "SPN Active Private Cranes", "", false),
    ("spn/cranes/active", Some(("status", "public")), "SPN Active Public Cranes", "", false),
    ("spn/cranes/active", Some(("status", "stopping")), "SPN Active Stopping Cranes", "", false),
    ("spn/cranes/authenticated/total", None, "SPN New Authenticated Cranes", "", false),
    ("spn/cranes/bytes", Some(("status", "authenticated")), "SPN Authenticated Crane Traffic", "", false),
    ("spn/cranes/bytes", Some(("status", "private")), "SPN Private Crane Traffic", "", false),
    ("spn/cranes/bytes", Some(("status", "public")), "SPN Public Crane Traffic", "", false),
    ("spn/cranes/public/total", None, "SPN New Public Cranes", "", false),
    ("spn/cranes/total", None, "SPN New Cranes", "", false),
    ("spn/lanes/capacity/avg/bytes", None, "SPN Avg Lane Capacity", "", false),
    ("spn/lanes/capacity/max/bytes", None, "SPN Max Lane Capacity", "", false),
    ("spn/lanes/latency/avg/seconds", None, "SPN Avg Lane Latency", "", false),
    ("spn/lanes/latency/min/seconds", None, "SPN Min Lane Latency", "", false),
    ("spn/op/connect/active", None, "SPN Active Connect Operations", "", false),
    (
        "spn/op/connect/incoming/bytes",
        None,
        "SPN Connect Operation Incoming Bytes",
        "spn_connect_in_bytes",
        true,
    ),
    (
        "spn/op/connect/outgoing/bytes",
        None,
        "SPN Connect Operation Outgoing Bytes",
        "spn_connect_out_bytes",
        true,
    ),
    ("spn/op/connect/total", None, "SPN Total Connect Operations", "spn_connect_count", true),
    ("spn/op/expand/active", None, "SPN Active Expand Operations", "", false),
    ("spn/op/expand/total", None, "SPN Total Expand Operations", "", false),
];

/// Those that 1.0.0 has not.
const SPN_LATE: &[SpnMetric] = &[
    ("spn/op/connect/total", Some(("result", "bad_request")), "SPN Total Connect Operations", "", true),
    ("spn/op/connect/total", Some(("result", "canceled")), "SPN Total Connect Operations", "", true),
    ("spn/op/connect/total", Some(("result", "connected")), "SPN Total Connect Operations", "", true),
    ("spn/op/connect/total", Some(("result", "error")), "SPN Total Connect Operations", "", true),
    ("spn/op/connect/total", Some(("result", "failed")), "SPN Total Connect Operations", "", true),
    ("spn/op/connect/total", Some(("result", "rate_limited")), "SPN Total Connect Operations", "", true),
    (
        "spn/scheduling/unit/catchupslot/avg/seconds",
        None,
        "SPN Scheduling Avg Catch-Up Slot Duration",
        "",
        false,
    ),
    ("spn/scheduling/unit/life/avg/seconds", None, "SPN Scheduling Avg Unit Life", "", false),
    (
        "spn/scheduling/unit/slotpace/avg",
        None,
        "SPN Scheduling Avg Slot Pace (scaled to per second)",
        "",
        false,
    ),
    (
        "spn/scheduling/unit/slotpace/leveled/max",
        None,
        "SPN Scheduling Max Leveled Slot Pace (scaled to per second)",
        "",
        false,
    ),
    (
        "spn/scheduling/unit/slotpace/max",
        None,
        "SPN Scheduling Max Slot Pace (scaled to per second)",
        "",
        false,
    ),
    ("spn/scheduling/unit/workslot/avg/seconds", None, "SPN Scheduling Avg Work Slot Duration", "", false),
];

/// What happens on a hub, how often for which size: nothing on a device. 1.0.0 has none of them.
const SPN_HISTOGRAMS: &[(&str, &str)] = &[
    ("spn/op/connect/histogram/duration/seconds", "SPN Connect Operation Duration Histogram"),
    ("spn/op/connect/histogram/incoming/bytes", "SPN Connect Operation Downloaded Data Histogram"),
    ("spn/op/connect/histogram/outgoing/bytes", "SPN Connect Operation Outgoing Data Histogram"),
    ("spn/op/connect/histogram/ttcr/seconds", "SPN Connect Operation time-to-connect-request Histogram"),
    (
        "spn/op/connect/histogram/ttfb/seconds",
        "SPN Connect Operation time-to-first-byte (from TTCR) Histogram",
    ),
    ("spn/op/expand/histogram/duration/seconds", "SPN Expand Operation Duration Histogram"),
    ("spn/op/expand/histogram/traffic/bytes", "SPN Expand Operation Relayed Data Histogram"),
];

fn spn(world: &World) -> impl Iterator<Item = Metric> {
    let tunneled = move || world.connections.values().filter(|row| row.live && row.shared.tunneled);
    let value = move |identifier: &str, label: Option<&str>| match (identifier, label) {
        ("spn/op/connect/active", None) => tunneled().filter(|row| row.active).count() as f64,
        ("spn/op/connect/total", None | Some("connected")) => tunneled().count() as f64,
        ("spn/op/connect/incoming/bytes", None) => {
            tunneled().map(|row| row.bytes_received).sum::<i64>() as f64
        }
        ("spn/op/connect/outgoing/bytes", None) => tunneled().map(|row| row.bytes_sent).sum::<i64>() as f64,
        _ => 0.0,
    };
    let (late, histograms) = match world.behaviour.metrics_with_values {
        true => (SPN_LATE, SPN_HISTOGRAMS),
        false => (&[][..], &[][..]),
    };
    let numbers = SPN.iter().chain(late).map(move |&(identifier, label, name, internal, persist)| {
        let shown = Shown::Value(value(identifier, label.map(|(_, value)| value)));
        let mut metric = Metric { internal, persist, ..Metric::new(identifier, name, shown) };
        metric.labels.extend(label.map(|(name, value)| (name, value.to_owned())));
        metric
    });
    let empty = |&(identifier, name)| Metric::new(identifier, name, Shown::Durations(Vec::new()));
    numbers.chain(histograms.iter().map(empty))
}
