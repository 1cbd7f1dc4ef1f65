//! Each finding is found on a core that has it, and not on one that has not.

use crate::common::{Answer, Asked, Behind, context_as, misbehaving_as, run};
use portmaster_conformance::suite::Mode;
use portmaster_fixtures::Contract;

async fn verdict(id: &str, change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) -> &'static str {
    let target = misbehaving_as(Contract::V2_2, Behind::Guarded, change).await;
    run(&context_as(Contract::V2_2, &target.address, Mode::Guarded), &[id]).await.records[0].verdict.name()
}

#[tokio::test]
async fn an_open_write() {
    let id = "findings/open-write/updates/from-url";
    assert_eq!(verdict(id, |_, _| {}).await, "fail");
    let closed = |_: &Asked, answer: &mut Answer| answer.status = 403;
    assert_eq!(verdict(id, closed).await, "pass");
}

#[tokio::test]
async fn keys_in_clear() {
    for id in ["broadcasts/matching-data", "sync/settings/export"] {
        let id = format!("findings/keys-in-clear/{id}");
        assert_eq!(verdict(&id, |_, _| {}).await, "fail", "{id}");
        let hidden = |_: &Asked, answer: &mut Answer| {
            *answer = Answer::new(200, "application/json", r#"{"config": {"core": {"apiKeys": []}}}"#);
        };
        assert_eq!(verdict(&id, hidden).await, "pass", "{id}");
    }
}

#[tokio::test]
async fn a_leaked_path() {
    let id = "findings/path-leaked/profile/icon";
    assert_eq!(verdict(id, |_, _| {}).await, "fail");
    let silent = |_: &Asked, answer: &mut Answer| answer.body = b"icon not found\n".to_vec();
    assert_eq!(verdict(id, silent).await, "pass");
}

#[tokio::test]
async fn an_undeclared_type() {
    let id = "findings/undeclared-type/sync/settings/export";
    assert_eq!(verdict(id, |_, _| {}).await, "fail");
    let declared =
        |_: &Asked, answer: &mut Answer| answer.set_header("Content-Type", "text/plain; charset=utf-8");
    assert_eq!(verdict(id, declared).await, "pass");
    for id in ["netquery/query", "netquery/query/batch", "spn/map/:map/graph:format"] {
        let id = format!("findings/undeclared-type/{id}");
        assert_eq!(verdict(&id, |_, _| {}).await, "pass", "{id}");
        let other = |_: &Asked, answer: &mut Answer| answer.set_header("Content-Type", "text/x-other");
        assert_eq!(verdict(&id, other).await, "fail", "{id}");
    }
}

#[tokio::test]
async fn an_inverted_ready_and_a_short_key() {
    assert_eq!(verdict("findings/ready-inverted", |_, _| {}).await, "pass");
    assert_eq!(verdict("findings/ready-inverted", |_, answer| answer.status = 425).await, "fail");
    let empty = |_: &Asked, answer: &mut Answer| *answer = Answer::new(200, "text/plain", "");
    assert_eq!(verdict("findings/short-key", |_, _| {}).await, "pass");
    assert_eq!(verdict("findings/short-key", empty).await, "fail");
}
