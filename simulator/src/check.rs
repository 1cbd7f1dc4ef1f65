//! Whether a scenario is one, down to what its names lead to.

use portmaster_fixtures::{
    Scenario,
    scenario::{self, Fault, Mistake},
};

use crate::world::{Options, World};

/// Every mistake of a scenario, a built-in one by its name or a file: first those of its form, and if there are none,
/// names that lead nowhere.
///
/// # Errors
/// When it cannot be read at all.
pub fn check(name: &str) -> Result<Vec<Mistake>, Fault> {
    let text = scenario::text(name)?;
    let found = scenario::check(&text);
    if !found.is_empty() {
        return Ok(found);
    }
    let scenario = Scenario::load(name)?;
    match World::new(scenario, Options::default()) {
        Ok(_) => Ok(Vec::new()),
        Err(fault) => Ok(vec![Mistake { text: fault.to_string(), ..Mistake::default() }]),
    }
}
