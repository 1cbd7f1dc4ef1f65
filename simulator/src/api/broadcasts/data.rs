//! The data that broadcasts are matched with: whatever is worth a condition (core-1.x §7.1).

use jiff::Timestamp;
use portmaster_fixtures::{
    RecordForm,
    scenario::{LocationSource, SpnStatus},
};
use serde_json::{Map, Value, json};

use crate::{
    api::network,
    world::{World, geo, versions::numeric},
};

/// The members are sorted by name, as Go sorts a map.
pub(super) fn matching(world: &World) -> Map<String, Value> {
    let late = world.behaviour.record_form == RecordForm::Late;
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
    put("Install", world.install_info());
    put("Location", location(world));
    put("NumericVersion", numeric(version).map_or_else(|| json!({ "Error": {} }), Value::from));
    put("SPN", connection(world, late));
    put("Updates", world.simple_versions());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_numbers() {
        let at = "2026-11-24T06:32:56Z".parse().unwrap();
        assert_eq!(numbers(at), (20_261_124, 63_256));
        assert_eq!(current(at)["UTC"]["NumericDateTime"], 20_261_124_063_256_i64);
    }
}
