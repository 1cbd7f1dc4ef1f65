//! Which web pages may call: the Origin header, and the questions that browsers ask before.

use portmaster_fixtures::Contract;

use super::family::Family;
use crate::{
    suite::{Check, Class, Context, Exchange, Need, Outcome, Place, Stop},
    target::Request,
};

const CLAUSE: &str = "core-1.x §5.3";
const PREFLIGHT: &str = "core-1.x §5.6";
const MUST: &str = "Cross-origin requests are not allowed";

/// Origins that are somebody else's.
const FOREIGN: [(&str, &str); 7] = [
    ("other-host", "http://evil.example"),
    ("other-host-https", "https://evil.example"),
    ("null", "null"),
    ("file", "file://"),
    ("moz-extension", "moz-extension://abcdef"),
    ("host-as-user", "http://{host}@evil.example"),
    ("other-port", "http://{name}:1"),
];

/// Origins that are no URL.
const INVALID: [(&str, &str); 6] = [
    ("bad-escape", "%zz"),
    ("bad-host-escape", "http://%zz"),
    ("blank", "http://a b"),
    ("open-bracket", "http://[::1"),
    ("port-letters", "http://127.0.0.1:abc"),
    ("colons", "::bad::"),
];

/// Origins that are the target itself, or the browser's own extension.
const SAME: [(&str, &str); 8] = [
    ("http", "http://{host}"),
    ("https", "https://{host}"),
    ("scheme-upper-case", "HTTP://{host}"),
    ("with-slash", "http://{host}/"),
    ("with-path", "http://{host}/path"),
    ("no-scheme", "//{host}"),
    ("chrome-extension", "chrome-extension://abcdefghijklmnop"),
    ("chrome-extension-upper-case", "CHROME-EXTENSION://x"),
];

pub(super) const FAMILY: Family = Family {
    name: "origin",
    about: "Which web pages may call.",
    tags: &["security"],
    checks,
    of_catalogue: None,
};

fn checks(_: Contract) -> Vec<Check> {
    let mut checks = vec![];
    for (id, origin) in FOREIGN {
        let text = "Cross-Origin Request Denied.\n";
        for (kind, path) in [("open", "ping"), ("guarded", "network/gateways"), ("unknown", "nope")] {
            checks.push(
                Check::must(
                    format!("origin/foreign/{id}/{kind}"),
                    MUST,
                    format!("The origin {origin} is refused."),
                )
                // Development Mode allows every port of this machine.
                .needs((id == "other-port").then_some(Need::Guarded))
                .run(move |context| async move {
                    refused(&with(&context, "GET", path, origin).await?, text)
                }),
            );
        }
    }
    for (id, origin) in INVALID {
        checks.push(
            Check::should(
                format!("origin/invalid/{id}"),
                CLAUSE,
                format!("The origin {origin} is refused as invalid."),
            )
            .run(move |context| async move {
                refused(&with(&context, "GET", "ping", origin).await?, "Invalid Origin.\n")
            }),
        );
    }
    for (id, origin) in SAME {
        checks.push(
            Check::should(format!("origin/same/{id}"), CLAUSE, format!("The origin {origin} is allowed."))
                .run(move |context| async move {
                    let exchange = with(&context, "GET", "ping", origin).await?;
                    exchange.answer(200, "Pong.\n")?;
                    allowed(&exchange)
                }),
        );
    }
    checks.extend(others());
    checks.extend(preflight());
    checks
}

/// Sends a request from an origin; `{host}` stands for the target's host and port, `{name}` for its host.
async fn with(context: &Context, method: &str, path: &str, origin: &str) -> Result<Exchange, Stop> {
    let address = context.address(Place::Main).await?;
    let origin = origin.replace("{host}", &address.authority()).replace("{name}", address.host());
    context.send(Request::api(method, path).header("Origin", origin)).await
}

fn refused(exchange: &Exchange, text: &str) -> Outcome {
    exchange.error(403, text)?.no_header("Access-Control-Allow-Origin")?;
    Ok(())
}

/// Expects the headers that let a browser hand the answer to the page.
pub(super) fn allowed(exchange: &Exchange) -> Outcome {
    let origin = exchange.request.headers.iter().find(|one| one.name == "Origin");
    exchange
        .header("Access-Control-Allow-Origin", origin.map(|one| one.value.as_str()).unwrap_or_default())?;
    for (name, value) in [
        ("Access-Control-Allow-Methods", "*"),
        ("Access-Control-Allow-Headers", "*"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "*"),
        ("Access-Control-Max-Age", "60"),
        ("Vary", "Origin"),
    ] {
        exchange.header(name, value)?;
    }
    Ok(())
}

fn others() -> Vec<Check> {
    let should = |id: &str, sentence: &str| Check::should(format!("origin/{id}"), CLAUSE, sentence);
    vec![
        should("none", "Without an Origin header there are no CORS headers.").run(async |context| {
            context
                .send(Request::api("GET", "ping"))
                .await?
                .status(200)?
                .no_header("Access-Control-Allow-Origin")?;
            Ok(())
        }),
        should("empty", "An empty Origin header is none.").run(async |context| {
            let exchange = context.send(Request::api("GET", "ping").header("Origin", "")).await?;
            exchange.answer(200, "Pong.\n")?.no_header("Access-Control-Allow-Origin")?;
            Ok(())
        }),
        should("first-counts", "Of two Origin headers the first counts.").run(async |context| {
            let own = context.address(Place::Main).await?.to_string();
            let foreign = "http://evil.example";
            let first = Request::api("GET", "ping").header("Origin", foreign).header("Origin", &own);
            refused(&context.send(first).await?, "Cross-Origin Request Denied.\n")?;
            let second = Request::api("GET", "ping").header("Origin", &own).header("Origin", foreign);
            allowed(&context.send(second).await?)
        }),
        should("same/on-errors", "An allowed origin gets its headers on errors, too.").run(async |context| {
            let exchange = with(&context, "GET", "nope", "http://{host}").await?;
            exchange.error(404, "Not found.\n")?;
            allowed(&exchange)
        }),
        should("same/any-host-header", "What counts is the Host header, whatever it says.").run(
            async |context| {
                let request = Request::api("GET", "ping")
                    .header("Host", "portmaster.example:1")
                    .header("Origin", "http://portmaster.example:1");
                allowed(&context.send(request).await?)
            },
        ),
        should("same/host-without-port", "A Host header without a port takes any port of that name.").run(
            async |context| {
                let request = Request::api("GET", "ping")
                    .header("Host", "portmaster.example")
                    .header("Origin", "http://portmaster.example:4200");
                allowed(&context.send(request).await?)
            },
        ),
        Check::must("origin/foreign/write", MUST, "A foreign origin cannot write, either.")
            .class(Class::Writes)
            .run(async |context| {
                let exchange = with(&context, "POST", "ui/reload", "http://evil.example").await?;
                refused(&exchange, "Cross-Origin Request Denied.\n")
            }),
        Check::must("origin/foreign/preflight", MUST, "A foreign origin is refused already when it asks.")
            .run(async |context| {
                let request = Request::api("OPTIONS", "ping")
                    .header("Origin", "http://evil.example")
                    .header("Access-Control-Request-Method", "GET");
                refused(&context.send(request).await?, "Cross-Origin Request Denied.\n")
            }),
    ]
}

fn preflight() -> Vec<Check> {
    let mut checks = vec![];
    for path in ["ping", "core/restart", "nope"] {
        for method in ["GET", "POST", "PUT", "DELETE", "HEAD"] {
            checks.push(
                Check::should(
                    format!("origin/preflight/{path}/{method}"),
                    PREFLIGHT,
                    format!("A browser that asks for {method} {path} from the same host is told yes, without a key."),
                )
                .run(move |context| async move {
                    let exchange = ask(&context, path, Some(method)).await?;
                    exchange.answer(200, "")?.header("Content-Length", "0")?;
                    allowed(&exchange)
                }),
            );
        }
    }
    for (id, method) in
        [("none", None), ("PATCH", Some("PATCH")), ("lower-case", Some("get")), ("OPTIONS", Some("OPTIONS"))]
    {
        checks.push(
            Check::should(
                format!("origin/preflight/refused/{id}"),
                PREFLIGHT,
                "A browser that asks for no method, or one that no endpoint takes, is told 405.",
            )
            .run(move |context| async move {
                ask(&context, "ping", method).await?.error(405, "Method not allowed.\n")?;
                Ok(())
            }),
        );
    }
    checks
}

async fn ask(context: &Context, path: &str, method: Option<&str>) -> Result<Exchange, Stop> {
    let own = context.address(Place::Main).await?.to_string();
    let mut request = Request::api("OPTIONS", path).header("Origin", own);
    if let Some(method) = method {
        request = request.header("Access-Control-Request-Method", method);
    }
    context.send(request).await
}
