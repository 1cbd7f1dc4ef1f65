//! `dns/*`: the cache and the resolvers.

use bytes::Bytes;
use portmaster_fixtures::{Defect, scenario::ResolverSource};
use serde::Serialize;

use super::{Call, Handler, Reply, dsd, ip::Ip, record::Meta};
use crate::{
    go::structure::{Structure, Type},
    query::scope,
    world::{
        Body, Change, Record, World,
        dns::{Cached, Resolver},
        records::NAME_RECORDS,
    },
};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new(r"dns/cache/{query:[a-z0-9\.-]{0,512}\.[A-Z]{1,32}}", cached),
    Handler::new("dns/clear", clear),
    Handler::new("dns/resolvers", resolvers),
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NameRecord {
    domain: String,
    question: String,
    r_code: u8,
    answer: Vec<String>,
    ns: Vec<String>,
    extra: Vec<String>,
    expires: i64,
    resolver: Info,
    #[serde(rename = "_meta")]
    meta: Meta,
}

/// What an answer says of the resolver that gave it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    name: String,
    r#type: String,
    source: ResolverSource,
    #[serde(rename = "IP", serialize_with = "super::ip::or_none")]
    ip: Option<Ip>,
    domain: String,
    #[serde(rename = "IPScope")]
    ip_scope: i8,
    port: u16,
}

impl Info {
    fn new(resolver: &Resolver) -> Self {
        Self {
            name: resolver.name.clone(),
            r#type: resolver.kind.clone(),
            source: resolver.source,
            ip: resolver.ip.map(Ip),
            domain: resolver.domain.clone(),
            ip_scope: resolver.ip.map_or(0, scope::of),
            port: resolver.port,
        }
    }
}

fn cached(world: &mut World, call: &Call) -> Reply {
    let query = call.part("query");
    if let Some(written) = world.written(&format!("{NAME_RECORDS}{query}")) {
        return match read(written) {
            Ok(text) => Reply::Record(text),
            Err(error) => Reply::failure(error),
        };
    }
    match world.dns.cache.get(query) {
        Some(found) => Reply::record(&name_record(found, query)),
        None => Reply::failure("database entry not found"),
    }
}

/// An answer that a client wrote over the websocket, as a core reads it (websocket §5.4).
fn read(written: &Record) -> Result<Bytes, String> {
    let members = match &written.body {
        Body::Text { format, data } => dsd::read(data, dsd::labelled(*format)?, &NAME_RECORD),
        Body::Struct(_) => Err(dsd::INCOMPATIBLE.to_owned()),
    };
    let members = members.map_err(|error| format!("failed to unwrap *resolver.NameRecord: {error}"))?;
    let record = Record::of(written.key.as_str(), written.meta, members.into());
    record.text().cloned().map_err(str::to_owned)
}

const NAME_RECORD: Structure = Structure {
    holder: "NameRecord",
    name: "resolver.NameRecord",
    fields: &[
        ("Domain", Type::Text("string")),
        ("Question", Type::Text("string")),
        ("RCode", Type::Int("int")),
        ("Answer", Type::Any),
        ("Ns", Type::Any),
        ("Extra", Type::Any),
        ("Expires", Type::Int("int64")),
        ("Resolver", Type::One(&RESOLVER)),
    ],
};

const RESOLVER: Structure = Structure {
    holder: "ResolverInfo",
    name: "resolver.ResolverInfo",
    fields: &[
        ("Name", Type::Text("string")),
        ("Type", Type::Text("string")),
        ("Source", Type::Text("string")),
        ("IP", Type::Text("net.IP")),
        ("Domain", Type::Text("string")),
        ("IPScope", Type::Int("int8")),
        ("Port", Type::Int("uint16")),
    ],
};

/// A cached answer as a record of the database.
pub(crate) fn record(cached: &Cached, query: &str) -> Record {
    let mut value = serde_json::to_value(name_record(cached, query)).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("_meta");
    }
    let meta = crate::world::Meta::made(cached.stored);
    Record::of(format!("{NAME_RECORDS}{query}"), meta, value)
}

fn name_record(cached: &Cached, query: &str) -> NameRecord {
    let entry = &cached.entry;
    let line = |record: &String| {
        let (kind, value) = record.split_once(' ').unwrap_or((record.as_str(), ""));
        format!("{}\t{}\tIN\t{kind}\t{value}", entry.domain, entry.ttl)
    };
    NameRecord {
        domain: entry.domain.clone(),
        question: entry.kind.clone(),
        r_code: 0,
        answer: entry.answer.iter().map(line).collect(),
        ns: entry.ns.iter().map(line).collect(),
        extra: Vec::new(),
        expires: cached.expires().as_second(),
        resolver: Info::new(&cached.resolver),
        meta: Meta::made(format!("{NAME_RECORDS}{query}"), cached.stored),
    }
}

fn clear(world: &mut World, _: &Call) -> Reply {
    let kept = world.behaviour.has(Defect::ClearKeepsCache);
    let counted = !kept && !world.behaviour.has(Defect::ClearCountsNothing);
    // What clients write is on the disk at once: it counts, and goes, in any case (core-2.2 §8 Q6).
    let count = if counted { world.dns.cache.len() } else { 0 } + world.written_answers().len();
    match world.apply(Change::ClearDnsCache { written: kept }) {
        Ok(()) => Reply::action(format!("cleared {count} dns cache entries")),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    #[serde(rename = "ConfigURL")]
    config_url: String,
    info: Info,
    server_address: String,
    upstream_block_detection: String,
    search: Option<Vec<String>>,
    search_only: bool,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_local_unavailable: Option<bool>,
    failing: bool,
}

fn resolvers(world: &mut World, call: &Call) -> Reply {
    let link_local = world.behaviour.resolver_link_local.then_some(false);
    let status = |resolver: &Resolver| Status {
        config_url: resolver.url.clone(),
        info: Info::new(resolver),
        server_address: resolver.server_address(),
        upstream_block_detection: resolver.blocked_if.clone(),
        search: resolver.search.clone(),
        search_only: resolver.search_only,
        path: resolver.path.clone(),
        link_local_unavailable: link_local,
        failing: world.resolver_fails(resolver),
    };
    call.structured(&world.resolvers().iter().map(status).collect::<Vec<_>>())
}
