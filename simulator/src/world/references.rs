//! What timelines, rules and faults name: whether it is there, and whether what they say can be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use portmaster_fixtures::{
    Contract, Country,
    scenario::{
        self, Change, Close, Delay, Effect, Fault, Hub, Open, ResolverState, Rule, SpnChange, Then, Timed,
        When, nearest, unquoted,
    },
};
use serde_json::Value;

use super::{World, dns::Resolver, pattern::Pattern, state::AREAS};
use crate::limits;

/// Headers that say how an answer is sent, which is not an answer's to say (RFC 9110 §7.6.1, RFC 9112 §6).
const OF_THE_CONNECTION: [&str; 8] = [
    "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade",
];

/// The shortest span after which something comes again.
const SHORTEST: Duration = Duration::from_millis(1);

/// Something that is named but not there, or that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {text}{}", near.as_ref().map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default())]
pub struct Dangling {
    /// The member, for example `timeline[2].change.spn.hubs.leave[0]`.
    pub path: String,
    /// What is wrong.
    pub text: String,
    /// The name that is nearest.
    pub near: Option<String>,
}

/// All names that anything may refer to: those that are there, and those that some change brings.
struct Names {
    apps: BTreeSet<String>,
    hubs: BTreeSet<String>,
    resolvers: BTreeSet<String>,
    /// Of any contract; read only where the world's own does not have what is named.
    options: LazyLock<BTreeSet<&'static str>>,
    endpoints: LazyLock<BTreeSet<&'static str>>,
}

/// Looks at everything, and notes what is wrong.
struct Look<'w> {
    world: &'w World,
    names: Names,
    found: Vec<Dangling>,
}

impl World {
    /// Everything in a script that leads nowhere, in the order of the script.
    pub fn dangling(&self, timeline: &[Timed], rules: &[Rule], faults: &[Fault]) -> Vec<Dangling> {
        let changes = changes(timeline, rules);
        if changes.is_empty() && rules.is_empty() && faults.is_empty() {
            return Vec::new();
        }
        let mut look = Look { world: self, names: Names::of(self, &changes), found: Vec::new() };
        for (at, entry) in timeline.iter().enumerate() {
            look.timed(&format!("timeline[{at}]"), entry);
        }
        for (at, rule) in rules.iter().enumerate() {
            look.rule(&format!("rules[{at}]"), rule);
        }
        for (at, fault) in faults.iter().enumerate() {
            look.fault(&format!("faults[{at}]"), fault);
        }
        look.found
    }

    /// Everything in a scenario's beginning that leads nowhere.
    pub(super) fn dangling_start(&self, told: &scenario::Scenario) -> Vec<Dangling> {
        let names = Names::of(self, &changes(&told.timeline, &told.rules));
        let mut look = Look { world: self, names, found: Vec::new() };
        look.start(told);
        look.found
    }

    /// Resolvers of which something is special from the beginning, and that are not there nor come with a script.
    pub(super) fn dangling_resolvers(&self, timeline: &[Timed], rules: &[Rule]) -> Vec<Dangling> {
        if self.dns.states.is_empty() {
            return Vec::new();
        }
        let names = Names::of(self, &changes(timeline, rules));
        let mut look = Look { world: self, names, found: Vec::new() };
        look.resolvers(&self.dns.states);
        look.found
    }

    /// Everything in a state that is waited for that leads nowhere. `path` is where it is written.
    pub fn dangling_state(&self, path: &str, state: &scenario::StateMatch) -> Vec<Dangling> {
        let mut look = Look { world: self, names: Names::of(self, &[]), found: Vec::new() };
        look.state(path, state);
        look.found
    }

    /// Everything in one change that leads nowhere. `path` is where the change is written.
    pub fn dangling_change(&self, path: &str, change: &Change) -> Vec<Dangling> {
        let mut look = Look { world: self, names: Names::of(self, &[change]), found: Vec::new() };
        look.change(path, change);
        look.found
    }
}

/// All that a script changes.
fn changes<'a>(timeline: &'a [Timed], rules: &'a [Rule]) -> Vec<&'a Change> {
    let of_rules = rules.iter().flat_map(|rule| &rule.then).filter_map(|then| then.change.as_ref());
    timeline.iter().map(|entry| &entry.change).chain(of_rules).collect()
}

impl Names {
    fn of(world: &World, changes: &[&Change]) -> Self {
        let mut apps: BTreeSet<String> = world.apps.iter().map(|app| app.name.clone()).collect();
        let mut hubs = BTreeSet::new();
        for hub in world.map("main").into_iter().flat_map(|map| map.hubs.values()) {
            hubs.extend([hub.name.clone(), hub.id.clone()]);
        }
        let mut resolvers = BTreeSet::new();
        let mut add = |one: &Resolver| resolvers.extend([one.name.clone(), one.host()]);
        world.resolvers().iter().for_each(&mut add);
        for change in changes {
            let configured = change.config.get("dns/nameservers").and_then(Value::as_array);
            let configured = configured.into_iter().flatten().filter_map(Value::as_str);
            let read = |url| Resolver::configured(url, &world.behaviour.value_checks);
            configured.filter_map(read).for_each(|one| add(&one));
            let network = change.network.as_ref().and_then(|network| network.nameservers.as_ref());
            network.into_iter().flatten().for_each(|one| add(&Resolver::of_system(one)));
            apps.extend(change.apps.iter().flat_map(|apps| &apps.add).map(|app| app.name.clone()));
            let joining = change.spn.iter().filter_map(|spn| spn.hubs.as_ref()).flat_map(|hubs| &hubs.join);
            for hub in joining {
                hubs.insert(hub.name.clone());
                hubs.extend(hub.id.clone());
            }
        }
        resolvers.remove("");
        Self { apps, hubs, resolvers, options: LazyLock::new(options), endpoints: LazyLock::new(endpoints) }
    }
}

/// The options of all contracts.
fn options() -> BTreeSet<&'static str> {
    Contract::ALL.iter().flat_map(|one| one.options()).map(|one| one.key.as_str()).collect()
}

/// The endpoints of all contracts.
fn endpoints() -> BTreeSet<&'static str> {
    Contract::ALL.iter().flat_map(|one| one.endpoints()).map(|one| one.path.as_str()).collect()
}

impl Look<'_> {
    fn note(&mut self, path: String, text: impl Into<String>, near: Option<String>) {
        self.found.push(Dangling { path, text: text.into(), near });
    }

    /// Notes a text at a member where something does not hold.
    fn unless(&mut self, holds: bool, path: &str, member: &str, text: &str) {
        if !holds {
            self.note(format!("{path}{member}"), text, None);
        }
    }

    fn app(&mut self, path: String, name: &str) {
        if !self.names.apps.contains(name) {
            let near = nearest(name, self.names.apps.iter().map(String::as_str));
            self.note(path, format!("there is no app \"{name}\" in this scenario"), near);
        }
    }

    fn hub(&mut self, path: String, name: &str) {
        if !self.names.hubs.contains(name) {
            let near = nearest(name, self.names.hubs.iter().map(String::as_str));
            self.note(path, format!("there is no hub \"{name}\" in the map"), near);
        }
    }

    fn resolver(&mut self, path: String, name: &str) {
        let is_url = Resolver::configured(name, &self.world.behaviour.value_checks).is_some();
        if !is_url && !self.names.resolvers.contains(name) {
            let near = nearest(name, self.names.resolvers.iter().map(String::as_str));
            self.note(path, format!("there is no resolver \"{name}\""), near);
        }
    }

    fn option(&mut self, path: &str, key: &str) -> bool {
        let own = self.world.contract.options();
        let known = own.iter().any(|one| one.key == key) || self.names.options.contains(key);
        if !known {
            let near = nearest(key, self.names.options.iter().copied());
            self.note(path.to_owned(), format!("there is no option \"{key}\""), near);
        }
        known
    }

    fn resolvers(&mut self, told: &BTreeMap<String, ResolverState>) {
        // An address may be that of a network which is still to come.
        for name in told.keys().filter(|name| name.parse::<std::net::IpAddr>().is_err()) {
            self.resolver(format!("dns.resolvers[\"{name}\"]"), name);
        }
    }

    fn start(&mut self, told: &scenario::Scenario) {
        self.resolvers(&told.dns.resolvers);
        for (at, entry) in told.dns.cache.iter().enumerate() {
            self.resolver(format!("dns.cache[{at}].resolver"), &entry.resolver);
        }
        for (at, app) in told.apps.iter().enumerate() {
            for (key, value) in &app.config {
                let path = format!("apps[{at}].config[\"{key}\"]");
                // Numbers became truths from one contract to the next; cores keep what they stored.
                let same = self.option(&path, key) && (value.is_string() || value.is_array());
                if same
                    && self.world.config.option(key).is_some()
                    && let Err(refused) = self.world.config.read(key, value.clone())
                {
                    self.note(path, format!("{refused}{}", unquoted(value)), None);
                }
            }
        }
        match &told.connections {
            scenario::Connections::Listed(rows) => self.rows("connections", rows),
            scenario::Connections::Generated(recipe) => {
                for (at, name) in recipe.generate.apps.iter().enumerate() {
                    self.app(format!("connections.generate.apps[{at}]"), name);
                }
            }
            scenario::Connections::Rows(_) | scenario::Connections::File(_) => {}
        }
    }

    /// Rows whose profile follows from the name of a program.
    fn rows(&mut self, path: &str, rows: &[scenario::ConnectionRow]) {
        for (at, row) in rows.iter().enumerate() {
            if row.profile.is_empty() && !row.profile_name.is_empty() {
                self.app(format!("{path}[{at}].profile_name"), &row.profile_name);
            }
        }
    }

    fn timed(&mut self, path: &str, told: &Timed) {
        self.unless(
            told.at.is_some() || told.every.is_some(),
            path,
            "",
            "the member \"at\" or \"every\" is missing",
        );
        if let Some(every) = told.every {
            self.unless(every.0 >= SHORTEST, path, ".every", "expected at least 1ms");
            let jitter = told.jitter.unwrap_or_default();
            self.unless(jitter <= every, path, ".jitter", "expected no more than the span of \"every\"");
        } else {
            self.unless(
                told.until.is_none(),
                path,
                ".until",
                "only what comes again, by \"every\", has an end",
            );
        }
        self.change(&format!("{path}.change"), &told.change);
    }

    fn rule(&mut self, path: &str, told: &Rule) {
        self.when(&format!("{path}.when"), &told.when);
        self.unless(!told.then.is_empty(), path, ".then", "nothing follows");
        for (at, then) in told.then.iter().enumerate() {
            self.then(&format!("{path}.then[{at}]"), then, told.when.request.is_some());
        }
    }

    fn when(&mut self, path: &str, told: &When) {
        let causes = [told.request.is_some(), told.websocket.is_some(), told.change.is_some()];
        match causes.iter().filter(|is_told| **is_told).count() {
            0 => self.unless(told.state.is_some(), path, "", "expected request, websocket, change or state"),
            1 => {}
            _ => self.note(path.to_owned(), "expected only one of request, websocket and change", None),
        }
        if let Some(asked) = told.request.as_ref().and_then(|request| request.path.as_deref()) {
            let below = asked.strip_prefix("/api/v1/").unwrap_or(asked);
            let pattern = Pattern::new(below);
            let fits = |endpoint: &str| pattern.fits(endpoint) || opened(endpoint).fits(below);
            let own = self.world.contract.endpoints();
            if !own.iter().any(|one| fits(&one.path)) && !self.names.endpoints.iter().any(|one| fits(one)) {
                let near = nearest(below, self.names.endpoints.iter().copied());
                self.note(format!("{path}.request.path"), format!("no endpoint fits \"{asked}\""), near);
            }
        }
        if let Some(state) = &told.state {
            self.state(&format!("{path}.state"), state);
        }
    }

    fn state(&mut self, path: &str, told: &scenario::StateMatch) {
        let (area, rest) = told.path.split_once('.').unwrap_or((&told.path, ""));
        let at = format!("{path}.path");
        if !AREAS.contains(&area) {
            let text = format!(
                "there is no state \"{}\", expected one that begins with {}",
                told.path,
                AREAS.join(", ")
            );
            self.note(at, text, nearest(area, AREAS));
        } else if area == "config" && !rest.is_empty() {
            self.option(&at, rest);
        }
        let says =
            told.equals.is_some() || told.not.is_some() || told.above.is_some() || told.below.is_some();
        self.unless(says, path, "", "expected equals, not, above or below");
    }

    fn then(&mut self, path: &str, told: &Then, answers: bool) {
        let parts = [told.change.is_some(), told.answer.is_some(), told.fault.is_some()];
        let parts = parts.iter().filter(|is_told| **is_told).count();
        self.unless(parts == 1, path, "", "expected one of change, answer and fault");
        self.unless(
            told.after.is_none() || told.change.is_some(),
            path,
            ".after",
            "only a change comes later",
        );
        self.unless(
            answers || (told.answer.is_none() && told.fault.is_none()),
            path,
            "",
            "only a rule for requests has an answer or a fault",
        );
        if let Some(answer) = &told.answer {
            self.unless((200..=599).contains(&answer.status), path, ".answer.status", "expected 200 to 599");
            for (name, value) in &answer.headers {
                let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                let plain = value.bytes().all(|b| (b' '..=b'~').contains(&b));
                self.unless(
                    token && plain,
                    path,
                    &format!(".answer.headers.{name}"),
                    "expected a header in plain ASCII",
                );
                self.unless(
                    !OF_THE_CONNECTION.contains(&name.to_ascii_lowercase().as_str()),
                    path,
                    &format!(".answer.headers.{name}"),
                    "this header is the connection's own",
                );
            }
            self.unless(
                !matches!(answer.status, 204 | 304) || answer.body.is_null(),
                path,
                ".answer.body",
                "an answer of status 204 or 304 has no body",
            );
        }
        if let Some(effect) = &told.fault {
            self.effect(&format!("{path}.fault"), effect, false);
        }
        if let Some(change) = &told.change {
            self.change(&format!("{path}.change"), change);
        }
    }

    fn fault(&mut self, path: &str, told: &Fault) {
        if let Some(likely) = told.when.probability {
            self.unless((0.0..=1.0).contains(&likely), path, ".when.probability", "expected 0 to 1");
        }
        if let (Some(from), Some(to)) = (told.when.from, told.when.to) {
            self.unless(from < to, path, ".when.to", "expected an end after the beginning");
        }
        self.effect(&format!("{path}.effect"), &told.effect, told.when.websocket.is_some());
    }

    fn effect(&mut self, path: &str, told: &Effect, is_push: bool) {
        let of_requests = told.status.is_some()
            || told.reset
            || told.truncate.is_some()
            || told.slow.is_some()
            || told.malformed_json
            || told.delay.is_some();
        if is_push {
            self.unless(!of_requests, path, "", "a message of the websocket can only be late or dropped");
            self.unless(told.drop || told.late.is_some(), path, "", "expected late or drop");
        } else {
            self.unless(!told.drop, path, ".drop", "only a message of the websocket is dropped");
            self.unless(of_requests || told.late.is_some(), path, "", "nothing happens");
        }
        if let Some(status) = told.status {
            self.unless((200..=599).contains(&status), path, ".status", "expected 200 to 599");
        }
        self.unless(told.slow != Some(0), path, ".slow", "expected at least one byte a second");
        for (name, delay) in [("delay", told.delay), ("late", told.late)] {
            if let Some(Delay::Between(between)) = delay {
                self.unless(
                    between.min <= between.max,
                    path,
                    &format!(".{name}"),
                    "expected a min below the max",
                );
            }
        }
    }

    fn change(&mut self, path: &str, told: &Change) {
        let empty = serde_json::to_string(told).ok() == serde_json::to_string(&Change::default()).ok();
        self.unless(!empty, path, "", "nothing changes");
        for (key, value) in &told.config {
            let at = format!("{path}.config[\"{key}\"]");
            let here = self.option(&at, key) && self.world.config.option(key).is_some() && !value.is_null();
            if here && let Err(refused) = self.world.config.takes(key, value.clone()) {
                self.note(at, refused.to_string(), None);
            }
        }
        if let Some(dns) = &told.dns {
            for (at, entry) in dns.cache.iter().flat_map(|cache| &cache.add).enumerate() {
                self.resolver(format!("{path}.dns.cache.add[{at}].resolver"), &entry.resolver);
            }
            for name in dns.resolvers.keys() {
                self.resolver(format!("{path}.dns.resolvers[\"{name}\"]"), name);
            }
        }
        if let Some(spn) = &told.spn {
            self.spn(&format!("{path}.spn"), spn);
        }
        if let Some(connections) = &told.connections {
            let open = format!("{path}.connections.open");
            match &connections.open {
                Some(Open::Some(count)) => self.count(open, *count),
                Some(Open::Recipe(recipe)) => {
                    self.count(format!("{open}.count"), recipe.count);
                    for (at, name) in recipe.apps.iter().enumerate() {
                        self.app(format!("{open}.apps[{at}]"), name);
                    }
                }
                Some(Open::Listed(rows)) => {
                    for (at, row) in rows.iter().enumerate() {
                        if row.profile.is_empty() {
                            self.app(format!("{open}[{at}].profile_name"), &row.profile_name);
                        }
                    }
                }
                None => {}
            }
            let nothing = connections.open.is_none() && connections.close.is_none();
            self.unless(!nothing, path, ".connections", "expected open or close");
            self.unless(
                !matches!(connections.close, Some(Close::Some(0))),
                path,
                ".connections.close",
                "expected a number above 0, an id or all",
            );
        }
        if let Some(pause) = &told.pause {
            let long_enough = pause.duration.0 >= Duration::from_secs(1);
            self.unless(long_enough, path, ".pause.duration", "expected at least 1s");
        }
    }

    fn count(&mut self, path: String, count: u32) {
        if count > limits::OPENED {
            self.note(
                path,
                format!("{count} connections at once, expected at most {}", limits::OPENED),
                None,
            );
        } else if self.names.apps.is_empty() {
            self.note(path, "the scenario has no apps to make connections", None);
        }
    }

    fn spn(&mut self, path: &str, told: &SpnChange) {
        if let Some(Some(home)) = &told.home {
            self.hub(format!("{path}.home"), home);
        }
        let Some(hubs) = &told.hubs else { return };
        for (at, hub) in hubs.join.iter().enumerate() {
            self.joining(&format!("{path}.hubs.join[{at}]"), hub);
        }
        for (at, name) in hubs.leave.iter().enumerate() {
            self.hub(format!("{path}.hubs.leave[{at}]"), name);
        }
        for (at, one) in hubs.degrade.iter().enumerate() {
            self.hub(format!("{path}.hubs.degrade[{at}].hub"), &one.hub);
        }
    }

    fn joining(&mut self, path: &str, hub: &Hub) {
        self.unless(!hub.name.is_empty(), path, "", "the member \"name\" is missing");
        let somewhere = hub.country.is_empty() || Country::find(&hub.country).is_some();
        self.unless(somewhere, path, ".country", "expected an ISO 3166 code of two letters");
        for (at, lane) in hub.lanes.iter().enumerate() {
            self.hub(format!("{path}.lanes[{at}].to"), &lane.to);
        }
    }
}

/// An endpoint's path with its parts open: `dns/cache/{query}` as `dns/cache/*`.
fn opened(endpoint: &str) -> Pattern {
    let mut text = String::new();
    let mut depth = 0_i32;
    for char in endpoint.chars() {
        match char {
            '{' => {
                depth += 1;
                if depth == 1 {
                    text.push('*');
                }
            }
            '}' => depth -= 1,
            other if depth == 0 => text.push(other),
            _ => {}
        }
    }
    Pattern::new(&text)
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Scenario;

    use crate::world::{Options, World};

    fn faults(script: &str) -> String {
        let scenario =
            Scenario::parse("test", &format!("extends: home-office\n{script}\n")).expect("a scenario");
        World::new(scenario, Options::default()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_named_must_be_there() {
        for (script, expected) in [
            (
                "timeline: [{ at: 1s, change: { connections: { open: { count: 1, apps: [Firefx] } } } }]",
                "timeline[0].change.connections.open.apps[0]: there is no app \"Firefx\" in this scenario; \
                 did you mean \"Firefox\"?",
            ),
            (
                "timeline: [{ at: 1s, change: { config: { spn/enabled: true } } }]",
                "timeline[0].change.config[\"spn/enabled\"]: there is no option \"spn/enabled\"; \
                 did you mean \"spn/enable\"?",
            ),
            (
                "timeline: [{ at: 1s, change: { config: { spn/enable: 3 } } }]",
                "timeline[0].change.config[\"spn/enable\"]: validation of spn/enable failed: expected type bool, \
                 got type float64",
            ),
            (
                "timeline: [{ at: 1s, change: { dns: { resolvers: { Quad8: { failing: true } } } } }]",
                "timeline[0].change.dns.resolvers[\"Quad8\"]: there is no resolver \"Quad8\"; did you mean \"Quad9\"?",
            ),
            (
                "timeline: [{ at: 1s, change: { spn: { hubs: { leave: [Nowhere] } } } }]",
                "timeline[0].change.spn.hubs.leave[0]: there is no hub \"Nowhere\" in the map",
            ),
            (
                "rules: [{ when: { request: { path: dns/claer } }, then: [{ change: { restart: true } }] }]",
                "rules[0].when.request.path: no endpoint fits \"dns/claer\"; did you mean \"dns/clear\"?",
            ),
            (
                "rules: [{ when: { state: { path: netwerk.online, equals: x } }, then: [{ change: { restart: true } }] }]",
                "rules[0].when.state.path: there is no state \"netwerk.online\", expected one that begins with config, \
                 core, network, dns, spn, apps, notifications, modules, updates, connections, pause; did you mean \"network\"?",
            ),
            (
                "timeline: [{ change: { restart: true } }]",
                "timeline[0]: the member \"at\" or \"every\" is missing",
            ),
            ("timeline: [{ at: 1s }]", "timeline[0].change: nothing changes"),
            (
                "timeline: [{ every: 0s, change: { restart: true } }]",
                "timeline[0].every: expected at least 1ms",
            ),
            (
                "rules: [{ then: [{ change: { restart: true } }] }]",
                "rules[0].when: expected request, websocket, change or state",
            ),
            ("faults: [{ when: { path: ping } }]", "faults[0].effect: nothing happens"),
            (
                "faults: [{ effect: { drop: true } }]",
                "faults[0].effect.drop: only a message of the websocket is dropped",
            ),
            (
                "rules: [{ when: { request: { path: 'dns/cache/x.A' } }, then: [{ answer: { status: 404 } }] }]",
                "",
            ),
            (
                "rules: [{ when: { request: { path: ping } }, then: [{ answer: { headers: { Transfer-Encoding: chunked } } }] }]",
                "rules[0].then[0].answer.headers.Transfer-Encoding: this header is the connection's own",
            ),
            (
                "rules: [{ when: { request: { path: ping } }, then: [{ answer: { status: 204, body: x } }] }]",
                "rules[0].then[0].answer.body: an answer of status 204 or 304 has no body",
            ),
            (
                "timeline: [{ at: 1s, change: { apps: { add: [{ name: New, path: /new }] } } }, \
                 { at: 2s, change: { connections: { open: { count: 1, apps: [New] } } } }]",
                "",
            ),
        ] {
            assert_eq!(faults(script), expected, "{script}");
        }
    }
}
