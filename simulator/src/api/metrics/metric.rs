//! A metric, its names and its lines for Prometheus.

use std::collections::BTreeMap;

use portmaster_fixtures::Permission;

use crate::{
    go::{json, quote::quote},
    ordered::ordered,
};

/// The name that the device goes by.
const INSTANCE: &str = "simulator";

/// A metric with what it shows now.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    pub(super) identifier: &'static str,
    pub(super) labels: BTreeMap<&'static str, String>,
    /// The title in user interfaces.
    pub(super) name: &'static str,
    /// A name that other parts of the core know it by.
    pub(super) internal: &'static str,
    pub(super) permission: Permission,
    /// 0 user, 1 expert, 2 developer.
    pub(super) expertise: u8,
    pub(super) persist: bool,
    pub(super) shown: Shown,
}

/// What a metric shows.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    /// One number.
    Value(f64),
    /// How often durations in seconds occurred.
    Durations(Vec<f64>),
    /// The numbers of the runtime, by name.
    Runtime(Vec<(&'static str, f64)>),
}

impl Metric {
    pub(super) fn new(identifier: &'static str, name: &'static str, shown: Shown) -> Self {
        Self {
            identifier,
            labels: ordered([("instance", INSTANCE.to_owned())]),
            name,
            internal: "",
            permission: Permission::User,
            expertise: 0,
            persist: false,
            shown,
        }
    }

    pub(super) fn labelled<const N: usize>(mut self, labels: [(&'static str, &str); N]) -> Self {
        self.labels.extend(labels.map(|(name, value)| (name, value.to_owned())));
        self
    }

    /// The name for Prometheus, without labels.
    fn base(&self) -> String {
        format!("portmaster_{}", self.identifier.replace('/', "_"))
    }

    /// The name with all labels.
    pub(super) fn labelled_identifier(&self) -> String {
        format!("{}{{{}}}", self.base(), self.pairs())
    }

    fn pairs(&self) -> String {
        let pairs: Vec<String> =
            self.labels.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
        pairs.join(",")
    }

    pub(super) fn value(&self) -> Option<f64> {
        match self.shown {
            Shown::Value(value) => Some(value),
            Shown::Durations(_) | Shown::Runtime(_) => None,
        }
    }

    /// The lines for Prometheus.
    pub(super) fn write(&self, out: &mut String) {
        let number = |value: f64| json::float(value);
        match &self.shown {
            Shown::Value(value) => {
                out.push_str(&format!("{} {}\n", self.labelled_identifier(), number(*value)));
            }
            Shown::Durations(durations) if durations.is_empty() => {}
            Shown::Durations(durations) => {
                let (base, pairs) = (self.base(), self.pairs());
                let mut buckets: BTreeMap<i32, u64> = BTreeMap::new();
                for duration in durations {
                    *buckets.entry(bucket(*duration)).or_default() += 1;
                }
                for (index, count) in buckets {
                    let range = format!("{}...{}", scientific(edge(index)), scientific(edge(index + 1)));
                    out.push_str(&format!("{base}_bucket{{{pairs},vmrange=\"{range}\"}} {count}\n"));
                }
                let sum: f64 = durations.iter().sum();
                out.push_str(&format!("{base}_sum{{{pairs}}} {}\n", number(sum)));
                out.push_str(&format!("{base}_count{{{pairs}}} {}\n", durations.len()));
            }
            Shown::Runtime(values) => {
                for (name, value) in values {
                    out.push_str(&format!("portmaster_{name}{{{}}} {}\n", self.pairs(), number(*value)));
                }
            }
        }
    }
}

/// The bucket of a duration: 18 for each power of ten.
fn bucket(duration: f64) -> i32 {
    (duration.max(1e-9).log10() * 18.0).floor() as i32
}

/// Where a bucket begins.
fn edge(index: i32) -> f64 {
    10_f64.powf(f64::from(index) / 18.0)
}

/// A number as Go's `%.3e` writes it.
fn scientific(value: f64) -> String {
    let text = format!("{value:.3e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}e{sign}{size:0>2}")
}
