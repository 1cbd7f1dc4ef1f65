//! What happens because something else did.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use portmaster_fixtures::scenario::{self, BodyMatch, RuleAnswer, Span, StateMatch};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Change, Event, World, chance,
    faults::Blow,
    pattern::Pattern,
    timeline::{Chain, Taken, later},
};
use crate::go::escape;
use crate::limits;

/// The rules of a world.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reactions {
    rules: Vec<Rule>,
    /// How many there ever were: each draws from a stream of its own, the one after a removed one, too.
    #[serde(default, skip_serializing_if = "super::saved::is_zero")]
    made: usize,
    /// How deep in each other rules act at this moment.
    #[serde(skip)]
    depth: u32,
    /// How many acted since the outermost cause.
    #[serde(skip)]
    acted: u32,
    /// Of those that act, the place of the first change that waits because of them.
    #[serde(skip)]
    chain: Option<usize>,
    /// Those because of which changes wait, by the place of the first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    chains: BTreeMap<usize, Links>,
}

/// Rules that have set each other off and are not done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Links {
    /// How many acted.
    acted: u32,
    /// How many changes wait.
    waiting: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// As it was told.
    told: Arc<scenario::Rule>,
    cause: Cause,
    /// Of a rule that waits for a state, whether it holds.
    holds: bool,
    left: Option<u32>,
    rng: chance::Stream,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Cause {
    Request {
        method: Option<String>,
        path: Option<Pattern>,
        query: Vec<(String, Pattern)>,
        body: Option<BodyMatch>,
    },
    Websocket {
        operation: Option<String>,
        key: Option<Pattern>,
    },
    Change(Pattern),
    /// The rule's state comes to hold.
    State,
}

/// A request that reached an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The path below `/api/v1/`.
    pub path: &'a str,
    /// The raw query.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What rules say to a request.
#[derive(Clone, Debug, Default)]
pub struct Reaction {
    /// The answer in the place of the endpoint's.
    pub answer: Option<RuleAnswer>,
    /// What the answer suffers.
    pub blow: Option<Blow>,
    /// The places of the rules that say so.
    pub by: Vec<usize>,
    /// What is to follow once the request was worked on.
    changes: Vec<(Option<Span>, Arc<scenario::Rule>, usize)>,
}

impl Rule {
    fn new(told: Arc<scenario::Rule>, number: usize, seed: u64) -> Self {
        Self {
            cause: cause(&told.when),
            holds: false,
            left: told.times,
            rng: chance::fresh(seed, &format!("rules/{number}")),
            told,
        }
    }

    /// The state that has to hold for it.
    fn state(&self) -> Option<&StateMatch> {
        self.told.when.state.as_ref()
    }
}

impl Reactions {
    /// The rules of a scenario, a stream of chance each.
    pub fn new(told: Vec<scenario::Rule>, seed: u64) -> Self {
        let mut reactions = Self::default();
        for one in told {
            reactions.add(Arc::new(one), seed);
        }
        reactions
    }

    /// The rules, as they were told.
    pub fn told(&self) -> impl Iterator<Item = &Arc<scenario::Rule>> {
        self.rules.iter().map(|rule| &rule.told)
    }

    /// Adds one behind the others: its place.
    pub fn add(&mut self, told: Arc<scenario::Rule>, seed: u64) -> usize {
        let place = self.rules.len();
        self.made = self.made.max(place);
        self.rules.push(Rule::new(told, self.made, seed));
        self.made += 1;
        place
    }

    /// Takes one away by its place; whether it was there.
    pub fn remove(&mut self, place: usize) -> bool {
        let there = place < self.rules.len();
        if there {
            self.rules.remove(place);
        }
        there
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Goes on where rules were when a change began to wait.
    fn go_on(&mut self, by: Chain) {
        let links = self.chains.get(&by.first).copied().unwrap_or_default();
        (self.depth, self.acted, self.chain) = (by.depth, links.acted, Some(by.first));
    }

    /// Ends what one cause brought about by now, and keeps in mind how much that was if more is to come.
    fn rest(&mut self) {
        self.depth = 0;
        if let Some(links) = self.chain.take().and_then(|first| self.chains.get_mut(&first)) {
            links.acted = self.acted;
        }
    }

    fn waits_for_states(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.cause, Cause::State))
    }
}

fn cause(when: &scenario::When) -> Cause {
    let pattern = |text: &Option<String>| text.as_deref().map(Pattern::new);
    if let Some(request) = &when.request {
        let path = request.path.as_deref().map(|path| path.strip_prefix("/api/v1/").unwrap_or(path));
        return Cause::Request {
            method: request.method.clone(),
            path: path.map(Pattern::new),
            query: request.query.iter().map(|(name, value)| (name.clone(), Pattern::new(value))).collect(),
            body: request.body.clone(),
        };
    }
    if let Some(message) = &when.websocket {
        return Cause::Websocket { operation: message.operation.clone(), key: pattern(&message.key) };
    }
    when.change.as_deref().map_or(Cause::State, |topic| Cause::Change(Pattern::new(topic)))
}

impl Cause {
    fn is_request(&self, asked: &Asked<'_>) -> bool {
        let Self::Request { method, path, query, body } = self else { return false };
        let has = |(name, value): &(String, Pattern)| {
            escape::pairs(asked.query).iter().any(|(key, found)| key == name && value.fits(found))
        };
        method.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(asked.method))
            && path.as_ref().is_none_or(|pattern| pattern.fits(asked.path))
            && query.iter().all(has)
            && body.as_ref().is_none_or(|body| holds(body, asked.body))
    }
}

/// Whether a body holds what it must.
fn holds(told: &BodyMatch, body: &[u8]) -> bool {
    let contains = |text: &String| String::from_utf8_lossy(body).contains(text.as_str());
    let json = |told: &Value| serde_json::from_slice(body).is_ok_and(|found: Value| is_part(told, &found));
    told.contains.as_ref().is_none_or(contains) && told.json.as_ref().is_none_or(json)
}

/// Whether a value is what is told, where objects may have more members.
pub(crate) fn is_part(told: &Value, found: &Value) -> bool {
    match (told, found) {
        (Value::Object(told), Value::Object(found)) => {
            told.iter().all(|(key, value)| found.get(key).is_some_and(|found| is_part(value, found)))
        }
        (Value::Array(told), Value::Array(found)) => {
            told.len() == found.len() && told.iter().zip(found).all(|(told, found)| is_part(told, found))
        }
        _ => told == found || told.as_f64().is_some_and(|number| found.as_f64() == Some(number)),
    }
}

impl World {
    /// What the rules say to a request; call [`World::follow`] with it once the request was worked on.
    pub fn react_to_request(&mut self, asked: &Asked<'_>) -> Reaction {
        self.collect(|cause| cause.is_request(asked))
    }

    /// Lets the rules act on a message of a client of the websocket.
    pub fn react_to_message(&mut self, operation: &str, key: &str) {
        let reaction = self.collect(|cause| match cause {
            Cause::Websocket { operation: told, key: pattern } => {
                told.as_ref().is_none_or(|one| one == operation)
                    && pattern.as_ref().is_none_or(|pattern| pattern.fits(key))
            }
            _ => false,
        });
        self.follow(reaction);
    }

    /// Lets the rules act on a change that was applied, by its topics.
    pub(super) fn react_to_change(&mut self, topics: &[String]) {
        let reaction = self.collect(|cause| match cause {
            Cause::Change(pattern) => topics.iter().any(|topic| pattern.fits(topic)),
            _ => false,
        });
        self.follow(reaction);
        self.react_to_states();
    }

    /// Lets the rules act that wait for a state which has come to hold.
    pub(super) fn react_to_states(&mut self) {
        if !self.reactions.waits_for_states() {
            return;
        }
        let holds = |world: &Self, rule: &Rule| {
            matches!(rule.cause, Cause::State) && rule.state().is_some_and(|state| world.is_so(state))
        };
        let now: Vec<bool> = self.reactions.rules.iter().map(|rule| holds(self, rule)).collect();
        let came: Vec<bool> =
            now.iter().zip(&self.reactions.rules).map(|(now, rule)| *now && !rule.holds).collect();
        for (rule, now) in self.reactions.rules.iter_mut().zip(now) {
            rule.holds = now;
        }
        let reaction = self.take(&came);
        self.follow(reaction);
    }

    /// What those rules say whose cause is this one and whose state holds.
    fn collect(&mut self, is_cause: impl Fn(&Cause) -> bool) -> Reaction {
        if self.reactions.is_empty() {
            return Reaction::default();
        }
        let act = |rule: &Rule| is_cause(&rule.cause) && rule.state().is_none_or(|state| self.is_so(state));
        let chosen: Vec<bool> = self.reactions.rules.iter().map(act).collect();
        self.take(&chosen)
    }

    /// What the chosen rules say, each of which counts.
    fn take(&mut self, chosen: &[bool]) -> Reaction {
        let mut reaction = Reaction::default();
        for (place, rule) in self.reactions.rules.iter_mut().enumerate().filter(|(place, _)| chosen[*place]) {
            if rule.left == Some(0) {
                continue;
            }
            reaction.by.push(place);
            rule.left = rule.left.map(|left| left - 1);
            for (place, then) in rule.told.then.iter().enumerate() {
                if then.change.is_some() {
                    reaction.changes.push((then.after, Arc::clone(&rule.told), place));
                }
                if let Some(answer) = &then.answer {
                    reaction.answer.get_or_insert_with(|| answer.clone());
                }
                if let Some(effect) = &then.fault {
                    let blow = Blow::new(effect, &mut rule.rng);
                    reaction.blow = Some(reaction.blow.unwrap_or_default().and(blow));
                }
            }
        }
        reaction
    }

    /// Lets the changes happen that a reaction brings, now or when their time comes.
    pub fn follow(&mut self, reaction: Reaction) {
        if self.reactions.depth == 0 {
            self.reactions.acted = 0;
        }
        self.reactions.depth += 1;
        for (after, told, place) in reaction.changes {
            let Some(change) = &told.then[place].change else { continue };
            if self.reactions.depth > limits::RULES_DEPTH || self.reactions.acted >= limits::RULES_ACTING {
                let (deep, many) = (limits::RULES_DEPTH, limits::RULES_ACTING);
                let why = format!("rules: more than {deep} deep or {many} for one cause: they stop");
                self.emit(Event::Refused(why));
                break;
            }
            self.reactions.acted += 1;
            match after {
                Some(after) => self.schedule(later(self.now(), after.0), change),
                None => {
                    self.perform_or_tell("rules", change);
                }
            }
        }
        self.reactions.depth -= 1;
        if self.reactions.depth == 0 {
            self.reactions.rest();
        }
    }

    /// Lets a change wait that a rule wants later.
    fn schedule(&mut self, due: Timestamp, change: &scenario::Change) {
        if self.timeline.is_full() {
            let why = format!("rules: {} changes wait already: the next ones are lost", limits::SCHEDULED);
            self.emit(Event::Refused(why));
            return;
        }
        let Reactions { depth, chain, .. } = self.reactions;
        let first = self.timeline.add(due, Arc::new(change.clone()), depth, chain);
        self.reactions.chain = Some(first);
        self.reactions.chains.entry(first).or_default().waiting += 1;
    }

    /// Lets a change happen whose instant has come. What rules make of one that a rule wanted is theirs, too.
    pub(super) fn perform_due(&mut self, Taken { at, change, by }: &Taken) {
        // What opens many connections does so a few at a time, at its one instant; without room for all it opens none.
        let room = |world: &Self| change.connections.as_ref().is_none_or(|told| world.room_for(told).is_ok());
        let lots = Self::lots(change).filter(|_| self.timeline.has_room(*at) && room(self));
        let lot = lots.as_ref().map_or(&**change, |(lot, _)| lot);
        if let Some(by) = by {
            self.reactions.go_on(*by);
        }
        let done = self.perform_or_tell("timeline", lot);
        let rest = lots.map(|(_, rest)| rest).filter(|_| done);
        let goes_on = rest.is_some();
        if let Some(rest) = rest {
            self.timeline.put_back(*at, rest, *by);
        }
        let Some(by) = by else { return };
        self.react_to_states();
        self.reactions.rest();
        if let Some(links) = self.reactions.chains.get_mut(&by.first).filter(|_| !goes_on) {
            links.waiting = links.waiting.saturating_sub(1);
            if links.waiting == 0 {
                self.reactions.chains.remove(&by.first);
            }
        }
    }

    /// Whether a state is as told.
    pub fn is_so(&self, told: &StateMatch) -> bool {
        let found = self.look(&told.path).unwrap_or_default();
        let number = found.as_f64();
        told.equals.as_ref().is_none_or(|value| is_part(value, &found))
            && told.not.as_ref().is_none_or(|value| !is_part(value, &found))
            && told.above.is_none_or(|bound| number.is_some_and(|number| number > bound))
            && told.below.is_none_or(|bound| number.is_some_and(|number| number < bound))
    }
}

impl Change {
    /// What a change is about, for rules and journals: `config/spn/enable`, `network/online`, `dns/clear`, …
    pub fn topics(&self) -> Vec<String> {
        let of = |area: &str, members: &[(&str, bool)]| {
            let named = members.iter().filter(|(_, is_named)| *is_named);
            named.map(|(name, _)| format!("{area}/{name}")).collect()
        };
        let one = match self {
            Self::Config { key, .. } | Self::ResetConfig { key, .. } => format!("config/{key}"),
            Self::AwaitRestart { .. } | Self::ModuleEvent { .. } => return Vec::new(),
            Self::Core(core) => {
                return of(
                    "core",
                    &[
                        ("starting", core.starting.is_some()),
                        ("self_check", core.self_check.is_some()),
                        ("custom_list", core.custom_list.is_some()),
                    ],
                );
            }
            Self::Network(network) => {
                return of(
                    "network",
                    &[
                        ("online", network.online.is_some()),
                        ("captive_portal", network.captive_portal.is_some()),
                        ("gateways", network.gateways.is_some()),
                        ("nameservers", network.nameservers.is_some()),
                        ("location", network.location.is_some()),
                        ("traceroute", network.traceroute.is_some()),
                        ("addresses", network.addresses.is_some()),
                    ],
                );
            }
            Self::Spn(spn) => {
                return of(
                    "spn",
                    &[
                        ("status", spn.status.is_some()),
                        ("home", spn.home.is_some()),
                        ("sessions", spn.sessions.is_some()),
                        ("login", spn.login.is_some()),
                        ("account", spn.account.is_some()),
                        ("hubs", spn.hubs.is_some()),
                    ],
                );
            }
            Self::SaveProfile { key, .. } | Self::DeleteProfile { key, .. } => format!("profiles/{key}"),
            Self::SaveIcon { name, .. } => format!("icons/{name}"),
            Self::ClearDnsCache { .. } => "dns/clear".to_owned(),
            Self::CacheAnswer(entry) => format!("dns/cache/{}{}", entry.domain, entry.kind),
            Self::Resolver { name, .. } => format!("dns/resolvers/{name}"),
            Self::LogIn { .. } | Self::LogOut { .. } | Self::PlanEnds => "spn/account".to_owned(),
            Self::SpnIntel { .. } => "spn/intel".to_owned(),
            Self::RefreshAccount => "spn/refresh".to_owned(),
            Self::ReinitSpn => "spn/reinit".to_owned(),
            Self::App(app) => format!("apps/{}", app.name),
            Self::ModuleFails(failure) => format!("modules/{}", failure.id),
            Self::ModuleRecovers { id } => format!("modules/{id}"),
            Self::Download(resource) => format!("updates/{}", resource.name),
            Self::Open(_) => "connections/open".to_owned(),
            Self::Close(_) => "connections/close".to_owned(),
            Self::Pause(_) => "pause".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::Notify(one) => format!("notifications/{}", one.event_id),
            Self::Dismiss { event_id } | Self::Respond { event_id, .. } => {
                format!("notifications/{event_id}")
            }
            Self::DismissBroadcast { id } => format!("broadcasts/{id}"),
            Self::ExpireNotifications => "notifications".to_owned(),
            Self::GiveUpWaiting => "connections/prompted".to_owned(),
            Self::ExpireConnections => "connections/gone".to_owned(),
            Self::Record(record) => format!("records/{}", record.key),
            Self::Forget { record } => format!("records/{}", record.key),
            Self::SecurityLevel(_) => "security_level".to_owned(),
            Self::ForgetBroadcasts => "broadcasts".to_owned(),
            Self::Lifecycle(super::Lifecycle::Restart) => "restart".to_owned(),
            Self::Lifecycle(super::Lifecycle::Shutdown) => "shutdown".to_owned(),
            Self::ReloadUi => "ui/reload".to_owned(),
        };
        vec![one]
    }
}
