//! The bridge to the HTTP API, the database `api:`.

use portmaster_fixtures::{Contract, Permission};

use super::{
    sentence::{reads, writes},
    talk::Talk,
};
use crate::{
    suite::{Check, Class, Context, Need, Outcome},
    target::Request,
};

pub(super) fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = vec![
        reads("bridge/get", "6", "get calls an endpoint and answers its type and body.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                for key in ["api:ping", "api:ping?x=1"] {
                    let reply = talk.ask("get", key).await?;
                    let record = reply.record().unwrap_or_default();
                    let right = reply.kind == "ok"
                        && record["Body"] == "Pong.\n"
                        && record["MimeType"].as_str().is_some_and(|kind| kind.starts_with("text/plain"));
                    talk.expect(right, "ok with MimeType text/plain and Body \"Pong.\\n\"", reply.said())?;
                }
                Ok(())
            },
        ),
        reads("bridge/admin", "6", "The bridge may do what needs Admin.").run(async |context| {
            let mut talk = Talk::open(&context).await?;
            let reply = talk.ask("get", "api:auth/permissions").await?;
            let body = reply.record().and_then(|record| serde_json::from_str(record["Body"].as_str()?).ok());
            let body: serde_json::Value = body.unwrap_or_default();
            let role = ["Admin", "Self"]
                .iter()
                .find(|role| body["ReadRole"] == **role && body["WriteRole"] == **role);
            talk.expect(role.is_some(), "the roles Admin", reply.said())
        }),
        own(contract),
        reads("bridge/same", "6", "The bridge answers what HTTP answers.").run(same),
        writes("bridge/create", "6", "create calls an endpoint that acts, and subscribers hear its answer.")
            .run(async |context| {
                let mut talk = Talk::open(&context).await?;
                let id = talk.start("sub", "query api:ui/").await?;
                let mut heard = vec![];
                for _ in 0..100 {
                    talk.says("create", "api:ui/reload|J{\"Method\":\"POST\"}", "success").await?;
                    heard = talk.kept(&id);
                    if !heard.is_empty() {
                        break;
                    }
                }
                heard.extend(talk.cancel(&id).await?);
                let right = heard.iter().all(|one| one.kind == "new" && one.key() == "api:ui/reload");
                talk.expect(right && !heard.is_empty(), "new|api:ui/reload", format!("{heard:?}"))
            }),
    ];
    checks.extend(ERRORS.map(|(id, method, rest, text)| {
        let sentence = format!("{method} {rest:?} is answered with the error {text:?}.");
        reads(&format!("bridge/error/{id}"), "6", sentence).run(move |context| async move {
            Talk::open(&context).await?.says(method, rest, &format!("error|{text}")).await
        })
    }));
    checks
}

/// A call of an endpoint that only Portmaster itself may use. If the bridge carries it out after all, a trigger
/// harms nobody; where there is none, the target stops.
fn own(contract: Contract) -> Check {
    let trigger = contract.endpoints().iter().any(|endpoint| endpoint.path.starts_with("modules/"));
    let (path, class) = match trigger {
        true => ("modules/conformance/trigger/none", Class::Read),
        false => ("core/shutdown", Class::Disruptive),
    };
    reads("bridge/self", "6", "The bridge may not do what only Portmaster itself may.")
        .class(class)
        .needs([Need::Guarded])
        .run(move |context| async move {
            let said = "error|bridged api call returned unexpected error code 403";
            let call = format!("api:{path}|J{{\"Method\":\"POST\"}}");
            Talk::open(&context).await?.says("create", &call, said).await
        })
}

/// Calls that fail: id, method, rest, text.
const ERRORS: [(&str, &str, &str, &str); 7] = [
    ("unknown", "get", "api:conformance/none", "bridged api call returned unexpected error code 404"),
    (
        "method",
        "create",
        "api:ping|J{\"Method\":\"POST\"}",
        "bridged api call returned unexpected error code 405",
    ),
    (
        "head",
        "create",
        "api:ping|J{\"Method\":\"HEAD\"}",
        "bridged api call returned unexpected error code 204",
    ),
    ("scope", "get", "api:../../ui", "bridged request for \"../../ui\" violates scope"),
    (
        "escape",
        "get",
        "api:%zz",
        "failed to build bridged request url: parse \"/api/v1/%zz\": invalid URL escape \"%zz\"",
    ),
    ("empty", "get", "api:", "database entry not found"),
    ("query", "query", "query api:", "not implemented"),
];

async fn same(context: Context) -> Outcome {
    let (place, key) = context.rights(Permission::Admin)?;
    let mut talk = Talk::open(&context).await?;
    for path in ["config/options", "endpoints"] {
        let exchange = context.send_to(place, Request::api("GET", path).maybe_bearer(key)).await?;
        let body = exchange.status(200)?.response.text();
        let reply = talk.ask("get", &format!("api:{path}")).await?;
        let record = reply.record().unwrap_or_default();
        let text = record["Body"].as_str().unwrap_or_default();
        let (got, wanted) = (text.len(), body.len());
        talk.expect(text == body, format!("the {wanted} bytes of GET {path}"), format!("{got} bytes"))?;
    }
    Ok(())
}
