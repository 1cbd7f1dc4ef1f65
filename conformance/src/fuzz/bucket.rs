//! Puts failures of one cause together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde_json::Value;

use super::{
    bodies,
    case::{Ask, Case, Sent, Step, Talk},
    finding::Oracle,
    shrink::Small,
};
use crate::{suite::Mode, target::OPERATIONS};

/// On how many endpoints a failure must be seen to be one of none of them.
pub(super) const EVERYWHERE: usize = 3;

/// Where the like of an answer was objected to, and how often: by oracle and cause, and then by endpoint.
pub(super) type Places = BTreeMap<(Oracle, String), BTreeMap<String, u64>>;

/// Failures of one cause.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// The names of the endpoints on which it was seen.
    pub(super) endpoints: BTreeSet<String>,
    /// What tells the cause from others: what came, and what was asked.
    pub(super) cause: String,
    /// The smallest case.
    pub(super) small: Small,
    /// How often the like was seen.
    pub(super) seen: u64,
    /// The small cases, with the step that fails and the target's mode.
    pub(super) cases: Vec<(Case, usize, Mode)>,
    /// The causes that show in all of them.
    pub(super) also: BTreeSet<String>,
    /// The causes that show in all of them before the step that fails.
    pub(super) before: BTreeSet<String>,
    /// The cause of which it is likely to follow.
    pub(super) follows: Option<String>,
}

/// Sorts small failures into buckets. What three or more endpoints have in common is one cause, but for crashes: all of
/// them have one text, and only what was asked tells them apart.
pub(super) fn sort(all: Vec<Small>, places: &Places) -> Vec<Bucket> {
    let mut asked_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in all.iter().filter(|one| one.finding.oracle.is_crash()) {
        asked_of.entry(asked(one)).or_default().insert(one.finding.endpoint.clone());
    }
    let mut buckets: BTreeMap<(Oracle, String, String), Bucket> = BTreeMap::new();
    for one in all {
        let kin = places.get(&(one.finding.oracle, one.finding.cause.clone()));
        let own = BTreeMap::from([(one.finding.endpoint.clone(), 1)]);
        let kin = kin.unwrap_or(&own);
        let alike = one.finding.oracle.is_crash().then(|| asked_of.get(&asked(&one))).flatten();
        // What differs between two targets is told apart by how, wherever it is.
        let everywhere =
            one.finding.oracle == Oracle::Alike || alike.map_or(kin.len(), BTreeSet::len) >= EVERYWHERE;
        let (place, endpoints, cause, seen) = if let Some(alike) = alike.filter(|_| everywhere) {
            let seen =
                kin.iter().filter(|(endpoint, _)| alike.contains(*endpoint)).map(|(_, seen)| seen).sum();
            ("*", alike.clone(), format!("{} | {}", one.finding.cause, asked(&one)), seen)
        } else if everywhere {
            ("*", kin.keys().cloned().collect(), one.finding.cause.clone(), kin.values().sum())
        } else {
            let endpoint = one.finding.endpoint.as_str();
            let cause = format!("{} | {}", one.finding.cause, asked(&one));
            let seen = kin.get(endpoint).copied().unwrap_or(1);
            (endpoint, BTreeSet::from([endpoint.to_owned()]), cause, seen)
        };
        let key = (one.finding.oracle, place.to_owned(), cause.clone());
        let bucket = buckets.entry(key).or_insert_with(|| {
            let [also, before] = [&one.also, &one.before].map(|causes| causes.iter().cloned().collect());
            let (cases, follows) = (vec![], None);
            Bucket { endpoints, cause, small: one.clone(), seen, cases, also, before, follows }
        });
        bucket.cases.push((one.case.clone(), one.step, one.mode));
        bucket.also.retain(|cause| one.also.contains(cause));
        bucket.before.retain(|cause| one.before.contains(cause));
        if size(&one.case) < size(&bucket.small.case) {
            bucket.small = one;
        }
    }
    buckets.into_values().collect()
}

pub(super) fn size(case: &Case) -> usize {
    serde_json::to_string(case).map_or(usize::MAX, |text| text.len())
}

/// What was asked in the step that failed, without what varies.
fn asked(small: &Small) -> String {
    let who = matches!(small.finding.oracle, Oracle::Authorised | Oracle::Admitted);
    match small.case.steps.get(small.step) {
        Some(Step::Ask(ask)) if who => format!("{} by {}", ask.method, ask.who.kind()),
        Some(Step::Ask(ask)) => request(ask),
        Some(Step::Talk(talk)) => conversation(talk),
        Some(Step::Meet(_)) => "a meeting".to_owned(),
        Some(Step::Raw(_)) | None => "bytes".to_owned(),
    }
}

fn request(ask: &Ask) -> String {
    let mut out = ask.method.clone();
    let query = ask.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = super::catalogue::decoded(value).unwrap_or_default();
        let shape = serde_json::from_str(&value).map(|value| skeleton(&value)).unwrap_or_default();
        let name = if ask.target.contains("netquery") && name == "q" { "q" } else { "*" };
        out += &format!(" {name}={shape}");
    }
    for (name, _) in &ask.headers {
        out += &format!(" {name}:");
    }
    if !ask.body.0.is_empty() {
        let shape = serde_json::from_slice(&ask.body.0).map_or("bytes".to_owned(), |value| skeleton(&value));
        out += &format!(" {shape}");
    }
    out
}

fn conversation(talk: &Talk) -> String {
    let word = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut parts = text.splitn(3, '|').skip(1);
        let method = parts.next().unwrap_or_default().to_owned();
        let database = parts.next().unwrap_or_default();
        let database = database.trim_start_matches("query ").split_once(':').map(|(name, _)| name.to_owned());
        match OPERATIONS.iter().any(|(known, _)| *known == method) {
            true => format!("{method} {}", database.filter(|one| one.len() < 16).unwrap_or_default()),
            false => "message".to_owned(),
        }
    };
    let frames = talk.frames.iter().map(|sent| match sent {
        Sent::Message(bytes) | Sent::Fragments(bytes, _) => word(&bytes.0),
        Sent::Ping(_) => "ping".to_owned(),
        Sent::Pong(_) => "pong".to_owned(),
        Sent::Broken { opcode, .. } => format!("frame {opcode}"),
        Sent::Close(_) => "close".to_owned(),
    });
    frames.collect::<Vec<_>>().join(", ")
}

/// The names of members that mean something: those of the query language and of bodies.
static WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let netquery = [
        "select", "query", "textSearch", "groupBy", "orderBy", "databases", "pageSize", "page", "fields",
        "value", "field", "desc", "as", "distinct", "condition", "interval",
    ];
    let mut words: BTreeSet<String> = netquery.into_iter().map(str::to_owned).collect();
    bodies::each_name(&mut |name| {
        if !name.contains('-') {
            words.insert(name.to_owned());
        }
    });
    words
});

/// The structure of a value: names that mean something, and types.
fn skeleton(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(items) => {
            let items: BTreeSet<String> = items.iter().map(skeleton).collect();
            format!("[{}]", items.into_iter().collect::<Vec<_>>().join(" "))
        }
        Value::Object(members) => {
            let named = |(name, value): (&String, &Value)| {
                let known = name.starts_with('$') || WORDS.contains(name);
                format!("{}: {}", if known { name } else { "*" }, skeleton(value))
            };
            let members: BTreeSet<String> = members.iter().map(named).collect();
            format!("{{{}}}", members.into_iter().collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fuzz::finding::Finding;

    fn small(oracle: Oracle, endpoint: &str, got: &str, body: &Value) -> Small {
        let ask = Ask {
            method: "POST".to_owned(),
            target: format!("/api/v1/{endpoint}"),
            body: body.to_string().into(),
            ..Ask::default()
        };
        Small {
            case: Case { steps: vec![Step::Ask(ask)] },
            finding: Finding::new(oracle, endpoint, "", got),
            step: 0,
            number: 1,
            mode: Mode::Guarded,
            steps: 0,
            also: vec![],
            before: vec![],
        }
    }

    #[test]
    fn causes_with_one_answer_are_told_apart_by_what_was_asked() {
        let crash =
            |body: &Value| small(Oracle::NoServerError, "netquery/query", "500 Internal Server Error.", body);
        let none = Places::new();
        let all = vec![
            crash(&json!({"query": {"domain": {"$in": [null]}}})),
            crash(&json!({"query": {"asn": {"$in": [null]}}})),
            crash(&json!({"textSearch": {"fields": ["x"]}})),
        ];
        let buckets = sort(all, &none);
        let causes: Vec<_> = buckets.iter().map(|one| one.cause.as_str()).collect();
        assert_eq!(
            causes,
            [
                "500 Internal Server Error. | POST {query: {*: {$in: [null]}}}",
                "500 Internal Server Error. | POST {textSearch: {fields: [string]}}",
            ]
        );
        assert!(
            buckets[0].small.case.steps[0]
                == crash(&json!({"query": {"asn": {"$in": [null]}}})).case.steps[0]
        );
    }

    #[test]
    fn crashes_of_several_endpoints_are_told_apart_by_what_was_asked() {
        let crash = |endpoint: &str, body: &Value| {
            small(Oracle::NoServerError, endpoint, "500 Internal Server Error.", body)
        };
        let (search, list) = (json!({"textSearch": {}}), json!({"query": {"a": {"$in": [null]}}}));
        let each = ["q", "batch", "chart", "broadcasts"].map(|name| (name.to_owned(), 5));
        let kin = (Oracle::NoServerError, "500 Internal Server Error.".to_owned());
        let places = Places::from([(kin, BTreeMap::from(each))]);
        let all = vec![
            crash("q", &search),
            crash("batch", &search),
            crash("chart", &search),
            crash("q", &list),
            crash("broadcasts", &json!({"Notifications": {"a": {}}})),
        ];
        let told: Vec<_> =
            sort(all, &places).into_iter().map(|one| (one.endpoints.len(), one.seen)).collect();
        assert_eq!(told, [(3, 15), (1, 5), (1, 5)]);
    }

    #[test]
    fn what_happens_everywhere_is_one_cause() {
        let empty = |endpoint| small(Oracle::Authorised, endpoint, "200 (no body)", &json!({}));
        let places = |names: &[&str]| {
            let each = names.iter().map(|name| ((*name).to_owned(), 5)).collect();
            Places::from([((Oracle::Authorised, "200 (no body)".to_owned()), each)])
        };
        assert_eq!(sort(vec![empty("a"), empty("b")], &places(&["a", "b"])).len(), 2);
        let all = sort(vec![empty("a"), empty("b")], &places(&["a", "b", "c"]));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].endpoints.iter().map(String::as_str).collect::<String>(), "abc");
        assert_eq!(all[0].seen, 15);
    }
}
