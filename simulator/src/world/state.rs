//! The world's state in the words of scenarios: what rules wait for and people look at.

use portmaster_fixtures::scenario;
use serde_json::{Map, Value, json};

use super::{World, dns::Resolver};

/// The areas of the state.
pub const AREAS: [&str; 11] = [
    "config", "core", "network", "dns", "spn", "apps", "notifications", "modules", "updates", "connections",
    "pause",
];

impl World {
    /// The whole state.
    pub fn state(&self) -> Value {
        AREAS
            .iter()
            .map(|area| ((*area).to_owned(), self.area(area).unwrap_or_default()))
            .collect::<Map<_, _>>()
            .into()
    }

    /// A part of the state by its path, such as `network.online` or `config.spn/enable`.
    pub fn look(&self, path: &str) -> Option<Value> {
        let (area, rest) = path.split_once('.').unwrap_or((path, ""));
        if area == "config" && !rest.is_empty() {
            return self.config.value(rest).cloned();
        }
        let mut value = self.area(area)?;
        let mut rest = rest;
        while !rest.is_empty() {
            // Names may have dots themselves: the longest that is there counts.
            let mut ends: Vec<usize> =
                rest.match_indices('.').map(|(at, _)| at).chain([rest.len()]).collect();
            ends.reverse();
            let (found, after) = ends.into_iter().find_map(|end| {
                let found = match &value {
                    Value::Object(members) => members.get(&rest[..end]),
                    Value::Array(list) => rest[..end].parse().ok().and_then(|at: usize| list.get(at)),
                    _ => None,
                };
                found.map(|found| (found.clone(), rest[end..].trim_start_matches('.')))
            })?;
            (value, rest) = (found, after);
        }
        Some(value)
    }

    fn area(&self, area: &str) -> Option<Value> {
        Some(match area {
            "config" => {
                let option = |option: &portmaster_fixtures::ConfigOption| {
                    (option.key.clone(), self.config.value(&option.key).cloned().unwrap_or_default())
                };
                self.config.options().iter().map(option).collect::<Map<_, _>>().into()
            }
            "core" => serde_json::to_value(&self.core).ok()?,
            "network" => serde_json::to_value(&self.network).ok()?,
            "dns" => {
                let failing: Vec<String> = self
                    .resolvers()
                    .iter()
                    .filter(|one| self.resolver_fails(one))
                    .map(Resolver::label)
                    .collect();
                json!({ "cached": self.dns.cache.len(), "failing": failing })
            }
            "spn" => {
                let account = self.account().map(|account| {
                    json!({
                        "username": account.username, "state": account.state,
                        "may_use_spn": account.may_use_spn(self.now()),
                    })
                });
                json!({
                    "status": self.spn_status(),
                    "home": self.home_hub().map(|hub| &hub.name),
                    "sessions": self.sessions().len(),
                    "account": account,
                    "hubs": self.map("main").map_or(0, |map| map.hubs.len()),
                })
            }
            "apps" => self.apps.iter().map(|app| app.name.as_str()).collect(),
            "notifications" => {
                let state = |one: &super::Notification| {
                    (one.event_id.clone(), serde_json::to_value(&one.state).unwrap_or_default())
                };
                self.notifications().map(state).collect::<Map<_, _>>().into()
            }
            "modules" => {
                let all = self
                    .modules
                    .iter()
                    .flat_map(|(module, states)| states.iter().map(move |one| (module, one)));
                all.map(|(module, one)| (one.id.clone(), json!({ "module": module, "title": one.name })))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "updates" => {
                let version = |one: &scenario::Resource| (one.name.clone(), one.version.clone().into());
                self.resources.iter().map(version).collect::<Map<_, _>>().into()
            }
            "connections" => {
                let active = self.connections.values().filter(|row| row.active).count();
                json!({ "count": self.connections.len(), "active": active })
            }
            "pause" => match &self.pause {
                Some(pause) => json!({ "only_spn": pause.only_spn, "until": pause.until }),
                None => Value::Null,
            },
            _ => return None,
        })
    }
}
