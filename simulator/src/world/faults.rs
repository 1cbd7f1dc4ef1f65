//! What goes wrong between the core and its callers: which requests are struck, and how.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use portmaster_fixtures::scenario::{ClockMode, Delay, Effect, Fault};
use rand::{RngExt as _, rngs::ChaCha20Rng};
use serde::{Deserialize, Serialize};

use super::{Event, World, chance, pattern::Pattern, timeline::later};
use crate::limits;

/// The faults of a world.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    entries: Vec<Entry>,
    /// How many there ever were: each draws from a stream of its own, the one after a removed one, too.
    #[serde(default, skip_serializing_if = "super::saved::is_zero")]
    made: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// As it was told.
    told: Fault,
    /// A pattern of whole paths.
    path: Option<Pattern>,
    method: Option<String>,
    probability: Option<f64>,
    left: Option<u32>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// Whether it strikes messages of the websocket; then their key's pattern.
    push: Option<Option<Pattern>>,
    effect: Effect,
    rng: chance::Stream,
}

/// How one request or message is struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blow {
    /// How long it waits before anything is done.
    pub delay: Duration,
    /// How much later its answer comes.
    pub late: Duration,
    /// The status in the place of an answer.
    pub status: Option<u16>,
    /// Whether the connection is reset.
    pub reset: bool,
    /// After how many bytes of the body the connection breaks.
    pub truncate: Option<u32>,
    /// How many bytes of the body come in a second.
    pub slow: Option<u32>,
    /// Whether the body loses its last bracket.
    pub malformed_json: bool,
    /// Whether the message is never sent.
    pub drop: bool,
}

impl Blow {
    /// One effect, its delays drawn.
    pub(super) fn new(effect: &Effect, rng: &mut ChaCha20Rng) -> Self {
        Self {
            delay: effect.delay.map(|delay| drawn(delay, rng)).unwrap_or_default(),
            late: effect.late.map(|late| drawn(late, rng)).unwrap_or_default(),
            status: effect.status,
            reset: effect.reset,
            truncate: effect.truncate,
            slow: effect.slow,
            malformed_json: effect.malformed_json,
            drop: effect.drop,
        }
    }

    /// Both at once: the delays add up, of two statuses and numbers the first counts.
    pub fn and(self, other: Self) -> Self {
        Self {
            delay: self.delay + other.delay,
            late: self.late + other.late,
            status: self.status.or(other.status),
            reset: self.reset || other.reset,
            truncate: self.truncate.or(other.truncate),
            slow: self.slow.or(other.slow),
            malformed_json: self.malformed_json || other.malformed_json,
            drop: self.drop || other.drop,
        }
    }
}

fn drawn(delay: Delay, rng: &mut ChaCha20Rng) -> Duration {
    match delay {
        Delay::Exactly(span) => span.0,
        Delay::Between(between) => {
            let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
            let (min, max) = (nanos(between.min.0), nanos(between.max.0));
            Duration::from_nanos(rng.random_range(min..=max.max(min)))
        }
    }
}

impl Entry {
    fn new(told: Fault, number: usize, seed: u64, start: Timestamp) -> Self {
        let when = &told.when;
        Self {
            path: when.path.as_deref().map(Pattern::path),
            method: when.method.clone(),
            probability: when.probability,
            left: when.count,
            from: when.from.map(|from| later(start, from.0)),
            to: when.to.map(|to| later(start, to.0)),
            push: when.websocket.as_ref().map(|push| push.key.as_deref().map(Pattern::new)),
            effect: told.effect.clone(),
            rng: chance::fresh(seed, &format!("faults/{number}")),
            told,
        }
    }
}

impl Faults {
    /// The faults of a scenario, a stream of chance each.
    pub fn new(told: Vec<Fault>, seed: u64, start: Timestamp) -> Self {
        let mut faults = Self::default();
        for one in told {
            faults.add(one, seed, start);
        }
        faults
    }

    /// The faults, as they were told.
    pub fn told(&self) -> impl Iterator<Item = &Fault> {
        self.entries.iter().map(|entry| &entry.told)
    }

    /// Adds one behind the others: its place.
    pub fn add(&mut self, told: Fault, seed: u64, start: Timestamp) -> usize {
        let place = self.entries.len();
        self.made = self.made.max(place);
        self.entries.push(Entry::new(told, self.made, seed, start));
        self.made += 1;
        place
    }

    /// Takes one away by its place; whether it was there.
    pub fn remove(&mut self, place: usize) -> bool {
        let there = place < self.entries.len();
        if there {
            self.entries.remove(place);
        }
        there
    }

    /// Whether nothing goes wrong.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How those that fit strike, and their places; each counts and draws for itself.
    fn strike(&mut self, now: Timestamp, fits: impl Fn(&Entry) -> bool) -> Option<(Blow, Vec<usize>)> {
        let mut struck: Option<(Blow, Vec<usize>)> = None;
        for (place, entry) in self.entries.iter_mut().enumerate() {
            let timely = entry.from.is_none_or(|from| from <= now) && entry.to.is_none_or(|to| now < to);
            if !timely || entry.left == Some(0) || !fits(entry) {
                continue;
            }
            if entry.probability.is_some_and(|likely| !entry.rng.random_bool(likely.clamp(0.0, 1.0))) {
                continue;
            }
            entry.left = entry.left.map(|left| left - 1);
            let one = Blow::new(&entry.effect, &mut entry.rng);
            let (blow, by) = struck.get_or_insert_default();
            *blow = blow.and(one);
            by.push(place);
        }
        struck
    }
}

impl World {
    /// How a request is struck, by its whole path, and the places of the faults that do.
    pub fn strike(&mut self, method: &str, path: &str) -> Option<(Blow, Vec<usize>)> {
        let now = self.now();
        self.faults.strike(now, |entry| {
            entry.push.is_none()
                && entry.path.as_ref().is_none_or(|pattern| pattern.fits(path))
                && entry.method.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(method))
        })
    }

    /// What is left of an event when the message that tells of it is struck: a late one comes by itself.
    pub(super) fn struck(&mut self, event: Event) -> Option<Event> {
        let key = match &event {
            Event::Record(record) => record.key.clone(),
            Event::Connection(row) => format!("network:tree/{}", row.id),
            _ => return Some(event),
        };
        let now = self.now();
        let blow = self.faults.strike(now, |entry| {
            entry.push.as_ref().is_some_and(|push| push.as_ref().is_none_or(|pattern| pattern.fits(&key)))
        });
        let blow = blow.map(|(blow, _)| blow);
        // On a frozen clock nothing waits, here as with requests.
        let waits = self.clock.mode() != ClockMode::Frozen;
        let Some(blow) = blow.filter(|blow| blow.drop || (waits && !blow.late.is_zero())) else {
            return Some(event);
        };
        let (left, told) = match event {
            // The connection database hears of it all the same.
            Event::Connection(row) => (Some(Event::Stored(Arc::clone(&row))), Event::Told(row)),
            event => (None, event),
        };
        if !blow.drop && self.late.len() < limits::LATE {
            let due = later(now, blow.late);
            let last = self.late.range((due, 0)..=(due, usize::MAX)).next_back();
            let order = last.map_or(0, |((_, order), _)| order + 1);
            self.late.insert((due, order), told);
        }
        left
    }

    /// The instant at which subscribers are told of something late.
    pub(super) fn next_late(&self) -> Option<Timestamp> {
        self.late.first_key_value().map(|((due, _), _)| *due)
    }

    /// Tells what was late and is due.
    pub(super) fn tell_late(&mut self, due: Timestamp) {
        while let Some(next) = self.late.first_entry().filter(|next| next.key().0 <= due) {
            let event = next.remove();
            self.events.push(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use jiff::SignedDuration;
    use portmaster_fixtures::{Scenario, scenario::ClockMode};
    use serde_json::Value;

    use crate::{
        limits,
        world::{Event, Meta, Options, Record, World},
    };

    fn world(faults: &str) -> World {
        let scenario = Scenario::parse("test", &format!("faults: {faults}")).expect("a scenario");
        let options = Options { clock: Some(ClockMode::Manual), ..Options::default() };
        World::new(scenario, options).expect("a world")
    }

    #[test]
    fn requests_are_struck_by_path_and_method_so_often_as_told() {
        let mut world =
            world("[{ when: { path: 'netquery/*', method: post, count: 2 }, effect: { status: 503 } }]");
        assert!(world.strike("GET", "/api/v1/netquery/query").is_none());
        assert!(world.strike("POST", "/api/v1/ping").is_none());
        for expected in [Some(503), Some(503), None] {
            let status = world.strike("POST", "/api/v1/netquery/query").and_then(|(blow, _)| blow.status);
            assert_eq!(status, expected);
        }
    }

    #[test]
    fn windows_open_and_close() {
        let mut world = world("[{ when: { from: 10s, to: 20s }, effect: { delay: 1s } }]");
        let mut struck = Vec::new();
        for _ in 0..6 {
            struck.push(world.strike("GET", "/").is_some());
            world.clock.advance(SignedDuration::from_secs(5));
        }
        assert_eq!(struck, [false, false, true, true, false, false]);
    }

    #[test]
    fn late_messages_wait_for_a_clock_that_moves_and_are_bounded_there() {
        let faults = "[{ when: { websocket: {} }, effect: { late: 1s } }]";
        let told = || Event::Record(Arc::new(Record::of("core:x", Meta::default(), Value::Null)));
        let mut world = world(faults);
        for _ in 0..limits::LATE + 10 {
            assert!(world.struck(told()).is_none());
        }
        assert_eq!(world.late.len(), limits::LATE);
        world.clock.set_mode(ClockMode::Frozen, Duration::ZERO);
        assert!(world.struck(told()).is_some());
    }

    #[test]
    fn one_in_the_place_of_another_draws_anew() {
        let mut world = world("[{ when: { probability: 0.5 }, effect: { status: 503 } }]");
        let told = world.faults.told().next().cloned().unwrap();
        let start = world.clock.start();
        let mut draws = Vec::new();
        for _ in 0..3 {
            draws.push((0..200).map(|_| world.strike("GET", "/").is_some()).collect::<Vec<_>>());
            world.faults.remove(0);
            world.faults.add(told.clone(), 0, start);
        }
        assert_ne!(draws[0], draws[1]);
        assert_ne!(draws[1], draws[2]);
    }

    #[test]
    fn chance_comes_from_the_seed() {
        let faults = "[{ when: { probability: 0.3 }, effect: { delay: { min: 1s, max: 3s } } }]";
        let draw = || {
            let mut world = world(faults);
            (0..1000).map(|_| world.strike("GET", "/")).collect::<Vec<_>>()
        };
        let (first, second) = (draw(), draw());
        assert_eq!(first, second);
        let struck: Vec<_> = first.into_iter().flatten().collect();
        assert!((230..370).contains(&struck.len()), "{}", struck.len());
        let within = Duration::from_secs(1)..=Duration::from_secs(3);
        assert!(struck.iter().all(|(blow, _)| within.contains(&blow.delay)));
    }
}
