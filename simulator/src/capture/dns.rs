//! Resolvers and cached answers.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{filled, source::Source, text};
use crate::limits::CAPTURED_ANSWERS;

/// The resolvers as the core describes them.
pub(super) async fn resolvers(source: &mut Source) -> Vec<Value> {
    match source.json("dns/resolvers").await {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    }
}

/// `dns`
pub(super) async fn dns(source: &mut Source, resolvers: &[Value]) -> Value {
    let mut cache = Vec::new();
    let mut unsaid = 0;
    let start = source.start;
    for (_, record) in source.records("cache:intel/nameRecord/").await {
        match entry(&record, resolvers, start) {
            Some(entry) => cache.push(Value::Object(entry)),
            None => unsaid += 1,
        }
    }
    if cache.len() > CAPTURED_ANSWERS {
        source.miss(format!(
            "{} cached answers beyond the first {CAPTURED_ANSWERS}",
            cache.len() - CAPTURED_ANSWERS
        ));
        cache.truncate(CAPTURED_ANSWERS);
    }
    if unsaid > 0 {
        source.miss(format!("{unsaid} cached answers without records, or too old"));
    }
    let states = failing(resolvers, source);
    Value::Object(filled([("resolvers", states.into()), ("cache", cache.into())]))
}

/// The resolvers that fail, by address.
fn failing(resolvers: &[Value], source: &mut Source) -> Map<String, Value> {
    let ip = |one: &Value| one.get("Info").map_or("", |info| text(info, "IP")).to_owned();
    let fails = |one: &&Value| one.get("Failing").and_then(Value::as_bool).unwrap_or_default();
    let states: Map<String, Value> =
        resolvers.iter().filter(fails).map(|one| (ip(one), serde_json::json!({ "failing": true }))).collect();
    if resolvers.iter().any(|one| !fails(&one) && states.contains_key(&ip(one))) {
        source.miss("which of several resolvers at one address fails: here all do");
    }
    states
}

/// A cached answer; `None` where scenarios have no words for it.
fn entry(record: &Value, resolvers: &[Value], start: Timestamp) -> Option<Map<String, Value>> {
    let lines = |name: &str| record.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (answer, ns) = (lines("Answer"), lines("Ns"));
    let ttl = answer.iter().chain(&ns).filter_map(Value::as_str).find_map(|line| {
        // owner, time to live, class, type and data
        line.split('\t').nth(1)?.parse::<i64>().ok()
    })?;
    let short = |line: &Value| {
        let mut parts = line.as_str()?.splitn(5, '\t').skip(3);
        Some(Value::from(format!("{} {}", parts.next()?, parts.next()?)))
    };
    let expires = record.get("Expires").and_then(Value::as_i64)?;
    // What was stored after the start lives on as long.
    let age = start.as_second() - (expires - ttl);
    let (age, ttl) = if age < 0 { (0, expires - start.as_second()) } else { (age, ttl) };
    let (age, ttl) = (u32::try_from(age).ok()?, u32::try_from(ttl).ok()?);
    let info = record.get("Resolver")?;
    let mut entry =
        filled([("domain", text(record, "Domain").into()), ("type", text(record, "Question").into())]);
    entry.insert("answer".to_owned(), answer.iter().filter_map(short).collect());
    entry.extend(filled([
        ("ns", ns.iter().filter_map(short).collect()),
        ("resolver", name(info, resolvers).into()),
    ]));
    if age > 0 {
        entry.insert("age".to_owned(), age.into());
    }
    entry.insert("ttl".to_owned(), ttl.into());
    Some(entry)
}

/// What a scenario calls a resolver: its name or its address where that leads to it, or else its URL.
fn name(info: &Value, resolvers: &[Value]) -> String {
    let is = |one: &Value, name: &str| text(one, "Name") == name || text(one, "IP") == name;
    let same = |one: &Value| {
        ["Name", "Type", "Source", "IP", "Domain", "Port"].iter().all(|part| one.get(part) == info.get(part))
    };
    let infos: Vec<&Value> = resolvers.iter().filter_map(|one| one.get("Info")).collect();
    let leads =
        |name: &&str| !name.is_empty() && infos.iter().find(|one| is(one, name)).is_some_and(|one| same(one));
    [text(info, "Name"), text(info, "IP")].into_iter().find(leads).map_or_else(|| url(info), str::to_owned)
}

fn url(info: &Value) -> String {
    let ip = text(info, "IP");
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let port = info.get("Port").and_then(Value::as_u64).unwrap_or(53);
    let (kind, domain, name) = (text(info, "Type"), text(info, "Domain"), text(info, "Name"));
    let parts: Vec<String> = [("verify", domain), ("name", name)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}={}", value.replace(' ', "+")))
        .collect();
    let query = if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) };
    format!("{kind}://{host}:{port}{query}")
}
