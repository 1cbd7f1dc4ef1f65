//! `spn/map/{map}/intel/update`: what is known of the hubs of a map, said anew.

use std::collections::BTreeSet;

use super::map::NO_MAP;
use crate::{
    api::{Call, Reply},
    go::{
        decode::{At, DecodeError, Soft, members},
        read::{Kind, Raw},
        yaml,
    },
    world::{Change, World},
};

/// The type's name in the cores' messages.
const INTEL: &str = "hub.Intel";

/// What an update says, as far as it is heeded.
#[derive(Debug, Default, PartialEq)]
struct Intel {
    trusted: BTreeSet<String>,
    regions: Vec<String>,
}

/// Applies an update, in YAML or JSON; an empty body is one that says nothing (core-2.2 §6.7).
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    if world.map(call.part("map")).is_none() {
        return Reply::failure(NO_MAP);
    }
    let Intel { trusted, regions } = match read(call.body()) {
        Ok(intel) => intel,
        Err(error) => {
            return Reply::failure(format!("failed to parse intel data: failed to parse data: {error}"));
        }
    };
    match world.apply(Change::SpnIntel { trusted, regions }) {
        Ok(()) => Reply::action("successfully applied given intel data"),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}

fn read(body: &[u8]) -> Result<Intel, String> {
    let json = yaml::to_json(body)?;
    let document = Raw::checked(&json)?;
    decode(document).map_err(|error| format!("error unmarshaling JSON: {error}"))
}

fn decode(document: Raw<'_>) -> Result<Intel, DecodeError> {
    let mut soft = Soft::default();
    let mut intel = Intel::default();
    members(document, At::TOP, INTEL, &["Hubs", "Regions"], &mut soft, |name, value, soft| {
        let at = At::member("Intel", name);
        match (name, value.kind()) {
            (_, Kind::Null) => {}
            ("Hubs", Kind::Object) => {
                for (id, hub) in value.members() {
                    let mut trusted = false;
                    members(hub, at, INTEL, &["Trusted"], soft, |_, value, soft| {
                        soft.bool(value, at, &mut trusted);
                        Ok(())
                    })?;
                    intel.trusted.extend(trusted.then_some(id));
                }
            }
            ("Regions", Kind::Array) => {
                for region in value.elements() {
                    let mut called = String::new();
                    members(region, at, INTEL, &["Name"], soft, |_, value, soft| {
                        soft.string(value, at, "string", &mut called);
                        Ok(())
                    })?;
                    intel.regions.push(called);
                }
            }
            _ => soft.wrong(at, value, INTEL),
        }
        Ok(())
    })?;
    soft.unless(intel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intel_is_yaml_or_json() {
        assert_eq!(read(b""), Ok(Intel::default()));
        assert_eq!(read(b"HubAdvisory: [\"- DE\"]"), Ok(Intel::default()));
        let told = Intel { trusted: ["Zw1".to_owned()].into(), regions: vec!["Europe".to_owned()] };
        assert_eq!(
            read(b"Hubs: { Zw1: { Trusted: true }, Zw2: {} }\nRegions: [{ ID: eu, Name: Europe }]"),
            Ok(told)
        );
        assert_eq!(
            read(b"garbage"),
            Err("error unmarshaling JSON: json: cannot unmarshal string into Go value of type hub.Intel"
                .to_owned())
        );
    }
}
