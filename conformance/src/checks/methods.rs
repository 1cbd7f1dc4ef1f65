//! Which methods an endpoint takes.

use portmaster_fixtures::{Contract, Endpoint, Permission};

use super::{family::Family, sample};
use crate::{
    suite::{Check, Class, Context, Exchange, Need, Outcome, Tier},
    target::Request,
};

const CLAUSE: &str = "core-1.x §5.5";

/// Methods that no endpoint takes.
const FOREIGN: [(&str, &str); 9] = [
    ("PATCH", "PATCH"),
    ("TRACE", "TRACE"),
    ("OPTIONS", "OPTIONS"),
    ("PROPFIND", "PROPFIND"),
    ("lower-case-get", "get"),
    ("lower-case-post", "post"),
    ("mixed-case-get", "Get"),
    ("long", "GETT"),
    ("word", "PING"),
];

pub(super) const FAMILY: Family = Family {
    name: "methods",
    about: "Which methods an endpoint takes.",
    tags: &["http"],
    checks,
    of_catalogue: Some(of_catalogue),
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = of_catalogue(contract.endpoints());
    for (id, method) in FOREIGN {
        for (where_, path) in [("known", "ping"), ("unknown", "nope"), ("guarded", "network/gateways")] {
            checks.push(
                Check::should(
                    format!("methods/foreign/{id}/{where_}"),
                    CLAUSE,
                    format!("{method} is refused with 405 before the endpoint is looked up."),
                )
                .run(move |context| async move {
                    not_allowed(&context.send(Request::api(method, path)).await?)
                }),
            );
        }
    }
    checks.extend(order());
    checks.extend(interchangeable());
    checks
}

/// The checks of a list of endpoints.
fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    endpoints.iter().filter_map(of).collect()
}

/// Whoever documents only one kind of method refuses the other.
fn of(endpoint: &'static Endpoint) -> Option<Check> {
    let slug = sample::slug(&endpoint.path);
    let (id, methods): (_, &[&str]) =
        match (endpoint.read.is_not_supported(), endpoint.write.is_not_supported()) {
            (true, false) => ("read-on-write-only", &["GET", "HEAD"]),
            (false, true) => ("write-on-read-only", &["POST", "PUT", "DELETE"]),
            _ => return None,
        };
    Some(
        Check::must(
            format!("methods/{id}/{slug}"),
            &endpoint.name,
            format!("{} does not take {}.", endpoint.path, methods.join(", ")),
        )
        .run(move |context| async move {
            for method in methods {
                let request = Request::api(method, &sample::path(endpoint));
                let exchange = context.send(request).await?;
                if *method == "HEAD" {
                    exchange.status(405)?.no_header("Allow")?;
                } else {
                    not_allowed(&exchange)?;
                }
            }
            Ok(())
        }),
    )
}

fn not_allowed(exchange: &Exchange) -> Outcome {
    exchange.error(405, "Method not allowed.\n")?.no_header("Allow")?;
    Ok(())
}

/// What comes before authentication.
fn order() -> Vec<Check> {
    let should =
        |id: &str, sentence: &str| Check::should(format!("methods/order/{id}"), "core-1.x §5", sentence);
    vec![
        should("unknown-before-authentication", "An unknown endpoint is 404 for everybody.")
            .needs([Need::Guarded])
            .run(async |context| {
                for method in ["GET", "POST", "PUT", "DELETE"] {
                    context.send(Request::api(method, "nope")).await?.error(404, "Not found.\n")?;
                }
                Ok(())
            }),
        should(
            "method-before-authentication",
            "A method that the endpoint does not take is 405 for everybody.",
        )
        .needs([Need::Guarded])
        .run(async |context| {
            not_allowed(&context.send(Request::api("GET", "core/restart")).await?)?;
            not_allowed(&context.send(Request::api("POST", "network/gateways")).await?)
        }),
        should("method-before-endpoint", "A method that no endpoint takes is 405 even where there is none.")
            .run(async |context| not_allowed(&context.send(Request::api("PATCH", "nope")).await?)),
        should("path-before-method", "Outside the API a foreign method is 404.").run(async |context| {
            context.send(Request::new("PATCH", "/nope")).await?.error(404, "Not found.\n")?;
            Ok(())
        }),
        should("cleaning-before-method", "A path that is not clean is redirected whatever the method.").run(
            async |context| {
                context.send(Request::new("PATCH", "/api/v1//ping")).await?.status(301)?;
                Ok(())
            },
        ),
    ]
}

/// Any write method runs what is documented with one of them.
fn interchangeable() -> Vec<Check> {
    let mut checks = vec![];
    for (endpoint, class, body, answer) in [
        ("ui/reload", Class::Writes, "", "all ui archives successfully reloaded\n"),
        ("spn/account/logout", Class::Disruptive, "", "Logged out.\n"),
    ] {
        for method in ["POST", "PUT", "DELETE"] {
            checks.push(
                Check::should(
                    format!("methods/interchangeable/{endpoint}/{method}"),
                    CLAUSE,
                    format!("{method} runs {endpoint} like every other writing method."),
                )
                .class(class)
                .needs([Need::Rights(Permission::Admin)])
                .run(move |context: Context| async move {
                    let (place, key) = context.rights(Permission::Admin)?;
                    let request = Request::api(method, endpoint).body(body).maybe_bearer(key);
                    context.send_to(place, request).await?.answer(200, answer)?;
                    Ok(())
                }),
            );
        }
    }
    checks.push(
        Check::should("methods/interchangeable/netquery/query/PUT", "netquery §1", "PUT queries like POST.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let request = Request::api("PUT", "netquery/query").body("{\"pageSize\":1}");
                context.send(request.bearer(context.key(Tier::User)?)).await?.status(200)?;
                Ok(())
            }),
    );
    checks.push(Check::should("methods/body-on-get", "core-1.x §5.10", "A body with GET is ignored.").run(
        async |context| {
            context.send(Request::api("GET", "ping").body("a body")).await?.answer(200, "Pong.\n")?;
            Ok(())
        },
    ));
    checks
}
