//! The same scenario, seed and sequence of requests give the same bytes.

use crate::common::{ask, example};
use portmaster_simulator::{Contract, ExternalAuth, Simulator};

const ADMIN: (&str, &str) = ("Authorization", "Bearer admin-key");

/// A few hundred requests of all kinds, each in its place, and what came back.
async fn transcript(contract: Contract, seed: u64) -> Vec<(String, String, Vec<u8>)> {
    let simulator = Simulator::builder()
        .scenario("home-office")
        .contract(contract)
        .seed(seed)
        .api_key("admin-key?read=admin&write=admin")
        .external_auth(ExternalAuth::Grant)
        .start()
        .await
        .expect("home-office starts");
    let address = simulator.addr();
    let asking = tokio::task::spawn_blocking(move || {
        let mut seen = Vec::new();
        let mut note = |method: &str, target: &str, headers: &[(&str, &str)], body: &str| {
            let answer = ask(address, method, target, headers, body);
            seen.push((format!("{method} {target} {headers:?}"), answer.head, answer.body));
        };
        for endpoint in contract.endpoints() {
            let target = format!("/api/v1/{}", example(&endpoint.path));
            // These two take the core down, which is another matter.
            if target.ends_with("core/restart") || target.ends_with("core/shutdown") {
                continue;
            }
            for method in ["GET", "HEAD", "POST", "OPTIONS"] {
                note(method, &target, &[ADMIN], "{}");
                note(method, &target, &[], "");
            }
            note("GET", &target, &[("Origin", "http://evil.example")], "");
        }
        seen
    });
    asking.await.expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_worlds_answer_equally() {
    for contract in Contract::ALL {
        let (first, second) = (transcript(contract, 7).await, transcript(contract, 7).await);
        assert!(first.len() > 300, "{} requests", first.len());
        for (a, b) in first.iter().zip(&second) {
            assert_eq!(a.1, b.1, "head of {}", a.0);
            assert!(a.2 == b.2, "body of {}", a.0);
        }
        assert_eq!(first.len(), second.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_seed_is_another_world() {
    let (first, second) = (transcript(Contract::Docs, 1).await, transcript(Contract::Docs, 2).await);
    assert!(first != second, "the seed reaches nothing");
}
