//! The CPU profiler, of which there is one.

use std::time::Duration;

use jiff::SignedDuration;

use super::World;

impl World {
    /// Begins a CPU profile of so much of the world's time; no if one runs already. Where a span takes no time at all, as
    /// on a frozen clock, it is over at once.
    pub fn begin_cpu_profile(&mut self, span: Duration) -> bool {
        let now = self.now();
        if self.cpu_profile_until.is_some_and(|until| now < until) {
            return false;
        }
        let takes_time = self.clock.outside(span) != Some(Duration::ZERO);
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        self.cpu_profile_until = takes_time.then(|| now.saturating_add(span).unwrap_or(jiff::Timestamp::MAX));
        true
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::{Scenario, scenario::ClockMode};

    use super::*;
    use crate::world::Options;

    fn world(clock: ClockMode) -> World {
        let options = Options { clock: Some(clock), ..Options::default() };
        World::new(Scenario::default(), options).unwrap()
    }

    #[test]
    fn there_is_one_profiler() {
        let mut world = world(ClockMode::Manual);
        assert!(world.begin_cpu_profile(Duration::from_secs(10)));
        assert!(!world.begin_cpu_profile(Duration::from_secs(1)));
        world.clock.advance(SignedDuration::from_secs(10));
        assert!(world.begin_cpu_profile(Duration::from_secs(1)));
    }

    #[test]
    fn on_a_frozen_clock_profiles_are_over_at_once() {
        let mut world = world(ClockMode::Frozen);
        assert!(world.begin_cpu_profile(Duration::from_secs(10)));
        assert!(world.begin_cpu_profile(Duration::from_secs(10)));
    }
}
