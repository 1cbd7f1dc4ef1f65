//! Whether a scenario is one, down to what its names lead to.

use std::collections::{BTreeMap, BTreeSet};

use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{self, Mistake, ScenarioError},
};
use serde_json::Value;

use crate::world::{Dangling, Options, World};

/// Every mistake of a scenario, a built-in one by its name or a file: those of its form and of its options, and if its form
/// has none, whatever keeps it from being a world. It is looked at in the given contract, or in the one that it names, or in
/// all.
///
/// # Errors
/// When it, or what it extends, cannot be read.
pub fn check(name: &str, contract: Option<Contract>) -> Result<Vec<Mistake>, ScenarioError> {
    let text = scenario::text(name)?;
    let mut found: BTreeSet<Mistake> = scenario::check(&text).into_iter().collect();
    let (sound, own) = if found.is_empty() {
        let scenario = Scenario::load(name)?;
        (Some(scenario.clone()), scenario.contract)
    } else {
        (None, None)
    };
    let contracts = contract.or(own).map_or_else(|| Contract::ALL.to_vec(), |one| vec![one]);
    let mut said: BTreeMap<Mistake, Vec<Contract>> = BTreeMap::new();
    for contract in &contracts {
        let options = Options { contract: Some(*contract), ..Options::default() };
        let mistakes = match &sound {
            Some(scenario) => World::mistakes(scenario.clone(), options),
            None => refused(&text, options),
        };
        for one in mistakes {
            said.entry(placed(one, &text)).or_default().push(*contract);
        }
    }
    found.extend(said.into_iter().map(|(mut one, of)| {
        if of.len() < contracts.len() {
            let names: Vec<&str> = of.iter().map(|one| one.name()).collect();
            one.text = format!("{} (in contract {})", one.text, names.join(", "));
        }
        one
    }));
    Ok(found.into_iter().collect())
}

/// What is wrong with the options of a text that is no scenario yet.
fn refused(text: &str, options: Options) -> Vec<Dangling> {
    let Ok(Value::Object(members)) = serde_saphyr::from_str(text) else { return Vec::new() };
    let Some(Value::Object(config)) = members.get("config") else { return Vec::new() };
    let bare = World::new(Scenario::default(), options);
    bare.map(|mut world| world.refused(&scenario::flatten(config))).unwrap_or_default()
}

/// A mistake with its place in the text, where the text itself has the member and not what it extends.
pub(crate) fn placed(dangling: Dangling, text: &str) -> Mistake {
    let Dangling { path, text: words, near } = dangling;
    let (line, column) = scenario::place(text, &path).unwrap_or_default();
    Mistake { line, column, path, text: words, near }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, contract: Option<Contract>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.yaml");
        std::fs::write(&file, text).unwrap();
        let found = check(file.to_str().unwrap(), contract).unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_mistake_is_said_at_once_with_its_place() {
        let text = "extends: home-office\n\
            config:\n  spn/enabled: true\n  filter: { defaultAction: NO }\n  core/devMode: perhaps\n\
            client: { app: Curly }\n\
            dns:\n  resolvers: { Quad8: { failing: true } }\n  cache:\n    \
            - { domain: a.example., type: A, answer: [], resolver: Quad7 }\n\
            connections:\n  - { profile_name: Firefx }\n\
            timeline:\n  - { at: 1s, change: { connections: { open: { count: 1, apps: [Thunderbrid] } } } }\n";
        let found = said(text, None);
        for expected in [
            "3:3: config[\"spn/enabled\"]: there is no option \"spn/enabled\"; did you mean \"spn/enable\"?",
            "4:13: config[\"filter/defaultAction\"]: ",
            "5:3: config[\"core/devMode\"]: ",
            "6:11: client.app: there is no app \"Curly\" in this scenario; did you mean \"Curl\"?",
            "8:16: dns.resolvers[\"Quad8\"]: there is no resolver \"Quad8\"; did you mean \"Quad9\"?",
            "10:50: dns.cache[0].resolver: there is no resolver \"Quad7\"",
            "12:7: connections[0].profile_name: there is no app \"Firefx\" in this scenario; did you mean \"Firefox\"?",
            "timeline[0].change.connections.open.apps[0]: there is no app \"Thunderbrid\"",
        ] {
            assert!(found.contains(expected), "{expected} is not in\n{found}");
        }
        assert_eq!(found.lines().count(), 8, "{found}");
        assert!(found.contains("YAML reads bare words such as NO"), "{found}");
    }

    #[test]
    fn what_is_served_is_what_has_no_mistake() {
        let text = "name: mine\nextends: home-office\ndns: { resolvers: { Quad8: {} } }\n";
        let found = said(text, None);
        let scenario = Scenario::parse("mine.yaml", text).unwrap();
        let refused = World::new(scenario, Options::default()).unwrap_err().to_string();
        let place = "dns.resolvers[\"Quad8\"]: there is no resolver \"Quad8\"";
        assert!(found.contains(place) && refused.contains(place), "{found}\n{refused}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }

    #[test]
    fn a_million_connections_are_not_made_to_look_for_mistakes() {
        let text = "name: mine\nextends: home-office\nconnections: { generate: { count: 1000000 } }\n";
        let began = std::time::Instant::now();
        assert_eq!(said(text, None), "");
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    #[test]
    fn options_are_looked_at_though_the_form_is_wrong() {
        let found = said("sede: 7\nconfig: { core: { devMod: true } }\n", None);
        assert!(
            found.contains("1:1: sede: ") && found.contains("2:19: config[\"core/devMod\"]: "),
            "{found}"
        );
    }

    #[test]
    fn what_one_contract_refuses_is_said_of_that_contract() {
        let text = "config: { filter/blockP2P: true }\n";
        let found = said(text, None);
        assert!(
            found.contains("(in contract ") && found.contains("v1.0") && !found.contains("v2.2"),
            "{found}"
        );
        assert_eq!(said(text, Some(Contract::V2_2)), "");
        assert_eq!(said(&format!("{text}contract: v2.2\n"), None), "");
        assert_ne!(said(text, Some(Contract::V1_0)), "");
    }

    #[test]
    fn built_in_scenarios_have_no_mistakes_in_any_contract() {
        // The one of a hundred thousand connections takes long, and differs from another only in their number.
        for (name, _) in scenario::BUILT_IN.iter().filter(|(name, _)| *name != "busy-server") {
            assert_eq!(check(name, None).unwrap(), [], "{name}");
        }
    }

    #[test]
    fn the_manual_shows_scenarios_without_mistakes() {
        let manual = include_str!("../../docs/scenarios.md");
        let blocks: Vec<&str> =
            manual.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        // One block stands for changes by dots.
        let whole: Vec<&str> = blocks.into_iter().filter(|block| !block.contains("{...}")).collect();
        assert!(whole.len() >= 3);
        for block in whole {
            let base = if block.contains("extends:") { "" } else { "extends: home-office\n" };
            let text = format!("{base}{block}");
            assert_eq!(scenario::check(&text), [], "{text}");
            let scenario = Scenario::parse("manual", &text).expect("a scenario");
            assert_eq!(World::mistakes(scenario, Options::default()), [], "{text}");
        }
    }
}
