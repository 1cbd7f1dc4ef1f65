//! What Development Mode opens: no authentication, no content policy, the local origins.

use portmaster_fixtures::{Contract, Endpoint, Permission};

use super::{family::Family, origin, permissions::reports, sample};
use crate::{
    suite::{Check, Context, Exchange, Need, Place, SkipReason, Stop},
    target::Request,
};

const MUST: &str = "Development Mode";

pub(super) const FAMILY: Family = Family {
    name: "devmode",
    about: "What Development Mode opens.",
    tags: &["security"],
    checks,
    of_catalogue: Some(of_catalogue),
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = of_catalogue(contract.endpoints());
    checks.extend(permissions());
    checks.extend(origins());
    checks.extend(graphs());
    checks
}

/// The checks of a list of endpoints.
fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    let mut checks = vec![];
    for endpoint in endpoints {
        for (method, permission) in sample::methods(endpoint) {
            checks.push(open(endpoint, method, permission));
        }
    }
    checks
}

fn must(id: &str, sentence: &str) -> Check {
    Check::must(format!("devmode/{id}"), MUST, sentence).needs([Need::Development])
}

fn should(id: &str, clause: &str, sentence: &str) -> Check {
    Check::should(format!("devmode/{id}"), clause, sentence).needs([Need::Development])
}

async fn send(context: &Context, request: Request) -> Result<Exchange, Stop> {
    context.send_to(Place::Development, request).await
}

/// Every endpoint answers without a key.
fn open(endpoint: &'static Endpoint, method: String, permission: Permission) -> Check {
    let kind = if permission == Permission::Itself { "internal" } else { "open" };
    let id = format!("{kind}/{}/{method}", sample::slug(&endpoint.path));
    must(&id, &format!("In Development Mode {method} {} needs no key.", endpoint.path))
        .class(sample::class(endpoint, &method))
        .run(move |context| {
            let request = sample::request(endpoint, &method);
            async move {
                let exchange = send(&context, request).await?;
                let reset = endpoint.path == "auth/reset" && exchange.response.status == 401;
                let reached =
                    !exchange.is_refusal() && !exchange.is_unrouted() && exchange.response.status != 405;
                exchange.expect(reached || reset, "access without a key")?;
                Ok(())
            }
        })
}

fn permissions() -> Vec<Check> {
    let report = || Request::api("GET", "auth/permissions");
    vec![
        must("permissions", "In Development Mode everybody has full access.").run(
            move |context| async move {
                reports(&send(&context, report()).await?, Permission::Itself, Permission::Itself)
            },
        ),
        must("unknown-key", "In Development Mode keys do not matter.").run(move |context| async move {
            let request = report().header("Authorization", "Bearer conformance-unknown-key");
            reports(&send(&context, request).await?, Permission::Itself, Permission::Itself)
        }),
        must("auth-basic", "In Development Mode auth/basic asks for nothing.").run(async |context| {
            send(&context, Request::api("GET", "auth/basic")).await?.answer(200, "Authenticated.\n")?;
            Ok(())
        }),
        must("auth-bearer", "In Development Mode auth/bearer asks for nothing.").run(async |context| {
            send(&context, Request::api("GET", "auth/bearer")).await?.answer(200, "Authenticated.\n")?;
            Ok(())
        }),
        should("no-session", "core-1.x §5.8", "Development Mode begins no session.").run(
            move |context| async move {
                send(&context, report()).await?.no_header("Set-Cookie")?;
                Ok(())
            },
        ),
        should("no-content-policy", "core-1.x §5.2", "Development Mode sends no Content-Security-Policy.")
            .run(async |context| {
                for path in ["ping", "nope"] {
                    send(&context, Request::api("GET", path)).await?.no_header("Content-Security-Policy")?;
                }
                Ok(())
            }),
        should("other-headers-stay", "core-1.x §5.2", "The other security headers stay.").run(
            async |context| {
                let exchange = send(&context, Request::api("GET", "ping")).await?;
                exchange.header("X-Frame-Options", "deny")?.header("X-Content-Type-Options", "nosniff")?;
                Ok(())
            },
        ),
        should("method-rules-stay", "core-1.x §5.5", "The rules on methods stay.").run(async |context| {
            send(&context, Request::api("GET", "core/shutdown"))
                .await?
                .error(405, "Method not allowed.\n")?;
            Ok(())
        }),
    ]
}

fn origins() -> Vec<Check> {
    let mut checks = vec![];
    for (id, origin) in [
        ("address", "http://127.0.0.1:4200"),
        ("localhost", "http://localhost:4200"),
        ("localhost-https", "https://localhost:4200"),
        ("localhost-no-port", "http://localhost"),
    ] {
        checks.push(
            should(
                &format!("origin/allowed/{id}"),
                "core-1.x §5.3",
                &format!("Development Mode allows the origin {origin}."),
            )
            .run(move |context| async move {
                let request = Request::api("GET", "ping").header("Origin", origin);
                let exchange = send(&context, request).await?;
                exchange.answer(200, "Pong.\n")?;
                origin::allowed(&exchange)
            }),
        );
    }
    for (id, origin) in [
        ("evil", "http://evil.example"),
        ("null", "null"),
        ("upper-case", "http://LOCALHOST:4200"),
        ("ipv6", "http://[::1]:4200"),
        ("below-localhost", "http://localhost.evil.example"),
    ] {
        checks.push(
            must(
                &format!("origin/refused/{id}"),
                &format!("Development Mode refuses the origin {origin}, too."),
            )
            .run(move |context| async move {
                let request = Request::api("GET", "ping").header("Origin", origin);
                send(&context, request).await?.error(403, "Cross-Origin Request Denied.\n")?;
                Ok(())
            }),
        );
    }
    checks
}

/// The graph as a web page is for Development Mode only.
fn graphs() -> Vec<Check> {
    vec![
        Check::must(
            "devmode/graph-html/off",
            "Get SPN map graph",
            "The html format of a graph is not available outside Development Mode.",
        )
        .needs([Need::Guarded, Need::Rights(Permission::User)])
        .run(async |context| {
            let (_, key) = context.rights(Permission::User)?;
            let request = Request::api("GET", "spn/map/main/graph.html").maybe_bearer(key);
            let exchange = context.send_to(Place::Main, request).await?;
            if matches!(exchange.response.status, 404 | 503) {
                return Err(Stop::Skip(SkipReason::NoMap));
            }
            exchange.status(412)?.plain_text()?;
            Ok(())
        }),
    ]
}
