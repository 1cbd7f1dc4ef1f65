//! The world's clock. It is told how long it is outside; it never looks itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::ClockMode;
use serde::{Deserialize, Serialize};

/// A clock that begins at a scenario's start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Shown", into = "Shown")]
pub struct Clock {
    mode: ClockMode,
    start: Timestamp,
    /// The world's instant at `anchor_outside`.
    anchor: Timestamp,
    anchor_outside: Duration,
    now: Timestamp,
}

/// What is saved of a clock: nothing of how late it is outside.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    mode: ClockMode,
    start: Timestamp,
    now: Timestamp,
}

/// A clock that runs at no pace is one that only a hand moves.
fn pace(mode: ClockMode) -> ClockMode {
    if mode == ClockMode::Running(0) { ClockMode::Manual } else { mode }
}

impl From<Shown> for Clock {
    fn from(Shown { mode, start, now }: Shown) -> Self {
        Self { mode: pace(mode), start, anchor: now, anchor_outside: Duration::ZERO, now }
    }
}

impl From<Clock> for Shown {
    fn from(Clock { mode, start, now, .. }: Clock) -> Self {
        Self { mode, start, now }
    }
}

impl Clock {
    /// The earliest instant at which a world begins, in the year 1, where Go's time begins.
    pub const EARLIEST: Timestamp = Timestamp::constant(-62_135_596_800, 0);
    /// The latest instant at which a world begins, in the year 9000.
    pub const LATEST: Timestamp = Timestamp::constant(221_845_392_000, 0);
    /// Where a clock stands still, in the year 9900. What is counted from there is still an instant.
    pub const END: Timestamp = Timestamp::constant(250_246_627_200, 0);

    /// A clock that shows `start`.
    pub fn new(mode: ClockMode, start: Timestamp) -> Self {
        Self { mode: pace(mode), start, anchor: start, anchor_outside: Duration::ZERO, now: start }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The instant at which the world began.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The pace.
    pub fn mode(&self) -> ClockMode {
        self.mode
    }

    /// Tells a running clock how much time has passed outside since the simulator began.
    pub fn observe(&mut self, outside: Duration) {
        let ClockMode::Running(factor) = self.mode else { return };
        let passed = outside.saturating_sub(self.anchor_outside).saturating_mul(factor);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        self.now = after(self.anchor, passed).max(self.now);
    }

    /// Moves the clock on by a span, whatever its pace.
    pub fn advance(&mut self, by: SignedDuration) {
        let by = by.max(SignedDuration::ZERO);
        self.anchor = after(self.anchor, by);
        self.now = after(self.now, by);
    }

    /// Goes otherwise from now on, so long after the simulator began, and shows the same instant.
    pub fn set_mode(&mut self, mode: ClockMode, outside: Duration) {
        self.mode = pace(mode);
        self.rebase(outside);
    }

    /// Goes on from the instant that it shows, so long after the simulator began.
    pub fn rebase(&mut self, outside: Duration) {
        (self.anchor, self.anchor_outside) = (self.now, outside);
    }

    /// Shows an instant for a while, for what happens then and is only now looked at.
    pub(super) fn show(&mut self, instant: Timestamp) {
        self.now = instant;
    }

    /// How long outside a span of this world takes: `None` when only a hand moves the clock, nothing when it is frozen,
    /// since a wait would never end there.
    pub fn outside(&self, span: Duration) -> Option<Duration> {
        match self.mode {
            ClockMode::Frozen => Some(Duration::ZERO),
            ClockMode::Manual => None,
            // No wait for what is still to come takes no time at all.
            ClockMode::Running(factor) => {
                Some((span / factor).max(Duration::from_nanos(u64::from(!span.is_zero()))))
            }
        }
    }
}

/// A span after an instant; the clock's end at most.
fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX).min(Clock::END)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_frozen_clock_stands_still() {
        let mut clock = Clock::new(ClockMode::Frozen, at(100));
        clock.observe(Duration::from_secs(5));
        assert_eq!(clock.now(), at(100));
        assert_eq!(clock.outside(Duration::from_secs(9)), Some(Duration::ZERO));
    }

    #[test]
    fn a_running_clock_multiplies_what_passes_outside() {
        let mut clock = Clock::new(ClockMode::Running(60), at(100));
        clock.observe(Duration::from_secs(1));
        assert_eq!(clock.now(), at(160));
        clock.advance(SignedDuration::from_secs(10));
        clock.observe(Duration::from_secs(2));
        assert_eq!(clock.now(), at(230));
        assert_eq!(clock.outside(Duration::from_secs(60)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn another_pace_begins_at_the_instant_that_is_shown() {
        let mut clock = Clock::new(ClockMode::Running(60), at(100));
        clock.observe(Duration::from_secs(1));
        clock.set_mode(ClockMode::Running(2), Duration::from_secs(1));
        assert_eq!(clock.now(), at(160));
        clock.observe(Duration::from_secs(11));
        assert_eq!(clock.now(), at(180));
        clock.set_mode(ClockMode::Frozen, Duration::from_secs(11));
        clock.observe(Duration::from_secs(99));
        assert_eq!(clock.now(), at(180));
    }

    #[test]
    fn no_clock_goes_beyond_its_end() {
        let mut clock = Clock::new(ClockMode::Manual, at(100));
        clock.advance(SignedDuration::MAX);
        assert_eq!(clock.now(), Clock::END);
        clock.set_mode(ClockMode::Running(1_000_000), Duration::ZERO);
        clock.observe(Duration::MAX);
        assert_eq!(clock.now().to_string(), "9900-01-01T00:00:00Z");
    }

    #[test]
    fn no_pace_is_no_clock_that_runs() {
        let mut clock = Clock::new(ClockMode::Running(0), at(100));
        assert_eq!(clock.outside(Duration::from_secs(1)), None);
        clock.set_mode(ClockMode::Running(0), Duration::from_secs(1));
        assert_eq!(clock.mode(), ClockMode::Manual);
    }

    #[test]
    fn a_manual_clock_moves_by_hand_only() {
        let mut clock = Clock::new(ClockMode::Manual, at(100));
        clock.observe(Duration::from_secs(5));
        clock.advance(SignedDuration::from_secs(3));
        assert_eq!(clock.now(), at(103));
        assert_eq!(clock.outside(Duration::from_secs(1)), None);
    }
}
