//! What subscribers hear: every change, once, in order, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;

use super::{
    sentence::writes,
    space::{Space, within},
    talk::{Reply, Talk},
};
use crate::suite::{Check, Context, Outcome, Stop};

/// How many connections write at the same time, and how often each.
const WRITERS: usize = 4;
const WRITES: usize = 40;

pub(super) fn checks() -> Vec<Check> {
    vec![
        writes("subscriptions/changes", "2.5", "A subscriber hears new, then new or upd after an insert, then del.").run(
            |context| within(context, "changes", |space| Box::pin(changes(space))),
        ),
        writes("subscriptions/record", "2.5", "A subscriber hears the record as get shows it.").run(|context| {
            within(context, "record", |space| {
                Box::pin(async move {
                    let (id, _) = space.talk.subscribe(&space.prefix.clone()).await?;
                    let key = space.key("a");
                    for (method, record) in [
                        ("create", r#"J{"n":1,"a":[1,{"b":"c"}]}"#),
                        ("update", r#"J{"n":2,"a":[]}"#),
                        ("insert", r#"{"n":3}"#),
                    ] {
                        space.talk.says(method, &format!("{key}|{record}"), "success").await?;
                        let (push, got) = (space.talk.reply(&id).await?, space.talk.ask("get", &key).await?);
                        space.talk.expect(push.rest == got.rest, got.rest, push.rest)?;
                    }
                    Ok(())
                })
            })
        }),
        writes("subscriptions/prefix", "2.5", "A subscriber hears nothing of keys with another prefix.").run(|context| {
            within(context, "prefix", |space| {
                Box::pin(async move {
                    let (id, _) = space.talk.subscribe(&space.key("in/")).await?;
                    for name in ["out/a", "in", "IN/b", "in/c"] {
                        space.create(name, "{}").await?;
                    }
                    hears(space, &id, &["in/c"]).await
                })
            })
        }),
        writes("subscriptions/where", "2.5", "A subscriber hears only of records that satisfy its condition.").run(
            |context| {
                within(context, "where", |space| {
                    Box::pin(async move {
                        let (id, _) = space.talk.subscribe(&format!("{} where n > 3", space.prefix)).await?;
                        for n in [1, 4, 2, 6, 3, 5] {
                            space.create(n, &format!(r#"{{"n":{n}}}"#)).await?;
                        }
                        hears(space, &id, &["4", "6", "5"]).await
                    })
                })
            },
        ),
        writes("subscriptions/sub", "2", "sub hears what qsub hears, but nothing of what was there before.").run(
            |context| within(context, "sub", |space| Box::pin(bare(space))),
        ),
        writes("subscriptions/qsub", "2", "qsub first finds what is there, then hears what changes.").run(|context| {
            within(context, "qsub", |space| {
                Box::pin(async move {
                    space.create("a", "{}").await?;
                    let (id, found) = space.talk.subscribe(&space.prefix.clone()).await?;
                    let right = found.len() == 1 && found[0].key() == space.key("a");
                    space.talk.expect(right, "the one record, then done", format!("{found:?}"))?;
                    space.create("b", "{}").await?;
                    hears(space, &id, &["b"]).await
                })
            })
        }),
        writes("subscriptions/cancelled", "2.4", "A cancelled subscription says done once and nothing more.").run(
            |context| within(context, "cancelled", |space| Box::pin(cancelled(space))),
        ),
        writes("subscriptions/several", "2.5", "Several subscriptions on a connection each hear everything.").run(
            |context| {
                within(context, "several", |space| {
                    Box::pin(async move {
                        let mut ids = vec![];
                        for _ in 0..3 {
                            ids.push(space.talk.subscribe(&space.prefix.clone()).await?.0);
                        }
                        for name in ["a", "b"] {
                            space.create(name, "{}").await?;
                        }
                        for id in ids {
                            hears(space, &id, &["a", "b"]).await?;
                        }
                        Ok(())
                    })
                })
            },
        ),
        writes(
            "subscriptions/concurrent",
            "1.3",
            "While several connections write, a subscriber hears every write once, each writer's in its order.",
        )
        .run(|context| within(context, "concurrent", |space| Box::pin(concurrent(space)))),
        writes("subscriptions/complete", "2", "Nothing is lost between what a qsub finds and what it hears.").run(
            |context| within(context, "complete", |space| Box::pin(complete(space))),
        ),
    ]
}

/// Ends the subscription and expects that it heard of exactly these records, in this order: whatever was
/// pushed comes before done.
async fn hears(space: &mut Space, id: &str, names: &[&str]) -> Outcome {
    let wanted: Vec<_> = names.iter().map(|name| space.key(name)).collect();
    let heard = heard(&space.talk.cancel(id).await?);
    space.talk.expect(
        heard == wanted,
        format!("news of {}", wanted.join(", ")),
        format!("news of {}", heard.join(", ")),
    )
}

fn heard(said: &[Reply]) -> Vec<String> {
    said.iter().map(|one| one.key().to_owned()).collect()
}

async fn changes(space: &mut Space) -> Outcome {
    let (id, _) = space.talk.subscribe(&space.prefix.clone()).await?;
    let key = space.key("a");
    let steps = [
        ("create", format!("{key}|J{{\"a\":1}}"), &["new"][..]),
        ("update", format!("{key}|J{{\"a\":2}}"), &["new"]),
        ("insert", format!("{key}|{{\"a\":3}}"), &["new", "upd"]),
        ("delete", key.clone(), &["del"]),
    ];
    for (method, rest, kinds) in steps {
        space.talk.says(method, &rest, "success").await?;
        let push = space.talk.reply(&id).await?;
        let right = kinds.contains(&push.kind.as_str())
            && push.key() == key
            && (method == "delete") == push.text().is_none();
        space.talk.expect(right, format!("{}|{key} after {method}", kinds.join(" or ")), push.said())?;
    }
    hears(space, &id, &[]).await
}

/// `sub` has no acknowledgement: it stands when it has heard of a first write.
async fn bare(space: &mut Space) -> Outcome {
    space.create("before", "{}").await?;
    let id = space.talk.start("sub", &format!("query {}", space.prefix)).await?;
    let mut heard_of = vec![];
    for number in 0..200 {
        space.create(format!("try-{number}"), "{}").await?;
        heard_of = space.talk.kept(&id);
        if !heard_of.is_empty() {
            break;
        }
    }
    space.create("last", "{}").await?;
    heard_of.extend(space.talk.cancel(&id).await?);
    let keys = heard(&heard_of);
    let last = keys.last() == Some(&space.key("last")) && !keys.contains(&space.key("before"));
    let new = heard_of.iter().all(|one| one.kind == "new");
    space.talk.expect(
        last && new,
        "new records, the last one last, none from before",
        format!("{heard_of:?}"),
    )
}

async fn cancelled(space: &mut Space) -> Outcome {
    let (first, _) = space.talk.subscribe(&space.prefix.clone()).await?;
    let (second, _) = space.talk.subscribe(&space.prefix.clone()).await?;
    space.talk.cancel(&first).await?;
    space.create("a", "{}").await?;
    hears(space, &second, &["a"]).await?;
    let more = space.talk.kept(&first);
    space.talk.expect(more.is_empty(), "nothing after done", format!("{more:?}"))
}

/// Writes records, each after the one before has succeeded.
async fn write(context: Context, prefix: String, writer: usize) -> Outcome {
    let mut talk = Talk::open(&context).await?;
    for number in 0..WRITES {
        let rest = format!("{prefix}{writer}/{number:03}|J{{\"n\":{number}}}");
        talk.says("create", &rest, "success").await?;
    }
    Ok(())
}

fn writers(space: &Space) -> JoinSet<Outcome> {
    let tasks = (0..WRITERS).map(|writer| write(space.context.clone(), space.prefix.clone(), writer));
    tasks.collect()
}

async fn all_written(mut writers: JoinSet<Outcome>) -> Outcome {
    while let Some(ended) = writers.join_next().await {
        ended.unwrap_or_else(|error| Err(Stop::Error(error.to_string())))?;
    }
    Ok(())
}

async fn concurrent(space: &mut Space) -> Outcome {
    let (id, _) = space.talk.subscribe(&space.prefix.clone()).await?;
    all_written(writers(space)).await?;
    let keys = heard(&space.talk.cancel(&id).await?);
    let mut each: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for key in &keys {
        each.entry(key.rsplit_once('/').map(|(writer, _)| writer)).or_default().push(key);
    }
    let in_order = each.values().all(|keys| keys.is_sorted());
    let once: BTreeSet<_> = keys.iter().collect();
    let wanted = WRITERS * WRITES;
    let got = format!("{} pushes of {} records, each writer's in order: {in_order}", keys.len(), once.len());
    let right = in_order && once.len() == wanted && keys.len() == wanted;
    space.talk.expect(right, format!("{wanted} pushes of {wanted} records, each writer's in order"), got)
}

async fn complete(space: &mut Space) -> Outcome {
    let writing = writers(space);
    let (id, found) = space.talk.subscribe(&space.prefix.clone()).await?;
    all_written(writing).await?;
    let pushed = space.talk.cancel(&id).await?;
    let known: BTreeSet<_> = heard(&found).into_iter().chain(heard(&pushed)).collect();
    let wanted = WRITERS * WRITES;
    let got = format!("{} found, {} heard, {} different", found.len(), pushed.len(), known.len());
    space.talk.expect(known.len() == wanted, format!("{wanted} records found or heard of"), got)
}
