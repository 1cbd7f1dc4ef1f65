//! What the core has to say to the person (websocket §5.6).

use std::collections::BTreeMap;

use jiff::Timestamp;
use portmaster_fixtures::scenario;
use serde::Serialize;
use serde_json::Value;

use super::{Chance, World};

/// A notification, in the members of its record.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Notification {
    /// The event's id, under which it is kept.
    #[serde(rename = "EventID")]
    pub event_id: String,
    /// A UUID of this instance.
    #[serde(rename = "GUID")]
    pub guid: String,
    /// 0 information, 1 warning, 2 prompt, 3 error.
    #[serde(rename = "Type")]
    pub kind: u8,
    /// The title.
    pub title: String,
    /// The category.
    pub category: String,
    /// The text, in Markdown.
    pub message: String,
    /// Whether the system shows it too.
    pub show_on_system: bool,
    /// What belongs to the event.
    pub event_data: Value,
    /// When it goes, Unix seconds; 0 for never.
    pub expires: i64,
    /// How far the person has come with it.
    pub state: State,
    /// What the person may choose.
    pub available_actions: Option<Vec<Action>>,
    /// What the person chose.
    #[serde(rename = "SelectedActionID")]
    pub selected_action_id: String,
    /// When it was made.
    #[serde(skip)]
    pub created: Timestamp,
}

/// How far a person has come with a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits.
    #[default]
    Active,
    /// An action was chosen.
    Responded,
    /// The action was carried out.
    Executed,
}

/// What a person may choose.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Action {
    /// The id that is sent back.
    #[serde(rename = "ID")]
    pub id: String,
    /// The button's text.
    pub text: String,
    /// What a user interface does of itself; empty for none.
    #[serde(rename = "Type")]
    pub kind: String,
    /// What that action needs.
    pub payload: Value,
    /// Where the button is shown.
    pub visibility: String,
}

impl Notification {
    /// One that has only an id and waits.
    pub fn new(event_id: String, created: Timestamp) -> Self {
        Self {
            event_id,
            guid: String::new(),
            kind: 0,
            title: String::new(),
            category: String::new(),
            message: String::new(),
            show_on_system: false,
            event_data: Value::Null,
            expires: 0,
            state: State::Active,
            available_actions: None,
            selected_action_id: String::new(),
            created,
        }
    }

    /// The one that a scenario describes.
    pub(super) fn told(told: scenario::Notification, start: Timestamp) -> Self {
        let action = |one: scenario::Action| Action {
            id: one.id,
            text: one.text,
            kind: one.kind,
            payload: one.payload,
            visibility: one.visibility,
        };
        Self {
            kind: told.kind.number(),
            title: told.title,
            category: told.category,
            message: told.message,
            show_on_system: told.show_on_system,
            event_data: told.data,
            expires: told.expires.map_or(0, |seconds| start.as_second() + i64::from(seconds)),
            available_actions: (!told.actions.is_empty())
                .then(|| told.actions.into_iter().map(action).collect()),
            ..Self::new(told.id, start)
        }
    }

    /// Whether it is still there.
    pub fn is_there(&self, now: Timestamp) -> bool {
        self.expires == 0 || self.expires >= now.as_second()
    }
}

/// A UUID of an instance, version 5 as the cores make them, here from the seed.
fn guid(chance: &mut Chance) -> String {
    let mut bytes: [u8; 16] = chance.bytes("notifications");
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

impl World {
    /// The notifications that are there, by the event's id.
    pub fn notifications(&self) -> impl Iterator<Item = &Notification> {
        let now = self.now();
        self.notifications.values().filter(move |one| one.is_there(now))
    }

    /// A notification that is there.
    pub fn notification(&self, event_id: &str) -> Option<&Notification> {
        self.notifications.get(event_id).filter(|one| one.is_there(self.now()))
    }

    /// Shows a notification, in the place of an earlier one of the same event.
    pub(super) fn notify(&mut self, mut notification: Notification) {
        if notification.guid.is_empty() {
            notification.guid = guid(&mut self.chance);
        }
        self.notifications.insert(notification.event_id.clone(), notification);
    }

    /// Fills a new world with those of its scenario.
    pub(super) fn notify_all(&mut self, told: Vec<scenario::Notification>) {
        let start = self.clock.start();
        for one in told {
            self.notify(Notification::told(one, start));
        }
    }
}

/// Notifications by the event's id.
pub type Notifications = BTreeMap<String, Notification>;
