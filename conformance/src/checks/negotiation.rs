//! The form of structured answers: what the Accept header asks for, where the contract heeds it.

use portmaster_fixtures::Contract;
use serde_json::Value;

use crate::{
    suite::{Check, Context, Exchange, Outcome, Stop},
    target::Request,
};

/// A structured answer that nobody needs a key for.
const PATH: &str = "auth/permissions";

/// Forms beside JSON: name, what is accepted for it, the type that names it.
const FORMS: [(&str, &str, &str); 3] = [
    ("cbor", "application/cbor", "application/cbor"),
    ("msgpack", "application/msgpack", "application/msgpack"),
    ("yaml", "application/yaml", "application/yaml; charset=utf-8"),
];

pub(super) fn checks(contract: Contract) -> Vec<Check> {
    if contract.behaviour().negotiates { negotiated() } else { ignored() }
}

fn should(id: &str, sentence: impl Into<String>) -> Check {
    Check::should(format!("content/accept/{id}"), "core-2.2 §4", sentence)
}

async fn ask(context: &Context, method: &str, accept: Option<&str>) -> Result<Exchange, Stop> {
    let request = Request::api(method, PATH);
    context.send(accept.into_iter().fold(request, |request, value| request.header("Accept", value))).await
}

/// The answer is JSON, and the one that comes without an Accept header.
async fn as_without(context: &Context, accept: &str) -> Outcome {
    let plain = ask(context, "GET", None).await?.status(200)?.response.body.clone();
    let asked = ask(context, "GET", Some(accept)).await?;
    asked.status(200)?.header("Content-Type", "application/json; charset=utf-8")?;
    asked.expect(asked.response.body == plain, "the answer that comes without Accept")?;
    Ok(())
}

/// Whatever is asked for, the answer is the JSON that it is without.
fn ignored() -> Vec<Check> {
    let accepted = FORMS.map(|(id, accept, _)| (id, accept)).into_iter().chain([("html", "text/html")]);
    accepted
        .map(|(id, accept)| {
            let id = format!("ignored/{id}");
            should(&id, format!("Accept: {accept} does not matter: answers are JSON."))
                .run(move |context| async move { as_without(&context, accept).await })
        })
        .collect()
}

fn negotiated() -> Vec<Check> {
    let mut checks = vec![];
    for (id, accept, kind) in FORMS {
        checks.push(
            should(id, format!("Accept: {accept} is answered in that form, and says the same as JSON."))
                .run(move |context| async move { same_in(&context, accept, id).await }),
        );
        checks.push(
            Check::finding(
                format!("content/accept/{id}/type"),
                "core-2.2 §8 Q4",
                format!("What comes in the form {accept} is said to be {kind}."),
            )
            .run(move |context| async move {
                ask(&context, "GET", Some(accept)).await?.status(200)?.header("Content-Type", kind)?;
                Ok(())
            }),
        );
    }
    checks.push(should("first", "The first form that is known counts, whatever its weight.").run(
        async |context| same_in(&context, "text/html, APPLICATION/MSGPACK;q=0.1, text/json", "msgpack").await,
    ));
    for (id, accept) in [("nothing", ""), ("anything", "*/*"), ("any-text", "text/html,text/*;q=0.1")] {
        checks.push(
            should(id, format!("Accept: {accept} is answered in JSON."))
                .run(move |context| async move { as_without(&context, accept).await }),
        );
    }
    for (id, accept) in [("html", "text/html"), ("problem", "application/problem+json"), ("comma", ",")] {
        checks.push(should(id, format!("Accept: {accept} names no form that there is, and fails.")).run(
            move |context| async move {
                let asked = ask(&context, "GET", Some(accept)).await?;
                asked.error(500, "dsd: format is incompatible with operation\n")?;
                Ok(())
            },
        ));
    }
    checks.push(
        Check::finding(
            "content/head-type",
            "core-2.2 §8 Q4",
            "HEAD, which has no body, has no Content-Type without a value either.",
        )
        .run(async |context| {
            let head = ask(&context, "HEAD", None).await?;
            head.status(204)?.no_header("Content-Type")?;
            Ok(())
        }),
    );
    checks
}

/// Expects the answer in a form, and that it says what JSON says.
async fn same_in(context: &Context, accept: &str, form: &str) -> Outcome {
    let wanted = ask(context, "GET", None).await?.status(200)?.json()?;
    let exchange = ask(context, "GET", Some(accept)).await?;
    let body = &exchange.status(200)?.response.body;
    let found: Option<Value> = match form {
        "cbor" => ciborium::from_reader(body.as_slice()).ok(),
        "msgpack" => rmp_serde::from_slice(body).ok(),
        // JSON is YAML, too.
        _ if body.starts_with(b"{") => None,
        _ => serde_saphyr::from_slice(body).ok(),
    };
    exchange.expect(found.as_ref() == Some(&wanted), format!("{wanted} in the form {form}"))?;
    Ok(())
}
