//! What is another value every time one asks: learnt by asking twice.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    exchange::Exchange,
    line::Recording,
    script::{Act, Script},
};
use crate::contrast::Difference;

/// Volatile places, by endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    places: BTreeMap<String, BTreeSet<String>>,
    /// Members that vary in the messages of a script, by the script and the number of the step.
    members: BTreeMap<(String, usize), Vec<String>>,
    /// Scripts that went another way.
    scripts: BTreeSet<String>,
}

impl Masks {
    /// What differs between two recordings of the same target. Exchanges belong together when the same was
    /// asked, the first time, the second time and so on.
    pub(crate) fn between(one: &Recording, other: &Recording) -> Self {
        let mut asked: BTreeMap<String, Vec<&Exchange>> = BTreeMap::new();
        for exchange in other.exchanges() {
            asked.entry(question(exchange)).or_default().push(exchange);
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut masks = Self::default();
        for exchange in one.exchanges() {
            let question = question(exchange);
            let count = counts.entry(question.clone()).or_default();
            let partner = asked.get(&question).and_then(|all| all.get(*count));
            *count += 1;
            if let Some(partner) = partner {
                let comparison = exchange.against(partner);
                masks.hide(&exchange.request.endpoint(), &comparison.by_value());
            }
        }
        let scripts: BTreeMap<_, _> = other.scripts().map(|script| (&script.id, script)).collect();
        for script in one.scripts() {
            if let Some(partner) = scripts.get(&script.id) {
                masks.learn_script(script, partner);
            }
        }
        masks
    }

    /// Takes in how a script went twice: members may vary, but when other messages came, nothing can be said.
    fn learn_script(&mut self, one: &Script, other: &Script) {
        if one.steps.len() != other.steps.len() {
            self.scripts.insert(one.id.clone());
            return;
        }
        for (step, (one_step, other_step)) in one.steps.iter().zip(&other.steps).enumerate() {
            let (Act::Receive(expected), Act::Receive(came)) = (&one_step.act, &other_step.act) else {
                if one_step != other_step {
                    self.scripts.insert(one.id.clone());
                }
                continue;
            };
            match expected.varying(came) {
                Some(members) if members.is_empty() => {}
                Some(members) => drop(self.members.insert((one.id.clone(), step), members)),
                None => drop(self.scripts.insert(one.id.clone())),
            }
        }
    }

    /// Whether a script goes another way every time.
    pub(crate) fn hides_script(&self, script: &Script) -> bool {
        self.scripts.contains(&script.id)
    }

    /// A script with what varies masked.
    pub(crate) fn masked<'a>(&self, script: &'a Script) -> Cow<'a, Script> {
        let from = (script.id.clone(), 0);
        let own = self.members.range(from..).take_while(|((id, _), _)| *id == script.id);
        let mut masked = Cow::Borrowed(script);
        for ((_, step), members) in own {
            if let Some(Act::Receive(expected)) =
                masked.to_mut().steps.get_mut(*step).map(|step| &mut step.act)
            {
                expected.mask.extend(members.iter().cloned());
            }
        }
        masked
    }

    /// Takes places in.
    pub(crate) fn hide(&mut self, endpoint: &str, differences: &[Difference]) {
        if !differences.is_empty() {
            let places = self.places.entry(endpoint.to_owned()).or_default();
            places.extend(differences.iter().map(Difference::general_place));
        }
    }

    /// Leaves out what is volatile, or lies within something volatile.
    pub(crate) fn clean(&self, endpoint: &str, differences: &mut Vec<Difference>) {
        if differences.is_empty() || self.places.is_empty() {
            return;
        }
        let Some(places) = self.places.get(endpoint) else { return };
        differences.retain(|one| {
            let place = one.general_place();
            !places.iter().any(|hidden| within(&place, hidden))
        });
    }

    /// Every volatile place with its endpoint.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places.iter().flat_map(|(endpoint, places)| {
            places.iter().map(move |place| (endpoint.as_str(), place.as_str()))
        })
    }
}

/// The same question is the same text.
fn question(exchange: &Exchange) -> String {
    let setup = serde_json::to_string(&exchange.setup).unwrap_or_default();
    let request = serde_json::to_string(&exchange.request).unwrap_or_default();
    format!("{setup} {request}")
}

fn within(place: &str, hidden: &str) -> bool {
    hidden == "."
        || place.strip_prefix(hidden).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_belong_to_the_whole() {
        assert!(within(".a.b", ".a") && within(".a[]", ".a") && within(".a", "."));
        assert!(!within(".ab", ".a"));
    }
}
