//! Programs that live: each does what its sort does at a pace of its own, before the world begins and after it.
//!
//! What is drawn depends on the seed alone. Each time of each habit has a stream of chance for itself, so that no request,
//! no change and no look at the world disturbs another. What the world is like when a connection begins decides whether
//! it begins, and which way it goes.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{App, Bandwidth, Generate, OnlineStatus};
use rand::{RngExt as _, rngs::ChaCha20Rng};
use serde::{Deserialize, Serialize};

use super::{Generated, Recipe, habits::Habit, internet::Role, role_of};
use crate::limits;
use crate::world::{Change, Event, World, chance, connections::KEPT_AFTER_END, prompt};

/// How long programs have lived before the first connection that is shown, so that what lasts is there from the beginning.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);

/// How many local ports there are for connections.
const PORTS: u64 = 28_000;

/// What is to come of programs that live.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Life {
    /// How fast it goes, in thousandths; 0 where nothing lives.
    pace: u64,
    /// Whether programs live that the core gets to know later.
    newcomers: bool,
    habits: Vec<Regular>,
    #[serde(with = "crate::world::saved::pairs")]
    coming: BTreeMap<(Timestamp, u64), Coming>,
    /// How much was ever to come.
    places: u64,
}

/// A habit of a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Regular {
    app: String,
    /// Its place among those of the program's role.
    number: usize,
    /// How often it came.
    times: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Coming {
    /// A habit, by its place.
    Habit(usize),
    /// A connection or a DNS request.
    Step(Step),
    /// Traffic on a connection.
    Flow(Flow),
}

/// A connection that is to begin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    app: String,
    kind: Kind,
    /// The name of its stream of chance.
    key: String,
    port: i64,
}

/// What begins, and with which service of the program's role.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Kind {
    Dns(usize, u32),
    Outbound(usize, u32),
    Inbound,
}

/// Traffic that comes in parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flow {
    id: String,
    end: Timestamp,
    /// Seconds from a part to the next.
    every: u32,
    /// What a part has in the middle.
    incoming: i64,
    outgoing: i64,
    /// How many parts there were.
    parts: u32,
}

impl Flow {
    /// A part by its number.
    fn part(&self, number: u32) -> (i64, i64) {
        let hash = self
            .id
            .bytes()
            .fold(u64::from(number) + 1, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let percent = 50 + i64::try_from((hash >> 20) % 101).unwrap_or(0);
        (self.incoming * percent / 100, self.outgoing * percent / 100)
    }
}

impl Life {
    /// The instant of what comes next.
    pub(in crate::world) fn next(&self) -> Option<Timestamp> {
        self.coming.first_key_value().map(|((due, _), _)| *due)
    }

    fn put(&mut self, due: Timestamp, coming: Coming) {
        self.places += 1;
        self.coming.insert((due, self.places), coming);
    }

    fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Coming)> {
        let next = self.coming.first_entry().filter(|next| next.key().0 <= now)?;
        let ((due, _), coming) = next.remove_entry();
        Some((due, coming))
    }

    /// A program begins to live.
    fn join(&mut self, app: &App, seed: u64, from: Timestamp) {
        for (number, habit) in role_of(app).habits.iter().enumerate() {
            let mut rng = chance::fresh(seed, &format!("live/{}/{number}", app.name));
            let first = rng.random_range(0..self.gap(habit).max(1));
            self.habits.push(Regular { app: app.name.clone(), number, times: 0 });
            self.put(after(from, first), Coming::Habit(self.habits.len() - 1));
        }
    }

    /// Seconds from one time of a habit to the next, in the middle.
    fn gap(&self, habit: &Habit) -> i64 {
        i64::try_from(u64::from(habit.every) * 1_000 / self.pace.max(1)).unwrap_or(i64::MAX).max(1)
    }

    /// A habit comes: what it does is put where it comes, and so is its next time. DNS requests before `kept` are not.
    fn plan(&mut self, place: usize, role: &Role, seed: u64, (now, kept): (Timestamp, Timestamp)) {
        let Some(Regular { app, number, times }) = self.habits.get_mut(place) else { return };
        let Some(habit) = role.habits.get(*number) else { return };
        let name = format!("live/{app}/{number}/{times}");
        // Ports go round, and no two that are near each other are alike.
        let hash = app.bytes().fold(*number as u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte));
        let first = hash.wrapping_mul(7_919).wrapping_add(*times * 8);
        let app = app.clone();
        *times += 1;
        let mut rng = chance::fresh(seed, &name);
        let middle = self.gap(habit);
        let gap = if habit.regular {
            // Of a second, nine tenths are none: what comes at the same instant again comes for ever.
            (middle * 9 / 10 + rng.random_range(0..=middle / 5)).max(1)
        } else {
            around(middle, &mut rng).clamp(1, middle.saturating_mul(5))
        };
        self.put(after(now, gap), Coming::Habit(place));
        let (least, most) = habit.connections;
        let mut delay = 0;
        for number in 0..rng.random_range(least..=most) {
            let step = |kind, key: &str| {
                let port = 32_768 + (first + u64::from(number)) % PORTS;
                let key = format!("{name}/{number}/{key}");
                Coming::Step(Step { app: app.clone(), kind, key, port: i64::try_from(port).unwrap_or(0) })
            };
            let Some(service) = pick(habit.services, &mut rng) else {
                self.put(now, step(Kind::Inbound, "in"));
                continue;
            };
            let machine =
                rng.random_range(0..role.services.get(service).map_or(1, |one| one.machines.max(1)));
            let begins = after(now, delay);
            if begins >= kept {
                self.put(begins, step(Kind::Dns(service, machine), "dns"));
            } else {
                // It has its place all the same.
                self.places += 1;
            }
            self.put(begins, step(Kind::Outbound(service, machine), "out"));
            delay = i64::from(rng.random_range(0..=habit.within)).max(delay);
        }
    }
}

/// Whether a program runs at an instant.
fn runs(app: &App, at: Timestamp) -> bool {
    app.processes.first().is_some_and(|process| process.started.is_none_or(|started| started < at))
}

/// One of these.
fn pick(services: &[usize], rng: &mut ChaCha20Rng) -> Option<usize> {
    (!services.is_empty()).then(|| services[rng.random_range(0..services.len())])
}

/// A number around `middle`: often less, seldom much more.
fn around(middle: i64, rng: &mut ChaCha20Rng) -> i64 {
    let unit: f64 = rng.random();
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let value = (-(1.0 - unit).ln() * middle as f64) as i64;
    value
}

fn after(instant: Timestamp, seconds: i64) -> Timestamp {
    instant.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

impl Step {
    /// Whether it is worth looking for tunnels.
    fn may_be_tunnelled(&self, recipe: &Recipe<'_>) -> bool {
        matches!(self.kind, Kind::Outbound(..)) && recipe.makers.iter().any(|maker| maker.uses_spn)
    }

    /// What begins, as it is at the recipe's present, and the traffic that is still to come.
    fn begin(&self, began: Timestamp, recipe: &Recipe<'_>, seed: u64) -> Option<(Generated, Option<Flow>)> {
        let maker = recipe.makers.iter().position(|maker| maker.app.name == self.app)?;
        let role = recipe.makers[maker].role;
        let mut rng = chance::fresh(seed, &self.key);
        let mut one = super::single(recipe, maker, self.port, &mut rng);
        let began = began.as_second();
        let (service, machine, is_dns) = match self.kind {
            Kind::Inbound => return Some((one.inbound(0, began), None)),
            Kind::Dns(service, machine) => (role.services.get(service)?, machine, true),
            Kind::Outbound(service, machine) => (role.services.get(service)?, machine, false),
        };
        let machine = machine as usize;
        let domain = service.domain.replace('#', &machine.to_string());
        if is_dns {
            return Some((one.dns_request(0, service, &domain, began), None));
        }
        let made = one.outbound(0, service, machine, &domain, began)?;
        Some(in_parts(made, service.part, recipe.start))
    }
}

/// A connection whose traffic comes in parts, if it lasts that long: it has those that were until now.
fn in_parts(mut made: Generated, every: u32, now: Timestamp) -> (Generated, Option<Flow>) {
    let started = made.row.started.as_second();
    let row = &mut made.row;
    let Some(end) = made.end.or(row.ended).filter(|_| row.bytes_received > 0) else { return (made, None) };
    let window = now.as_second() - KEPT_AFTER_END;
    let sample = |time, (incoming, outgoing)| Bandwidth { conn_id: row.id.clone(), time, incoming, outgoing };
    made.bandwidth.clear();
    let parts = (end.as_second() - started) / i64::from(every.max(1));
    if every == 0 || parts < 2 {
        if row.live && started >= window {
            made.bandwidth.push(sample(started, (row.bytes_received, row.bytes_sent)));
        }
        return (made, None);
    }
    let (incoming, outgoing) = (row.bytes_received / parts, row.bytes_sent / parts);
    let mut flow = Flow { id: row.id.clone(), end, every, incoming, outgoing, parts: 0 };
    let (mut received, mut sent) = (0, 0);
    loop {
        let time = started + i64::from(flow.parts) * i64::from(every);
        if time > now.as_second() || time >= end.as_second() {
            break;
        }
        let part = flow.part(flow.parts);
        (received, sent) = (received + part.0, sent + part.1);
        if row.live && time >= window {
            made.bandwidth.push(sample(time, part));
        }
        flow.parts += 1;
    }
    (row.bytes_received, row.bytes_sent) = (received, sent);
    let goes_on = row.active;
    (made, goes_on.then_some(flow))
}

impl World {
    /// Lets the programs of a recipe live: they have done so for a while, and go on.
    pub(super) fn live(&mut self, told: &Generate, recipe: &Recipe<'_>) {
        let (seed, now) = (self.chance.seed(), self.now());
        let apps = recipe.makers.iter().map(|maker| maker.app);
        let even: f64 = apps.clone().flat_map(|app| role_of(app).habits).map(Habit::hourly).sum();
        let wanted = f64::from(told.count) * 3_600.0 / recipe.over.as_secs_f64().max(1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let pace = (wanted / even.max(1.0) * 1_000.0).round() as u64;
        let mut life = Life { pace, newcomers: told.apps.is_empty(), ..Life::default() };
        if pace == 0 {
            return;
        }
        let first = now - recipe.over;
        for app in apps {
            life.join(app, seed, first - BEFORE);
        }
        // A DNS request is over when it begins: no older one is in any table. A second more, since a process is there before.
        let live = now - SignedDuration::from_secs(KEPT_AFTER_END + 2);
        let kept = if recipe.history { first } else { first.max(live) };
        let mut filling = self.connections.filling(now);
        let mut made_by_now = 0;
        while let Some((due, coming)) = life.take(now) {
            match coming {
                Coming::Habit(place) => {
                    let name = life.habits[place].app.as_str();
                    if let Some(maker) = recipe.makers.iter().find(|maker| maker.app.name == name) {
                        life.plan(place, maker.role, seed, (due, kept));
                    }
                }
                Coming::Step(step) => {
                    // A program connects to nothing before it runs.
                    let runs =
                        recipe.makers.iter().any(|maker| maker.app.name == step.app && runs(maker.app, due));
                    let Some((made, flow)) = runs.then(|| step.begin(due, recipe, seed)).flatten() else {
                        continue;
                    };
                    if (due < first && !made.row.active) || !(made.row.live || made.row.history) {
                        continue;
                    }
                    if made_by_now == limits::OPENED {
                        continue;
                    }
                    made_by_now += 1;
                    filling.add(made.row, made.bandwidth, made.end);
                    if let Some(flow) = flow {
                        life.follow(due, flow);
                    }
                }
                // Of those that go on the next part is always to come.
                Coming::Flow(_) => {}
            }
        }
        let mut measured = filling.end();
        measured.sort_by_key(|traffic| traffic.time);
        self.emit(Event::Made(measured));
        self.life = life;
    }

    /// Whether programs reach anything, and the core sees them.
    fn is_awake(&self) -> bool {
        matches!(self.network.online, OnlineStatus::Online | OnlineStatus::Semi)
            && self.pause.as_ref().is_none_or(|pause| pause.only_spn)
            && !self.is_going_down()
    }

    /// A program begins to live that the core just got to know.
    pub(in crate::world) fn let_live(&mut self, app: &App) {
        let (seed, now) = (self.chance.seed(), self.now());
        let is_new = !self.life.habits.iter().any(|habit| habit.app == app.name);
        if self.life.newcomers && is_new {
            self.life.join(app, seed, now);
        }
    }

    /// Lets one thing come of those that live.
    pub(in crate::world) fn live_on(&mut self, due: Timestamp) {
        let seed = self.chance.seed();
        match self.life.take(due) {
            Some((due, Coming::Habit(place))) => {
                let habit = self.life.habits.get(place);
                let app = habit.and_then(|habit| self.app(&habit.app));
                if let Some(role) = app.map(role_of) {
                    self.life.plan(place, role, seed, (due, due));
                }
            }
            Some((due, Coming::Step(step))) if self.is_awake() && self.connections.len() < limits::HELD => {
                let apps = std::mem::take(&mut self.apps);
                let begun = self
                    .recipe(&apps, std::slice::from_ref(&step.app), SignedDuration::ZERO)
                    .ok()
                    .and_then(|recipe| {
                        let may = step.may_be_tunnelled(&recipe);
                        let tunnels = if may { self.tunnels() } else { Arc::default() };
                        step.begin(due, &Recipe { lives: true, tunnels, ..recipe }, seed)
                    });
                self.apps = apps;
                let Some((made, flow)) = begun else { return };
                let (made, flow) = if self.asks_first(&made.row) {
                    (prompt::undecided(made.row).into(), None)
                } else {
                    (made, flow)
                };
                // Opening refuses nothing.
                let _ = self.apply(Change::Open(vec![made]));
                if let Some(flow) = flow {
                    self.life.follow(due, flow);
                }
            }
            Some((due, Coming::Flow(mut flow))) => {
                let (incoming, outgoing) = flow.part(flow.parts);
                let Some(grown) = self.connections.grow(&flow.id, incoming, outgoing) else { return };
                self.connections.ends_at(&grown, flow.end);
                self.emit(Event::Stored(grown.row().into()));
                let time = due.as_second();
                self.emit(Event::Measured(vec![Bandwidth {
                    conn_id: flow.id.clone(),
                    time,
                    incoming,
                    outgoing,
                }]));
                flow.parts += 1;
                if let Some(next) = flow.next(grown.started) {
                    self.life.put(next, Coming::Flow(flow));
                }
            }
            _ => {}
        }
    }
}

impl Flow {
    /// When the next part comes, if one does.
    fn next(&self, started: Timestamp) -> Option<Timestamp> {
        let next = after(started, i64::from(self.parts) * i64::from(self.every));
        (next < self.end).then_some(next)
    }
}

impl Life {
    /// The traffic of a connection that began goes on.
    fn follow(&mut self, started: Timestamp, flow: Flow) {
        if let Some(next) = flow.next(started) {
            self.put(next, Coming::Flow(flow));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use portmaster_fixtures::{
        Contract, Scenario,
        scenario::{self, ClockMode},
    };

    use super::*;
    use crate::world::Options;

    fn world(contract: Contract) -> World {
        let options =
            Options { contract: Some(contract), clock: Some(ClockMode::Manual), ..Options::default() };
        let mut scenario = Scenario::load("home-office").unwrap();
        // What a timeline opens is its own.
        scenario.timeline.clear();
        World::new(scenario, options).unwrap()
    }

    fn advance(world: &mut World, minutes: i64) {
        world.clock.advance(SignedDuration::from_mins(minutes));
        world.run_due();
        world.take_events();
    }

    fn change(world: &mut World, told: &str) {
        let told: scenario::Change = serde_saphyr::from_str(told).unwrap();
        world.change(&told).unwrap();
    }

    /// The connections that began within the last minutes, with the time that they did.
    fn begun(world: &World, minutes: i64) -> BTreeMap<String, Timestamp> {
        let from = world.now() - SignedDuration::from_mins(minutes);
        let all = world.connections.values().filter(|one| one.started > from);
        all.map(|one| (one.id().to_owned(), one.started)).collect()
    }

    #[test]
    fn an_hour_looks_like_the_last() {
        for contract in [Contract::V2_2, Contract::Docs] {
            let mut world = world(contract);
            let mut active = vec![world.state()["connections"]["active"].as_u64().unwrap()];
            // Ten minutes are what is known everywhere.
            let mut tens = vec![begun(&world, 10).len()];
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            for _ in 0..36 {
                advance(&mut world, 10);
                active.push(world.state()["connections"]["active"].as_u64().unwrap());
                tens.push(begun(&world, 10).len());
                for one in world.connections.values() {
                    *kinds.entry(format!("{} {}", one.shared.profile_name, one.shared.kind)).or_default() +=
                        1;
                }
            }
            let hours: Vec<usize> = tens[1..].chunks(6).map(|hour| hour.iter().sum()).collect();
            // The pace of the scenario is 700 an hour.
            assert!(hours.iter().all(|count| (500..900).contains(count)), "{contract}: {hours:?}");
            assert!((60..200).contains(&tens[0]), "{contract}: {tens:?}");
            // Tens in the middle, more and fewer by chance.
            assert!(active.iter().all(|count| (10..90).contains(count)), "{contract}: {active:?}");
            for program in
                ["Firefox ip", "Firefox dns", "Thunderbird ip", "VLC Media Player ip", "PackageKit Daemon ip"]
            {
                assert!(
                    kinds.get(program).is_some_and(|count| *count > 5),
                    "{contract}: {program} of {kinds:?}"
                );
            }
        }
    }

    #[test]
    fn no_request_and_no_change_disturbs_what_programs_do() {
        let (mut quiet, mut busy) = (world(Contract::V2_2), world(Contract::V2_2));
        for told in [
            "connections: { open: 7 }",
            "dns: { clear: true }",
            "connections: { close: all }",
            "notifications: { add: [{ id: a }] }",
            "apps: { add: [{ name: New, path: /new, processes: [{ pid: 7001 }] }] }",
            "config: { spn/enable: false }",
        ] {
            change(&mut busy, told);
            busy.begin_session(crate::world::session::Token::ITSELF);
            advance(&mut quiet, 4);
            advance(&mut busy, 4);
            let (expected, there) = (begun(&quiet, 4), begun(&busy, 4));
            assert!(expected.len() > 10, "{told}: {}", expected.len());
            for (id, started) in expected {
                assert_eq!(there.get(&id), Some(&started), "{told}: {id}");
            }
        }
    }

    #[test]
    fn nothing_begins_where_nothing_is_reached() {
        for (stop, go) in [
            ("network: { online: offline }", "network: { online: online }"),
            ("network: { online: portal }", "network: { online: online }"),
            ("pause: { duration: 1h }", "resume: true"),
        ] {
            let mut world = world(Contract::V2_2);
            change(&mut world, stop);
            advance(&mut world, 15);
            assert_eq!(begun(&world, 14).len(), 0, "{stop}");
            change(&mut world, go);
            advance(&mut world, 5);
            assert!(begun(&world, 5).len() > 10, "{go}");
        }
    }

    #[test]
    fn programs_that_are_to_ask_raise_prompts() {
        let mut world = world(Contract::V2_2);
        change(&mut world, "config: { filter/defaultAction: ask }");
        advance(&mut world, 3);
        let asked = world.notifications().filter(|one| one.event_id.starts_with("filter:prompt-")).count();
        assert!(asked > 3, "{asked}");
        let begun = begun(&world, 2);
        let made: Vec<_> = world
            .connections
            .values()
            .map(|one| one.row())
            .filter(|row| begun.contains_key(&row.id) && row.kind == "ip" && row.direction == "outbound")
            .collect();
        assert!(made.len() > 5, "{}", made.len());
        for row in &made {
            // Only a rule lets one be that nobody answers for.
            let reason = row.extra_data_value()["reason"]["Msg"].as_str().unwrap_or_default().to_owned();
            assert!(
                row.allowed() != Some(true) || reason.starts_with("allowed by rule"),
                "{}: {} {reason}",
                row.id,
                row.verdict
            );
            assert!(!row.tunneled || row.allowed() == Some(true), "{}", row.id);
        }
        let waiting = made.iter().filter(|row| row.verdict == 0 && row.active).count();
        assert!(waiting < made.len(), "{waiting} of {}", made.len());
        change(&mut world, "config: { filter/defaultAction: permit }");
        advance(&mut world, 15);
        assert!(world.state()["connections"]["active"].as_u64().unwrap() > 10);
    }

    #[test]
    fn habits_move_on_at_any_pace() {
        let now = Timestamp::UNIX_EPOCH;
        let world = world(Contract::V2_2);
        for pace in [1, 1_000, 500_000, u64::MAX / 2] {
            for app in &world.apps {
                let mut life = Life { pace, ..Life::default() };
                life.join(app, 1, now);
                let habits = life.habits.len();
                life.coming.clear();
                for place in (0..habits).cycle().take(habits * 20) {
                    life.plan(place, role_of(app), 1, (now, now));
                }
                let soon =
                    life.coming.iter().find(|((due, _), one)| matches!(one, Coming::Habit(_)) && *due <= now);
                assert!(soon.is_none(), "{} at {pace}", app.name);
            }
        }
    }

    /// Takes a minute without optimizations.
    #[test]
    #[ignore = "slow: a day"]
    fn a_day_keeps_its_level() {
        let mut world = world(Contract::V2_2);
        let mut told = Vec::new();
        for _ in 0..24 {
            let mut active = 0;
            for _ in 0..6 {
                advance(&mut world, 10);
                active += world.state()["connections"]["active"].as_u64().unwrap();
            }
            told.push((active / 6, begun(&world, 10).len(), world.connections.len()));
        }
        println!("active, begun in ten minutes, kept: {told:?}");
        assert!(told.iter().all(|one| (10..90).contains(&one.0) && (60..200).contains(&one.1)), "{told:?}");
        let kept = |hour: usize| told[hour].2;
        assert!(kept(23) < kept(2) * 13 / 10, "{told:?}");
    }

    #[test]
    fn streams_have_their_traffic_in_parts() {
        let mut world = world(Contract::V2_2);
        world.take_events();
        let mut samples: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        for _ in 0..40 {
            world.clock.advance(SignedDuration::from_mins(1));
            world.run_due();
            for event in world.take_events() {
                if let Event::Measured(told) = event {
                    for one in told {
                        samples.entry(one.conn_id).or_default().push((one.time, one.incoming));
                    }
                }
            }
        }
        let (id, parts) = samples.iter().max_by_key(|(_, parts)| parts.len()).unwrap();
        assert!(parts.len() > 10 && parts.windows(2).all(|pair| pair[0].0 < pair[1].0), "{id}: {parts:?}");
        let all: Vec<(&String, i64)> =
            samples.iter().map(|(id, parts)| (id, parts.iter().map(|(_, bytes)| bytes).sum())).collect();
        let known = |id: &str| world.connections.get(id).filter(|one| one.started > world.clock.start());
        for (id, sum) in all {
            if let Some(one) = known(id) {
                assert_eq!(one.bytes_received, sum, "{id}");
            }
        }
    }
}
