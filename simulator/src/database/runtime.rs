//! `runtime:`, what the core tells of its running self. Nothing is kept there (websocket §5.5).

use std::sync::Arc;

use portmaster_fixtures::{Defect, SystemStatus};

use super::{
    Database, Found, OperationError,
    payload::Payload,
    sjson_number,
    store::apply,
    structure::{Structure, Type},
};
use crate::world::{Change, Record, World};

/// The running core as a database.
pub(super) struct Runtime;

/// Who answers for keys that begin like this.
struct Provider {
    prefix: &'static str,
    list: fn(&World, &str) -> Result<Vec<Record>, OperationError>,
    /// Why nobody can write there.
    refusal: &'static str,
}

const READ_ONLY: &str = "runtime record is read-only";
const UNMANAGED: &str = "runtime key not managed by any provider";

/// The providers of a contract, by prefix.
fn providers(world: &World) -> Vec<Provider> {
    let behaviour = &world.behaviour.websocket;
    let mut all = vec![
        Provider { prefix: "layeredProfile/", list: layered, refusal: "profile not active" },
        Provider { prefix: "modules/", list: |_, _| Err(OperationError::NotFound), refusal: READ_ONLY },
        Provider { prefix: "netquery/data/", list: |_, _| Ok(Vec::new()), refusal: READ_ONLY },
        Provider {
            prefix: "spn/status",
            list: |world, _| Ok(vec![world.spn_status_record()]),
            refusal: READ_ONLY,
        },
    ];
    if behaviour.system_status == SystemStatus::SecurityLevels {
        all.push(Provider {
            prefix: "subsystems/",
            list: |world, _| Ok(world.subsystems()),
            refusal: READ_ONLY,
        });
        all.push(Provider {
            prefix: "system/security-level",
            list: |_, _| Ok(Vec::new()),
            refusal: READ_ONLY,
        });
    }
    all.push(Provider {
        prefix: "system/status",
        list: |world, _| Ok(vec![world.system_status()]),
        refusal: READ_ONLY,
    });
    if behaviour.updates_state {
        all.push(Provider {
            prefix: "core/updates/state",
            list: |world, _| Ok(world.updates_state().into_iter().collect()),
            refusal: READ_ONLY,
        });
    }
    all
}

/// The profiles in use; one that is asked for by name must be.
fn layered(world: &World, prefix: &str) -> Result<Vec<Record>, OperationError> {
    let name = prefix.strip_prefix("layeredProfile/").unwrap_or_default();
    if name.is_empty() {
        return Ok(world.revisions.keys().filter_map(|name| world.layered_profile(name)).collect());
    }
    let record = world.layered_profile(name).ok_or_else(|| OperationError::other("profile not active"))?;
    Ok(vec![record])
}

const SPN_STATUS: Structure = Structure {
    holder: "SPNStatus",
    name: "captain.SPNStatus",
    fields: &[
        ("Status", Type::Text("string")),
        ("HomeHubID", Type::Text("string")),
        ("HomeHubName", Type::Text("string")),
        ("ConnectedIP", Type::Text("string")),
        ("ConnectedTransport", Type::Text("string")),
        ("ConnectedCountry", Type::Kind("ptr")),
        ("ConnectedSince", Type::Kind("ptr")),
    ],
};

const LAYERED_PROFILE: Structure = Structure {
    holder: "LayeredProfile",
    name: "profile.LayeredProfile",
    fields: &[("LayerIDs", Type::Kind("slice")), ("RevisionCounter", Type::Int("uint64"))],
};

const STATUS: Structure = Structure {
    holder: "SystemStatusRecord",
    name: "status.SystemStatusRecord",
    fields: &[
        ("OnlineStatus", Type::Byte("uint8")),
        ("CaptivePortal", Type::Kind("ptr")),
        ("Modules", Type::Kind("slice")),
        ("WorstState", Type::Kind("struct")),
    ],
};

const EARLY_STATUS: Structure = Structure {
    holder: "SystemStatusRecord",
    name: "status.SystemStatusRecord",
    fields: &[
        ("ActiveSecurityLevel", Type::Byte("uint8")),
        ("SelectedSecurityLevel", Type::Byte("uint8")),
        ("ThreatMitigationLevel", Type::Byte("uint8")),
        ("OnlineStatus", Type::Byte("uint8")),
        ("CaptivePortal", Type::Kind("ptr")),
    ],
};

const SUBSYSTEM: Structure = Structure {
    holder: "Subsystem",
    name: "subsystems.Subsystem",
    fields: &[
        ("ID", Type::Text("string")),
        ("Name", Type::Text("string")),
        ("Description", Type::Text("string")),
        ("Modules", Type::Kind("slice")),
        ("FailureStatus", Type::Byte("uint8")),
        ("ToggleOptionKey", Type::Text("string")),
        ("ExpertiseLevel", Type::Byte("uint8")),
        ("ReleaseLevel", Type::Byte("uint8")),
        ("ConfigKeySpace", Type::Text("string")),
    ],
};

const UPDATES: Structure = Structure {
    holder: "UpdateStateExport",
    name: "updates.UpdateStateExport",
    fields: &[("ID", Type::Text("string")), ("Details", Type::Any), ("Updates", Type::Kind("ptr"))],
};

impl Database for Runtime {
    fn get(&self, world: &mut World, key: &str) -> Result<Arc<Record>, OperationError> {
        let provider = providers(world).into_iter().find(|one| key.starts_with(one.prefix));
        let provider = provider
            .filter(|one| one.prefix != key || !key.ends_with('/'))
            .ok_or(OperationError::NotFound)?;
        let found = (provider.list)(world, key)?;
        found.into_iter().find(|record| record.place().1 == key).map(Arc::new).ok_or(OperationError::NotFound)
    }

    fn list(&self, world: &World, prefix: &str) -> Result<Found, OperationError> {
        let all = providers(world);
        if let Some(one) = all.iter().find(|one| prefix.starts_with(one.prefix)) {
            let mut records = (one.list)(world, prefix)?;
            records.retain(|record| record.place().1.starts_with(prefix));
            return Ok(records.into());
        }
        let asked: Vec<&Provider> = all.iter().filter(|one| one.prefix.starts_with(prefix)).collect();
        if asked.is_empty() {
            return Err(OperationError::Other(format!("{UNMANAGED}: for key {prefix}")));
        }
        let mut found = Found { records: Vec::new(), end: None };
        for provider in asked {
            match (provider.list)(world, provider.prefix) {
                Ok(records) => found.records.extend(records),
                // One that cannot be asked spoils the end.
                Err(error) if world.behaviour.has(Defect::RuntimeQueryFails) => found.end = Some(error),
                Err(_) => {}
            }
        }
        Ok(found)
    }

    fn write(&self, world: &mut World, key: &str, payload: &Payload) -> Result<(), OperationError> {
        let provider = providers(world).into_iter().find(|one| key.starts_with(one.prefix));
        match provider {
            None => Err(OperationError::other(UNMANAGED)),
            Some(one) if one.prefix == "system/security-level" => {
                let level = sjson_number(&payload.data, "SelectedSecurityLevel").unwrap_or_default();
                apply(world, Change::SecurityLevel(level))
            }
            Some(one) if one.prefix == "layeredProfile/" && world.layered_profile(&key[15..]).is_some() => {
                Err(OperationError::other(READ_ONLY))
            }
            Some(one) => Err(OperationError::other(one.refusal)),
        }
    }

    /// Whole numbers are said to be of the type that their values suggest (websocket §2.8).
    fn structure(&self, world: &World, key: &str) -> Option<&'static Structure> {
        match key {
            "spn/status" => Some(&SPN_STATUS),
            "system/status" => match world.behaviour.websocket.system_status {
                SystemStatus::SecurityLevels => Some(&EARLY_STATUS),
                SystemStatus::Modules => Some(&STATUS),
            },
            "core/updates/state" => Some(&UPDATES),
            layered if layered.starts_with("layeredProfile/") => Some(&LAYERED_PROFILE),
            subsystem if subsystem.starts_with("subsystems/") => Some(&SUBSYSTEM),
            _ => None,
        }
    }

    /// The members are set before anybody asks whether that may be kept (websocket §2.8).
    fn write_back(&self, _: &mut World, _: Record) -> Result<(), OperationError> {
        Err(OperationError::other(READ_ONLY))
    }

    /// Real cores hide the record from then on; nobody is helped by that.
    fn delete(&self, _: &mut World, _: Record) -> Result<(), OperationError> {
        Err(OperationError::NotImplemented)
    }
}
