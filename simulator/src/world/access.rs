//! The question whether a program may use the API, for an external authenticator that asks.

use super::{Notification, World, notifications::Action};

/// How long the person has, s; as long as for the question of `app/auth` (core-2.2 §6.2).
const PATIENCE: i64 = 60;

impl World {
    /// Asks the person whether the program that asks may in, unless that question is open already: the event's id of the
    /// prompt. No prompt takes the id of an earlier one, for somebody may still be about to read that one's answer.
    pub fn ask_for_access(&mut self) -> String {
        let open = format!("core:authorize-program-{}", self.prompts);
        if self.notification(&open).is_some_and(Notification::is_open) {
            return open;
        }
        self.prompts += 1;
        let event_id = format!("core:authorize-program-{}", self.prompts);
        let path = self.client.paths.first().map_or("unknown", String::as_str).to_owned();
        let name = self.caller().map_or(path.as_str(), |app| app.name.as_str());
        let action =
            |id: &str, text: &str| Action { id: id.to_owned(), text: text.to_owned(), ..Action::default() };
        let now = self.now();
        let prompt = Notification {
            kind: 2,
            title: "A program asks for access to the Portmaster".to_owned(),
            message: format!("{name} has no key. May it read and change everything?\n\nBinary: {path}"),
            show_on_system: self.config.flag("core/useSystemNotifications"),
            expires: now.as_second() + PATIENCE,
            available_actions: Some(vec![action("allow", "Allow"), action("deny", "Deny")]),
            awaited: true,
            ..Notification::new(event_id.clone(), now)
        };
        self.notify(prompt);
        event_id
    }

    /// Whether the person allowed it. A prompt that is gone was not.
    pub fn allowed_access(&self, event_id: &str) -> bool {
        self.notification(event_id).is_some_and(|one| one.selected_action_id == "allow")
    }
}
