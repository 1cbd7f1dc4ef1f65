//! `intel/*`: what is known about the world.

use std::collections::BTreeMap;

use portmaster_fixtures::Country;
use serde_json::Value;

use super::{Call, Handler, Reply};
use crate::{
    ordered::ordered,
    world::{World, geo},
};

pub(super) const HANDLERS: &[Handler] = &[Handler::new("intel/geoip/countries", countries)];

fn countries(_: &mut World, call: &Call) -> Reply {
    let all: BTreeMap<&str, Value> =
        ordered(Country::all().iter().map(|(code, country)| (*code, geo::country(country))));
    call.structured(&all)
}
