//! `broadcasts/*`: what broadcasts are matched with, a rehearsal, and forgetting what was shown.

mod data;
mod update;

use super::{Call, Handler, Reply};
use crate::world::{Change, World, broadcasts::Outcome};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("broadcasts/matching-data", matching_data),
    Handler::new("broadcasts/reset-state", reset_state),
    Handler::new("broadcasts/simulate", simulate),
];

fn matching_data(world: &mut World, call: &Call) -> Reply {
    call.structured(&data::matching(world))
}

/// The note of what was shown is a record that exists once something was.
fn reset_state(world: &mut World, _: &Call) -> Reply {
    if world.broadcasts.is_empty() {
        return Reply::failure("database entry not found");
    }
    match world.apply(Change::ForgetBroadcasts) {
        Ok(()) => Reply::action("Reset complete. Some notifications require a restart to reappear."),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}

/// Shows the broadcasts of a body and says what became of each, by id. The cores' order is chance.
fn simulate(world: &mut World, call: &Call) -> Reply {
    let state = call.parameter("state").as_deref() == Some("true");
    let entries = match update::read(call.body(), world.now()) {
        Ok(entries) => entries,
        Err(update::Fault::Empty) => return Reply::failure("Internal Server Error."),
        Err(update::Fault::Text(text)) => {
            return Reply::failure(format!("failed to parse broadcast notifications update: {text}"));
        }
    };
    let mut lines = Vec::with_capacity(entries.len());
    for (id, entry) in entries {
        let outcome = entry
            .and_then(|broadcast| world.broadcast(broadcast, state).map_err(|refused| refused.to_string()));
        lines.push(match outcome {
            Ok(Outcome::Displayed) => format!("{id:>30}: displayed"),
            Ok(Outcome::AlreadyActive) => format!("{id:>30}: broadcast skipped: already active"),
            Ok(Outcome::AlreadyShown) => format!("{id:>30}: broadcast skipped: already shown"),
            Err(fault) => format!("FAILED {id:>23}: {fault}"),
        });
    }
    Reply::action(lines.join("\n"))
}
