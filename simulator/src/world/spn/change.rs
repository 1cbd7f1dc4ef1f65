//! The privacy network changes from outside: its provider, its account, its map.

use std::{collections::BTreeMap, sync::Arc};

use portmaster_fixtures::scenario::{Degrade, Hub as ToldHub, HubsChange, SpnChange, SpnStatus};

use super::{Account, Hub, Map, measure::Quality, setup};
use crate::world::{Event, World, change::ChangeError};

impl World {
    /// Carries out what is told of the privacy network.
    ///
    /// # Errors
    /// When a hub is named that is not in the map. Nothing has happened then.
    pub(in crate::world) fn change_spn(&mut self, told: SpnChange) -> Result<(), ChangeError> {
        let now = self.now();
        let before = self.spn_status();
        let shows =
            told.status.is_some() || told.home.is_some() || told.account.is_some() || told.hubs.is_some();
        if let Some(hubs) = told.hubs {
            // Lanes and the home hub may lead to hubs that join, so that they are looked for on the map as it will be.
            let late = !hubs.join.is_empty() || told.home.is_some();
            let map = late.then(|| self.spn.map.clone());
            let touched = self.change_hubs(hubs).and_then(|touched| {
                told.home.iter().flatten().try_for_each(|name| self.hub_id(name).map(drop))?;
                Ok(touched)
            });
            match (touched, map) {
                (Ok(touched), _) => self.emit(Event::Hubs(touched)),
                (Err(refused), map) => {
                    self.spn.map = map.unwrap_or_else(|| self.spn.map.take());
                    return Err(refused);
                }
            }
        }
        if let Some(home) = told.home {
            if let Some(name) = &home {
                self.hub_id(name)?;
            }
            self.spn.home = home;
        }
        if let Some(status) = told.status {
            self.spn.status = status;
        }
        if let Some(sessions) = told.sessions {
            self.spn.sessions = usize::from(sessions);
        }
        if let Some(login) = told.login {
            self.spn.login = login;
        }
        let account = told.account.is_some().then(|| self.account_record());
        match told.account {
            Some(Some(account)) => {
                self.log_out(true);
                self.spn.account = Some(Account::new(account, self.chance.seed(), now));
            }
            Some(None) => self.log_out(false),
            None => {}
        }
        if before != SpnStatus::Connected && self.spn_status() == SpnStatus::Connected {
            self.spn.connected_since = now;
        }
        if let Some(before) = account {
            self.tell_account(before);
        }
        if shows {
            self.tell_spn();
        }
        Ok(())
    }

    fn hub_id(&self, name: &str) -> Result<String, ChangeError> {
        let found = self.spn.map.as_deref().and_then(|map| map.find(name)).map(|hub| hub.id.clone());
        found.ok_or_else(|| ChangeError::Script(format!("spn: there is no hub \"{name}\" in the map")))
    }

    /// Changes the map: the ids of the hubs that it touches.
    fn change_hubs(&mut self, told: HubsChange) -> Result<Vec<String>, ChangeError> {
        let leave: Vec<String> = told.leave.iter().map(|name| self.hub_id(name)).collect::<Result<_, _>>()?;
        let degrade: Vec<(String, Degrade)> = told
            .degrade
            .into_iter()
            .map(|one| Ok((self.hub_id(&one.hub)?, one)))
            .collect::<Result<_, ChangeError>>()?;
        let now = self.now();
        let map = Arc::make_mut(self.spn.map.get_or_insert_default());
        let mut touched = leave;
        for id in &touched {
            map.remove(id);
        }
        for (id, told) in degrade {
            touched.push(id.clone());
            let Some(hub) = map.hubs.get_mut(&id) else { continue };
            let quality = hub.measurement.quality;
            let latency = told.latency_ms.unwrap_or(quality.latency_ms());
            let capacity = told.capacity_mbit.unwrap_or(quality.capacity_mbit());
            if told.latency_ms.is_some() || told.capacity_mbit.is_some() {
                hub.measurement.quality = Quality::new(latency, capacity);
                hub.measurement.measured = now;
            }
            hub.load = told.load.unwrap_or(hub.load);
            if let Some(mut states) = told.states {
                states.sort_unstable();
                states.dedup();
                hub.special = states;
            }
        }
        let joining: Vec<(Hub, ToldHub)> =
            told.join.into_iter().map(|told| (Hub::new(told.clone(), now), told)).collect();
        for (hub, _) in &joining {
            touched.push(hub.id.clone());
            map.remove(&hub.id);
            map.hubs.insert(hub.id.clone(), hub.clone());
        }
        let ids: BTreeMap<String, String> =
            map.hubs.values().map(|hub| (hub.name.clone(), hub.id.clone())).collect();
        for (hub, told) in joining {
            for lane in &told.lanes {
                setup::connect(map, &ids, &hub.name, lane).map_err(ChangeError::script)?;
            }
        }
        Ok(touched)
    }
}

impl Map {
    /// Takes a hub and its lanes off the map.
    fn remove(&mut self, id: &str) {
        self.hubs.remove(id);
        for hub in self.hubs.values_mut() {
            hub.lanes.remove(id);
        }
    }
}
