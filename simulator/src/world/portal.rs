//! A captive portal: what the core tells the person of it.

use portmaster_fixtures::scenario::{CaptivePortal, OnlineStatus};
use serde_json::Value;

use super::{Notification, World, notifications::Action};

/// The event of the notification (websocket §5.6).
const ID: &str = "netenv:captive-portal";

impl World {
    /// The captive portal that is in the way, if one is: what is known of it.
    pub fn portal(&self) -> Option<CaptivePortal> {
        let is_there = self.network.online == OnlineStatus::Portal;
        is_there.then(|| self.network.captive_portal.clone().unwrap_or_default())
    }

    /// The notification of the captive portal comes and goes with it.
    pub(super) fn tell_portal(&mut self) {
        let Some(portal) = self.portal() else { return self.dismiss(ID) };
        let name = if portal.domain.is_empty() { "A captive portal" } else { portal.domain.as_str() };
        let message = format!("{name} asks for a login before this network leads anywhere.");
        if self.notification(ID).is_some_and(|shown| shown.message == message) {
            return;
        }
        let open = Action {
            id: "open".to_owned(),
            text: "Open Portal".to_owned(),
            kind: "open-url".to_owned(),
            payload: Value::String(portal.url.clone()),
            ..Action::default()
        };
        self.notify(Notification {
            title: "Portal Detected".to_owned(),
            category: "Core".to_owned(),
            message,
            available_actions: (!portal.url.is_empty()).then(|| vec![open]),
            ..Notification::new(ID.to_owned(), self.now())
        });
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Scenario;

    use super::*;
    use crate::world::Options;

    #[test]
    fn a_portal_is_told_of_while_it_is_in_the_way() {
        let mut world = World::new(Scenario::load("home-office").unwrap(), Options::default()).unwrap();
        let change = |world: &mut World, told: &str| {
            world.change(&serde_saphyr::from_str(told).unwrap()).unwrap();
            let shown = world.notification(ID).map(|one| (one.message.clone(), one.choices().count()));
            let status: Value = serde_json::from_slice(world.system_status().text().unwrap()).unwrap();
            (status["OnlineStatus"].as_i64(), status["CaptivePortal"]["URL"].clone(), shown)
        };
        let told = |who: &str, choices| {
            Some((format!("{who} asks for a login before this network leads anywhere."), choices))
        };
        assert_eq!(
            change(&mut world, "network: { online: portal }"),
            (Some(3), "".into(), told("A captive portal", 0))
        );
        let known = "network: { captive_portal: { url: 'http://login.example/', domain: login.example } }";
        let portal = change(&mut world, known);
        assert_eq!(portal, (Some(3), "http://login.example/".into(), told("login.example", 1)));
        assert_eq!(change(&mut world, "network: { online: limited }"), (Some(2), "".into(), None));
        assert_eq!(change(&mut world, "network: { online: offline }"), (Some(1), "".into(), None));
        assert_eq!(change(&mut world, "network: { online: portal }"), portal);
    }
}
