//! What only the larger language has: comparisons, sums and minima of columns, other names, batches, the chart
//! of bandwidth.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    groups::count,
    sentence::should,
    universe::{COLUMNS, NUMBERS, Shown, Universe, hold, ids, raw, rows},
};
use crate::suite::{Check, Context, Outcome};

pub(super) fn checks() -> Vec<Check> {
    vec![
        should("full/comparisons", "3.2", "$lt, $eq and $gt share the connections out; $le and $ge take the equal ones too.").run(|context| {
            hold(context, "netquery compare", |universe| universe.cells(&NUMBERS), |universe, Shown { column, value }| async move {
                let mut found = vec![];
                for operator in ["$lt", "$eq", "$gt", "$le", "$ge"] {
                    found.push(universe.which(json!({ column: { operator: value } })).await?);
                }
                let set = |at: usize| &found[at].1;
                let both = |a: usize, b: usize| set(a).union(set(b)).cloned().collect::<BTreeSet<_>>();
                let disjoint = set(0).is_disjoint(set(1)) && set(1).is_disjoint(set(2)) && set(0).is_disjoint(set(2));
                let all = set(0).len() + set(1).len() + set(2).len() == universe.rows.len();
                found[2].0.expect(disjoint && all, "each connection in one of $lt, $eq and $gt")?;
                found[3].0.expect(*set(3) == both(0, 1), "what $lt and $eq find")?;
                found[4].0.expect(*set(4) == both(1, 2), "what $gt and $eq find")?;
                Ok(())
            })
        }),
        should("full/sum-and-min", "3.1", "$sum of a column adds its values up, $min is the smallest of them.").run(|context| {
            let drawn = |universe: &Arc<Universe>| (universe.columns(&["remote_port", "asn", "bytes_received", "bytes_sent"]), universe.conditions());
            hold(context, "netquery sums", drawn, |universe, (column, condition)| async move {
                let (_, found) = universe.which(condition.clone()).await?;
                let values: Vec<_> = universe.rows.iter().filter(|row| row["id"].as_str().is_some_and(|id| found.contains(id)))
                    .filter_map(|row| row[column].as_u64()).collect();
                let select = json!([{ "$sum": { "field": column, "as": "total" } }, { "$min": { "field": column, "as": "least" } }]);
                let (exchange, rows) = universe.ask(json!({ "select": select, "query": condition })).await?;
                let got = |name: &str| rows.first().and_then(|row| row.get(name)?.as_u64());
                let total = (!values.is_empty()).then(|| values.iter().copied().map(u128::from).sum::<u128>());
                exchange.expect(got("total").map(u128::from) == total && got("least") == values.iter().min().copied(), format!("total {total:?}, least {:?}", values.iter().min()))?;
                Ok(())
            })
        }),
        should("full/other-name", "3.1", "$field shows a column under another name.").run(|context| {
            hold(context, "netquery field", |universe| universe.columns(&super::universe::TEXTS), |universe, column| async move {
                let select = json!([{ "$field": { "field": column, "as": "other" } }]);
                let (exchange, rows) = universe.ask(json!({ "select": select, "orderBy": "id", "pageSize": 100 })).await?;
                let wanted: Vec<_> = universe.rows.iter().map(|row| &row[column]).collect();
                let got: Vec<_> = rows.iter().filter_map(|row| row.get("other")).collect();
                exchange.expect(got == wanted, format!("{column} of each connection as other"))?;
                Ok(())
            })
        }),
        should("full/batch", "1", "A batch answers each of its questions like the question alone.").run(|context| {
            let drawn = |universe: &Arc<Universe>| prop::collection::btree_map("[a-z]{1,4}", (universe.conditions(), universe.columns(&COLUMNS)), 1..5);
            hold(context, "netquery batch", drawn, |universe, questions| async move {
                let mut batch = Map::new();
                for (name, (condition, column)) in questions {
                    let question = json!({ "select": ["profile", count(column)], "query": condition, "groupBy": ["profile"], "orderBy": "profile" });
                    batch.insert(name, universe.about(question));
                }
                let exchange = raw(universe.context(), "netquery/query/batch", Value::Object(batch.clone()).to_string()).await?;
                let answers = exchange.status(200)?.json()?;
                for (name, question) in &batch {
                    let (_, wanted) = universe.ask(question.clone()).await?;
                    exchange.expect(rows(answers[name].clone()) == Some(wanted), format!("in {name} what the question alone answers"))?;
                }
                let names = answers.as_object().map_or(0, Map::len);
                exchange.expect(names == batch.len(), "the names of the questions and no others")?;
                Ok(())
            })
        }),
        should("full/databases", "3.4", "Live connections are those of the database main.").run(|context| {
            hold(context, "netquery databases", |universe| universe.conditions(), |universe, condition| async move {
                let (_, wanted) = universe.which(condition.clone()).await?;
                let question = json!({ "select": ["id"], "query": condition, "databases": ["main"], "pageSize": 100 });
                let (exchange, rows) = universe.ask(question).await?;
                exchange.expect(ids(&rows) == wanted, format!("the {} connections found without databases", wanted.len()))?;
                Ok(())
            })
        }),
        should("full/bandwidth", "5.2", "The chart of bandwidth adds up to the same whatever its interval and groups.").run(bandwidth),
    ]
}

async fn bandwidth(context: Context) -> Outcome {
    let universe = Universe::find(&context).await?;
    let mut first = None;
    for (interval, group) in
        [(10, json!([])), (60, json!([])), (3600, json!(["profile"])), (1, json!(["verdict"]))]
    {
        let question = universe.about(json!({ "interval": interval, "groupBy": group, "query": {} }));
        let exchange = raw(&context, "netquery/charts/bandwidth", question.to_string()).await?;
        let mut body = exchange.status(200)?.json()?;
        let points = rows(body["results"].take())
            .ok_or_else(|| exchange.violation("results: null or an array of points"))?;
        let whole = |point: &super::universe::Row| {
            point["timestamp"].as_i64().is_some_and(|time| time % interval == 0)
        };
        exchange.expect(points.iter().all(whole), format!("times that are multiples of {interval} s"))?;
        let sum =
            |name: &str| points.iter().filter_map(|point| point[name].as_u64()).map(u128::from).sum::<u128>();
        let sums = (sum("incoming"), sum("outgoing"));
        let wanted = *first.get_or_insert(sums);
        exchange.expect(
            sums == wanted,
            format!("{} bytes received and {} sent, as with the first interval", wanted.0, wanted.1),
        )?;
    }
    Ok(())
}
