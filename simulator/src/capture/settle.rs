//! The last look: the captured scenario is tried, and what a world does not take is left out and noted.

use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{self, Connections, RowsFile, SpnStatus},
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
    failures: &Value,
    status: Option<&str>,
    show: bool,
    missing: &mut Vec<String>,
) {
    // What is wrong may name what is private.
    let unfit = |part: &str, why: &str| {
        let why = if show { format!(": {why}") } else { String::new() };
        format!("{part}, of which a world cannot be made{why}")
    };
    let mut world = None;
    for _ in 0..TRIES {
        match tried(scenario, contract) {
            Ok(sound) => {
                world = Some(sound);
                break;
            }
            Err((part, why)) => {
                let part = if scenario.contains_key(&part) { part } else { last(scenario) };
                scenario.shift_remove(&part);
                missing.push(unfit(&part, &why));
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
    let all = failures.as_array().into_iter().flatten();
    let new: Vec<&Value> = all.filter(|failure| !there(text(failure, "id"))).collect();
    if !new.is_empty() {
        let change = json!([{ "at": "0s", "change": { "modules": { "fail": new } } }]);
        scenario.insert("timeline".to_owned(), change);
        if let Err((_, why)) = tried(scenario, contract) {
            scenario.shift_remove("timeline");
            missing.push(unfit("the states of modules", &why));
        }
    }
}

/// The world of a scenario, or the part that makes none and why.
fn tried(told: &Map<String, Value>, contract: Contract) -> Result<World, (String, String)> {
    // Connections are many, and can be in a file of their own.
    let mut rest = told.clone();
    let rows = rest.shift_remove("connections").unwrap_or_else(|| Value::Array(Vec::new()));
    let text = yaml::text(&rest);
    if let Some(mistake) = scenario::check(&text).into_iter().next() {
        let part = mistake.path.split(['.', '[']).next().unwrap_or_default().to_owned();
        return Err((part, mistake.to_string()));
    }
    let mut read = Scenario::parse("captured", &text).map_err(|error| (String::new(), error.to_string()))?;
    let rows = serde_json::from_value(rows).map_err(|error| ("connections".to_owned(), error.to_string()))?;
    read.connections = Connections::Rows(RowsFile { rows, bandwidth: Vec::new() });
    World::new(read, Options { contract: Some(contract), ..Options::default() }).map_err(|error| {
        let why = error.to_string();
        (why.split(['.', '[', ':']).next().unwrap_or_default().to_owned(), why)
    })
}

/// The last part, for want of a better guess.
fn last(scenario: &Map<String, Value>) -> String {
    scenario.keys().next_back().cloned().unwrap_or_default()
}
