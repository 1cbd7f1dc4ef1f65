//! Prompts: connections that nobody has decided wait until a person does (websocket §5.6).

use std::{collections::BTreeMap, net::IpAddr};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::{Columns, scenario::ConnectionRow};
use serde_json::{Value, json};

use super::{Change, Event, Notification, World, connections::entity, notifications::Action, protocol};

/// How long a connection waits for an answer.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// How long a connection lasts that was decided after its beginning.
const LASTS: SignedDuration = SignedDuration::from_secs(30);

/// What the ids of prompts begin with.
const ID: &str = "filter:prompt-";

/// The options that rules are in: those for connections that a program makes, and for those that it takes.
const OUTGOING: &str = "filter/endpoints";
const INCOMING: &str = "filter/serviceEndpoints";

/// The option that says what becomes of connections that no rule decides.
const ACTION: &str = "filter/defaultAction";

/// Connections that wait: the prompt that asks about each, by the end of its patience and its id.
pub(super) type Waiting = BTreeMap<(Timestamp, String), String>;

/// Whether a connection may be, and why.
struct Verdict {
    allowed: bool,
    reason: String,
    option: &'static str,
}

impl Verdict {
    /// Writes the decision into a row. Answers when the connection ends by itself.
    fn write(self, row: &mut ConnectionRow, now: Timestamp) -> Option<Timestamp> {
        row.verdict = if self.allowed { 2 } else { 3 };
        row.allowed = None;
        if !self.allowed {
            (row.active, row.ended) = (false, Some(now));
        }
        explain(row, &self.reason, self.option);
        self.allowed.then(|| now + LASTS)
    }
}

/// Says in a row why it is as it is.
fn explain(row: &mut ConnectionRow, reason: &str, option: &str) {
    let mut extra = row.extra_data_value().into_owned();
    if !extra.is_object() {
        extra = json!({});
    }
    extra["reason"] = json!({ "Msg": reason, "OptionKey": option, "Profile": row.profile, "Context": null });
    (row.extra_data, row.extra_data_text) = (extra, None);
}

/// Whether a connection waits for somebody to decide.
pub(super) fn is_undecided(row: &ConnectionRow) -> bool {
    row.verdict == 0 && row.active
}

/// A connection as it begins where nobody has decided it: nothing went over it yet.
pub(super) fn undecided(mut row: ConnectionRow) -> ConnectionRow {
    let mut extra = row.extra_data_value().into_owned();
    if let Some(members) = extra.as_object_mut() {
        members.shift_remove("tunnel");
    }
    (row.verdict, row.allowed, row.tunneled, row.exit_node) = (0, None, false, None);
    (row.bytes_received, row.bytes_sent) = (0, 0);
    (row.extra_data, row.extra_data_text) = (extra, None);
    row
}

impl World {
    /// Whether nothing lets a connection that a program makes be but the person who is asked.
    pub(super) fn asks_first(&self, row: &ConnectionRow) -> bool {
        let is_asked_for = row.kind == "ip" && row.direction == "outbound" && row.active;
        is_asked_for && row.allowed() == Some(true) && {
            let settings = self.profiles.get(&row.profile).map(super::Profile::settings).unwrap_or_default();
            let action = settings.get(ACTION).or_else(|| self.config.value(ACTION));
            action.and_then(Value::as_str) == Some("ask")
                && self.ruled(row).is_none_or(|verdict| !verdict.allowed)
        }
    }

    /// Decides a connection that begins undecided, if a rule of its program does; when it ends by itself then.
    pub(super) fn screen(&self, row: &mut ConnectionRow) -> Option<Timestamp> {
        // Late cores say whether it was ever established, early ones what was decided (netquery §4).
        row.allowed = match self.behaviour.netquery.columns {
            Columns::Early => Some(None),
            Columns::Late => None,
        };
        match self.ruled(row) {
            Some(verdict) => verdict.write(row, self.now()),
            None => {
                explain(row, "", "");
                None
            }
        }
    }

    /// What the first rule of a program says that fits a connection. Rules of the kinds that prompts make are read: a
    /// domain, with a dot before it for all below it, an address, or everything.
    fn ruled(&self, row: &ConnectionRow) -> Option<Verdict> {
        let option = if row.direction == "inbound" { INCOMING } else { OUTGOING };
        let settings = self.profiles.get(&row.profile)?.settings();
        settings.get(option)?.as_array()?.iter().filter_map(Value::as_str).find_map(|rule| {
            let (sign, rest) = rule.split_once(' ')?;
            let what = rest.trim();
            let fits = fitting(what, row)?;
            let allowed = sign == "+";
            let word = if allowed { "allowed" } else { "blocked" };
            Some(Verdict { allowed, reason: format!("{word} by rule: {fits} matches {what}"), option })
        })
    }

    /// Asks the person about a connection, in the prompt that is open already if one asks the same.
    pub(super) fn ask_about(&mut self, row: &ConnectionRow) {
        let now = self.now();
        let event_id = self.prompt_id(row);
        let wait = self.config.value("filter/askTimeout").and_then(Value::as_i64).unwrap_or_default();
        let expires = now.as_second().saturating_add(wait);
        self.waiting.insert((now + PATIENCE, row.id.clone()), event_id.clone());
        let open = self.notification(&event_id).filter(|one| one.is_open()).cloned();
        let prompt = match open {
            Some(open) => Notification { expires, modified: now, ..open },
            None => self.prompt(event_id, row, expires),
        };
        // Showing it refuses nothing.
        let _ = self.apply(Change::Notify(Box::new(prompt)));
    }

    /// `filter:prompt-<profile id>-<domain>`, or with direction and address where there is no domain.
    fn prompt_id(&self, row: &ConnectionRow) -> String {
        let profile = row.profile.rsplit('/').next().unwrap_or_default();
        let inbound = row.direction == "inbound";
        if row.domain.is_empty() || inbound {
            format!("{ID}{profile}-{inbound}-{}", row.remote_ip)
        } else {
            format!("{ID}{profile}-{}", row.domain)
        }
    }

    fn prompt(&self, event_id: String, row: &ConnectionRow, expires: i64) -> Notification {
        let (name, domain, address) = (&row.profile_name, &row.domain, &row.remote_ip);
        let peer = format!("{address} ({}/{})", protocol::name(row.ip_protocol), row.remote_port);
        let (what, message) = match (row.direction.as_str(), domain.as_str()) {
            ("inbound", _) => ("serving-ip", format!("{name} wants to accept connections from {peer}")),
            (_, "") => ("ip", format!("{name} wants to connect to {peer}")),
            _ => ("domain-all", format!("{name} wants to connect to {domain}")),
        };
        let action = |word: &str, text: &str| Action {
            id: format!("{word}-{what}"),
            text: text.to_owned(),
            ..Action::default()
        };
        let (source, id) = row.profile.split_once('/').unwrap_or_default();
        let linked = self.profiles.get(&row.profile).map(|profile| profile.linked_path.clone());
        let path = linked.filter(|path| !path.is_empty()).unwrap_or_else(|| row.path.clone());
        Notification {
            kind: 2,
            title: "Connection Prompt".to_owned(),
            category: "Privacy Filter".to_owned(),
            message,
            show_on_system: self.config.flag("filter/askWithSystemNotifications"),
            event_data: json!({
                "Entity": entity(row),
                "Profile": { "Source": source, "ID": id, "LinkedPath": path },
            }),
            expires,
            available_actions: Some(vec![action("allow", "Allow"), action("block", "Block")]),
            awaited: true,
            ..Notification::new(event_id, self.now())
        }
    }

    /// A person has answered a prompt: the program gets a rule, and what waits goes on.
    pub(super) fn follow_answer(&mut self, event_id: &str, action: &str) {
        let Some(prompt) = self.notification(event_id).filter(|one| one.awaited && event_id.starts_with(ID))
        else {
            return;
        };
        let entity = |member: &str| prompt.event_data["Entity"][member].as_str().unwrap_or_default();
        let (domain, address) = (entity("Domain"), entity("IP"));
        let Some((word, what)) = action.split_once('-') else { return };
        let (option, what) = match what {
            "domain-all" => (OUTGOING, format!(".{domain}")),
            "domain-distinct" => (OUTGOING, domain.to_owned()),
            "ip" => (OUTGOING, address.to_owned()),
            "serving-ip" => (INCOMING, address.to_owned()),
            _ => return,
        };
        let (allowed, sign, reason) = match word {
            "allow" => (true, '+', "allowed via prompt"),
            "block" => (false, '-', "blocked via prompt"),
            _ => return,
        };
        let profile = |member: &str| prompt.event_data["Profile"][member].as_str().unwrap_or_default();
        let key = format!("{}/{}", profile("Source"), profile("ID"));
        self.put_first(&key, option, format!("{sign} {what}"));
        let (mine, others) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, of)| of == event_id);
        self.waiting = others;
        let mine: Waiting = mine;
        for (_, id) in mine.into_keys() {
            self.decide(&id, Verdict { allowed, reason: reason.to_owned(), option: OUTGOING });
        }
    }

    /// Puts a rule at the front of a program's rules.
    fn put_first(&mut self, key: &str, option: &str, rule: String) {
        let Some(mut profile) = self.profiles.get(key).cloned() else { return };
        let mut settings = profile.settings();
        let before = settings.get(option).and_then(Value::as_array).cloned().unwrap_or_default();
        let rule = Value::from(rule);
        let others = before.into_iter().filter(|other| *other != rule);
        let rules = std::iter::once(rule.clone()).chain(others).collect();
        settings.insert(option.to_owned(), rules);
        profile.set_settings(settings);
        let saved = Change::SaveProfile { key: key.to_owned(), profile: Box::new(profile), by_client: false };
        if let Err(refused) = self.apply(saved) {
            self.emit(Event::Refused(format!("prompt: {refused}")));
        }
    }

    /// Decides a connection that has waited, unless it is gone or has ended.
    fn decide(&mut self, id: &str, verdict: Verdict) {
        let Some(mut row) = self.connections.get(id).map(|one| one.row()).filter(is_undecided) else {
            return;
        };
        let end = verdict.write(&mut row, self.now());
        self.replace(row, end);
    }

    /// When the next connection has waited for too long.
    pub(super) fn next_patience(&self) -> Option<Timestamp> {
        self.waiting.first_key_value().map(|((end, _), _)| *end)
    }

    /// Blocks the connections that have waited for too long; their prompts stay.
    pub(super) fn give_up_waiting(&mut self) {
        let now = self.now();
        while self.next_patience().is_some_and(|end| end <= now) {
            let Some(((_, id), _)) = self.waiting.pop_first() else { return };
            let reason = "prompting in progress, please respond to prompt".to_owned();
            self.decide(&id, Verdict { allowed: false, reason, option: ACTION });
        }
    }
}

/// What of a connection fits the subject of a rule.
fn fitting(subject: &str, row: &ConnectionRow) -> Option<&'static str> {
    fn bare(name: &str) -> &str {
        name.trim_end_matches('.')
    }
    let domain = bare(&row.domain);
    if subject == "*" {
        return Some("anything");
    }
    if let Ok(address) = subject.parse::<IpAddr>() {
        return (row.remote_ip.parse() == Ok(address)).then_some("IP");
    }
    let fits = !domain.is_empty()
        && match subject.strip_prefix('.') {
            Some(parent) => {
                let above = domain.strip_suffix(bare(parent));
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            None => domain == bare(subject),
        };
    fits.then_some("domain")
}

#[cfg(test)]
mod tests;
