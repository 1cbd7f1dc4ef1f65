//! How operations answer and end: the sequences of get, query, sub, qsub and cancel, and their errors.

use super::{sentence::reads, talk::Talk};
use crate::suite::{Check, Context, Outcome};

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![
        reads("operations/get", "2.6", "get answers one ok with the key, the record and its _meta.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                let reply = talk.ask("get", "config:core/devMode").await?;
                let record = reply.record().unwrap_or_default();
                let right = reply.kind == "ok"
                    && reply.key() == "config:core/devMode"
                    && record["Key"] == "core/devMode"
                    && record["_meta"]["Key"] == "config:core/devMode";
                talk.expect(right, "ok|config:core/devMode|J{…,\"_meta\":{…}}", reply.said())
            },
        ),
        reads("operations/query", "2", "query sends its records, each with ok, and then done.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                let records = talk.query("config:core/").await?;
                let wrong = records
                    .iter()
                    .find(|one| !one.key().starts_with("config:core/") || one.record().is_none());
                talk.expect(wrong.is_none(), "records below config:core/", format!("{wrong:?}"))?;
                talk.expect(!records.is_empty(), "at least one record", "none")
            },
        ),
        reads("operations/query-nothing", "2", "A query that finds nothing just says done.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                talk.says("query", "query core:conformance/none/", "done").await
            },
        ),
        reads("operations/query-is-get", "2", "A query shows each record as get does.").run(query_is_get),
        reads("operations/config-sorted", "4.5", "Options come sorted by key.").run(async |context| {
            let mut talk = Talk::open(&context).await?;
            let records = talk.query("config:").await?;
            let keys: Vec<_> = records.iter().map(|one| one.key().to_owned()).collect();
            let wrong = keys.windows(2).find(|pair| pair[0] >= pair[1]);
            talk.expect(wrong.is_none(), "options sorted by key", format!("{wrong:?}"))
        }),
        reads("operations/prefix", "4.6", "The prefix is a prefix of the key, letter by letter.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                let all = talk.query("config:").await?;
                for prefix in [
                    "config:core/l", "config:core/log/level", "config:Core", "config:core/%", "config:core_l",
                ] {
                    let found = talk.query(prefix).await?.len();
                    let wanted = all.iter().filter(|one| one.key().starts_with(prefix)).count();
                    talk.expect(
                        found == wanted,
                        format!("{wanted} records below {prefix}"),
                        found.to_string(),
                    )?;
                }
                Ok(())
            },
        ),
        reads(
            "operations/qsub",
            "2",
            "qsub sends records and done like a query, and done again when it is cancelled.",
        )
        .run(async |context| {
            let mut talk = Talk::open(&context).await?;
            let (id, found) = talk.subscribe("config:core/").await?;
            let records = talk.query("config:core/").await?;
            let [found, records] =
                [found, records].map(|all| all.iter().map(|one| one.key().to_owned()).collect::<Vec<_>>());
            talk.expect(found == records, "the records of a query", format!("{found:?}"))?;
            talk.cancel(&id).await?;
            cancelled(&mut talk, &id).await
        }),
        reads("operations/sub", "2", "sub says nothing, and done when it is cancelled.").run(sub),
        reads("operations/cancel/nothing", "2.4", "What does not run cannot be cancelled.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                cancelled(&mut talk, "nothing").await
            },
        ),
        reads("operations/cancel/finished", "2.4", "Neither a finished query nor a get can be cancelled.")
            .run(async |context| {
                let mut talk = Talk::open(&context).await?;
                for (method, rest) in
                    [("query", "query core:conformance/none/"), ("get", "core:conformance/none")]
                {
                    let id = talk.start(method, rest).await?;
                    talk.reply(&id).await?;
                    cancelled(&mut talk, &id).await?;
                }
                Ok(())
            }),
        reads("operations/cancel/others", "1.3", "Nobody cancels another connection's subscription.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                let (id, _) = talk.subscribe("core:conformance/none/").await?;
                cancelled(&mut Talk::open(&context).await?, &id).await?;
                talk.cancel(&id).await.map(drop)
            },
        ),
        reads("operations/pipelined", "1.3", "Operations that are sent without waiting are each answered.")
            .run(async |context| {
                let mut talk = Talk::open(&context).await?;
                let mut ids = vec![];
                for number in 0..50 {
                    ids.push(talk.start("get", &format!("core:conformance/none/{number}")).await?);
                }
                for id in ids {
                    let reply = talk.reply(&id).await?;
                    talk.expect(
                        reply.said() == "error|database entry not found",
                        "an answer to each",
                        reply.said(),
                    )?;
                }
                Ok(())
            }),
    ];
    checks.extend(ERRORS.map(|(id, section, method, rest, text)| {
        let sentence = format!("{method} {rest:?} is answered with the error {text:?}.");
        reads(&format!("operations/error/{id}"), section, sentence).run(move |context| async move {
            Talk::open(&context).await?.says(method, rest, &format!("error|{text}")).await
        })
    }));
    checks
}

const UNKNOWN: &str = "could not start database conformance: database \"conformance\" not registered";

/// Operations that fail: id, section, method, rest, text.
const ERRORS: [(&str, &str, &str, &str, &str); 26] = [
    ("get-unknown", "2.2", "get", "core:conformance/none", "database entry not found"),
    ("get-bar", "2.3", "get", "core:conformance/a|b", "database entry not found"),
    ("get-no-option", "2.2", "get", "config:conformance/none", "database entry not found"),
    ("get-no-database", "2.2", "get", "conformance:x", UNKNOWN),
    ("get-no-colon", "2.3", "get", "conformance", UNKNOWN),
    (
        "get-upper-case",
        "2.2",
        "get",
        "CORE:x",
        "could not start database CORE: database \"CORE\" not registered",
    ),
    (
        "get-blank",
        "2.2",
        "get",
        " core:x",
        "could not start database  core: database \" core\" not registered",
    ),
    ("get-no-name", "2.2", "get", ":x", "could not start database : database \"\" not registered"),
    ("query-no-database", "2.2", "query", "query conformance:", UNKNOWN),
    ("qsub-no-database", "2.2", "qsub", "query conformance:", UNKNOWN),
    ("create-no-database", "2.2", "create", "conformance:x|J{}", UNKNOWN),
    ("insert-no-database", "2.2", "insert", "conformance:x|{\"a\":1}", UNKNOWN),
    ("delete-no-database", "2.2", "delete", "conformance:x", UNKNOWN),
    ("delete-unknown", "2.9", "delete", "core:conformance/none", "database entry not found"),
    ("insert-unknown", "2.8", "insert", "core:conformance/none|{\"a\":1}", "database entry not found"),
    ("no-query", "4.2", "query", "core:", "queries must start with \"query\""),
    ("nothing", "4.2", "query", "", "unexpected end at position 0"),
    ("no-prefix", "4.2", "query", "query", "unexpected end at position 5"),
    ("clause", "4.2", "query", "query core:x sideways", "unknown clause \"sideways\" at position 14"),
    ("where", "4.2", "query", "query core:x where", "unexpected end at position 18"),
    ("operator", "4.2", "query", "query core:x where a ~ 1", "unknown operator at position 22"),
    ("value", "4.2", "query", "query core:x where a ==", "unexpected end at position 23"),
    (
        "mixed",
        "4.2",
        "query",
        "query core:x where a == 1 and b == 2 or c == 3",
        "you may not mix \"and\" and \"or\" (position: 38)",
    ),
    ("limit", "4.2", "query", "query core:x limit many", "could not parse integer (many) at position 20"),
    (
        "number",
        "4.3",
        "query",
        "query core:x where a == b",
        "could not parse b to int64: strconv.ParseInt: parsing \"b\": invalid syntax (hint: use \"sameas\" to compare strings)",
    ),
    (
        "bool",
        "4.3",
        "query",
        "query core:x where a is b",
        "could not parse \"b\" to bool: strconv.ParseBool: parsing \"b\": invalid syntax",
    ),
];

/// Expects that there is nothing to cancel under that name.
async fn cancelled(talk: &mut Talk, id: &str) -> Outcome {
    talk.send(format!("{id}|cancel")).await?;
    let reply = talk.reply(id).await?;
    talk.expect(
        reply.said() == "error|could not find subscription",
        "could not find subscription",
        reply.said(),
    )
}

/// A subscription has no acknowledgement; cancel finds it as soon as it stands.
async fn sub(context: Context) -> Outcome {
    let mut talk = Talk::open(&context).await?;
    let id = talk.start("sub", "query core:conformance/none/").await?;
    // Each round trip gives a target that works on several messages at a time the chance to subscribe.
    for _ in 0..100 {
        talk.says("get", "core:conformance/none", "error|database entry not found").await?;
        talk.send(format!("{id}|cancel")).await?;
        let reply = talk.reply(&id).await?;
        match reply.said().as_str() {
            "done" => return cancelled(&mut talk, &id).await,
            "error|could not find subscription" => {}
            other => return Err(talk.violation("nothing but done after cancel", other)),
        }
    }
    Err(talk.violation("done after cancel", "the subscription never stood"))
}

async fn query_is_get(context: Context) -> Outcome {
    let mut talk = Talk::open(&context).await?;
    for record in talk.query("config:core/").await? {
        let got = talk.ask("get", record.key()).await?;
        talk.expect(got.rest == record.rest, record.said(), got.said())?;
    }
    Ok(())
}
