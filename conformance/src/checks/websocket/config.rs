//! Options: a write acts, is heard and is put back.

use portmaster_fixtures::Permission;
use serde_json::{Value, json};

use super::{
    sentence::{reads, writes},
    talk::Talk,
};
use crate::{
    suite::{Check, Class, Context, Need, Outcome, Place, Stop},
    target::Request,
};

/// An option that changes nothing but what a user interface shows.
const HARMLESS: &str = "config:core/expertiseLevel";
const DEVELOPMENT: &str = "config:core/devMode";

pub(super) fn checks() -> Vec<Check> {
    vec![
        writes("config/write", "5.1", "A write to an option is read back and heard, and a null resets it.")
            .run(async |context| {
                let mut talk = Talk::open(&context).await?;
                let before = value(&mut talk, HARMLESS).await?;
                let outcome = written(&mut talk).await;
                put_back(&context, HARMLESS, &before).await?;
                outcome
            }),
        writes("config/refused", "5.1", "A value that the option does not allow changes nothing.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                let before = value(&mut talk, HARMLESS).await?;
                let outcome = refused(&mut talk, &before).await;
                put_back(&context, HARMLESS, &before).await?;
                outcome
            },
        ),
        reads("config/unknown", "5.1", "There is no writing an option that does not exist.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                let said = "error|option \"conformance/none\" does not exist";
                talk.says("update", "config:conformance/none|J{\"Value\":1}", said).await
            },
        ),
        writes(
            "config/development",
            "7",
            "Development Mode opens the API with the write, and closes it with the next.",
        )
        .class(Class::Disruptive)
        .needs([Need::Guarded])
        .run(async |context| {
            let mut talk = Talk::open(&context).await?;
            let before = value(&mut talk, DEVELOPMENT).await?;
            let outcome = development(&context, &mut talk).await;
            put_back(&context, DEVELOPMENT, &before).await?;
            outcome
        }),
    ]
}

/// What the user has set, or null.
async fn value(talk: &mut Talk, key: &str) -> Result<Value, Stop> {
    let reply = talk.ask("get", key).await?;
    let record = reply.record();
    record
        .map(|one| one["Value"].clone())
        .ok_or_else(|| talk.violation(format!("ok|{key}|J{{…}}"), reply.said()))
}

async fn set(talk: &mut Talk, key: &str, value: &Value) -> Outcome {
    talk.says("update", &format!("{key}|J{}", json!({ "Value": value })), "success").await
}

/// Writes what was there, on a connection of its own, and expects to find it.
async fn put_back(context: &Context, key: &str, before: &Value) -> Outcome {
    let mut talk = Talk::open(context).await?;
    set(&mut talk, key, before).await?;
    if before.is_null() {
        // What was not in the settings shall not stand in them with its default.
        talk.ask("delete", key).await?;
    }
    let now = value(&mut talk, key).await?;
    talk.expect(now == *before, format!("{key} as before: {before}"), now.to_string())
}

async fn written(talk: &mut Talk) -> Outcome {
    let (id, _) = talk.subscribe(HARMLESS).await?;
    for wanted in [json!("expert"), json!("developer"), Value::Null] {
        set(talk, HARMLESS, &wanted).await?;
        let push = talk.reply(&id).await?;
        let pushed = push.record().map(|record| record["Value"].clone());
        let right = push.kind == "new" && push.key() == HARMLESS && pushed == Some(wanted.clone());
        talk.expect(right, format!("new|{HARMLESS} with Value {wanted}"), push.said())?;
        let now = value(talk, HARMLESS).await?;
        talk.expect(now == wanted, format!("Value {wanted}"), now.to_string())?;
    }
    talk.cancel(&id).await.map(drop)
}

async fn refused(talk: &mut Talk, before: &Value) -> Outcome {
    for (wrong, said) in [
        (json!("conformance"), "error|validation of core/expertiseLevel failed: value is not allowed"),
        (json!(7), "error|received invalid value in \"Value\""),
    ] {
        talk.says("update", &format!("{HARMLESS}|J{}", json!({ "Value": wrong })), said).await?;
        let now = value(talk, HARMLESS).await?;
        talk.expect(now == *before, format!("Value {before}, as before"), now.to_string())?;
    }
    Ok(())
}

async fn development(context: &Context, talk: &mut Talk) -> Outcome {
    let role = async || {
        let exchange = context.send_to(Place::Main, Request::api("GET", "auth/permissions")).await?;
        let body = exchange.status(200)?.json()?;
        Ok::<_, Stop>((exchange, body["ReadRole"].clone()))
    };
    set(talk, DEVELOPMENT, &json!(true)).await?;
    let (exchange, open) = role().await?;
    exchange.expect(open == "Self", "ReadRole Self without a key")?;
    let (opening, socket) = context.upgrade(Place::Main, Request::handshake()).await?;
    opening.expect(socket.is_some(), "101 without a key")?;
    set(talk, DEVELOPMENT, &json!(false)).await?;
    let (exchange, closed) = role().await?;
    let without = Permission::Anyone.to_string();
    exchange.expect(closed == without.as_str(), format!("ReadRole {without} without a key"))?;
    Ok(())
}
