//! The query language, compared with the suite's own reference on drawn records and conditions.

use proptest::prelude::*;

use super::{
    evaluate::{Condition, conditions, records},
    sentence::writes,
    space::{Space, within},
};
use crate::{
    checks::property,
    suite::{Check, Context, Outcome},
};
use serde_json::Value;

pub(super) fn checks() -> Vec<Check> {
    vec![
        writes("language/query", "4", "A query finds the records that satisfy its condition, and no others.")
            .run(|context| drawn(context, "language-query", false)),
        writes(
            "language/subscription",
            "4",
            "A subscription hears of the records that satisfy its condition, and of no others.",
        )
        .run(|context| drawn(context, "language-subscription", true)),
    ]
}

async fn drawn(context: Context, name: &'static str, hear: bool) -> Outcome {
    let strategy = || Ok((prop::collection::vec(records(), 1..6), conditions()));
    let asking = context.clone();
    property::hold(&context, name, property::USUAL, strategy, move |(records, condition)| {
        within(asking.clone(), name, move |space| {
            Box::pin(async move {
                if hear {
                    hears(space, &records, &condition).await
                } else {
                    finds(space, &records, &condition).await
                }
            })
        })
    })
    .await
}

fn wanted(space: &Space, records: &[Value], condition: &Condition) -> Vec<String> {
    let matching = records.iter().enumerate().filter(|(_, record)| condition.holds(record));
    matching.map(|(number, _)| space.key(number)).collect()
}

async fn write(space: &mut Space, records: &[Value]) -> Outcome {
    for (number, record) in records.iter().enumerate() {
        space.create(number, &record.to_string()).await?;
    }
    Ok(())
}

async fn finds(space: &mut Space, records: &[Value], condition: &Condition) -> Outcome {
    write(space, records).await?;
    let found = space.talk.query(&format!("{} where {}", space.prefix, condition.text())).await?;
    let mut found: Vec<_> = found.iter().map(|one| one.key().to_owned()).collect();
    found.sort_unstable();
    let wanted = wanted(space, records, condition);
    space.talk.expect(found == wanted, format!("the records {}", wanted.join(", ")), found.join(", "))
}

async fn hears(space: &mut Space, records: &[Value], condition: &Condition) -> Outcome {
    let (id, _) = space.talk.subscribe(&format!("{} where {}", space.prefix, condition.text())).await?;
    write(space, records).await?;
    let said = space.talk.cancel(&id).await?;
    let heard: Vec<_> = said.iter().map(|one| one.key().to_owned()).collect();
    let wanted = wanted(space, records, condition);
    space.talk.expect(heard == wanted, format!("news of {}", wanted.join(", ")), heard.join(", "))
}
