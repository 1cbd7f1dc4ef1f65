//! The privacy network that a scenario describes.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use portmaster_fixtures::{
    Country,
    scenario::{self, HubList, Lane, SpnMap},
};

use super::{Account, Hub, Map, Spn, generate, measure::Quality};
use crate::world::geo::Point;

/// More hubs than any map has; what looks at every pair stays quick.
const MOST: usize = 1000;

/// Why a scenario's map is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpnError {
    /// There are too many.
    #[error("spn.map.hubs: {0} hubs, expected at most {MOST}")]
    TooMany(usize),
    /// A hub has no name.
    #[error("spn.map.hubs: hub number {0} has no name")]
    Nameless(usize),
    /// Two hubs have a name or an id in common.
    #[error("spn.map.hubs: \"{0}\" is there twice")]
    Twice(String),
    /// A hub is in no country.
    #[error("spn.map.hubs: \"{hub}\" is in \"{country}\", expected an ISO 3166 code of two letters")]
    Country {
        /// The hub.
        hub: String,
        /// The country that is none.
        country: String,
    },
    /// A lane leads nowhere.
    #[error("spn.map.hubs: \"{hub}\" has a lane to \"{to}\", which is no other hub of the map")]
    Lane {
        /// The hub.
        hub: String,
        /// The hub that is not there.
        to: String,
    },
    /// The home hub is not there.
    #[error("spn.home: there is no hub \"{0}\" in the map")]
    Home(String),
}

impl Spn {
    /// The network of a scenario, for a world with this seed and start in this place.
    ///
    /// # Errors
    /// When the map contradicts itself.
    pub fn new(
        told: scenario::Spn,
        seed: u64,
        start: Timestamp,
        here: Option<Point>,
    ) -> Result<Self, SpnError> {
        let map = told.map.map(|map| read(map, seed, start, here)).transpose()?;
        if let Some(home) = &told.home
            && map.as_ref().and_then(|map| map.find(home)).is_none()
        {
            return Err(SpnError::Home(home.clone()));
        }
        Ok(Self {
            status: told.status,
            home: told.home,
            connected_since: told.connected_since.unwrap_or(start),
            sessions: usize::from(told.sessions),
            login: told.login,
            account: told.account.map(|account| Account::new(account, seed, start)),
            map: map.map(Arc::new),
            was_on: false,
        })
    }
}

fn read(told: SpnMap, seed: u64, start: Timestamp, here: Option<Point>) -> Result<Map, SpnError> {
    let count = match &told.hubs {
        HubList::Generated(count) => usize::from(*count),
        HubList::Listed(hubs) => hubs.len(),
    };
    if count > MOST {
        return Err(SpnError::TooMany(count));
    }
    let hubs = match told.hubs {
        HubList::Generated(count) => generate::hubs(count, seed, start, here),
        HubList::Listed(hubs) => hubs,
    };
    let mut map = Map { regions: told.regions, ..Map::default() };
    let mut ids = BTreeMap::new();
    let mut lanes: Vec<(String, Vec<Lane>)> = Vec::new();
    for (at, mut hub) in hubs.into_iter().enumerate() {
        if hub.name.is_empty() {
            return Err(SpnError::Nameless(at + 1));
        }
        if !hub.country.is_empty() && Country::find(&hub.country).is_none() {
            return Err(SpnError::Country { hub: hub.name, country: hub.country });
        }
        lanes.push((hub.name.clone(), std::mem::take(&mut hub.lanes)));
        let hub = Hub::new(hub, start);
        if ids.insert(hub.name.clone(), hub.id.clone()).is_some() || map.hubs.contains_key(&hub.id) {
            return Err(SpnError::Twice(hub.name));
        }
        map.hubs.insert(hub.id.clone(), hub);
    }
    for (name, lanes) in lanes {
        for lane in lanes {
            connect(&mut map, &ids, &name, &lane)?;
        }
    }
    Ok(map)
}

/// Adds a lane at both its ends.
pub(super) fn connect(
    map: &mut Map,
    ids: &BTreeMap<String, String>,
    name: &str,
    lane: &Lane,
) -> Result<(), SpnError> {
    let (from, to) = match (ids.get(name), ids.get(&lane.to)) {
        (Some(from), Some(to)) if from != to => (from, to),
        _ => return Err(SpnError::Lane { hub: name.to_owned(), to: lane.to.clone() }),
    };
    let quality = Quality::new(lane.latency_ms, lane.capacity_mbit);
    for (end, other) in [(from, to), (to, from)] {
        if let Some(hub) = map.hubs.get_mut(end) {
            hub.lanes.insert(other.clone(), quality);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Scenario;

    use super::*;

    fn error(spn: &str) -> String {
        let told = Scenario::parse("test", &format!("spn: {spn}")).expect("a scenario").spn;
        match Spn::new(told, 1, Timestamp::UNIX_EPOCH, None) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn maps_that_contradict_themselves_are_refused() {
        for (spn, wrong) in [
            ("{ map: { hubs: 1001 } }", "spn.map.hubs: 1001 hubs, expected at most 1000"),
            ("{ map: { hubs: [{ country: DE }] } }", "spn.map.hubs: hub number 1 has no name"),
            ("{ map: { hubs: [{ name: a }, { name: a }] } }", "spn.map.hubs: \"a\" is there twice"),
            ("{ home: x, map: { hubs: 3 } }", "spn.home: there is no hub \"x\" in the map"),
            (
                "{ map: { hubs: [{ name: a, country: XX }] } }",
                "spn.map.hubs: \"a\" is in \"XX\", expected an ISO 3166 code of two letters",
            ),
            (
                "{ map: { hubs: [{ name: a, lanes: [{ to: b, latency_ms: 1, capacity_mbit: 1 }] }] } }",
                "spn.map.hubs: \"a\" has a lane to \"b\", which is no other hub of the map",
            ),
            ("{ map: { hubs: 60 } }", ""),
        ] {
            assert_eq!(error(spn), wrong);
        }
    }
}
