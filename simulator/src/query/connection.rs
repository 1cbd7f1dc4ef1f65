//! A connection, as conditions see it.

use portmaster_fixtures::scenario::ConnectionRow;

use super::{
    fields::{Fields, Value},
    scope,
};
use crate::limits::Work;

/// A connection in the structure that the network database has (websocket §5.7): top-level fields only.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a>(pub &'a ConnectionRow);

impl Fields for Connection<'_> {
    fn field(&self, selector: &str, _work: &Work) -> Option<Value> {
        let row = self.0;
        let text = |text: &str| Value::Text(text.to_owned());
        let address = |ip: &str| Value::Text(if ip == "<nil>" { String::new() } else { ip.to_owned() });
        Some(match selector {
            "ID" => text(&row.id),
            "Type" => Value::Int(match row.kind.as_str() {
                "ip" => 1,
                "dns" => 2,
                _ => 0,
            }),
            "External" => Value::Bool(row.external),
            "Scope" => text(&row.domain),
            "IPVersion" => Value::Int(row.ip_version),
            "Inbound" => Value::Bool(row.direction == "inbound"),
            "IPProtocol" => Value::Int(row.ip_protocol),
            "LocalIP" => address(&row.local_ip),
            "LocalIPScope" => Value::Int(row.local_ip.parse().map_or(0, |ip| i64::from(scope::of(ip)))),
            "LocalPort" => Value::Int(row.local_port),
            "PID" => Value::Int(row.extra_data_value()["pid"].as_i64().unwrap_or(0)),
            "Verdict" => Value::Int(row.verdict),
            "ConnectionEstablished" => Value::Bool(row.allowed().unwrap_or(false)),
            "Started" => Value::Int(row.started.as_second()),
            "Ended" => Value::Int(row.ended.map_or(0, jiff::Timestamp::as_second)),
            "Tunneled" => Value::Bool(row.tunneled),
            "Encrypted" => Value::Bool(row.encrypted),
            "Internal" => Value::Bool(row.internal),
            "BytesReceived" => Value::Int(row.bytes_received),
            "BytesSent" => Value::Int(row.bytes_sent),
            "ProfileRevisionCounter" => Value::Int(row.profile_revision),
            "VerdictPermanent" | "Inspecting" | "HistoryEnabled" | "BandwidthEnabled" => Value::Bool(false),
            "Entity" | "Resolver" | "Reason" | "TunnelOpts" | "ProcessContext" | "DNSContext"
            | "TunnelContext" | "SplitTunContext" => Value::Other,
            _ => return None,
        })
    }
}
