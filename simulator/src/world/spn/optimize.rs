//! Which lanes the map would gain from: the best hubs of all, and a satellite in each region.

use std::collections::BTreeSet;

use super::{Hub, Map};

/// How many of the best hubs of all are suggested.
pub const BEST: usize = 3;

/// A hub that a lane to would be good.
#[derive(Clone, Debug)]
pub struct Suggestion<'a> {
    /// The hub.
    pub hub: &'a Hub,
    /// Why.
    pub reason: String,
    /// Whether it was suggested before.
    pub duplicate: bool,
}

impl Map {
    /// What is suggested to a device whose home is known or not; `None` for an empty map.
    pub fn optimization(&self, home: Option<&str>) -> Option<Vec<Suggestion<'_>>> {
        if self.hubs.is_empty() {
            return None;
        }
        let candidates: Vec<&Hub> = self
            .by_cost()
            .into_iter()
            .filter(|hub| Some(hub.id.as_str()) != home && !hub.is_disregarded())
            .collect();
        let mut suggested = BTreeSet::new();
        let mut suggest = |hub, reason| Suggestion { hub, reason, duplicate: !suggested.insert(&hub.id) };
        let mut suggestions: Vec<Suggestion<'_>> =
            candidates.iter().take(BEST).map(|hub| suggest(hub, "best globally".to_owned())).collect();
        for region in &self.regions {
            let inside = |hub: &&&Hub| self.region(hub).is_some_and(|one| one.name == region.name);
            if let Some(hub) = candidates.iter().find(inside) {
                suggestions.push(suggest(hub, format!("satellite in {}", region.name)));
            }
        }
        Some(suggestions)
    }
}
