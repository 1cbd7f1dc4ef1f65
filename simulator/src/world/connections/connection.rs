//! One connection, in little space.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use jiff::Timestamp;
use portmaster_fixtures::scenario::ConnectionRow;
use serde_json::Value;

/// What many connections have in common.
#[derive(Clone, Debug)]
pub struct Shared {
    /// `<source>/<profile id>`.
    pub profile: String,
    /// The profile's name.
    pub profile_name: String,
    /// The revision of the profile that decided.
    pub profile_revision: i64,
    /// The path of the binary.
    pub path: String,
    /// `ip`, `dns` or empty.
    pub kind: String,
    /// `inbound` or `outbound`.
    pub direction: String,
    /// Whether another device asked.
    pub external: bool,
    /// Whether it is the core's own.
    pub internal: bool,
    /// Whether it went through the privacy network.
    pub tunneled: bool,
    /// Not used by cores.
    pub encrypted: bool,
    /// Whether it was established.
    pub allowed: Option<bool>,
    /// 4, 6 or 0 for DNS requests.
    pub ip_version: i64,
    /// The IP protocol's number, 0 for DNS requests.
    pub ip_protocol: i64,
    /// The address's scope, −1 to 6.
    pub scope: i64,
    /// Not filled by newer cores.
    pub worst_verdict: i64,
    /// What was decided, in the core's numbers.
    pub verdict: i64,
    /// Not filled by newer cores.
    pub firewall_verdict: i64,
    /// The country of the other side.
    pub country: String,
    /// Its autonomous system.
    pub asn: i64,
    /// That system's organization.
    pub as_owner: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// What tells one [`Shared`] from another, the quickest to compare first.
type Traits<'a> = ([i64; 8], [bool; 4], Option<bool>, [u64; 2], [&'a str; 7]);

impl Shared {
    /// What a row has of it, taken out of the row.
    pub(super) fn taken(row: &mut ConnectionRow) -> Self {
        let take = std::mem::take::<String>;
        Self {
            profile: take(&mut row.profile),
            profile_name: take(&mut row.profile_name),
            profile_revision: row.profile_revision,
            path: take(&mut row.path),
            kind: take(&mut row.kind),
            direction: take(&mut row.direction),
            external: row.external,
            internal: row.internal,
            tunneled: row.tunneled,
            encrypted: row.encrypted,
            allowed: row.allowed(),
            ip_version: row.ip_version,
            ip_protocol: row.ip_protocol,
            scope: row.scope,
            worst_verdict: row.worst_verdict,
            verdict: row.verdict,
            firewall_verdict: row.firewall_verdict,
            country: take(&mut row.country),
            asn: row.asn,
            as_owner: take(&mut row.as_owner),
            latitude: row.latitude,
            longitude: row.longitude,
        }
    }

    fn traits(&self) -> Traits<'_> {
        (
            [
                self.profile_revision, self.ip_version, self.ip_protocol, self.scope, self.worst_verdict,
                self.verdict, self.firewall_verdict, self.asn,
            ],
            [self.external, self.internal, self.tunneled, self.encrypted],
            self.allowed,
            [self.latitude.to_bits(), self.longitude.to_bits()],
            [
                &self.profile, &self.profile_name, &self.path, &self.kind, &self.direction, &self.country,
                &self.as_owner,
            ],
        )
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        self.traits() == other.traits()
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.traits().hash(state);
    }
}

/// A connection in little space. [`Connection::row`] says all of it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// What it has in common with others.
    pub shared: Arc<Shared>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it did.
    pub ended: Option<Timestamp>,
    /// The own port.
    pub local_port: i64,
    /// The other port.
    pub remote_port: i64,
    /// Bytes received.
    pub bytes_received: i64,
    /// Bytes sent.
    pub bytes_sent: i64,
    /// Whether it has not ended.
    pub active: bool,
    /// Whether it is in the live table.
    pub live: bool,
    /// Whether it is in the history.
    pub history: bool,
    has_exit: bool,
    /// The bytes that the history has, where they differ.
    history_bytes: Option<Box<[Option<i64>; 2]>>,
    /// Its place among all in the order of their beginning to be known, from 1.
    pub place: u64,
    /// What else is known, as it is stored.
    extra: Arc<str>,
    /// The texts that it shares with nobody, one after another, and where each but the last ends: id, own address, other
    /// address, domain, last hub.
    text: Box<str>,
    ends: [u32; 4],
}

impl Connection {
    pub(super) fn new(row: &ConnectionRow, (shared, extra): (Arc<Shared>, Arc<str>), place: u64) -> Self {
        let exit = row.exit_node.as_deref().unwrap_or_default();
        let parts = [&row.id, &row.local_ip, &row.remote_ip, &row.domain, exit];
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let mut ends = [0; 4];
        for (number, part) in parts.into_iter().enumerate() {
            text.push_str(part);
            if let Some(end) = ends.get_mut(number) {
                // Texts of four gigabytes are refused long before.
                *end = u32::try_from(text.len()).unwrap_or(u32::MAX);
            }
        }
        let history_bytes = [row.history_bytes_received, row.history_bytes_sent];
        Self {
            shared,
            started: row.started,
            ended: row.ended,
            local_port: row.local_port,
            remote_port: row.remote_port,
            bytes_received: row.bytes_received,
            bytes_sent: row.bytes_sent,
            active: row.active,
            live: row.live,
            history: row.history,
            has_exit: row.exit_node.is_some(),
            history_bytes: (history_bytes != [None; 2]).then(|| Box::new(history_bytes)),
            place,
            extra,
            text: text.into_boxed_str(),
            ends,
        }
    }

    fn part(&self, number: usize) -> &str {
        let end = |number: usize| self.ends.get(number).map_or(self.text.len(), |end| *end as usize);
        let from = number.checked_sub(1).map_or(0, end);
        self.text.get(from..end(number)).unwrap_or_default()
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.part(0)
    }

    /// The own address, `<nil>` for DNS requests.
    pub fn local_ip(&self) -> &str {
        self.part(1)
    }

    /// The other address, `<nil>` for DNS requests.
    pub fn remote_ip(&self) -> &str {
        self.part(2)
    }

    /// All of it, as netquery's columns show it. What else is known is there as a text only.
    pub fn row(&self) -> ConnectionRow {
        let mut row = ConnectionRow::default();
        self.write_to(&mut row);
        row
    }

    /// The same, over a row whose texts have room already.
    pub fn write_to(&self, row: &mut ConnectionRow) {
        fn put(place: &mut Option<String>, text: &str) {
            text.clone_into(place.get_or_insert_default());
        }
        let shared = &*self.shared;
        self.id().clone_into(&mut row.id);
        row.profile.clone_from(&shared.profile);
        row.path.clone_from(&shared.path);
        row.kind.clone_from(&shared.kind);
        row.external = shared.external;
        row.ip_version = shared.ip_version;
        row.ip_protocol = shared.ip_protocol;
        self.local_ip().clone_into(&mut row.local_ip);
        row.local_port = self.local_port;
        self.remote_ip().clone_into(&mut row.remote_ip);
        row.remote_port = self.remote_port;
        self.part(3).clone_into(&mut row.domain);
        row.country.clone_from(&shared.country);
        row.asn = shared.asn;
        row.as_owner.clone_from(&shared.as_owner);
        (row.latitude, row.longitude) = (shared.latitude, shared.longitude);
        row.scope = shared.scope;
        row.worst_verdict = shared.worst_verdict;
        row.verdict = shared.verdict;
        row.firewall_verdict = shared.firewall_verdict;
        (row.started, row.ended) = (self.started, self.ended);
        row.tunneled = shared.tunneled;
        row.encrypted = shared.encrypted;
        row.internal = shared.internal;
        row.direction.clone_from(&shared.direction);
        row.extra_data = Value::Null;
        row.allowed = Some(shared.allowed);
        row.profile_revision = shared.profile_revision;
        match self.has_exit {
            true => put(&mut row.exit_node, self.part(4)),
            false => row.exit_node = None,
        }
        (row.bytes_received, row.bytes_sent) = (self.bytes_received, self.bytes_sent);
        row.active = self.active;
        row.profile_name.clone_from(&shared.profile_name);
        (row.live, row.history) = (self.live, self.history);
        [row.history_bytes_received, row.history_bytes_sent] =
            self.history_bytes.as_deref().copied().unwrap_or_default();
        put(&mut row.extra_data_text, &self.extra);
    }
}
