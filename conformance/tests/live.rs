//! The checks of the database websocket and of netquery catch misbehaviours of their own concern: a simulator
//! stands behind a target that changes one thing. Without the change the same checks pass.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use common::{Answer, Asked, Behind, context, misbehaving, relaying, run, verdicts};
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

/// What becomes of a message of the client: it goes on as this, or is answered at once.
enum Sent {
    On(String),
    Answered(String),
}

/// Changes what clients say, and what they hear.
async fn said(
    ids: &[&str],
    ask: impl Fn(String) -> Sent + Send + Sync + 'static,
    hear: impl Fn(String) -> Vec<String> + Send + Sync + 'static,
) {
    let right = relaying(|text| (Some(text), None), |text| vec![text]).await;
    let ask = move |text| match ask(text) {
        Sent::On(text) => (Some(text), None),
        Sent::Answered(text) => (None, Some(text)),
    };
    let wrong = relaying(ask, hear).await;
    told_apart(&right.address, &wrong.address, ids).await;
}

async fn heard(ids: &[&str], hear: impl Fn(String) -> Vec<String> + Send + Sync + 'static) {
    said(ids, Sent::On, hear).await;
}

/// Answers a method with success and does nothing.
fn pretends(method: &'static str) -> impl Fn(String) -> Sent + Send + Sync + 'static {
    move |text| match text.split_once('|') {
        Some((id, rest)) if rest.starts_with(method) => Sent::Answered(format!("{id}|success")),
        _ => Sent::On(text),
    }
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
async fn handshake_a_wrong_accept() {
    answered(&["websocket/handshake/accepted"], |_, answer| {
        if answer.status == 101 {
            answer.set_header("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshake_a_refusal_without_its_reason() {
    let ids =
        ["websocket/handshake/refused", "websocket/handshake/foreign-origin", "websocket/handshake/user-key"];
    answered(&ids, |_, answer| answer.body = b"No.\n".to_vec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_an_answer_under_another_name() {
    let ids = ["websocket/messages/word", "websocket/messages/upper-case", "websocket/messages/any"];
    heard(&ids, |text| vec![text.replace("bad request: ", "")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_silence() {
    heard(&["websocket/messages/word"], |text| if text.contains("malformed") { vec![] } else { vec![text] })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_an_answer_in_two() {
    let ids = ["websocket/frames/binary-answers", "websocket/frames/pong"];
    heard(&ids, |text| vec![text.clone() + " ", text]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_another_end() {
    let ids =
        ["websocket/operations/query", "websocket/operations/qsub", "websocket/operations/query-nothing"];
    heard(&ids, |text| vec![text.replace("|done", "|success")]).await;
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
async fn records_changed_on_their_way() {
    let ids = ["websocket/records/create", "websocket/records/update", "websocket/records/insert"];
    heard(&ids, |text| vec![text.replace("\"a\":", "\"z\":")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_stay_after_their_deletion() {
    // Whatever writes must find its key space empty afterwards.
    let ids = ["websocket/records/delete", "websocket/records/meta", "websocket/subscriptions/where"];
    said(&ids, pretends("delete|"), |text| vec![text]).await;
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
async fn subscriptions_a_push_too_many() {
    let ids = [
        "websocket/subscriptions/concurrent",
        "websocket/subscriptions/changes",
        "websocket/subscriptions/qsub",
    ];
    heard(&ids, |text| if text.contains("|new|") { vec![text.clone(), text] } else { vec![text] }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn language_one_word_for_another() {
    for (from, to) in [(" or ", " and "), ("not ", "")] {
        let ids = ["websocket/language/query", "websocket/language/subscription"];
        said(&ids, move |text| Sent::On(text.replace(from, to)), |text| vec![text]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bridge_other_permissions() {
    let ids = ["websocket/bridge/admin", "websocket/bridge/self"];
    heard(&ids, |text| {
        vec![text.replace(r#"Role\":\"Admin"#, r#"Role\":\"User"#).replace("code 403", "code 500")]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn config_a_write_that_does_nothing() {
    said(&["websocket/config/write"], pretends("update|config:"), |text| vec![text]).await;
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
async fn netquery_reading_without_rows() {
    answered(&["netquery/conditions/both-ways"], |asked, answer| {
        if asked.method == "GET" {
            answer.body = b"{\"results\":null}".to_vec();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_groups_that_count_too_much() {
    let ids = ["netquery/groups/sum-is-count", "netquery/groups/group-is-eq"];
    queried(&ids, |question, rows| {
        if let Some(row) = rows.first_mut()
            && question.get("groupBy").is_some()
            && let Some(n) = row["n"].as_u64()
        {
            row["n"] = json!(n + 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_counts_that_are_wrong() {
    let ids = ["netquery/groups/count-skips-null", "netquery/groups/sum-of-condition"];
    queried(&ids, |_, rows| {
        for row in rows.iter_mut().filter(|row| row["n"].is_u64()) {
            row["n"] = json!(7_777);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_a_column_nobody_asked_for() {
    queried(&["netquery/groups/selected-only"], |question, rows| {
        for row in rows.iter_mut().filter(|_| question.get("select").is_some()) {
            row["more"] = json!(1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_values_that_come_twice() {
    queried(&["netquery/groups/distinct-is-groups"], |_, rows| {
        if let Some(row) = rows.first().cloned() {
            rows.push(row);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_the_wrong_order() {
    queried(&["netquery/order/monotone", "netquery/order/started"], |question, rows| {
        if question.get("orderBy").is_some() {
            rows.reverse();
        }
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

#[tokio::test(flavor = "multi_thread")]
async fn netquery_breaks_on_bad_questions() {
    answered(&["netquery/malformed"], |_, answer| {
        if answer.status == 400 {
            answer.status = 500;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_charts_that_count_too_much() {
    let count = Arc::new(AtomicU32::new(0));
    let ids = ["netquery/charts/active/seconds", "netquery/charts/active/parts"];
    queried(&ids, move |_, rows| {
        if let Some(row) = rows.first_mut()
            && let Some(value) = row["value"].as_u64()
        {
            row["value"] = json!(value + 1 + u64::from(count.fetch_add(1, Ordering::Relaxed)));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn netquery_charts_that_go_back() {
    queried(&["netquery/charts/active/structure"], |_, rows| rows.reverse()).await;
}
