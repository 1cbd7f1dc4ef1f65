//! The system in debug reports, and how the core is built into it.

use portmaster_fixtures::scenario::Platform;

use super::report::Report;
use crate::{
    go::table,
    world::{World, notifications::uuid},
};

/// What the build is for.
pub(super) fn target(world: &World) -> &'static str {
    match world.core.platform {
        Platform::Linux => "linux/amd64",
        Platform::Windows => "windows/amd64",
    }
}

/// Writes the section of the system.
pub(super) fn write(world: &World, to: &mut Report) {
    match world.core.platform {
        Platform::Linux => to.block(
            "Platform: simulated 1.0",
            "System: simulated linux (simulated) 1.0\nKernel: 6.0.0-simulated x86_64\nVM: unidentified",
        ),
        Platform::Windows => to.block(
            &format!("Platform: Microsoft Windows 11 Pro {BUILD}"),
            &format!(
                "System: Microsoft Windows 11 Pro windows (Standalone Workstation) {BUILD}\nKernel: {BUILD} x86_64\n"
            ),
        ),
    }
}

const BUILD: &str = "10.0.22631 Build 22631";

/// Writes the section of the system integration.
pub(super) fn compatibility(world: &World, to: &mut Report) {
    match world.core.platform {
        Platform::Windows => {
            let text = table::align_to(&FILTERS.iter().map(filter).collect::<Vec<_>>().join("\n"), 0);
            to.block(&format!("Compatibility: WFP State ({})", FILTERS.len()), &text);
        }
        Platform::Linux if world.core.without_iptables => to.block(
            "Compatibility: IPTables Chains (failed)",
            "exec: \"iptables\": executable file not found in $PATH",
        ),
        Platform::Linux => {
            let mut lines = Vec::new();
            for family in ["v4", "v6"] {
                lines.push(family.to_owned());
                for (table, chains) in CHAINS {
                    lines.push(format!("  {table}"));
                    lines.extend(chains.iter().map(|chain| format!("    {chain}")));
                }
            }
            let count = 2 * CHAINS.iter().map(|(_, chains)| chains.len()).sum::<usize>();
            to.block(&format!("Compatibility: IPTables Chains ({count})"), &lines.join("\n"));
        }
    }
}

/// The chains of an otherwise plain firewall, by their tables.
const CHAINS: [(&str, &[&str]); 4] = [
    ("filter", &["INPUT", "FORWARD", "OUTPUT", "PORTMASTER-FILTER"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING", "PORTMASTER-REDIRECT"]),
    (
        "mangle",
        &[
            "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "PORTMASTER-INGEST-INPUT",
            "PORTMASTER-INGEST-OUTPUT",
        ],
    ),
    ("raw", &["PREROUTING", "OUTPUT"]),
];

/// What is registered with the Windows Filtering Platform: name, kind, what it is for, and its layer.
const FILTERS: [(&str, &str, &str, &str); 10] = [
    (
        "Portmaster ALE Inbound IPv4",
        "Callout",
        "Decides about incoming connections",
        "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4",
    ),
    (
        "Portmaster ALE Inbound IPv6",
        "Callout",
        "Decides about incoming connections",
        "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V6",
    ),
    (
        "Portmaster ALE Outbound IPv4",
        "Callout",
        "Decides about outgoing connections",
        "FWPM_LAYER_ALE_AUTH_CONNECT_V4",
    ),
    (
        "Portmaster ALE Outbound IPv6",
        "Callout",
        "Decides about outgoing connections",
        "FWPM_LAYER_ALE_AUTH_CONNECT_V6",
    ),
    ("Portmaster Datagram IPv4", "Callout", "Counts the traffic of UDP", "FWPM_LAYER_DATAGRAM_DATA_V4"),
    ("Portmaster Datagram IPv6", "Callout", "Counts the traffic of UDP", "FWPM_LAYER_DATAGRAM_DATA_V6"),
    ("Portmaster Stream IPv4", "Callout", "Counts the traffic of TCP", "FWPM_LAYER_STREAM_V4"),
    ("Portmaster Stream IPv6", "Callout", "Counts the traffic of TCP", "FWPM_LAYER_STREAM_V6"),
    ("Portmaster Sublayer", "SubLayer", "Holds the filters of the simulated core", ""),
    ("Windows Defender Firewall", "Provider", "The system's own firewall", ""),
];

fn filter(&(name, kind, about, layer): &(&str, &str, &str, &str)) -> String {
    let id = uuid(&format!("{name} {kind}"));
    let layer = if layer.is_empty() { String::new() } else { format!("\t[no provider key]\t{layer}") };
    format!("{name}\t{kind}\t{about}\t{{{id}}}{layer}")
}
