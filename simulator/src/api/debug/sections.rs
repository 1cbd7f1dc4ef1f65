//! The sections of debug reports, each from the world.

use std::fmt::Write;

use portmaster_fixtures::Section;
use serde_json::Value;

use super::{connections::Chosen, logs, report::Report, spn, stack};
use crate::{
    query::Fault,
    world::{World, dns::Resolver},
};

/// What the simulated core says of its build. Nobody built it.
pub(crate) const GO_VERSION: &str = "go1.24.2";

/// Writes a section.
pub(super) fn write(section: Section, world: &World, connections: &Result<Chosen, Fault>, to: &mut Report) {
    match section {
        Section::Build => to.block(
            &format!("Version {}", world.version()),
            &format!(
                "Portmaster\nversion {}\n\nbuilt with {GO_VERSION} (gc) linux/amd64\n\nThis is a simulator, not a build.",
                world.version()
            ),
        ),
        Section::ShortBuild => to.block(
            &format!("Version {}", world.version()),
            &format!(
                "Portmaster {}\n\nbuilt with {GO_VERSION} (gc) for linux/amd64\n\nThis is a simulator, not a build.",
                world.version()
            ),
        ),
        Section::Platform => to.block(
            "Platform: simulated 1.0",
            "System: simulated linux (simulated) 1.0\nKernel: 6.0.0-simulated x86_64\nVM: unidentified",
        ),
        Section::SecurityStatus => to.block("Status: Trusted", &security_status(world)),
        Section::OnlineStatus => to.block(
            &format!("Status: {}", world.network.online.word()),
            &format!("OnlineStatus:          {}\nCaptivePortal:         {}", world.network.online.word(), portal(world)),
        ),
        Section::Config => {
            let set = world.config.values();
            let lines: Vec<String> = set.iter().map(|(key, value)| setting(world, key, value)).collect();
            to.block(&format!("Config: {}", set.len()), &lines.join("\n"));
        }
        Section::Resolvers => resolvers(world, to),
        Section::Connections | Section::UndecidedConnections => match connections {
            Ok(chosen) => {
                let title = chosen.title(section == Section::UndecidedConnections);
                to.block(&title, &chosen.text(world));
            }
            Err(fault) => to.sentence("Network: Debug Failed", &format!("Failed to build query: {fault}")),
        },
        Section::Spn => spn::write(world, to),
        Section::Compatibility => compatibility(world, to),
        Section::ModuleErrors => module_errors(world, to),
        Section::Logs => to.block("Unexpected Logs", &logs::lines(world, false)),
        Section::DatedLogs => to.block("Unexpected Logs", &logs::lines(world, true)),
        Section::Selection => {
            to.block(&format!("Updates: {} (0/0)", channel(world)), "Active:\n\nSelected:");
        }
        Section::Indexes => {
            to.block(&format!("Updates: {} (0)", channel(world)), "\nFile    Version   Index   SHA256\n");
        }
        Section::Workers => {
            let (title, table) = stack::workers();
            to.block(&format!("Worker Status: {title}"), &table);
        }
        Section::Stack => to.block("Goroutine Stack", &stack::text()),
    }
}

fn portal(world: &World) -> &str {
    world.network.captive_portal.as_ref().map_or("", |portal| portal.url.as_str())
}

fn security_status(world: &World) -> String {
    format!(
        "ActiveSecurityLevel:   Trusted\nSelectedSecurityLevel: Off\nThreatMitigationLevel: Trusted\n\
         CaptivePortal:         {}\nOnlineStatus:          {}",
        portal(world),
        world.network.online.word()
    )
}

/// An option that is set; what is sensitive stays hidden.
fn setting(world: &World, key: &str, value: &Value) -> String {
    if world.config.option(key).is_none_or(|option| option.sensitive) {
        return format!("{key}: [redacted]");
    }
    match value {
        Value::String(text) => format!("{key}: {text}"),
        // As Go prints a slice.
        Value::Array(entries) => {
            let entries: Vec<&str> = entries.iter().filter_map(Value::as_str).collect();
            format!("{key}: [{}]", entries.join(" "))
        }
        other => format!("{key}: {other}"),
    }
}

fn resolvers(world: &World, to: &mut Report) {
    let all = world.resolvers();
    let working = all.iter().filter(|resolver| !world.resolver_fails(resolver)).count();
    let entry = |resolver: &Resolver| {
        let host = match resolver.domain.as_str() {
            "" => resolver.server_address().to_string(),
            domain => format!("{domain}:{}", resolver.port),
        };
        let source = match resolver.source {
            portmaster_fixtures::scenario::ResolverSource::Config => "config",
            portmaster_fixtures::scenario::ResolverSource::System => "system",
        };
        let id = format!("{}://{host}{}#{source}", resolver.kind, resolver.path);
        let name = if resolver.name.is_empty() { resolver.ip.to_string() } else { resolver.name.clone() };
        format!("{name} ({id})\n  {id}\n  Failing: {}", world.resolver_fails(resolver))
    };
    let entries: Vec<String> = all.iter().map(entry).collect();
    to.block(&format!("Resolvers: {working}/{}", all.len()), &entries.join("\n\n"));
}

fn compatibility(world: &World, to: &mut Report) {
    if logs::self_check_fault(world).is_some() {
        to.block(
            "Compatibility: IPTables Chains (failed)",
            "exec: \"iptables\": executable file not found in $PATH",
        );
    } else {
        to.block("Compatibility: IPTables Chains (2)", "v4 filter simulated\nv6 filter simulated");
    }
}

fn module_errors(world: &World, to: &mut Report) {
    let Some(fault) = logs::self_check_fault(world) else {
        return to.sentence("No Module Error", "");
    };
    let mut text = format!("Message: {fault}\n");
    let at = world.clock.start().strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC");
    // Writing to memory does not fail.
    let _ = write!(
        text,
        "Timestamp: {at}\nModuleName: compat\nTaskName: selfcheck\nTaskType: \nSeverity: error\n\
         PanicValue: %!s(<nil>)\nStackTrace:\n"
    );
    to.block("Compat Module Error", &text);
}

/// The channel of updates.
fn channel(world: &World) -> &str {
    match world.config.text("core/releaseChannel") {
        "" => "stable",
        channel => channel,
    }
}
