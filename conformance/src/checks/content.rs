//! Types, lengths and forms of bodies, endpoint by endpoint.

use portmaster_fixtures::{Contract, Endpoint, Permission};

use super::{family::Family, negotiation, sample};
use crate::{
    suite::{Check, Context, Exchange, Key, Need, Outcome, Place, SkipReason, Stop},
    target::Request,
};

pub(super) const FAMILY: Family = Family {
    name: "content",
    about: "Types, lengths and forms of bodies.",
    tags: &["http"],
    checks,
    of_catalogue: Some(of_catalogue),
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = of_catalogue(contract.endpoints());
    checks.extend(errors());
    checks.extend(negotiation::checks(contract));
    checks
}

/// The checks of a list of endpoints.
fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    let mut checks = vec![];
    for endpoint in endpoints {
        for (method, permission) in sample::methods(endpoint) {
            checks.extend(of(endpoint, method, permission));
        }
    }
    checks
}

/// The checks of one endpoint with one of its methods.
fn of(endpoint: &'static Endpoint, method: String, permission: Permission) -> Vec<Check> {
    let slug = sample::slug(&endpoint.path);
    let id = |what: &str| format!("content/{what}/{slug}/{method}");
    let class = sample::class(endpoint, &method);
    let needs = [Need::Rights(permission)];
    let name = &endpoint.name;
    let ask = {
        let method = method.clone();
        move |context: Context| {
            let method = method.clone();
            async move { ask(&context, endpoint, &method, permission).await }
        }
    };
    let mime = if sample::is_export(endpoint) { "application/json" } else { endpoint.mime_type.as_str() };
    let mut checks = vec![
        Check::must(id("type"), name, format!("{method} {} returns {mime} data.", endpoint.path))
            .class(class)
            .needs(needs)
            .run({
                let ask = ask.clone();
                move |context| {
                    let ask = ask(context);
                    async move { declared_type(&ask.await?, endpoint) }
                }
            }),
        Check::should(id("length"), "core-1.x §5.11", "The body is as long as the answer announces.")
            .class(class)
            .needs(needs)
            .run({
                let ask = ask.clone();
                move |context| {
                    let ask = ask(context);
                    async move { announced_length(&ask.await?) }
                }
            }),
    ];
    if endpoint.mime_type == "application/json" {
        checks.push(
            Check::must(id("json"), name, format!("What {method} {} returns is JSON.", endpoint.path))
                .class(class)
                .needs(needs)
                .run(move |context| {
                    let ask = ask(context);
                    async move {
                        let exchange = ask.await?;
                        // A success with nothing in it would not be one.
                        if exchange.response.status != 200 {
                            success(&exchange, endpoint)?;
                        }
                        exchange.json().map(drop)
                    }
                }),
        );
    }
    if method == "GET" {
        checks.push(
            Check::should(
                format!("content/head/{slug}"),
                "core-1.x §5.11",
                format!("HEAD {} is answered like GET, without a body.", endpoint.path),
            )
            .needs(needs)
            .run(move |context| head(context, endpoint, permission)),
        );
    }
    checks
}

async fn ask(
    context: &Context,
    endpoint: &Endpoint,
    method: &str,
    permission: Permission,
) -> Result<Exchange, Stop> {
    let (place, key) = rights(context, endpoint, permission)?;
    context.send_to(place, sample::request(endpoint, method).maybe_bearer(key)).await
}

/// Whoever may call the endpoint and, where it asks for authentication itself, is authenticated.
fn rights<'a>(
    context: &'a Context,
    endpoint: &Endpoint,
    permission: Permission,
) -> Result<(Place, Option<&'a Key>), Stop> {
    let permission = if endpoint.read == Permission::Dynamic { Permission::User } else { permission };
    context.rights(permission).or_else(|_| context.rights(Permission::Anyone))
}

fn success<'a>(exchange: &'a Exchange, endpoint: &Endpoint) -> Result<&'a Exchange, Stop> {
    if exchange.response.succeeded() && !exchange.response.body.is_empty() {
        return Ok(exchange);
    }
    // An endpoint that decides itself who may ask is refused for want of a key, where there is none.
    let refused = exchange.is_refusal() && endpoint.read != Permission::Dynamic;
    Err(if refused || exchange.is_unrouted() || exchange.response.status == 405 {
        exchange.violation("a success")
    } else {
        Stop::Skip(SkipReason::NoSuccess)
    })
}

fn declared_type(exchange: &Exchange, endpoint: &Endpoint) -> Outcome {
    if sample::is_export(endpoint) {
        success(exchange, endpoint)?.header("Content-Type", "application/json")?;
    } else {
        success(exchange, endpoint)?
            .header("Content-Type", &format!("{}; charset=utf-8", endpoint.mime_type))?;
    }
    Ok(())
}

fn announced_length(exchange: &Exchange) -> Outcome {
    let response = &exchange.response;
    exchange.expect(
        response.header("content-length").is_some() || response.header("transfer-encoding").is_some(),
        "a Content-Length, or a chunked body",
    )?;
    if response.surplus > 0 {
        let got = format!("{} bytes after its end; {}", response.surplus, exchange.summary());
        return Err(exchange.violation_got("nothing after the announced end of the body", got));
    }
    Ok(())
}

async fn head(context: Context, endpoint: &Endpoint, permission: Permission) -> Outcome {
    let get = ask(&context, endpoint, "GET", permission).await?;
    let head = ask(&context, endpoint, "HEAD", permission).await?;
    if head.response.surplus > 0 {
        let got = format!("{} bytes; {}", head.response.surplus, head.summary());
        return Err(head.violation_got("no body", got));
    }
    let (wanted, got) = (get.response.status, head.response.status);
    match wanted {
        // netquery knows GET and POST only (netquery §1).
        _ if endpoint.path.starts_with("netquery/") => head.status(400).map(drop),
        200 if !sample::is_raw(endpoint) => {
            head.status(204)?.no_header("Content-Length")?;
            Ok(())
        }
        _ => head.expect(got == wanted, format!("status {wanted}, as for GET")).map(drop),
    }
}

/// The forms of errors and of what does not depend on an endpoint.
fn errors() -> Vec<Check> {
    let should =
        |id: &str, sentence: &str| Check::should(format!("content/{id}"), "core-1.x §5.11", sentence);
    let mut checks = vec![];
    for (id, method, target, status, body) in [
        ("not-found", "GET", "/api/v1/nope", 404, "Not found.\n"),
        ("not-allowed", "PATCH", "/api/v1/ping", 405, "Method not allowed.\n"),
        ("endpoint", "GET", "/api/v1/app/auth", 500, "invalid read permission\n"),
    ] {
        checks.push(should(&format!("error/{id}"), "An error is a line of plain text in UTF-8.").run(
            move |context| async move {
                let exchange = context.send(Request::new(method, target)).await?;
                exchange.error(status, body)?;
                announced_length(&exchange)
            },
        ));
    }
    checks.push(should("error/head", "An error to HEAD has no body.").run(async |context| {
        let exchange = context.send(Request::api("HEAD", "nope")).await?;
        exchange.status(404)?;
        exchange.expect(exchange.response.surplus == 0, "no body")?;
        Ok(())
    }));
    checks.push(should("json/compact", "JSON comes without white space around it.").run(async |context| {
        let exchange = context.send(Request::api("GET", "auth/permissions")).await?;
        let text = exchange.response.text();
        exchange.expect(!text.contains([' ', '\n']), "JSON without blanks and line ends")?;
        Ok(())
    }));
    checks.push(should("json/escaped", "The characters <, > and & are escaped in JSON.").run(
        async |context| {
            let exchange = context.send(Request::api("GET", "endpoints")).await?;
            let text = exchange.response.text();
            exchange.expect(!text.contains(['<', '>', '&']), "no <, > or & in the body")?;
            Ok(())
        },
    ));
    checks
}
