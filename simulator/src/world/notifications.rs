//! What the core has to say to the person (websocket §5.6).

mod structure;

use std::collections::BTreeMap;

use jiff::Timestamp;
use portmaster_fixtures::{Defect, scenario};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use structure::STRUCTURE;

use super::{Chance, Change, Event, Meta, Pattern, Record, World};

/// A notification, in the members of its record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
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
    /// The key under which it was made, which need not be its id.
    #[serde(skip)]
    pub key: String,
    /// Whether somebody in the core waits for the person's choice.
    #[serde(skip)]
    pub awaited: bool,
    /// When it was made.
    #[serde(skip)]
    pub created: Timestamp,
    /// When it last changed.
    #[serde(skip)]
    pub modified: Timestamp,
}

/// How far a person has come with a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum State {
    /// It waits.
    #[default]
    Active,
    /// An action was chosen.
    Responded,
    /// The action was carried out.
    Executed,
    /// What a client made up when it made the notification.
    Other(String),
}

impl From<String> for State {
    fn from(word: String) -> Self {
        match word.as_str() {
            "" | "active" => Self::Active,
            "responded" => Self::Responded,
            "executed" => Self::Executed,
            _ => Self::Other(word),
        }
    }
}

impl From<State> for String {
    fn from(state: State) -> Self {
        match state {
            State::Active => "active".to_owned(),
            State::Responded => "responded".to_owned(),
            State::Executed => "executed".to_owned(),
            State::Other(word) => word,
        }
    }
}

/// What a person may choose.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
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

impl Action {
    /// What cores offer in a notification that offers nothing else.
    fn acknowledge() -> Self {
        Self { id: "ack".to_owned(), text: "OK".to_owned(), ..Self::default() }
    }
}

impl Notification {
    /// One that has only an id and waits to be acknowledged.
    pub fn new(event_id: String, created: Timestamp) -> Self {
        Self {
            key: event_id.clone(),
            awaited: false,
            modified: created,
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
            available_actions: Some(vec![Action::acknowledge()]),
            selected_action_id: String::new(),
            created,
        }
    }

    /// One from its [`STRUCTURE`].
    pub fn read(sent: &Map<String, Value>, event_id: String, created: Timestamp) -> Self {
        let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| sent.get(name).and_then(Value::as_i64).unwrap_or_default();
        let action = |one: &Value| {
            let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            Action {
                id: text("ID"),
                text: text("Text"),
                kind: text("Type"),
                payload: one.get("Payload").cloned().unwrap_or_default(),
                visibility: text("Visibility"),
            }
        };
        let actions = sent.get("AvailableActions").and_then(Value::as_array);
        Self {
            guid: text("GUID"),
            kind: u8::try_from(number("Type")).unwrap_or_default(),
            title: text("Title"),
            category: text("Category"),
            message: text("Message"),
            show_on_system: sent.get("ShowOnSystem").and_then(Value::as_bool).unwrap_or_default(),
            event_data: sent.get("EventData").cloned().unwrap_or_default(),
            expires: number("Expires"),
            state: State::from(text("State")),
            available_actions: actions.map(|actions| actions.iter().map(action).collect()),
            selected_action_id: text("SelectedActionID"),
            ..Self::new(event_id, created)
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
        let mut one = Self {
            kind: told.kind.number(),
            title: told.title,
            category: told.category,
            message: told.message,
            show_on_system: told.show_on_system,
            event_data: told.data,
            expires: told.expires.map_or(0, |seconds| start.as_second() + i64::from(seconds)),
            ..Self::new(told.id, start)
        };
        if !told.actions.is_empty() {
            one.available_actions = Some(told.actions.into_iter().map(action).collect());
        }
        one
    }

    /// The actions that a person can choose. One without an id is carried out by who shows it, and the core hears of none.
    pub fn choices(&self) -> impl Iterator<Item = &Action> {
        self.available_actions.iter().flatten().filter(|one| !one.id.is_empty())
    }

    /// Whether it waits for the person's choice.
    pub fn is_open(&self) -> bool {
        self.state == State::Active
    }

    /// The last second in which it is there, if it goes by itself: whoever clears away what expired comes once a second, so
    /// that one that expired before it was made is there for the rest of that second.
    fn last_second(&self) -> Option<i64> {
        (self.expires > 0).then(|| self.expires.max(self.created.as_second()))
    }

    /// Whether it is still there.
    pub fn is_there(&self, now: Timestamp) -> bool {
        self.last_second().is_none_or(|last| last >= now.as_second())
    }
}

/// How notifications are saved: with what their records do not say.
pub(super) mod kept {
    use serde::{Deserializer, Serializer, de};

    use super::{Deserialize, Notification, Notifications, Serialize, Timestamp};
    use crate::ordered::ordered;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Kept<N> {
        record: N,
        key: String,
        awaited: bool,
        created: Timestamp,
        modified: Timestamp,
    }

    pub(in crate::world) fn serialize<S: Serializer>(all: &Notifications, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.values().map(|one| Kept {
            record: one,
            key: one.key.clone(),
            awaited: one.awaited,
            created: one.created,
            modified: one.modified,
        }))
    }

    pub(in crate::world) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Notifications, D::Error> {
        let kept: Vec<Kept<Notification>> = de::Deserialize::deserialize(from)?;
        let read = |kept: Kept<Notification>| {
            let Kept { record, key, awaited, created, modified } = kept;
            (record.event_id.clone(), Notification { key, awaited, created, modified, ..record })
        };
        Ok(ordered(kept.into_iter().map(read)))
    }
}

/// A UUID of an instance, version 5 as the cores make them, here from the seed.
fn guid(chance: &mut Chance) -> String {
    formatted(chance.bytes("notifications"))
}

fn formatted(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A UUID, version 5 in form, that follows from a text.
pub fn uuid(text: &str) -> String {
    let digest = Sha256::digest(text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    formatted(bytes)
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
        let event_id = notification.event_id.clone();
        self.notifications.insert(event_id.clone(), notification);
        self.tell_notification(&event_id);
    }

    /// A person chooses an action, or says that it was carried out elsewhere (websocket §5.6).
    ///
    /// # Errors
    /// When it was carried out before.
    pub(super) fn respond(&mut self, event_id: &str, state: &str, action: String) -> Result<(), String> {
        let now = self.now();
        let Some(one) = self.notifications.get_mut(event_id) else { return Ok(()) };
        if one.state == State::Executed {
            return Err("action already executed".to_owned());
        }
        let chosen = one.state == State::Active && !action.is_empty();
        // What was carried out elsewhere is not carried out again.
        let taken = (chosen && state != "executed").then(|| action.clone());
        if state == "executed" {
            one.state = State::Executed;
            if !action.is_empty() {
                one.selected_action_id = action;
            }
        } else if chosen {
            one.state = if one.awaited { State::Executed } else { State::Responded };
            one.selected_action_id = action;
        }
        one.modified = now;
        if chosen {
            self.emit(Event::Answered);
            if let Some(id) = event_id.strip_prefix("broadcasts:") {
                // Noting it refuses nothing.
                let _ = self.apply(Change::DismissBroadcast { id: id.to_owned() });
            }
        }
        self.tell_notification(event_id);
        if let Some(action) = taken {
            self.follow_answer(event_id, &action);
        }
        Ok(())
    }

    /// A person chooses an action of a notification that waits, or of all whose ids fit a pattern.
    ///
    /// # Errors
    /// When there is none, it does not wait any more, or has no such action.
    pub(super) fn answer(&mut self, told: &str, action: &str) -> Result<(), String> {
        if self.notification(told).is_some() || !told.contains('*') {
            return self.answer_one(told, action);
        }
        let pattern = Pattern::new(told);
        let fitting = self.notifications().filter(|one| one.is_open() && pattern.fits(&one.event_id));
        let ids: Vec<String> = fitting.map(|one| one.event_id.clone()).collect();
        if ids.is_empty() {
            return Err(format!("no notification that waits fits \"{told}\""));
        }
        ids.iter().try_for_each(|id| self.answer_one(id, action))
    }

    fn answer_one(&mut self, event_id: &str, action: &str) -> Result<(), String> {
        let one = self
            .notification(event_id)
            .ok_or_else(|| format!("there is no notification \"{event_id}\" to answer"))?;
        if !one.is_open() {
            return Err(format!("the notification \"{event_id}\" is answered already"));
        }
        if !one.choices().any(|one| one.id == action) {
            let ids = one.choices().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
            let expected = if ids.is_empty() { "it has none".to_owned() } else { format!("expected {ids}") };
            return Err(format!("the notification \"{event_id}\" has no action \"{action}\": {expected}"));
        }
        let (event_id, state, action) = (event_id.to_owned(), String::new(), action.to_owned());
        self.apply(Change::Respond { event_id, state, action }).map_err(|refused| refused.to_string())
    }

    /// A notification goes.
    pub(super) fn dismiss(&mut self, event_id: &str) {
        if !self.notifications.contains_key(event_id) {
            return;
        }
        let times = if self.behaviour.has(Defect::NotificationDeletedTwice) { 2 } else { 1 };
        for _ in 0..times {
            self.tell_of(|world| Some(world.notification_record(event_id)?.deleted(world.now())));
        }
        self.notifications.remove(event_id);
        self.emit(Event::Answered);
    }

    /// Those that expired go.
    pub(super) fn expire_notifications(&mut self) {
        let now = self.now();
        let gone = self.notifications.values().filter(|one| !one.is_there(now));
        for event_id in gone.map(|one| one.event_id.clone()).collect::<Vec<_>>() {
            self.dismiss(&event_id);
        }
    }

    /// The next instant at which a notification has expired.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let first = self.notifications.values().filter_map(Notification::last_second).min()?;
        Timestamp::from_second(first.saturating_add(1)).ok()
    }

    fn tell_notification(&mut self, event_id: &str) {
        self.tell_of(|world| world.notification_record(event_id));
    }

    /// A notification as a record.
    pub fn notification_record(&self, event_id: &str) -> Option<Record> {
        let one = self.notifications.get(event_id)?;
        let mut value = serde_json::to_value(one).unwrap_or_default();
        if !self.behaviour.websocket.action_visibility
            && let Some(actions) = value.get_mut("AvailableActions").and_then(Value::as_array_mut)
        {
            for action in actions.iter_mut().filter_map(Value::as_object_mut) {
                action.shift_remove("Visibility");
            }
        }
        let meta = Meta { modified: one.modified.as_second(), ..Meta::made(one.created) };
        Some(Record::of(format!("notifications:all/{}", one.key), meta, value))
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
