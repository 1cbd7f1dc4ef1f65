//! Whatever is sent: an answer, no failure of the simulator, and a world that a refusal leaves as it was.

use proptest::prelude::*;
use serde_json::Value;

use super::{Running, common};

/// Paths that lead somewhere, or nearly.
const PATHS: &[&str] = &[
    "/health", "/state", "/state/network", "/state/config/spn/enable", "/changes", "/scenarios", "/scenario",
    "/scenarios/home-office", "/clock", "/clock/advance", "/openapi.json", "/snapshots", "/snapshots/1",
    "/forks", "/reset", "/faults", "/faults/0", "/rules", "/rules/0", "/timeline", "/fingerprint",
    "/journal", "/",
];

/// JSON that is near to what is taken.
fn nearly_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9.:/ ]{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "offline", "2m", "10.0.0.1", "all", "home-office", "manual", "2026-03-16T10:00:00Z"
        ])
        .prop_map(Value::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "network", "online", "config", "spn", "account", "hubs", "leave", "dns", "clear", "connections",
            "open", "close", "pause", "duration", "notifications", "add", "remove", "modules", "core",
            "starting", "by", "to", "until", "path", "equals", "mode", "name", "seed", "when", "then",
            "effect", "change", "at", "every",
        ])
        .prop_map(str::to_owned),
        "[a-z]{0,6}",
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        nearly_json().prop_map(|value| value.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..200),
        "[ -~\n]{0,80}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn anything_gets_an_answer_and_refusals_change_nothing(
        requests in prop::collection::vec(
            (
                prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"]),
                prop_oneof![
                    prop::sample::select(PATHS).prop_map(str::to_owned),
                    "/[!-~]{0,24}",
                    (prop::sample::select(PATHS), "[!-~]{1,12}").prop_map(|(path, rest)| format!("{path}/{rest}")),
                ],
                body(),
            ),
            1..12,
        ),
    ) {
        let running = Running::new();
        for (method, path, body) in requests {
            let before = running.simulator().state();
            let mut request = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len(),
            )
            .into_bytes();
            request.extend(&body);
            let status = common::raw(running.control, &request).status();
            prop_assert!((200..500).contains(&status), "{status} for {method} {path}");
            if status >= 400 {
                prop_assert_eq!(&before, &running.simulator().state(), "after {} {}", method, path);
            }
        }
        prop_assert_eq!(running.ask("GET", "/health", Value::Null).0, 200);
    }
}
