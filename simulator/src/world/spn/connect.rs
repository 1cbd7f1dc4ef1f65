//! The connection to the network, which follows from the option, the account and the map.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use portmaster_fixtures::scenario::{HubState, Region, SpnStatus};

use super::{Hub, Map, Place};
use crate::world::{
    Event, World,
    geo::{self, Point},
};

use crate::ordered::ordered;

/// Of hubs by id: whether there is a home hub, how many hops away it is, the way to it where a session is open, and the ids of the
/// hubs that lanes lead to.
pub(in crate::world) type Standings = BTreeMap<String, (bool, usize, Option<Vec<String>>, Vec<String>)>;

/// How many records a core keeps of a hub: the hub, its announcement and its status (websocket §5.4).
const RECORDS: usize = 3;

impl World {
    /// A map by its name; there is one, `main`, once the network is on. It is empty until hubs are known.
    pub fn map(&self, name: &str) -> Option<&Map> {
        static EMPTY: Map = Map { hubs: BTreeMap::new(), regions: Vec::new() };
        let map = self.spn.map.as_deref().or_else(|| self.spn_enabled().then_some(&EMPTY));
        map.filter(|_| name == "main")
    }

    /// How far the connection is.
    pub fn spn_status(&self) -> SpnStatus {
        match self.spn.status {
            _ if !self.spn_enabled() => SpnStatus::Disabled,
            Some(told) if told != SpnStatus::Connected => told,
            _ if self.lacks_login() && !self.behaviour.fails_without_login => SpnStatus::Disabled,
            _ if !self.may_use_spn() || self.is_cut_off() => SpnStatus::Failed,
            _ if self.chosen_home().is_none() => SpnStatus::Connecting,
            _ => SpnStatus::Connected,
        }
    }

    /// When the connection was made.
    pub fn spn_connected_since(&self) -> Timestamp {
        self.spn.connected_since
    }

    fn may_use_spn(&self) -> bool {
        self.account().is_some_and(|account| account.may_use_spn(self.now()))
    }

    /// The hub that the device is connected to; while the network is on and not connected there is none. One that the scenario
    /// names is there without an account, too, as it was put into the cores that were recorded.
    pub fn home_hub(&self) -> Option<&Hub> {
        let is_put = || self.spn.account.is_none() && self.spn.status.is_none() && !self.is_cut_off();
        let is_up = !self.spn_enabled()
            || self.spn_status() == SpnStatus::Connected
            || (self.spn.home.is_some() && is_put());
        self.chosen_home().filter(|_| is_up)
    }

    /// The hub to connect to: the one that the scenario names, or else the best.
    fn chosen_home(&self) -> Option<&Hub> {
        let map = self.spn.map.as_deref()?;
        match &self.spn.home {
            Some(name) => map.find(name),
            None if self.spn_enabled() && self.may_use_spn() => map.best_home(),
            None => None,
        }
    }

    /// Where this device is.
    pub fn here(&self) -> Option<Point> {
        geo::known(&self.network.location)
    }

    /// The hubs that a session is open to: the home hub, and where tunnels end.
    pub fn sessions(&self) -> BTreeSet<&str> {
        let Some((home, map)) = self.home_hub().zip(self.spn.map.as_deref()) else { return BTreeSet::new() };
        self.sessions_in(home, map, &map.places(&home.id))
    }

    /// The same, where it is known where the hubs are.
    pub(super) fn sessions_in<'a>(
        &self,
        home: &'a Hub,
        map: &'a Map,
        places: &BTreeMap<&str, Place<'_>>,
    ) -> BTreeSet<&'a str> {
        let ends = map.by_cost().into_iter().filter(|hub| {
            hub.id != home.id
                && places.get(hub.id.as_str()).is_some_and(|place| !place.route.is_empty())
                && !hub.is_disregarded()
                && !hub.is(HubState::UsageDiscouraged)
                && !hub.is(HubState::UsageAsDestinationDiscouraged)
        });
        let tunnels = if self.spn_status() == SpnStatus::Connected { self.spn.sessions } else { 0 };
        std::iter::once(home).chain(ends.take(tunnels)).map(|hub| hub.id.as_str()).collect()
    }

    /// How every hub stands to the connection.
    pub(in crate::world) fn standings(&self) -> Standings {
        let Some(map) = self.spn.map.as_deref().filter(|_| self.spn_enabled()) else {
            return Standings::new();
        };
        let home = self.home_hub();
        let mut places = home.map(|home| map.places(&home.id)).unwrap_or_default();
        let sessions = home.map(|home| self.sessions_in(home, map, &places)).unwrap_or_default();
        let stands = |(id, hub): (&String, &Hub)| {
            let has_session = sessions.contains(id.as_str());
            let Place { hops, route } = places.remove(id.as_str()).unwrap_or_default();
            let lanes = hub.lanes.keys().cloned().collect();
            (
                id.clone(),
                (
                    home.is_some(),
                    hops,
                    has_session.then(|| route.into_iter().map(str::to_owned).collect()),
                    lanes,
                ),
            )
        };
        ordered(map.hubs.iter().map(stands))
    }

    /// Tells of the hubs that stand otherwise than they did; while the network is off there is no map to tell of.
    pub(in crate::world) fn tell_standings(&mut self, before: Standings) {
        let mut now = self.standings();
        now.retain(|id, stands| before.get(id) != Some(stands));
        if !now.is_empty() {
            self.emit(Event::Hubs(now.into_keys().collect()));
        }
    }

    /// The states of a hub in the order in which a core names them (websocket §5.8).
    pub fn hub_states(
        &self,
        hub: &Hub,
        place: &Place<'_>,
        has_home: bool,
        is_home: bool,
    ) -> Vec<&'static str> {
        let offline = hub.is(HubState::Offline);
        let reachable = !offline && (place.hops > 0 || !has_home);
        [
            (hub.is(HubState::Failing), "Failing"),
            (offline, "Offline"),
            (reachable, "Reachable"),
            (!offline, "Active"),
            (hub.is(HubState::Trusted), "Trusted"),
            (hub.is(HubState::UsageDiscouraged), "UsageDiscouraged"),
            (hub.is(HubState::UsageAsHomeDiscouraged), "UsageAsHomeDiscouraged"),
            (hub.is(HubState::UsageAsDestinationDiscouraged), "UsageAsDestinationDiscouraged"),
            (is_home, "IsHomeHub"),
            (hub.is(HubState::ConnectivityIssues), "ConnectivityIssues"),
            (hub.is(HubState::AllowUnencrypted), "AllowUnencrypted"),
        ]
        .into_iter()
        .filter_map(|(holds, name)| holds.then_some(name))
        .collect()
    }

    /// How many cached records a new start of the network deletes; while it is off, hubs are not heard of.
    pub fn spn_cache_records(&self) -> usize {
        let map = self.spn.map.as_deref().filter(|_| self.spn_enabled());
        map.map_or(0, |map| map.hubs.len() * RECORDS)
    }

    /// Starts the network anew: the map is learnt again, the connection is a new one.
    pub(in crate::world) fn reinit_spn(&mut self) {
        self.spn.connected_since = self.now();
    }

    /// Says anew which hubs are trusted and which regions there are.
    pub(in crate::world) fn apply_intel(&mut self, trusted: &BTreeSet<String>, regions: Vec<String>) {
        let Some(map) = self.spn.map.as_mut().map(Arc::make_mut) else { return };
        let mut changed = Vec::new();
        for hub in map.hubs.values_mut().filter(|hub| hub.is(HubState::Trusted) != trusted.contains(&hub.id))
        {
            if trusted.contains(&hub.id) {
                hub.special.push(HubState::Trusted);
                hub.special.sort_unstable();
            } else {
                hub.special.retain(|state| *state != HubState::Trusted);
            }
            changed.push(hub.id.clone());
        }
        map.regions = regions.into_iter().map(|name| Region { name, continents: Vec::new() }).collect();
        self.emit(Event::Hubs(changed));
    }
}
