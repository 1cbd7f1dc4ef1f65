//! What a connection goes to, as prompts and the network tree show it (websocket §5.7).

use portmaster_fixtures::scenario::ConnectionRow;
use serde_json::{Value, json};

/// The other side of a connection.
pub fn entity(row: &ConnectionRow) -> Value {
    let known = row.extra_data_value();
    let list = |name: &str| known.get(name).cloned().unwrap_or_else(|| json!([]));
    json!({
        "IP": if row.remote_ip == "<nil>" { "" } else { &row.remote_ip }, "IPScope": row.scope,
        "Protocol": row.ip_protocol, "Port": row.remote_port, "Domain": row.domain, "ReverseDomain": "",
        "CNAME": known.get("cname").cloned().unwrap_or_default(), "Country": row.country, "Coordinates": null,
        "ASN": row.asn, "ASOrg": row.as_owner, "LocationError": "", "BlockedByLists": list("blockedByLists"),
        "BlockedEntities": list("blockedEntities"), "ListOccurences": null, "ListsError": "",
    })
}
