//! Whether a scenario is one, down to what its names lead to.

use portmaster_fixtures::{
    Scenario,
    scenario::{self, Fault, Mistake},
};

use crate::world::{Dangling, Options, World};

/// Every mistake of a scenario, a built-in one by its name or a file: first those of its form, and if there are none,
/// names that lead nowhere.
///
/// # Errors
/// When it, or what it extends, cannot be read.
pub fn check(name: &str) -> Result<Vec<Mistake>, Fault> {
    let text = scenario::text(name)?;
    let found = scenario::check(&text);
    if !found.is_empty() {
        return Ok(found);
    }
    Ok(World::mistakes(Scenario::load(name)?, Options::default())
        .into_iter()
        .map(|one| placed(one, &text))
        .collect())
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
