//! Who may ask.

use portmaster_simulator::Simulator;

use super::{Running, common};

fn status(running: &Running, fields: &str) -> u16 {
    let request = format!("GET /health HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
    common::raw(running.control, request.as_bytes()).status()
}

#[test]
fn foreign_origins_and_hosts_are_refused() {
    let running = Running::new();
    let own = running.control;
    for (fields, expected) in [
        (format!("Host: {own}\r\n"), 200),
        ("Host: localhost:9\r\n".to_owned(), 200),
        (format!("Host: {own}\r\nOrigin: http://{own}\r\n"), 200),
        (format!("Host: {own}\r\nOrigin: http://evil.example\r\n"), 403),
        (format!("Host: {own}\r\nOrigin: http://{own}.evil.example\r\n"), 403),
        (format!("Host: {own}\r\nOrigin: http://127.0.0.1:1\r\n"), 403),
        (format!("Host: {own}\r\nOrigin: null\r\n"), 403),
        (format!("Host: {own}\r\nOrigin: \r\n"), 403),
        ("Host: evil.example\r\n".to_owned(), 403),
        ("Host: evil.example\r\nOrigin: http://evil.example\r\n".to_owned(), 403),
        (format!("Host: {own}\r\nHost: evil.example\r\n"), 403),
        (String::new(), 403),
    ] {
        assert_eq!(status(&running, &fields), expected, "{fields:?}");
    }
    let whole =
        format!("GET http://evil.example/health HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n");
    assert_eq!(common::raw(own, whole.as_bytes()).status(), 403);
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let running = Running::with(Simulator::builder().control_token("s3cret-token"));
    for (fields, expected) in [
        ("", 401),
        ("Authorization: Bearer s3cret-token\r\n", 200),
        ("Authorization: bearer  s3cret-token\r\n", 200),
        ("Authorization: Bearer s3cret-toke\r\n", 401),
        ("Authorization: Bearer \r\n", 401),
        ("Authorization: Basic s3cret-token\r\n", 401),
        ("Authorization: s3cret-token\r\n", 401),
    ] {
        assert_eq!(status(&running, &format!("Host: localhost\r\n{fields}")), expected, "{fields:?}");
    }
    let answer = common::ask(running.control, "POST", "/changes", &[], r#"{"restart":true}"#);
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
    assert!(!answer.text().contains("s3cret"), "{}", answer.text());
    assert!(!format!("{:?}", running.simulator()).contains("s3cret"), "a token is never shown");
}

#[test]
fn beyond_loopback_a_permission_and_a_token_are_needed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let refused = runtime.block_on(Simulator::builder().control("0.0.0.0:0").start());
    assert!(refused.expect_err("a refusal").to_string().contains("--listen-anywhere"));
    let start = Simulator::builder().control("0.0.0.0:0").listen_anywhere(true).start();
    let [first, second] = [
        runtime.block_on(start),
        runtime.block_on(Simulator::builder().control("0.0.0.0:0").listen_anywhere(true).start()),
    ]
    .map(|simulator| simulator.expect("a simulator"));
    let token = first.control_token().expect("a token").to_owned();
    assert!(token.len() >= 32, "{token}");
    assert_ne!(second.control_token(), Some(token.as_str()));
    let port = first.control_url().and_then(|url| url.rsplit(':').next()?.parse().ok()).expect("a port");
    let ask = |fields: &str| {
        let request =
            format!("GET /health HTTP/1.1\r\nHost: box.example\r\nConnection: close\r\n{fields}\r\n");
        common::raw(([127, 0, 0, 1], port).into(), request.as_bytes()).status()
    };
    assert_eq!(ask(""), 401);
    assert_eq!(ask(&format!("Authorization: Bearer {token}\r\n")), 200);
    assert_eq!(ask(&format!("Authorization: Bearer {token}\r\nOrigin: http://evil.example\r\n")), 403);
}
