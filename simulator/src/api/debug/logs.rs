//! The warnings and errors that the core would have logged, as they follow from the world.

use jiff::Timestamp;
use portmaster_fixtures::scenario::OnlineStatus;

use super::report::Report;
use crate::world::World;

/// How bad a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    at: Timestamp,
    pub(crate) level: Level,
    /// The end of the source file's path, 10 characters, and the line in it.
    source: (&'static str, u16),
    text: String,
}

/// The warnings and errors since the start.
pub(crate) fn entries(world: &World) -> Vec<Entry> {
    let at = world.clock.start();
    let mut entries = Vec::new();
    let mut add = |level, source, text| entries.push(Entry { at, level, source, text });
    if let Some(error) = world.self_check_error() {
        add(Level::Error, ("core/check", 41), format!("compat: {error}"));
    }
    for resolver in world.resolvers().iter().filter(|resolver| world.resolver_fails(resolver)) {
        let text = format!("resolver: {} does not answer", resolver.server_address());
        add(Level::Warning, ("e/resolver", 130), text);
    }
    if world.network.online < OnlineStatus::Online {
        let text = format!("netenv: online status is {}", world.network.online.word());
        add(Level::Warning, ("env/online", 212), text);
    }
    entries
}

/// Writes the section: the lines, the present time last.
pub(super) fn write(world: &World, dated: bool, to: &mut Report) {
    let all = entries(world);
    if all.is_empty() {
        return to.sentence("No Unexpected Logs", "");
    }
    // The console of Windows has no triangle.
    let mark = if world.is_windows() { '>' } else { '▶' };
    let short = "%y%m%d %H:%M:%S%.3f";
    let mut lines = Vec::new();
    for (number, Entry { at, level, source: (file, line), text }) in (1..).zip(all) {
        lines.push(if dated {
            let level = if level == Level::Error { "ERR" } else { "WRN" };
            format!(
                "{} {level} {file}:{line:03} {mark} {number:03} {text}",
                at.strftime("%Y-%m-%d %H:%M:%S%.3f")
            )
        } else {
            let level = if level == Level::Error { "ERRO" } else { "WARN" };
            format!("{} {file}:{line:03} {mark} {level} {number:03} {text}", at.strftime(short))
        });
    }
    lines.push(format!("{} CURRENT TIME", world.now().strftime(short)));
    to.block("Unexpected Logs", &lines.join("\n"));
}
