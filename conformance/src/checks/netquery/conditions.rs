//! Conditions: how the operators relate to each other.

use std::{collections::BTreeSet, sync::Arc};

use portmaster_fixtures::Permission;
use portmaster_wire::percent::encoded;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    sentence::should,
    universe::{COLUMNS, Shown, TEXTS, Universe, hold, ids},
};
use crate::{suite::Check, target::Request};

/// How often connections are looked for. A core forgets the oldest of those that have ended, but not each time.
const TRIES: usize = 3;

pub(super) fn checks() -> Vec<Check> {
    vec![
        should("conditions/found-again", "3.2", "Connections that an answer shows are found again by their ids, each once.").run(async |context| {
            let mut lost = None;
            for _ in 0..TRIES {
                let universe = Universe::find(&context).await?;
                let (exchange, found) = universe.which(json!({})).await?;
                let shown = ids(&universe.rows);
                if found == shown {
                    return Ok(());
                }
                lost = Some(exchange.violation_got(format!("the {} connections", shown.len()), format!("{} of them", found.len())));
            }
            lost.map_or(Ok(()), Err)
        }),
        should("conditions/in-is-union", "3.2", "$in finds what $eq finds of each of its values, and so does a list of values.").run(|context| {
            let drawn = |universe: &Arc<Universe>| {
                (universe.cells(&COLUMNS), prop::collection::vec(any::<prop::sample::Index>(), 0..3))
            };
            hold(context, "netquery in", drawn, |universe, (Shown { column, value }, more)| async move {
                let mut values = vec![value];
                values.extend(more.iter().map(|at| at.get(&universe.rows)[column].clone()).filter(|one| !one.is_null()));
                let mut union = BTreeSet::new();
                for value in &values {
                    union.append(&mut universe.which(json!({ column: { "$eq": value } })).await?.1);
                }
                for matcher in [json!({ "$in": values }), json!(values)] {
                    let (exchange, found) = universe.which(json!({ column: matcher })).await?;
                    exchange.expect(found == union, format!("the {} connections that $eq finds", union.len()))?;
                }
                Ok(())
            })
        }),
        should("conditions/plain-is-eq", "3.2", "A plain value is $eq, and finds the connection that it was taken from.").run(|context| {
            hold(context, "netquery plain", |universe| universe.cells(&COLUMNS), |universe, Shown { column, value }| async move {
                let plain = universe.which(json!({ column: value })).await?;
                let (exchange, equal) = universe.which(json!({ column: { "$eq": value } })).await?;
                exchange.expect(plain.1 == equal, format!("the {} connections of the plain value", plain.1.len()))?;
                let wanted: Vec<_> = universe.rows.iter().filter(|row| row[column] == value).cloned().collect();
                exchange.expect(equal == ids(&wanted), format!("the {} connections that showed it", wanted.len()))?;
                Ok(())
            })
        }),
        should("conditions/ne-is-the-rest", "3.2", "$ne finds what $eq does not, and neither finds what is null; $notIn likewise.").run(|context| {
            hold(context, "netquery ne", |universe| universe.cells(&COLUMNS), |universe, Shown { column, value }| async move {
                let known: Vec<_> = universe.rows.iter().filter(|row| !row[column].is_null()).cloned().collect();
                for (yes, no, operand) in [("$eq", "$ne", value.clone()), ("$in", "$notIn", json!([value]))] {
                    let (_, equal) = universe.which(json!({ column: { yes: operand } })).await?;
                    let (exchange, other) = universe.which(json!({ column: { no: operand } })).await?;
                    exchange.expect(equal.is_disjoint(&other), format!("nothing that {yes} finds"))?;
                    let both: BTreeSet<_> = equal.union(&other).cloned().collect();
                    exchange.expect(both == ids(&known), format!("with {yes} the {} connections that have one", known.len()))?;
                }
                Ok(())
            })
        }),
        should("conditions/and-is-intersection", "3.2", "Several conditions find what each of them finds.").run(|context| {
            hold(context, "netquery and", |universe| universe.conditions(), |universe, condition| async move {
                let mut wanted = ids(&universe.rows);
                for (column, matcher) in condition.as_object().into_iter().flatten() {
                    let (_, found) = universe.which(json!({ column: matcher })).await?;
                    wanted.retain(|id| found.contains(id));
                }
                let (exchange, found) = universe.which(condition).await?;
                exchange.expect(found == wanted, format!("the {} connections that each condition finds", wanted.len()))?;
                Ok(())
            })
        }),
        should("conditions/search", "3.3", "A text search finds a part of the connections: those with the text, in any case of ASCII.").run(|context| {
            let drawn = |universe: &Arc<Universe>| {
                (universe.cells(&TEXTS), any::<prop::sample::Index>(), 0_usize..6, universe.conditions())
            };
            hold(context, "netquery search", drawn, |universe, (cell, at, length, condition)| async move {
                let text = piece(&cell.value, at, length);
                let (_, without) = universe.which(condition.clone()).await?;
                let search = json!({ "fields": [cell.column], "value": text });
                let (exchange, rows) = universe
                    .ask(json!({ "select": ["id", cell.column], "query": condition, "textSearch": search, "pageSize": 100 }))
                    .await?;
                exchange.expect(ids(&rows).is_subset(&without), "only connections that the query finds without the search")?;
                let has = |value: &Value| {
                    value.as_str().is_some_and(|value| value.to_ascii_lowercase().contains(&text.to_ascii_lowercase()))
                };
                exchange.expect(rows.iter().all(|row| has(&row[cell.column])), format!("{} with {text:?}", cell.column))?;
                let wanted = universe.rows.iter().filter(|row| has(&row[cell.column]));
                let wanted = wanted.filter(|row| row["id"].as_str().is_some_and(|id| without.contains(id))).count();
                exchange.expect(rows.len() == wanted, format!("all {wanted} of them"))?;
                let like = json!({ cell.column: { "$like": format!("%{text}%") } });
                let (exchange, liked) = universe.which(like).await?;
                exchange.expect(ids(&rows).is_subset(&liked), "with $like at least what the search finds")?;
                Ok(())
            })
        }),
        should("conditions/both-ways", "1", "A question in the body and the same in the parameter q have the same answer.").run(|context| {
            hold(context, "netquery both", |universe| universe.conditions(), |universe, condition| async move {
                let question = json!({ "query": condition, "orderBy": "id", "pageSize": 3 });
                let (_, posted) = universe.ask(question.clone()).await?;
                let encoded = encoded(universe.about(question).to_string(), |_| false);
                let target = format!("/api/v1/netquery/query?q={encoded}");
                let (place, key) = universe.context().rights(Permission::User)?;
                let got = universe.context().send_to(place, Request::new("GET", target).maybe_bearer(key).kept()).await?;
                let mut body = got.status(200)?.json()?;
                got.expect(super::universe::rows(body["results"].take()) == Some(posted), "the rows of the POST")?;
                Ok(())
            })
        }),
        should("conditions/same-answer", "3", "The same question has the same answer, byte for byte.").run(|context| {
            hold(context, "netquery same", |universe| universe.conditions(), |universe, condition| async move {
                let question = json!({ "query": condition, "orderBy": "id" });
                let (first, _) = universe.ask(question.clone()).await?;
                let (second, _) = universe.ask(question).await?;
                second.expect(first.response.body == second.response.body, "the bytes of the first answer")?;
                Ok(())
            })
        }),
    ]
}

/// A part of a text in which nothing means something else.
fn piece(value: &Value, at: prop::sample::Index, length: usize) -> String {
    let text = value.as_str().unwrap_or_default();
    let plain: Vec<char> = text.chars().collect();
    if plain.is_empty() {
        return String::new();
    }
    let from = at.index(plain.len());
    plain[from..].iter().take(length + 1).take_while(|c| !matches!(c, '%' | '_')).collect()
}
