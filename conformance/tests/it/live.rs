//! What no mutant does (`fixtures/mutants`), because it counts or looks at question and answer together, is noticed as well:
//! a simulator stands behind a target that changes one thing. Without the change the same checks pass.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{Answer, Asked, Behind, context, misbehaving, relaying, run, verdicts};
use portmaster_conformance::{suite::Mode, target::Address};
use serde_json::{Value, json};

/// Runs the checks on both targets: all pass on the right one, all fail on the wrong one.
async fn told_apart(right: &Address, wrong: &Address, ids: &[&str]) {
    let control = run(&context(right, Mode::Guarded), ids).await;
    let amiss = verdicts(&control, |one| one.verdict.name() != "pass");
    assert!(amiss.is_empty(), "without the change: {amiss:#?}");
    let mutated = run(&context(wrong, Mode::Guarded), ids).await;
    let missed = verdicts(&mutated, |one| one.verdict.name() != "fail");
    assert!(missed.is_empty(), "with the change: {missed:#?}");
}

/// Changes what clients hear.
async fn heard(ids: &[&str], hear: impl Fn(String) -> Vec<String> + Send + Sync + 'static) {
    let right = relaying(|text| (Some(text), None), |text| vec![text]).await;
    let wrong = relaying(|text| (Some(text), None), hear).await;
    told_apart(&right.address, &wrong.address, ids).await;
}

/// Changes the answers of netquery; the question is at hand.
async fn queried(ids: &[&str], change: impl Fn(&Value, &mut Vec<Value>) + Send + Sync + 'static) {
    answered(ids, move |asked, answer| {
        let question = asked.bytes.split(|&byte| byte == b'\n').next_back().unwrap_or_default();
        let question = serde_json::from_slice(question).unwrap_or_default();
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return };
        if let Some(rows) = body["results"].as_array_mut() {
            change(&question, rows);
            answer.body = body.to_string().into_bytes();
        }
    })
    .await;
}

async fn answered(ids: &[&str], change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) {
    let right = misbehaving(Behind::Guarded, |_, _| {}).await;
    let wrong = misbehaving(Behind::Guarded, change).await;
    told_apart(&right.address, &wrong.address, ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_a_record_too_few() {
    // One after the other: which records are missing must not depend on how the checks take turns.
    for id in ["websocket/operations/prefix", "websocket/operations/qsub"] {
        let count = AtomicU32::new(0);
        heard(&[id], move |text| match text.contains("|ok|config:") {
            true if count.fetch_add(1, Ordering::Relaxed) % 7 == 6 => vec![],
            _ => vec![text],
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_a_push_too_few() {
    let ids = [
        "websocket/subscriptions/concurrent",
        "websocket/subscriptions/where",
        "websocket/subscriptions/several",
    ];
    let count = AtomicU32::new(0);
    heard(&ids, move |text| match text.contains("|new|") {
        true if count.fetch_add(1, Ordering::Relaxed) % 5 == 1 => vec![],
        _ => vec![text],
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_eq_finds_too_little() {
    let ids = [
        "netquery/conditions/in-is-union",
        "netquery/conditions/plain-is-eq",
        "netquery/conditions/ne-is-the-rest",
    ];
    queried(&ids, |question, rows| {
        if question["query"].to_string().contains("\"$eq\"") {
            rows.pop();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_conditions_are_alternatives() {
    queried(&["netquery/conditions/and-is-intersection"], |question, rows| {
        if question["query"].as_object().is_some_and(|all| all.len() > 2) {
            rows.clear();
            rows.push(json!({ "id": "one too many" }));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_a_search_that_misses() {
    queried(&["netquery/conditions/search"], |question, rows| {
        if question.get("textSearch").is_some() {
            rows.pop();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_other_answers_each_time() {
    let count = AtomicU32::new(0);
    answered(&["netquery/conditions/same-answer"], move |_, answer| {
        let blanks = usize::try_from(count.fetch_add(1, Ordering::Relaxed) % 2).unwrap();
        answer.body.extend(vec![b' '; blanks]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_pages_with_gaps() {
    queried(&["netquery/order/pages"], |question, rows| {
        if question["page"].as_u64() > Some(0) {
            rows.pop();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_page_sizes_that_are_not_heeded() {
    queried(&["netquery/order/page-sizes"], |question, rows| {
        if question["pageSize"].as_i64() > Some(100) {
            rows.pop();
        }
    })
    .await;
}
