//! What a hub costs: formulas that were fitted to recorded measurements.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A connection's quality: of a lane, or of the way from this device to a hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Latency, ns.
    pub latency: u64,
    /// Capacity, bit/s.
    pub capacity: u64,
}

impl Quality {
    /// From the units of scenarios.
    pub fn new(latency_ms: f64, capacity_mbit: f64) -> Self {
        Self { latency: (latency_ms * 1e6).round() as u64, capacity: (capacity_mbit * 1e6).round() as u64 }
    }

    /// The latency, ms.
    pub fn latency_ms(self) -> f64 {
        self.latency as f64 / 1e6
    }

    /// The capacity, Mbit/s.
    pub fn capacity_mbit(self) -> f64 {
        self.capacity as f64 / 1e6
    }

    /// The cost: a point for each millisecond, and more the narrower it is, in the cores' narrow floats.
    ///
    /// Up to 100 Mbit/s capacity costs 100 to 20, up to 1 Gbit/s 20 to 5. Wider ones were not observed; here they
    /// cost 5.
    pub fn cost(self) -> f32 {
        let mbit = self.capacity as f32 / 1e6;
        let narrow = if mbit < 100.0 { 100.0 - 0.8 * mbit } else { (20.0 - 0.015 * mbit).max(5.0) };
        self.latency as f32 / 1e6 + narrow
    }
}

/// What it costs to pass through a hub. It was the same for every observed load, 0 to 77 percent.
pub const HUB_COST: f32 = 100.0;

/// A measurement of the way from this device to a hub.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// What was measured.
    pub quality: Quality,
    /// When.
    pub measured: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Latency (ns), capacity (bit/s) and cost, as recorded of cores 1.0.0 and 2.2.0.
    const RECORDED: &[(u64, u64, f32)] = &[
        (10_000_000, 100_000_000, 28.5),
        (13_000_000, 105_000_000, 31.425),
        (19_000_000, 115_000_000, 37.275),
        (43_000_000, 155_000_000, 60.675),
        (22_888_707, 489_583_306, 35.54496),
        (21_633_861, 228_038_596, 38.21328),
        (36_664_217, 999_063_715, 41.67826),
        (43_474_947, 83_206_844, 76.90947),
        (91_403_451, 915_006_612, 97.67835),
        (81_513_315, 118_918_792, 99.72953),
        (18_000_000, 55_000_000, 74.0),
        (21_000_000, 53_000_000, 78.6),
        (20_000_000, 51_000_000, 79.2),
    ];

    #[test]
    fn costs_are_as_recorded() {
        for &(latency, capacity, cost) in RECORDED {
            let ours = Quality { latency, capacity }.cost();
            assert_eq!(ours, cost, "{latency} ns, {capacity} bit/s");
        }
    }
}
