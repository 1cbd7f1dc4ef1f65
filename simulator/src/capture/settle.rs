//! The last look: the captured scenario is tried, and what a world does not take is left out and noted.

use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{self, SpnStatus},
};
use serde_json::{Map, Value, json};

use super::{text, yaml};
use crate::world::{Options, World};

/// How many parts may be left out before nothing is left.
const TRIES: usize = 12;

/// Tries the scenario; adds modules in trouble and the network's status where they do not follow from the rest.
pub(super) fn settle(
    scenario: &mut Map<String, Value>,
    contract: Contract,
    failures: Vec<Value>,
    status: Option<&str>,
    show: bool,
    missing: &mut Vec<String>,
) {
    let mut world = None;
    for _ in 0..TRIES {
        match tried(scenario, contract) {
            Ok(sound) => {
                world = Some(sound);
                break;
            }
            Err((part, why)) => {
                let part = if scenario.contains_key(&part) { part } else { last(scenario) };
                scenario.remove(&part);
                // What is wrong may name what is private.
                let why = if show { format!(": {why}") } else { String::new() };
                missing.push(format!("{part}, which makes no world{why}"));
            }
        }
    }
    let Some(world) = world else { return };
    let derived = world.spn_status();
    if let Some(told) = status.filter(|told| *told != derived.word()) {
        let known = [SpnStatus::Disabled, SpnStatus::Connecting, SpnStatus::Connected, SpnStatus::Failed];
        if known.iter().any(|one| one.word() == told) && world.spn_enabled() && told != "connected" {
            let spn = scenario.entry("spn").or_insert_with(|| Value::Object(Map::new()));
            if let Some(spn) = spn.as_object_mut() {
                spn.shift_insert(0, "status".to_owned(), told.into());
            }
        } else {
            missing.push(format!("that the privacy network is {told}: here it is {}", derived.word()));
        }
    }
    let there = |id: &str| world.modules.values().flatten().any(|state| state.id == id);
    let new: Vec<Value> = failures.into_iter().filter(|failure| !there(text(failure, "id"))).collect();
    if !new.is_empty() {
        let change = json!([{ "at": "0s", "change": { "modules": { "fail": new } } }]);
        scenario.insert("timeline".to_owned(), change);
        if let Err((_, why)) = tried(scenario, contract) {
            scenario.remove("timeline");
            missing.push(format!("the states of modules: {why}"));
        }
    }
}

/// The world of a scenario, or the part that makes none and why.
fn tried(told: &Map<String, Value>, contract: Contract) -> Result<World, (String, String)> {
    let text = yaml::text(told);
    if let Some(mistake) = scenario::check(&text).into_iter().next() {
        let part = mistake.path.split(['.', '[']).next().unwrap_or_default().to_owned();
        return Err((part, mistake.to_string()));
    }
    let read = Scenario::parse("captured", &text).map_err(|fault| (String::new(), fault.to_string()))?;
    World::new(read, Options { contract: Some(contract), ..Options::default() }).map_err(|fault| {
        let why = fault.to_string();
        (why.split(['.', '[', ':']).next().unwrap_or_default().to_owned(), why)
    })
}

/// The last part, for want of a better guess.
fn last(scenario: &Map<String, Value>) -> String {
    scenario.keys().next_back().cloned().unwrap_or_default()
}
