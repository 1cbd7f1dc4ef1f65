//! Everything that keeps a scenario from making a world, at once.

use std::collections::BTreeMap;

use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{Connections, nearest, unquoted},
};
use serde_json::Value;

use super::{Dangling, Options, SetupError, World};
use crate::limits;

impl World {
    /// Everything that keeps a scenario from making a world. What is wrong in one place is left out where the rest is looked
    /// at.
    pub fn mistakes(mut scenario: Scenario, options: Options) -> Vec<Dangling> {
        let bare = Scenario {
            contract: scenario.contract,
            network: scenario.network.clone(),
            apps: scenario.apps.clone(),
            ..Scenario::default()
        };
        let mut world = match Self::new(bare, options.clone()) {
            Ok(world) => world,
            Err(error) => return said(error),
        };
        let mut found = world.refused(&scenario.config);
        let is_refused = |path: &str| found.iter().any(|one| one.path == path);
        scenario.config.retain(|key, _| !is_refused(&format!("config[\"{key}\"]")));
        if let Some(name) =
            scenario.client.app.take_if(|name| !world.apps.iter().any(|app| app.name == *name))
        {
            let near = nearest(&name, world.apps.iter().map(|app| app.name.as_str()));
            let text = format!("there is no app \"{name}\" in this scenario");
            found.push(Dangling { path: "client.app".to_owned(), text, near });
        }
        let of_start = world.dangling_start(&scenario);
        if !of_start.is_empty() {
            // These would be found again, one at a time.
            let bad = |path: String| of_start.iter().any(|one| one.path == path);
            let mut at = 0..;
            scenario.dns.cache.retain(|_| !bad(format!("dns.cache[{}].resolver", at.next().unwrap_or(0))));
            if let Connections::Generated(recipe) = &mut scenario.connections {
                recipe.generate.apps.retain(|name| world.apps.iter().any(|app| app.name == *name));
            }
        }
        found.extend(of_start);
        if let Connections::Generated(recipe) = &mut scenario.connections {
            // One shows whether the recipe can be followed; a million take seconds in each contract.
            let count = &mut recipe.generate.count;
            *count = if *count > limits::OPENED { *count } else { 1.min(*count) };
        }
        if let Err(error) = Self::new(scenario, options) {
            for one in said(error) {
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        found
    }

    /// The options of a configuration that no contract has, or whose values this one does not take. The others are set.
    pub(crate) fn refused(&mut self, config: &BTreeMap<String, Value>) -> Vec<Dangling> {
        let now = self.now();
        let mut found = Vec::new();
        for (key, value) in config {
            if self.is_of_another_contract(key) {
                continue;
            }
            let path = format!("config[\"{key}\"]");
            if self.config.option(key).is_none() {
                let all = Contract::ALL.iter().flat_map(|one| one.options()).map(|one| one.key.as_str());
                let text = format!("there is no option \"{key}\"");
                found.push(Dangling { path, text, near: nearest(key, all) });
            } else if let Err(refused) =
                self.config.set(key, Some(self.config.migrated(key, value.clone())), now)
            {
                let text = format!("{refused}{}", unquoted(value));
                found.push(Dangling { path, text, near: None });
            }
        }
        found
    }
}

/// What an error says, with the member before it.
fn said(error: SetupError) -> Vec<Dangling> {
    if let SetupError::Dangling(all) = error {
        return all;
    }
    let error = error.to_string();
    let (path, text) = error.split_once(": ").unwrap_or(("", &error));
    vec![Dangling { path: path.to_owned(), text: text.to_owned(), near: None }]
}
