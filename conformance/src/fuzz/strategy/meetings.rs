//! Conversations and requests that meet on purpose: several write what there is only one of at the same moment.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

use crate::{
    fuzz::{
        case::{Ask, Case, Sent, Step, Talk, Who},
        scope::Scope,
    },
    suite::Tier,
};

/// How many meet at most.
const MOST: usize = 6;

fn talk(messages: Vec<String>) -> Case {
    let frames = messages.into_iter().map(|text| Sent::Message(text.into())).collect();
    Case { steps: vec![Step::Talk(Talk { who: Who::Bearer(Tier::Admin), frames })] }
}

fn asks(asks: Vec<(&'static str, String, String)>) -> Case {
    let ask = |(method, path, body): (&str, String, String)| {
        Step::Ask(Ask {
            method: method.to_owned(),
            target: format!("/api/v1/{path}"),
            who: Who::Bearer(Tier::Admin),
            body: body.into(),
            ..Ask::default()
        })
    };
    Case { steps: asks.into_iter().map(ask).collect() }
}

/// Messages that number themselves.
fn numbered(
    count: impl Into<proptest::collection::SizeRange>,
    what: BoxedStrategy<String>,
) -> BoxedStrategy<Case> {
    vec(what, count)
        .prop_map(|all| talk(all.into_iter().enumerate().map(|(at, text)| format!("{at}|{text}")).collect()))
        .boxed()
}

/// Somebody who writes settings.
fn settings(scope: &Scope) -> BoxedStrategy<Case> {
    // What a core needs to be asked at all is left as it is.
    let options: Vec<String> = scope
        .options()
        .into_iter()
        .filter(|key| !key.contains("istenAddress") && !key.contains("apiAddress"))
        .collect();
    if options.is_empty() {
        return numbered(1..4, Just("get|config:core/devMode".to_owned()).boxed());
    }
    let value = select(vec![json!(null), json!(true), json!(1), json!("info"), json!(["a"])]);
    let write = (select(options), value)
        .prop_map(|(key, value)| format!("update|config:{key}|J{}", json!({ "Value": value })));
    numbered(1..8, write.boxed())
}

fn profiles() -> BoxedStrategy<Case> {
    let write = (0..3_u8, any::<bool>()).prop_map(|(number, block)| {
        let profile = json!({
            "ID": format!("meet{number}"), "Source": "local", "Name": "Meet",
            "Config": { "filter": { "defaultAction": if block { "block" } else { "permit" } } },
            "Fingerprints": [{ "Type": "path", "Operation": "equals", "Value": format!("/usr/bin/meet{number}") }],
        });
        format!("update|core:profiles/local/meet{number}|J{profile}")
    });
    numbered(1..8, write.boxed())
}

fn notifications() -> BoxedStrategy<Case> {
    let key = (0..3_u8).prop_map(|number| format!("notifications:all/meet{number}"));
    let write = (key, 0..4_u8).prop_map(|(key, what)| match what {
        0 => format!(
            "create|{key}|J{}",
            json!({ "EventID": "meet", "Type": 0, "Title": "Meet", "Message": "Meet" })
        ),
        1 => format!("update|{key}|J{}", json!({ "State": "executed" })),
        2 => format!("delete|{key}"),
        _ => format!("get|{key}"),
    });
    numbered(1..8, write.boxed())
}

/// Somebody who imports or exports, or resets or reads.
fn requests() -> BoxedStrategy<Case> {
    let import =
        json!({ "rawExport": "{\"type\":\"settings\",\"config\":{}}", "target": "global" }).to_string();
    let one = select(vec![
        ("GET", "sync/settings/export?from=global", String::new()),
        ("POST", "sync/settings/import", import),
        ("POST", "dns/clear", String::new()),
        ("GET", "dns/cache/example.com.", String::new()),
        ("POST", "broadcasts/reset-state", String::new()),
        ("GET", "broadcasts/matching-data", String::new()),
        ("GET", "debug/info", String::new()),
        ("POST", "ui/reload", String::new()),
        ("POST", "netquery/history/cleanup", String::new()),
        ("GET", "netquery/charts/connection-active", String::new()),
    ]);
    vec(one, 1..8)
        .prop_map(|all| {
            asks(all.into_iter().map(|(method, path, body)| (method, path.to_owned(), body)).collect())
        })
        .boxed()
}

/// A meeting: mostly of one kind, now and then of all.
pub(super) fn meetings(scope: &Scope) -> BoxedStrategy<Case> {
    let each = [settings(scope), profiles(), notifications(), requests()];
    let mixed = prop::strategy::Union::new(each.iter().cloned()).boxed();
    let kinds = each.into_iter().chain([mixed]).map(|kind| vec(kind, 2..=MOST).boxed());
    prop::strategy::Union::new(kinds).prop_map(|all| Case { steps: vec![Step::Meet(all)] }).boxed()
}
