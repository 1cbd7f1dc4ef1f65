//! The security headers of every answer.

use portmaster_fixtures::Contract;

use super::family::Family;
use crate::{
    suite::{Check, Context, Need, Outcome},
    target::Request,
};

/// The kinds of answers that carry the headers: name, method, target.
const ANSWERS: [(&str, &str, &str); 9] = [
    ("success", "GET", "/api/v1/ping"),
    ("head", "HEAD", "/api/v1/ping"),
    ("json", "GET", "/api/v1/endpoints"),
    ("not-found", "GET", "/api/v1/nope"),
    ("not-allowed", "PATCH", "/api/v1/ping"),
    ("refused", "GET", "/api/v1/core/restart"),
    ("error", "GET", "/api/v1/app/auth"),
    ("redirect", "GET", "/api/v1//ping"),
    ("cross-origin", "GET", "/api/v1/ping"),
];

pub(super) const FAMILY: Family = Family {
    name: "headers",
    about: "The security headers of every answer.",
    tags: &["http", "security"],
    checks,
    of_catalogue: None,
};

fn checks(contract: Contract) -> Vec<Check> {
    let behaviour = contract.behaviour();
    let headers = [
        ("referrer-policy", "Referrer-Policy", behaviour.referrer_policy.as_str()),
        ("content-type-options", "X-Content-Type-Options", "nosniff"),
        ("frame-options", "X-Frame-Options", "deny"),
        ("xss-protection", "X-XSS-Protection", "1; mode=block"),
        ("dns-prefetch-control", "X-DNS-Prefetch-Control", "off"),
        ("content-security-policy", "Content-Security-Policy", behaviour.content_security_policy.as_str()),
    ];
    let mut checks = vec![];
    for (answer, method, target) in ANSWERS {
        for (id, name, value) in headers {
            // Development Mode leaves the policy out.
            let needs = (name == "Content-Security-Policy").then_some(Need::Guarded);
            checks.push(
                Check::should(
                    format!("headers/{answer}/{id}"),
                    "core-1.x §5.2",
                    format!("{method} {target} is answered with {name}: {value}."),
                )
                .needs(needs)
                .run(move |context| async move { has(context, answer, method, target, name, value).await }),
            );
        }
    }
    checks.push(
        Check::info("headers/no-server", "core-1.x §5.1", "Answers do not name the server's software.").run(
            async |context| {
                context.send(Request::api("GET", "ping")).await?.no_header("Server")?;
                Ok(())
            },
        ),
    );
    checks
}

async fn has(context: Context, answer: &str, method: &str, target: &str, name: &str, value: &str) -> Outcome {
    let mut request = Request::new(method, target);
    if answer == "cross-origin" {
        request = request.header("Origin", "http://evil.example");
    }
    context.send(request).await?.header(name, value)?;
    Ok(())
}
