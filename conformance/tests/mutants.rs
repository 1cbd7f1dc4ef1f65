//! Each family catches a misbehaviour of its own concern: a simulator stands behind a target that changes one
//! thing. Without the change the same checks pass, so that it is the change they catch.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Answer, Asked, Behind, context, misbehaving, run, verdicts};
use portmaster_conformance::suite::Mode;

/// Runs `ids` against a right target and against one with the change: all pass there, and here all fail.
async fn caught(behind: Behind, ids: &[&str], change: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) {
    let mode = match behind {
        Behind::Guarded => Mode::Guarded,
        Behind::Development => Mode::Development,
        Behind::Granted => Mode::Granted,
    };
    let right = misbehaving(behind, |_, _| {}).await;
    let control = run(&context(&right.address, mode), ids).await;
    let amiss = verdicts(&control, |one| one.verdict.name() != "pass");
    assert!(amiss.is_empty(), "without the change: {amiss:#?}");
    let wrong = misbehaving(behind, change).await;
    let mutated = run(&context(&wrong.address, mode), ids).await;
    let missed = verdicts(&mutated, |one| !matches!(one.verdict.name(), "fail" | "warn"));
    assert!(missed.is_empty(), "with the change: {missed:#?}");
}

#[tokio::test]
async fn catalogue_a_wrong_type_in_the_list() {
    caught(Behind::Guarded, &["catalogue/entry/ping"], |_, answer| {
        answer.replace(r#""Path":"ping","MimeType":"text/plain""#, r#""Path":"ping","MimeType":"text/html""#);
    })
    .await;
}

#[tokio::test]
async fn catalogue_a_missing_endpoint() {
    caught(Behind::Guarded, &["catalogue/exists/core/restart"], |asked, answer| {
        if asked.target.contains("core/restart") {
            *answer = Answer::new(404, "text/plain; charset=utf-8", "Not found.\n");
        }
    })
    .await;
}

#[tokio::test]
async fn badges_an_open_door() {
    let ids = ["badges/network/gateways/GET/no-key", "badges/network/gateways/GET/anyone-key"];
    caught(Behind::Guarded, &ids, |_, answer| answer.status = 200).await;
}

#[tokio::test]
async fn badges_a_closed_door() {
    let ids = ["badges/network/gateways/GET/user-read-key", "badges/ping/GET/no-key"];
    caught(Behind::Guarded, &ids, |_, answer| answer.status = 403).await;
}

#[tokio::test]
async fn badges_a_missing_challenge() {
    caught(Behind::Guarded, &["badges/network/gateways/GET/anyone-key"], |_, answer| {
        answer.drop_header("www-authenticate");
    })
    .await;
}

#[tokio::test]
async fn credentials_an_expired_key_that_opens() {
    caught(Behind::Guarded, &["credentials/permissions/expired-key"], |_, answer| {
        answer.body = br#"{"Read":3,"Write":3,"ReadRole":"Admin","WriteRole":"Admin"}"#.to_vec();
    })
    .await;
}

#[tokio::test]
async fn credentials_basic_that_is_not_looked_at() {
    caught(Behind::Guarded, &["credentials/basic/every-split"], |asked, answer| {
        if asked.has("authorization: basic") {
            *answer = Answer::new(401, "text/plain; charset=utf-8", "Authorization required.\n");
        }
    })
    .await;
}

#[tokio::test]
async fn credentials_a_session_that_does_not_last() {
    caught(Behind::Granted, &["credentials/session/continues"], |_, answer| {
        answer.set_header("Set-Cookie", "Portmaster-API-Token=new; Path=/; HttpOnly; SameSite=Strict");
    })
    .await;
}

#[tokio::test]
async fn paths_a_pattern_that_is_too_narrow() {
    let target = misbehaving(Behind::Guarded, |asked, answer| {
        if asked.target.strip_prefix("/api/v1/dns/cache/").is_some_and(|name| name.len() > 100) {
            *answer = Answer::new(404, "text/plain; charset=utf-8", "Not found.\n");
        }
    })
    .await;
    let run = run(&context(&target.address, Mode::Guarded), &["paths/inside/dns/cache"]).await;
    let portmaster_conformance::suite::Verdict::Fail(evidence) = &run.records[0].verdict else {
        panic!("{:?}", run.records[0].verdict)
    };
    // The failing name was made as short as it can be: 101 bytes behind the folder.
    let name = evidence.curl.rsplit('/').next().unwrap().trim_end_matches('\'');
    assert!((101..=103).contains(&name.len()), "{}", evidence.curl);
    assert!(evidence.got.contains("seed 1, case "), "{}", evidence.got);
}

#[tokio::test]
async fn paths_a_pattern_that_is_too_wide() {
    let ids = ["paths/outside/dns/cache", "paths/boundary/dns-name-513", "paths/unknown/trailing-slash"];
    caught(Behind::Guarded, &ids, |_, answer| {
        if answer.status == 404 {
            *answer = Answer::new(500, "text/plain; charset=utf-8", "database entry not found\n");
        }
    })
    .await;
}

#[tokio::test]
async fn paths_a_redirect_to_elsewhere() {
    caught(Behind::Guarded, &["paths/cleaned"], |_, answer| {
        if answer.status == 301 {
            answer.set_header("Location", "/");
        }
    })
    .await;
}

#[tokio::test]
async fn content_a_wrong_type() {
    caught(Behind::Guarded, &["content/type/ping", "content/type/endpoints"], |_, answer| {
        answer.set_header("Content-Type", "text/html");
    })
    .await;
}

#[tokio::test]
async fn content_bytes_after_the_end() {
    caught(Behind::Guarded, &["content/length/ping"], |_, answer| {
        answer.headers.push(("Content-Length".to_owned(), "2".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn content_a_body_with_head() {
    caught(Behind::Guarded, &["content/head/ping"], |asked, answer| {
        if asked.method == "HEAD" {
            answer.body = b"Pong.\n".to_vec();
            answer.even_to_head = true;
        }
    })
    .await;
}

#[tokio::test]
async fn devmode_that_still_asks() {
    let ids = ["devmode/permissions", "devmode/open/network/gateways/GET"];
    caught(Behind::Development, &ids, |_, answer| answer.status = 403).await;
}

#[tokio::test]
async fn devmode_a_policy_that_stays() {
    caught(Behind::Development, &["devmode/no-content-policy"], |_, answer| {
        answer.set_header("Content-Security-Policy", "default-src 'self'");
    })
    .await;
}

#[tokio::test]
async fn origin_everybody_may() {
    caught(Behind::Guarded, &["origin/foreign"], |asked, answer| {
        if asked.has("origin:") && answer.status == 403 {
            *answer = Answer::new(200, "text/plain; charset=utf-8", "Pong.\n");
            answer.set_header("Access-Control-Allow-Origin", "*");
        }
    })
    .await;
}

#[tokio::test]
async fn origin_nobody_may() {
    caught(Behind::Guarded, &["origin/same", "origin/preflight/ping"], |_, answer| {
        answer.drop_header("access-control-allow-origin");
    })
    .await;
}

#[tokio::test]
async fn methods_that_all_work() {
    caught(Behind::Guarded, &["methods/foreign", "methods/write-on-read-only/ping"], |_, answer| {
        if answer.status == 405 {
            *answer = Answer::new(200, "text/plain; charset=utf-8", "Pong.\n");
        }
    })
    .await;
}

#[tokio::test]
async fn methods_named_in_allow() {
    caught(Behind::Guarded, &["methods/foreign"], |_, answer| answer.set_header("Allow", "GET")).await;
}

#[tokio::test]
async fn headers_each_of_them() {
    for name in [
        "Referrer-Policy",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "X-XSS-Protection",
        "X-DNS-Prefetch-Control",
        "Content-Security-Policy",
    ] {
        let id = name.to_lowercase();
        let id = format!("headers/*/{}", id.strip_prefix("x-").unwrap_or(&id));
        caught(Behind::Guarded, &[&id], |_, answer| answer.drop_header(name)).await;
    }
}

#[tokio::test]
async fn structure_a_member_that_is_gone() {
    let ids = ["structure/auth/permissions", "structure/endpoints", "structure/config/options/core/devMode"];
    caught(Behind::Guarded, &ids, |_, answer| {
        answer.replace("\"Read\"", "\"Reads\"");
        answer.replace("\"core/devMode\"", "\"core/mode\"");
    })
    .await;
}

#[tokio::test]
async fn structure_a_secret_in_the_options() {
    caught(Behind::Guarded, &["structure/config/options/no-values"], |_, answer| {
        answer.replace("\"DefaultValue\"", "\"Value\":[\"test-admin-key-90ab\"],\"DefaultValue\"");
    })
    .await;
}

#[tokio::test]
async fn parameters_errors_that_say_nothing() {
    caught(Behind::Guarded, &["parameters/app/auth"], |_, answer| answer.body = b"error\n".to_vec()).await;
}

#[tokio::test]
async fn actions_that_do_nothing() {
    caught(Behind::Guarded, &["actions/dns/clear", "actions/updates/check"], |_, answer| {
        answer.body = b"cleared 1 dns cache entries\n".to_vec();
    })
    .await;
}

#[tokio::test]
async fn limits_that_are_none() {
    caught(Behind::Guarded, &["limits/too-long/ui/reload"], |_, answer| {
        if answer.status == 413 {
            *answer = Answer::new(200, "text/plain; charset=utf-8", "done\n");
        }
    })
    .await;
}
