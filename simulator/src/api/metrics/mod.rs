//! `metrics/*`: what the core counts, as JSON and for Prometheus.

mod collected;
mod metric;

use std::collections::BTreeMap;

use portmaster_fixtures::Permission;
use serde::Serialize;

use super::{Call, Handler, Reply};
use crate::world::World;
use collected::metrics;
use metric::Metric;

pub(super) const HANDLERS: &[Handler] =
    &[Handler::new("metrics/list", list), Handler::new("metrics/values", values)];

/// A metric as `metrics/list` describes it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    identifier: &'static str,
    labels: BTreeMap<&'static str, String>,
    labeled_identifier: String,
    options: Options,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Options {
    name: &'static str,
    #[serde(rename = "InternalID", skip_serializing_if = "Option::is_none")]
    internal: Option<&'static str>,
    alert_limit: u8,
    alert_timeframe: u8,
    permission: Permission,
    expertise_level: u8,
    persist: bool,
}

/// A metric beside its value, which only those with one number have.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WithValue {
    metric: Description,
    current_value: Option<f64>,
}

/// The metrics that a caller may read. Where an endpoint is everybody's, it shows all of them.
fn readable(world: &World, call: &Call, path: &str) -> impl Iterator<Item = Metric> {
    let endpoint = world.contract.endpoints().iter().find(|endpoint| endpoint.path == path);
    let everything = endpoint.is_some_and(|endpoint| endpoint.read == Permission::Anyone);
    let read = call.token.read;
    metrics(world).into_iter().filter(move |metric| everything || metric.permission <= read)
}

fn list(world: &mut World, call: &Call) -> Reply {
    let with_values = world.behaviour.metrics_with_values;
    let describe = |metric: &Metric| Description {
        identifier: metric.identifier,
        labels: metric.labels.clone(),
        labeled_identifier: metric.labelled_identifier(),
        options: Options {
            name: metric.name,
            internal: with_values.then_some(metric.internal),
            alert_limit: 0,
            alert_timeframe: 0,
            permission: metric.permission,
            expertise_level: metric.expertise,
            persist: metric.persist,
        },
    };
    let metrics = readable(world, call, "metrics/list");
    if with_values {
        let list =
            metrics.map(|metric| WithValue { metric: describe(&metric), current_value: metric.value() });
        call.structured(&list.collect::<Vec<_>>())
    } else {
        call.structured(&metrics.map(|metric| describe(&metric)).collect::<Vec<_>>())
    }
}

/// The numbers by internal name, or else by the name with labels. The parameter counts whatever its value.
fn values(world: &mut World, call: &Call) -> Reply {
    let internal_only = call.parameter("internal-only").is_some();
    let mut values = BTreeMap::new();
    for metric in readable(world, call, "metrics/values") {
        let Some(value) = metric.value() else { continue };
        if !metric.internal.is_empty() {
            values.insert(metric.internal.to_owned(), value);
        } else if !internal_only {
            values.insert(metric.labelled_identifier(), value);
        }
    }
    call.structured(&values)
}

/// The metrics that a caller may read, in Prometheus' text form, up to a level of expertise: `user`, `expert` or
/// `developer` (core-2.2 §7); all levels for another word.
pub(crate) fn text(world: &World, read: Permission, level: &str) -> String {
    let most = match level {
        "user" => 0,
        "expert" => 1,
        _ => 2,
    };
    let mut out = String::new();
    for metric in metrics(world) {
        if metric.permission <= read && metric.expertise <= most {
            metric.write(&mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests;
