//! The sections of debug reports, each from the world.

use std::fmt::Write;

use portmaster_fixtures::Section;
use serde_json::Value;

use super::{connections::Chosen, logs, platform, report::Report, spn, stack, updates};
use crate::{
    query::QueryError,
    world::{World, dns::Resolver},
};

/// What the simulated core says of its build. Nobody built it.
pub(crate) const GO_VERSION: &str = "go1.24.2";

/// Writes a section.
pub(super) fn write(
    section: Section,
    world: &World,
    connections: &Result<Chosen, QueryError>,
    to: &mut Report,
) {
    match section {
        Section::Build => to.block(
            &format!("Version {}", world.version()),
            &format!(
                "Portmaster\nversion {}\n\nbuilt with {GO_VERSION} (gc) {}\n\nThis is a simulator, not a build.",
                world.version(),
                platform::target(world),
            ),
        ),
        Section::ShortBuild => to.block(
            &format!("Version {}", world.version()),
            &format!(
                "Portmaster {}\n\nbuilt with {GO_VERSION} (gc) for {}\n\nThis is a simulator, not a build.",
                world.version(),
                platform::target(world),
            ),
        ),
        Section::Platform => platform::write(world, to),
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
            Err(error) => to.sentence("Network: Debug Failed", &format!("Failed to build query: {error}")),
        },
        Section::Spn => spn::write(world, to),
        Section::Compatibility => platform::compatibility(world, to),
        Section::ModuleErrors => module_errors(world, to),
        Section::Logs => logs::write(world, false, to),
        Section::DatedLogs => logs::write(world, true, to),
        Section::Selection => updates::selection(world, to),
        Section::Indexes => updates::indexes(world, to),
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
            // Cores put no brackets around addresses of version 6.
            "" => resolver.host(),
            domain => domain.to_owned(),
        };
        let scheme = if resolver.kind == "doh" { "https" } else { &resolver.kind };
        let source = match resolver.source {
            portmaster_fixtures::scenario::ResolverSource::Config => "config",
            portmaster_fixtures::scenario::ResolverSource::System => "system",
        };
        let id = format!("{scheme}://{host}:{}#{source}", resolver.port);
        let name = resolver.label();
        let mut text = format!("{name} ({id})\n  {id}\n");
        let search = resolver.search.as_deref().unwrap_or_default();
        if !search.is_empty() {
            let domains: Vec<String> =
                search.iter().map(|domain| format!(".{}", domain.trim_start_matches('.'))).collect();
            text.push_str(&format!("  Search Domains: {}\n", domains.join(", ")));
        }
        if resolver.search_only {
            text.push_str("  Used for search domains only!\n");
        }
        text + &format!("  Failing: {}", world.resolver_fails(resolver))
    };
    let entries: Vec<String> = all.iter().map(entry).collect();
    to.block(&format!("Resolvers: {working}/{}", all.len()), &entries.join("\n\n"));
}

fn module_errors(world: &World, to: &mut Report) {
    let Some(error) = world.self_check_error() else {
        return to.sentence("No Module Error", "");
    };
    let mut text = format!("Message: {error}\n");
    let at = world.clock.start().strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC");
    // Writing to memory does not fail.
    let _ = write!(
        text,
        "Timestamp: {at}\nModuleName: compat\nTaskName: selfcheck\nTaskType: \nSeverity: error\n\
         PanicValue: %!s(<nil>)\nStackTrace:\n"
    );
    to.block("Compat Module Error", &text);
}
