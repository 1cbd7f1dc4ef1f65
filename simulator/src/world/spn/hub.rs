//! A hub: a server of the privacy network.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use jiff::Timestamp;
use portmaster_fixtures::scenario::{self, HubState};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::measure::{Measurement, Quality};
use crate::{
    go::base58,
    world::{
        World,
        geo::{Point, Whereabouts},
    },
};

/// A hub as its operator announces it, and what is known of it here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// 46 characters of base 58, nearly always from `Zw` on: the digest of its public key.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its group, the operator.
    pub group: String,
    /// Where its operator can be written to.
    pub contact: String,
    /// The hosters that it stands at.
    pub hosters: Vec<String>,
    /// The data center that it stands in.
    pub datacenter: String,
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// How it is reached.
    pub transports: Vec<String>,
    /// Rules about who may enter there.
    pub entry: Vec<String>,
    /// Rules about what may leave there.
    pub exit: Vec<String>,
    /// The code of the country that it stands in; empty if unknown.
    pub country: String,
    /// Where it stands.
    pub place: Option<Point>,
    /// The number of its autonomous system.
    pub asn: u32,
    /// The organization of its autonomous system.
    pub as_org: String,
    /// The version that it runs.
    pub version: String,
    /// The key that others encrypt to.
    pub key: [u8; 32],
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// The way to it from here.
    pub measurement: Measurement,
    /// Load, percent.
    pub load: u8,
    /// What is special about it.
    pub special: Vec<HubState>,
    /// Its lanes, by the other hub's id.
    pub lanes: BTreeMap<String, Quality>,
}

impl Hub {
    /// The hub that a scenario describes, without its lanes, which name others.
    pub(super) fn new(told: scenario::Hub, start: Timestamp) -> Self {
        let place = Point::given(told.latitude.zip(told.longitude), &told.country);
        let mut special = told.states;
        special.sort_unstable();
        special.dedup();
        Self {
            id: told.id.unwrap_or_else(|| id(told.name.as_bytes())),
            key: Sha256::digest(format!("key of {}", told.name)).into(),
            name: told.name,
            group: told.group,
            contact: told.contact,
            hosters: told.hosters,
            datacenter: told.datacenter,
            ipv4: told.ipv4,
            ipv6: told.ipv6,
            transports: told.transports,
            entry: told.entry,
            exit: told.exit,
            country: told.country,
            place,
            asn: told.asn,
            as_org: told.as_org,
            version: told.version,
            first_seen: told.first_seen.unwrap_or(start),
            measurement: Measurement {
                quality: Quality::new(told.latency_ms, told.capacity_mbit),
                measured: told.measured.unwrap_or(start),
            },
            load: told.load,
            special,
            lanes: BTreeMap::new(),
        }
    }

    /// The last eight characters of the id, as people see them: `TYHn-nY9u`.
    pub fn short_id(&self) -> String {
        let tail: String = self.id.chars().skip(self.id.chars().count().saturating_sub(8)).collect();
        let middle = tail.char_indices().nth(4).map_or(tail.len(), |(at, _)| at);
        format!("{}-{}", &tail[..middle], &tail[middle..])
    }

    /// Whether something special is said of it.
    pub fn is(&self, state: HubState) -> bool {
        self.special.contains(&state)
    }

    /// Whether no way leads through it.
    pub fn is_disregarded(&self) -> bool {
        self.is(HubState::Failing) || self.is(HubState::Offline)
    }

    /// Whose it is, as far as that was verified; empty if it was not.
    pub fn verified_owner(&self) -> &str {
        if self.is(HubState::Trusted) { &self.group } else { "" }
    }

    /// How near it is to this device, percent; 0 when either place is unknown.
    pub fn proximity(&self, here: Option<Point>) -> f64 {
        here.zip(self.place).map_or(0.0, |(here, there)| here.proximity(there))
    }

    /// The address that it is reached at: IPv4 if it has one.
    pub fn address(&self) -> Option<IpAddr> {
        self.ipv4.map(IpAddr::V4).or(self.ipv6.map(IpAddr::V6))
    }
}

impl World {
    /// Where a hub's address is: what the world's networks say, or else what the hub's scenario says.
    pub fn hub_whereabouts(&self, hub: &Hub, ip: Option<IpAddr>) -> Whereabouts {
        ip.and_then(|ip| self.whereabouts(ip)).unwrap_or_else(|| Whereabouts {
            country: hub.country.clone(),
            asn: hub.asn,
            as_org: hub.as_org.clone(),
            place: hub.place,
        })
    }
}

/// An id from a public key: base 58 of 0x19 0x20 and the key's SHA-256. It begins with `Zw`, seldom with `Zx`.
pub(super) fn id(public_key: &[u8]) -> String {
    let mut bytes = vec![0x19, 0x20];
    bytes.extend(Sha256::digest(public_key));
    base58::encode(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_look_like_ids(key in any::<[u8; 32]>()) {
            let id = id(&key);
            prop_assert!((id.starts_with("Zw") || id.starts_with("Zx")) && id.len() == 46, "{id}");
        }
    }

    #[test]
    fn short_ids_are_two_groups() {
        let mut hub =
            Hub::new(scenario::Hub { name: "one".into(), ..Default::default() }, Timestamp::UNIX_EPOCH);
        hub.id = "ZwzUp1YFdB8ciGNsSH95PikGoPv38L2vCmM6djTYHnnY9u".into();
        assert_eq!(hub.short_id(), "TYHn-nY9u");
        hub.id = "abc".into();
        assert_eq!(hub.short_id(), "abc-");
    }
}
