//! `debug/*`: reports for people, and what developers of the core look at.

mod connections;
mod invented;
mod logs;
mod platform;
mod profiles;
mod report;
mod sections;
mod spn;
mod stack;
mod state;
mod updates;

use portmaster_fixtures::Section;

use super::{Call, Handler, Reply};
use crate::world::World;
use connections::Chosen;
use report::{Report, Style};

pub(super) use invented::goroutines;
pub(super) use logs::{Level, entries as log_entries};
pub(super) use sections::GO_VERSION;

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("debug/allocs", profiles::allocs),
    Handler::new("debug/core", core),
    Handler::new("debug/cpu", profiles::cpu),
    Handler::new("debug/heap", profiles::heap),
    Handler::new("debug/info", info),
    Handler::new("debug/network", network),
    Handler::new("debug/network/state", state::state),
    Handler::new("debug/stack", stack::stack),
    Handler::new("debug/stack/print", stack::print),
];

fn info(world: &mut World, call: &Call) -> Reply {
    report(world, call, &world.behaviour.reports.info)
}

fn core(world: &mut World, call: &Call) -> Reply {
    report(world, call, &world.behaviour.reports.core)
}

fn network(world: &mut World, call: &Call) -> Reply {
    report(world, call, &world.behaviour.reports.network)
}

fn report(world: &World, call: &Call, sections: &[Section]) -> Reply {
    let parameter = |name| call.parameter(name).unwrap_or_default();
    let chosen = Chosen::new(world, &parameter("profile"), &parameter("where"));
    let mut report = Report::new(Style::named(call.parameter("style").as_deref()));
    for section in sections {
        sections::write(*section, world, &chosen, &mut report);
    }
    Reply::Data(report.text().into())
}

#[cfg(test)]
mod tests;
