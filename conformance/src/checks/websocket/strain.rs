//! What has brought cores down, with no luck needed: each is a finding of its own. A core that takes it answers, with whatever it wants,
//! and goes on.

use std::time::Duration;

use portmaster_fixtures::Permission;
use serde_json::json;
use tokio::time::timeout;

use super::{sentence::reads, talk::Talk};
use crate::{
    suite::{Check, Class, Context, Outcome},
    target::Request,
};

/// What a user interface shows, and nothing else.
const HARMLESS: &str = "config:core/expertiseLevel";
/// How many write settings at once, and how often each.
const WRITERS: (usize, usize) = (4, 25);

pub(super) fn checks() -> Vec<Check> {
    vec![
        survives("settings-at-once", "5.1", "Settings that four write at the same moment are written.")
            .run(settings),
        survives(
            "insert-another-type",
            "2.8",
            "A value of another type for a member of a structure is refused.",
        )
        .run(async |context: Context| {
            let mut talk = Talk::open(&context).await?;
            let key = "notifications:all/conformance-strain";
            let notification = json!({
                "EventID": "conformance-strain", "Type": 0, "Title": "Conformance", "Message": "Strain",
                "AvailableActions": [{ "ID": "ok", "Text": "OK" }],
            });
            talk.ask("create", &format!("{key}|J{notification}")).await?;
            let outcome = async {
                answered(&context, &mut talk, "insert", &format!("{key}|{{\"State\":\"responded\"}}"))
                    .await?;
                answered(&context, &mut talk, "insert", "runtime:system/status|{\"Modules\":[1]}").await
            };
            let outcome = outcome.await;
            if outcome.is_ok() {
                talk.ask("delete", key).await?;
            }
            outcome
        }),
        survives(
            "insert-into-cbor",
            "2.8",
            "A member that is inserted into a record in CBOR or YAML is taken or refused.",
        )
        .run(async |context: Context| {
            let mut talk = Talk::open(&context).await?;
            let records: [(&str, &[u8]); 2] = [("cbor", b"C\xa1aa\x01"), ("yaml", b"Ya: 1\n")];
            for (form, payload) in records {
                let key = format!("core:conformance/strain-{form}");
                let id = talk.fresh();
                talk.send([format!("{id}|create|{key}|").as_bytes(), payload].concat()).await?;
                talk.reply(&id).await?;
                answered(&context, &mut talk, "insert", &format!("{key}|{{\"a\":1}}")).await?;
                talk.ask("delete", &key).await?;
            }
            Ok(())
        }),
        survives(
            "query-cut-word",
            "4.2",
            "A word of a query that ends in the middle of a letter is taken or refused.",
        )
        .run(async |context: Context| {
            for text in [
                "core:conformance/ where a sameas ",
                "core:conformance/ where ",
                "core:conformance/ where (",
                "core:",
            ] {
                for letter in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\x98"] {
                    let mut talk = Talk::open(&context).await?;
                    let id = talk.fresh();
                    talk.send([format!("{id}|query|query {text}").as_bytes(), letter].concat()).await?;
                    let reply = talk.reply(&id).await?;
                    talk.expect(
                        !reply.rest.contains("panic"),
                        "done, or an error that is none of its own",
                        reply.said(),
                    )?;
                    lives(&context).await?;
                }
            }
            Ok(())
        }),
    ]
}

fn survives(id: &str, section: &str, sentence: &str) -> Check {
    reads(&format!("survives/{id}"), section, sentence).class(Class::Disruptive).found()
}

/// Expects an answer, whatever it is, that tells of no panic, and a target that goes on.
async fn answered(context: &Context, talk: &mut Talk, method: &str, rest: &str) -> Outcome {
    let reply = talk.ask(method, rest).await?;
    talk.expect(!reply.rest.contains("panic"), "success, or an error that is none of its own", reply.said())?;
    lives(context).await
}

async fn lives(context: &Context) -> Outcome {
    context.send(Request::api("GET", "ping")).await?.status(200)?;
    Ok(())
}

async fn settings(context: Context) -> Outcome {
    let mut first = Talk::open(&context).await?;
    let before =
        first.ask("get", HARMLESS).await?.record().map(|record| record["Value"].clone()).unwrap_or_default();
    let mut writers = vec![];
    for _ in 0..WRITERS.0 {
        let mut talk = Talk::open(&context).await?;
        talk.meet();
        writers.push(talk);
    }
    let write = async |talk: &mut Talk| -> Outcome {
        for round in 0..WRITERS.1 {
            let value = if round % 2 == 0 { "expert" } else { "developer" };
            talk.says("update", &format!("{HARMLESS}|J{}", json!({ "Value": value })), "success").await?;
        }
        Ok(())
    };
    let outcomes = futures_util::future::join_all(writers.iter_mut().map(write)).await;
    let outcome = outcomes.into_iter().collect::<Outcome>();
    // A target that hangs cannot be put back; whoever watches it says so.
    let back = timeout(Duration::from_secs(5), async {
        first.says("update", &format!("{HARMLESS}|J{}", json!({ "Value": before })), "success").await
    });
    let back = back.await;
    outcome?;
    if let Ok(back) = back {
        back?;
    }
    let (_, key) = context.rights(Permission::Admin)?;
    context.send(Request::api("GET", "config/options").maybe_bearer(key)).await?.status(200)?;
    Ok(())
}
