//! Round trips: what is written under a key of the suite's own is read back, changed and deleted.

use portmaster_fixtures::Contract;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    sentence::writes,
    space::{Space, within},
    talk::Reply,
};
use crate::{
    checks::property,
    suite::{Check, Context, Outcome, Stop},
};

pub(super) fn checks(contract: Contract) -> Vec<Check> {
    let sorted = contract.behaviour().websocket.sorted_by_key;
    let order = if sorted { "sorted by key" } else { "in the order in which they were first written" };
    let mut checks = vec![
        writes("records/create", "3.2", "What is created is read back letter by letter, with _meta as its last member.")
            .run(|context| drawn(context, "create", "create")),
        writes("records/update", "2.7", "update creates what does not exist, and replaces what does.").run(
            |context| {
                within(context, "update", |space| {
                    Box::pin(async move {
                        let key = space.key("a");
                        for record in [json!({ "a": 1, "b": 2 }), json!({ "b": 3 })] {
                            space.talk.says("update", &format!("{key}|J{record}"), "success").await?;
                            stands(space, "a", &record).await?;
                        }
                        Ok(())
                    })
                })
            },
        ),
        writes("records/update-drawn", "3.2", "What is updated is read back letter by letter too.")
            .run(|context| drawn(context, "update-drawn", "update")),
        writes("records/overwrite", "2.7", "create overwrites: nothing of the old record stays.").run(|context| {
            within(context, "overwrite", |space| {
                Box::pin(async move {
                    space.create("a", r#"{"a":1}"#).await?;
                    space.create("a", r#"{"b":2}"#).await?;
                    stands(space, "a", &json!({ "b": 2 })).await
                })
            })
        }),
        writes("records/meta", "3.1", "A new record's _meta has both times equal, neither end, and the key.").run(
            |context| {
                within(context, "meta", |space| {
                    Box::pin(async move {
                        space.create("a", r#"{"a":1}"#).await?;
                        let key = space.key("a");
                        let reply = space.talk.ask("get", &key).await?;
                        let meta = meta(&reply);
                        let created = meta["Created"].as_i64().unwrap_or_default();
                        let wanted = format!(
                            r#","_meta":{{"Created":{created},"Modified":{created},"Expires":0,"Deleted":0,"Key":"{key}"}}}}"#
                        );
                        space.talk.expect(created > 0 && reply.rest.ends_with(&wanted), wanted, reply.said())
                    })
                })
            },
        ),
        writes("records/insert", "2.8", "insert sets the named members and leaves the rest, and when it was created.")
            .run(inserted),
        writes("records/insert-other-type", "2.8", "insert does not change a member's type; then nothing is changed.")
            .run(|context| {
                within(context, "insert-other-type", |space| {
                    Box::pin(async move {
                        space.create("a", r#"{"s":"x","n":1}"#).await?;
                        let rest = format!("{}|{}", space.key("a"), r#"{"s":7}"#);
                        let said = "error|tried to set field s (String) to a float64 value";
                        space.talk.says("insert", &rest, said).await?;
                        stands(space, "a", &json!({ "s": "x", "n": 1 })).await
                    })
                })
            }),
        writes("records/delete", "2.9", "What is deleted is gone, and cannot be deleted again.").run(|context| {
            within(context, "delete", |space| {
                Box::pin(async move {
                    space.create("a", r#"{"a":1}"#).await?;
                    let key = space.key("a");
                    space.talk.says("delete", &key, "success").await?;
                    for method in ["get", "delete"] {
                        space.talk.says(method, &key, "error|database entry not found").await?;
                    }
                    Ok(())
                })
            })
        }),
        writes("records/order", "4.5", format!("Records come {order}.")).run(move |context| {
            within(context, "order", move |space| Box::pin(ordered(space, sorted)))
        }),
        writes("records/other-connection", "1.3", "What is written on one connection is read on another.").run(
            |context| {
                within(context, "other-connection", |space| {
                    Box::pin(async move {
                        space.create("a", r#"{"a":1}"#).await?;
                        space.talk = super::talk::Talk::open(&space.context).await?;
                        stands(space, "a", &json!({ "a": 1 })).await
                    })
                })
            },
        ),
        writes("records/odd-keys", "2.3", "Keys are any text: blanks, percent signs, letters of any script.").run(
            |context| {
                within(context, "odd-keys", |space| {
                    Box::pin(async move {
                        for name in ["a b", "%", "é/ö", "\u{1f511}", "a:b", "..", "UPPER"] {
                            space.create(name, r#"{"a":1}"#).await?;
                            stands(space, name, &json!({ "a": 1 })).await?;
                        }
                        Ok(())
                    })
                })
            },
        ),
    ];
    for (id, payload, text) in [
        ("no-values", "{}", "could not find any valid values"),
        ("list", "[1]", "keys must be strings"),
        ("number", "12", "values must be in a map"),
    ] {
        checks.push(
            writes(
                &format!("records/insert-{id}"),
                "2.8",
                format!("insert of {payload} is refused: {text}."),
            )
            .run(move |context| {
                within(context, format!("insert-{id}"), move |space| {
                    Box::pin(async move {
                        space.create("a", r#"{"a":1}"#).await?;
                        let rest = format!("{}|{payload}", space.key("a"));
                        space.talk.says("insert", &rest, &format!("error|{text}")).await?;
                        stands(space, "a", &json!({ "a": 1 })).await
                    })
                })
            }),
        );
    }
    checks
}

fn meta(reply: &Reply) -> Value {
    reply.record().unwrap_or_default()["_meta"].clone()
}

/// Expects that a record is this and nothing else; answers its `_meta`.
async fn expect_record(space: &mut Space, name: &str, wanted: &Value) -> Result<Value, Stop> {
    let key = space.key(name);
    let reply = space.talk.ask("get", &key).await?;
    let meta = meta(&reply);
    let mut record = reply.record().unwrap_or_default();
    if let Some(members) = record.as_object_mut() {
        members.remove("_meta");
    }
    let right = reply.kind == "ok" && reply.key() == key && record == *wanted && meta["Key"] == key.as_str();
    space.talk.expect(right, format!("ok with {wanted} and _meta"), reply.said())?;
    Ok(meta)
}

async fn stands(space: &mut Space, name: &str, wanted: &Value) -> Outcome {
    expect_record(space, name, wanted).await.map(drop)
}

/// Values of records: what JSON has, small.
fn values() -> impl Strategy<Value = Value> {
    let leaf = one_of![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        "[a-z<>&é\"\\\\|{}]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        one_of![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn objects() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-z]{1,3}", values(), 0..5)
        .prop_map(|members| members.into_iter().collect())
}

async fn drawn(context: Context, name: &'static str, method: &'static str) -> Outcome {
    let asking = context.clone();
    property::hold(
        &context,
        name,
        property::USUAL,
        || Ok(objects()),
        move |object| {
            within(asking.clone(), name, move |space| {
                Box::pin(async move {
                    let (key, record) = (space.key("a"), Value::Object(object));
                    let text = record.to_string();
                    space.talk.says(method, &format!("{key}|J{text}"), "success").await?;
                    stands(space, "a", &record).await?;
                    let reply = space.talk.ask("get", &key).await?;
                    let kept = reply.text().is_some_and(|got| got.starts_with(&text[..text.len() - 1]));
                    space.talk.expect(kept, format!("{text} letter by letter"), reply.said())
                })
            })
        },
    )
    .await
}

/// A record, and what is inserted into it.
fn bases_and_changes() -> impl Strategy<Value = (Members, Members)> {
    let change = one_of![
        any::<bool>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        "[a-z<>&é ]{0,6}".prop_map(Value::from),
    ];
    let changes = prop::collection::btree_map("[a-c]{1,2}", change, 1..4);
    let leaf = one_of![
        any::<bool>().prop_map(Value::from),
        (-9_i64..9).prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from)
    ];
    let base = prop::collection::btree_map("[a-c]{1,2}", leaf, 0..5);
    (base, changes)
}

async fn inserted(context: Context) -> Outcome {
    let asking = context.clone();
    property::hold(
        &context,
        "websocket insert",
        property::USUAL,
        || Ok(bases_and_changes()),
        move |(base, mut changes)| {
            // A member that exists keeps its type.
            let kind = std::mem::discriminant::<Value>;
            changes.retain(|key, value| base.get(key).is_none_or(|old| kind(old) == kind(value)));
            within(asking.clone(), "insert", move |space| Box::pin(insert(space, base, changes)))
        },
    )
    .await
}

type Members = std::collections::BTreeMap<String, Value>;

async fn insert(space: &mut Space, base: Members, changes: Members) -> Outcome {
    if changes.is_empty() {
        return Ok(());
    }
    space.create("a", &json!(base).to_string()).await?;
    let before = expect_record(space, "a", &json!(base)).await?;
    let rest = format!("{}|{}", space.key("a"), json!(changes));
    space.talk.says("insert", &rest, "success").await?;
    let mut merged = base;
    merged.extend(changes);
    let after = expect_record(space, "a", &json!(merged)).await?;
    let kept =
        after["Created"] == before["Created"] && after["Modified"].as_i64() >= before["Modified"].as_i64();
    space.talk.expect(kept, format!("Created as in {before}"), after.to_string())
}

async fn ordered(space: &mut Space, sorted: bool) -> Outcome {
    let mut names = vec!["m", "z", "a", "k"];
    for name in &names {
        space.create(name, r#"{"a":1}"#).await?;
    }
    // Writing again keeps the place.
    space.create("m", r#"{"a":2}"#).await?;
    if sorted {
        names.sort_unstable();
    }
    let wanted: Vec<_> = names.iter().map(|name| space.key(name)).collect();
    let got: Vec<_> = space.all().await?.iter().map(|one| one.key().to_owned()).collect();
    space.talk.expect(got == wanted, wanted.join(", "), got.join(", "))
}
