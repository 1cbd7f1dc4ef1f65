//! Simulators that misbehave as they were told to, and only so.

use crate::common::{Answer, ask};
use portmaster_simulator::{Contract, Simulator};

async fn simulator(mutants: &[&str]) -> Simulator {
    let builder = Simulator::builder().api_key("known?read=admin&expires=2020-01-01T00:00:00Z");
    let builder = mutants.iter().fold(builder, |builder, id| builder.mutant(*id));
    builder.start().await.expect("a simulator with mutants")
}

async fn get(simulator: &Simulator, method: &'static str, path: &str, key: &'static str) -> Answer {
    let (address, target) = (simulator.addr(), format!("/api/v1/{path}"));
    let asked = move || ask(address, method, &target, &[("Authorization", key)], "");
    tokio::task::spawn_blocking(asked).await.expect("an answer")
}

#[tokio::test]
async fn each_does_what_it_says_and_several_go_together() {
    let right = simulator(&[]).await;
    let answer = get(&right, "GET", "ping", "").await;
    assert_eq!(answer.header("X-Frame-Options"), Some("deny"));
    let wrong = simulator(&["headers/no-frame-options", "content/head-with-body"]).await;
    let answer = get(&wrong, "GET", "ping", "").await;
    assert_eq!((answer.header("X-Frame-Options"), answer.text()), (None, "Pong.\n"));
    assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    let answer = get(&wrong, "HEAD", "ping", "").await;
    assert_eq!((answer.status(), answer.text()), (204, "Pong.\n"));
    assert_eq!(get(&right, "HEAD", "ping", "").await.text(), "");
}

#[tokio::test]
async fn keys_and_permissions_are_taken_otherwise() {
    let right = simulator(&[]).await;
    assert_eq!(get(&right, "GET", "network/gateways", "Bearer known").await.status(), 401);
    let expired = simulator(&["credentials/expired-key"]).await;
    assert_eq!(get(&expired, "GET", "network/gateways", "Bearer known").await.status(), 200);
    assert_eq!(get(&expired, "GET", "network/gateways", "Bearer unknown").await.status(), 401);
    let open = simulator(&["badges/read-open"]).await;
    assert_eq!(get(&open, "GET", "network/gateways", "").await.status(), 200);
    let endpoints = [&right, &open].map(|one| get(one, "GET", "endpoints", ""));
    let [right, open] = endpoints;
    assert_eq!(right.await.body, open.await.body, "the exported catalogue stays right");
}

#[tokio::test]
async fn what_there_is_not_is_said() {
    let error = Simulator::builder().mutant("headers/no-sniff").start().await.expect_err("no such mutant");
    assert!(
        error
            .to_string()
            .ends_with("no mutant is called \"headers/no-sniff\"; did you mean \"headers/no-nosniff\"?")
    );
    let builder = Simulator::builder().contract(Contract::V1_0).mutant("content/negotiates-nothing");
    let error = builder.start().await.expect_err("a mutant of another contract").to_string();
    assert!(error.contains("none of the contract v1.0"), "{error}");
}
