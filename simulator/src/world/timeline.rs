//! What happens by itself: entries by their instants, and among equal instants by their places in the file.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{Change, Timed};
use rand::{RngExt as _, rngs::ChaCha20Rng};
use serde::{Deserialize, Serialize};

use super::chance;
use crate::limits;

/// What is to come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    #[serde(with = "super::saved::pairs")]
    waiting: BTreeMap<(Timestamp, usize), Entry>,
    /// The place of the next entry.
    places: usize,
}

/// An entry that is to come.
#[derive(Clone, Debug)]
pub struct Coming<'t> {
    /// Its place among all entries, those that are over included.
    pub place: usize,
    /// Its instant.
    pub next: Timestamp,
    /// How often it comes again.
    pub every: Option<Duration>,
    /// When it comes for the last time.
    pub until: Option<Timestamp>,
    /// What happens.
    pub change: &'t Change,
}

/// An entry that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    change: Arc<Change>,
    again: Option<Again>,
    /// What rules set each other off, if one wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Chain>,
}

/// A change that is due.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its instant and its place.
    pub(super) at: (Timestamp, usize),
    pub(super) change: Arc<Change>,
    /// What rules set each other off, if one wants it.
    pub(super) by: Option<Chain>,
}

/// Rules that set each other off, be it with time in between.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chain {
    /// The place of the first change that waits because of them.
    pub(super) first: usize,
    /// How deep in each other they act.
    pub(super) depth: u32,
}

/// How an entry comes again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    every: Duration,
    until: Option<Timestamp>,
    jitter: Duration,
    /// The instant at which the entry is due, before anything is drawn.
    nominal: Timestamp,
    rng: chance::Stream,
}

impl Timeline {
    /// The timeline of a scenario. Chance is a stream an entry, so that no entry disturbs another.
    pub fn new(told: Vec<Timed>, seed: u64, start: Timestamp) -> Self {
        let mut timeline = Self::default();
        for entry in told {
            let rng = chance::fresh(seed, &format!("timeline/{}", timeline.places));
            timeline.put(entry, start, rng);
        }
        timeline
    }

    /// Adds an entry whose spans count from `start`.
    fn put(&mut self, told: Timed, start: Timestamp, mut rng: chance::Stream) {
        let place = self.places;
        self.places += 1;
        let nominal = later(start, told.at.or(told.every).unwrap_or_default().0);
        let until = told.until.map(|until| later(start, until.0));
        if until.is_some_and(|until| nominal > until) {
            return;
        }
        let jitter = told.jitter.unwrap_or_default().0;
        let due = drawn(nominal, jitter, &mut rng);
        let again = told.every.map(|every| Again { every: every.0, until, jitter, nominal, rng });
        self.waiting.insert((due, place), Entry { change: Arc::new(told.change), again, by: None });
    }

    /// Adds a change that happens once, at an instant, because rules so deep in each other want it. They go on from an
    /// earlier change, or this is their first.
    pub(super) fn add(
        &mut self,
        due: Timestamp,
        change: Arc<Change>,
        depth: u32,
        earlier: Option<usize>,
    ) -> usize {
        let first = earlier.unwrap_or(self.places);
        self.waiting
            .insert((due, self.places), Entry { change, again: None, by: Some(Chain { first, depth }) });
        self.places += 1;
        first
    }

    /// Whether no more changes may wait.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= limits::SCHEDULED
    }

    /// What is to come, in order.
    pub fn coming(&self) -> impl Iterator<Item = Coming<'_>> {
        self.waiting.iter().map(|((next, place), entry)| Coming {
            place: *place,
            next: *next,
            every: entry.again.as_ref().map(|again| again.every),
            until: entry.again.as_ref().and_then(|again| again.until),
            change: &entry.change,
        })
    }

    /// The instant of the next change.
    pub fn next(&self) -> Option<Timestamp> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Whether the rest of a change can wait at its place; there the entry may come again already.
    pub(super) fn has_room(&self, at: (Timestamp, usize)) -> bool {
        !self.waiting.contains_key(&at)
    }

    /// Lets the rest of a change wait at its instant and place.
    pub(super) fn put_back(&mut self, at: (Timestamp, usize), rest: Change, by: Option<Chain>) {
        self.waiting.insert(at, Entry { change: Arc::new(rest), again: None, by });
    }

    /// Takes the next change, if it is due by an instant. An entry that comes again waits for its next time.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Taken> {
        let next = self.waiting.first_entry().filter(|next| next.key().0 <= now)?;
        let at = *next.key();
        let place = at.1;
        let Entry { change, again, by } = next.remove();
        if let Some(mut again) = again {
            let last = again.nominal;
            again.nominal = later(last, again.every);
            // At the end of time nothing comes again.
            if again.until.is_none_or(|until| again.nominal <= until) && again.nominal > last {
                let due = drawn(again.nominal, again.jitter, &mut again.rng);
                let change = Arc::clone(&change);
                self.waiting.insert((due, place), Entry { change, again: Some(again), by });
            }
        }
        Some(Taken { at, change, by })
    }
}

/// A span later; the end of time at most.
pub(super) fn later(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn drawn(nominal: Timestamp, jitter: Duration, rng: &mut ChaCha20Rng) -> Timestamp {
    if jitter.is_zero() {
        return nominal;
    }
    let most = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX);
    later(nominal, Duration::from_nanos(rng.random_range(0..=most)))
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Scenario;

    use super::*;

    /// The instants, in seconds after the start, and the topics of what a timeline brings until an instant.
    fn run(yaml: &str, seed: u64, until: i64) -> Vec<(f64, String)> {
        let told = Scenario::parse("test", yaml).expect("a scenario").timeline;
        let mut timeline = Timeline::new(told, seed, Timestamp::UNIX_EPOCH);
        let end = Timestamp::from_second(until).expect("an instant");
        let mut seen = Vec::new();
        while let Some(due) = timeline.next().filter(|due| *due <= end) {
            let change = timeline.take(due).expect("a change that is due").change;
            let keys: Vec<&str> = change.config.keys().map(String::as_str).collect();
            seen.push((due.as_millisecond() as f64 / 1e3, keys.join(",")));
        }
        seen
    }

    #[test]
    fn entries_come_by_instant_and_then_by_place() {
        let yaml = "timeline:
  - { at: 4s, change: { config: { b: 1 } } }
  - { every: 2s, until: 6s, change: { config: { a: 1 } } }
  - { at: 1s, every: 3s, until: 5s, change: { config: { c: 1 } } }
  - { at: 4s, change: { config: { d: 1 } } }";
        let seen: Vec<String> = run(yaml, 1, 60).into_iter().map(|(at, key)| format!("{at}{key}")).collect();
        assert_eq!(seen, ["1c", "2a", "4b", "4a", "4c", "4d", "6a"]);
    }

    #[test]
    fn jitter_is_drawn_from_the_seed_and_does_not_add_up() {
        let yaml = "timeline: [{ every: 10s, jitter: 5s, change: { config: { a: 1 } } }]";
        let seen = run(yaml, 7, 1000);
        assert!(seen.len() >= 99, "{}", seen.len());
        for (index, (at, _)) in seen.iter().enumerate() {
            let nominal = 10.0 * (index + 1) as f64;
            assert!(*at >= nominal && *at <= nominal + 5.0, "{at} for {nominal}");
        }
        assert_eq!(seen, run(yaml, 7, 1000));
        assert_ne!(seen, run(yaml, 8, 1000));
    }
}
