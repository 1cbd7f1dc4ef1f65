//! What follows from the way to the internet: a captive portal that is told of, connections that break.

use portmaster_fixtures::scenario::{CaptivePortal, OnlineStatus, SpnStatus};
use serde_json::Value;

use super::{Change, Notification, World, notifications::Action};

/// The scopes of addresses of the device itself and of the internet.
const HOST: i64 = 1;
const GLOBAL: i64 = 4;

/// The event of the notification (websocket §5.6).
const ID: &str = "netenv:captive-portal";

impl World {
    /// The captive portal that is in the way, if one is: what is known of it.
    pub fn portal(&self) -> Option<CaptivePortal> {
        let is_there = self.network.online == OnlineStatus::Portal;
        is_there.then(|| self.network.captive_portal.clone().unwrap_or_default())
    }

    /// Whether it is known that nothing of the internet is reached.
    pub(super) fn is_cut_off(&self) -> bool {
        matches!(self.network.online, OnlineStatus::Offline | OnlineStatus::Limited | OnlineStatus::Portal)
    }

    /// Connections to what is no longer reached break, and the privacy network is lost and found with the internet.
    pub(super) fn follow_online(&mut self, spn: SpnStatus) {
        self.break_off();
        let status = self.spn_status();
        if status != spn {
            if status == SpnStatus::Connected {
                self.reinit_spn();
            }
            self.tell_spn();
        }
    }

    /// Connections to what is not reached break.
    pub(super) fn break_off(&mut self) {
        let is_offline = self.network.online == OnlineStatus::Offline;
        if self.is_cut_off() {
            let all = self.connections.values().filter(|one| one.active);
            let lost = all.filter(|one| match one.shared.scope {
                HOST => false,
                scope => is_offline || scope >= GLOBAL,
            });
            let lost: Vec<String> = lost.map(|one| one.id().to_owned()).collect();
            if !lost.is_empty() {
                // Closing refuses nothing.
                let _ = self.apply(Change::Close(lost));
            }
        }
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
        let mut shown = Notification {
            title: "Portal Detected".to_owned(),
            category: "Core".to_owned(),
            message,
            ..Notification::new(ID.to_owned(), self.now())
        };
        if !portal.url.is_empty() {
            shown.available_actions = Some(vec![open]);
        }
        self.notify(shown);
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Scenario;

    use super::*;
    use crate::world::Options;

    #[test]
    fn what_is_not_reached_breaks_and_comes_back() {
        let mut world = World::new(Scenario::load("home-office").unwrap(), Options::default()).unwrap();
        for (told, status, left) in [
            ("limited", SpnStatus::Failed, false),
            ("online", SpnStatus::Connected, true),
            ("portal", SpnStatus::Failed, false),
            ("semi", SpnStatus::Connected, true),
            ("offline", SpnStatus::Failed, false),
        ] {
            world.take_events();
            let change = format!("network: {{ online: {told} }}");
            world.change(&serde_saphyr::from_str(&change).unwrap()).unwrap();
            assert_eq!(world.spn_status(), status, "{told}");
            let said = world.take_events().into_iter().any(|event| {
                matches!(event, crate::world::Event::Record(record) if record.key == "runtime:spn/status")
            });
            assert!(said, "{told}");
            let broken = world.connections.values().filter(|one| one.active && one.shared.scope == GLOBAL);
            let broken = broken.count();
            assert!(left || broken == 0, "{told}: {broken}");
            if left {
                let opened = "connections: { open: 3 }";
                world.change(&serde_saphyr::from_str(opened).unwrap()).unwrap();
            }
        }
    }

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
            (Some(3), "".into(), told("A captive portal", 1))
        );
        let known = "network: { captive_portal: { url: 'http://login.example/', domain: login.example } }";
        let portal = change(&mut world, known);
        assert_eq!(portal, (Some(3), "http://login.example/".into(), told("login.example", 1)));
        assert_eq!(change(&mut world, "network: { online: limited }"), (Some(2), "".into(), None));
        assert_eq!(change(&mut world, "network: { online: offline }"), (Some(1), "".into(), None));
        assert_eq!(change(&mut world, "network: { online: portal }"), portal);
    }
}
