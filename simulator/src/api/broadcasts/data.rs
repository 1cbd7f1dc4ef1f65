//! The data that broadcasts are matched with: whatever is worth a condition (core-1.x §7.1).

use jiff::Timestamp;
use portmaster_fixtures::{
    RecordForm,
    scenario::{LocationSource, SpnStatus},
};
use serde_json::{Map, Value, json};

use crate::{
    api::network,
    world::{World, geo},
};

/// The members are sorted by name, as Go sorts a map.
pub(super) fn matching(world: &World) -> Map<String, Value> {
    let late = world.rules.record_form == RecordForm::Late;
    // What the core calls itself: a development build has no number.
    let version = world.version();
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("Account", account(world, late));
    // As in the cores, API keys are not left out (core-2.2 §8 Q8).
    put("Config", json!(world.config.values()));
    if late {
        put("Current", current(world.now()));
    }
    put("Install", install(world, version));
    put("Location", location(world));
    put("NumericVersion", numeric(version).map_or_else(|| json!({ "Error": {} }), Value::from));
    put("SPN", connection(world, late));
    let resources: Map<String, Value> =
        world.resources.iter().map(|one| (one.name.clone(), json!({ "Version": one.version }))).collect();
    put("Updates", json!({ "Build": build(version, late), "Resources": resources, "Channel": "stable" }));
    let up = world.now().duration_since(world.clock.start());
    put("UptimeHours", up.as_hours().into());
    put("Version", version.into());
    out
}

fn account(world: &World, late: bool) -> Value {
    let Some(account) = world.account() else { return json!({ "Error": {} }) };
    let mut out = world.account_fields(account);
    let may_use = account.may_use_spn(world.now());
    if late {
        out.insert("Active".to_owned(), may_use.into());
    }
    out.insert("UpToDate".to_owned(), true.into());
    if late {
        let features = account.plan.as_ref().map(|plan| plan.features.clone()).unwrap_or_default();
        out.insert("FeatureIDs".to_owned(), json!(features));
    } else {
        out.insert("MayUseUSP".to_owned(), may_use.into());
    }
    out.into()
}

/// A version as one number: a million for each major, a thousand for each minor one.
fn numeric(version: &str) -> Option<u64> {
    version.split('.').take(3).try_fold(0, |number, part| Some(number * 1000 + part.parse::<u64>().ok()?))
}

/// Date and time as numbers, such as 20261124 and 63256 for 06:32:56. The world's local time is UTC.
fn numbers(at: Timestamp) -> (i64, i64) {
    let number = |form| at.strftime(form).to_string().parse().unwrap_or(0);
    (number("%Y%m%d"), number("%H%M%S"))
}

fn current(now: Timestamp) -> Value {
    let (date, time) = numbers(now);
    let local = json!({
        "NumericDateTime": date * 1_000_000 + time,
        "NumericDate": date,
        "NumericTime": time,
    });
    json!({ "UnixTime": now.as_second(), "UTC": local, "Local": local })
}

fn install(world: &World, version: &str) -> Value {
    let at = world.core.installed.unwrap_or(world.clock.start());
    json!({
        "Version": version,
        "NumericVersion": numeric(version).unwrap_or(0),
        "Time": at,
        "NumericDate": numbers(at).0,
        "DaysSinceInstall": world.now().duration_since(at).as_hours().max(0) / 24,
        "UnixTimestamp": at.as_second(),
    })
}

fn location(world: &World) -> Value {
    let location = &world.network.location;
    let known = location.source != LocationSource::Timezone;
    let (source, accuracy) = network::told(location.source);
    json!({
        "Country": if known { location.country.as_str() } else { "" },
        "Coordinates": {
            "AccuracyRadius": location.radius,
            "Latitude": location.latitude,
            "Longitude": location.longitude,
        },
        "ASN": if known { location.asn } else { 0 },
        "ASOrg": if known { location.as_org.as_str() } else { "" },
        "Source": source,
        "SourceAccuracy": accuracy,
    })
}

fn connection(world: &World, late: bool) -> Value {
    let status = world.spn_status();
    let home = world.home_hub().filter(|_| status == SpnStatus::Connected);
    let mut out = json!({
        "Status": status.word(),
        "HomeHubID": home.map_or("", |hub| &hub.id),
        "HomeHubName": home.map_or("", |hub| &hub.name),
        "ConnectedIP": home.and_then(|hub| hub.address()).map(|ip| ip.to_string()).unwrap_or_default(),
        "ConnectedTransport": home.and_then(|hub| hub.transports.first()).map_or("", String::as_str),
    });
    if late {
        let country = home.and_then(|hub| portmaster_fixtures::Country::find(&hub.country));
        out["ConnectedCountry"] = country.map(geo::country).into();
    }
    out["ConnectedSince"] = json!(home.map(|_| world.spn_connected_since()));
    out
}

/// What a core says of how it was built. Ours was not built where cores are, and says so.
fn build(version: &str, late: bool) -> Value {
    let source = "https://github.com/safing/portmaster";
    if !late {
        return json!({
            "Name": "Portmaster",
            "Version": version,
            "License": "AGPLv3",
            "Commit": "unknown",
            "BuildOptions": "simulated",
            "BuildUser": "unknown",
            "BuildHost": "unknown",
            "BuildDate": "unknown",
            "BuildSource": source,
        });
    }
    json!({
        "Name": "Portmaster",
        "Version": version,
        "VersionNumber": numeric(version).map_or("0.0.0", |_| version),
        "License": "GPLv3",
        "Source": source,
        "BuildTime": "unknown",
        "CGO": false,
        "Commit": "unknown",
        "CommitTime": "unknown",
        "Dirty": false,
        "GoVersion": "none",
        "Path": "simulated",
        "Main": { "Path": "simulated", "Version": version },
        "Deps": [],
        "Settings": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_dates_are_numbers() {
        assert_eq!(
            ["1.0.0", "2.2.0", "1.6.35", "dev build"].map(numeric),
            [Some(1_000_000), Some(2_002_000), Some(1_006_035), None]
        );
        let at = "2026-11-24T06:32:56Z".parse().unwrap();
        assert_eq!(numbers(at), (20_261_124, 63_256));
        assert_eq!(current(at)["UTC"]["NumericDateTime"], 20_261_124_063_256_i64);
    }
}
