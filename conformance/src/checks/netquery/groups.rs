//! Groups, counts and sums.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    sentence::should,
    universe::{COLUMNS, Row, Shown, Universe, hold},
};
use crate::suite::Check;

pub(super) fn checks() -> Vec<Check> {
    vec![
        should("groups/sum-is-count", "3.5", "The counts of groups add up to the count of all, and to the number of connections.").run(|context| {
            let drawn = |universe: &Arc<Universe>| {
                (universe.conditions(), prop::collection::vec(universe.columns(&COLUMNS), 1..3))
            };
            hold(context, "netquery groups", drawn, |universe, (condition, columns)| async move {
                let columns: BTreeSet<_> = columns.into_iter().collect();
                let (_, found) = universe.which(condition.clone()).await?;
                let (exchange, all) = universe.ask(json!({ "select": [count("*")], "query": condition })).await?;
                let total = number(all.first(), "n");
                exchange.expect(all.len() == 1 && total == Some(found.len() as u64), format!("n: {}", found.len()))?;
                let mut select: Vec<Value> = columns.iter().map(|column| json!(column)).collect();
                select.push(count("*"));
                let question = json!({ "select": select, "query": condition, "groupBy": columns, "pageSize": 100 });
                let (exchange, groups) = universe.ask(question).await?;
                let sum: Option<u128> = groups.iter().map(|group| number(Some(group), "n").map(u128::from)).sum();
                exchange.expect(sum == total.map(u128::from), format!("counts that add up to {}", found.len()))?;
                let keys: BTreeSet<_> = groups.iter().map(|group| key(group, columns.iter().copied())).collect();
                exchange.expect(keys.len() == groups.len(), "each group once")?;
                Ok(())
            })
        }),
        should("groups/group-is-eq", "3.5", "A group counts what $eq of its value finds.").run(|context| {
            let drawn = |universe: &Arc<Universe>| (universe.conditions(), universe.cells(&COLUMNS));
            hold(context, "netquery group", drawn, |universe, (condition, Shown { column, value })| async move {
                let question = json!({ "select": [column, count("*")], "query": condition, "groupBy": [column], "pageSize": 100 });
                let (exchange, groups) = universe.ask(question).await?;
                let counted = groups.iter().find(|group| group.get(column) == Some(&value));
                let counted = counted.map_or(Some(0), |group| number(Some(group), "n"));
                let mut both = condition;
                // A condition on the same column stays: an array would be either of both.
                if both[column].is_null() {
                    both[column] = json!({ "$eq": value });
                    let (_, found) = universe.which(both).await?;
                    exchange.expect(counted == Some(found.len() as u64), format!("n: {} for {value}", found.len()))?;
                }
                Ok(())
            })
        }),
        should("groups/count-skips-null", "3.1", "$count of a column counts what is not null, and with distinct each value once.").run(|context| {
            hold(context, "netquery count", |universe| universe.columns(&COLUMNS), |universe, column| async move {
                let values: Vec<_> = universe.rows.iter().map(|row| &row[column]).filter(|value| !value.is_null()).collect();
                let different: BTreeSet<_> = values.iter().map(|value| value.to_string()).collect();
                for (distinct, wanted) in [(false, values.len()), (true, different.len())] {
                    let select = json!([{ "$count": { "field": column, "as": "n", "distinct": distinct } }]);
                    let (exchange, rows) = universe.ask(json!({ "select": select })).await?;
                    exchange.expect(number(rows.first(), "n") == Some(wanted as u64), format!("n: {wanted}"))?;
                }
                Ok(())
            })
        }),
        should("groups/distinct-is-groups", "3.1", "$distinct finds each value once, as groupBy does.").run(|context| {
            hold(context, "netquery distinct", |universe| universe.columns(&COLUMNS), |universe, column| async move {
                let mut found = vec![];
                for question in [json!({ "select": [{ "$distinct": column }], "pageSize": 100 }), json!({ "groupBy": [column], "pageSize": 100 })] {
                    let (exchange, rows) = universe.ask(question).await?;
                    let keys: BTreeSet<_> = rows.iter().map(|row| key(row, [column])).collect();
                    exchange.expect(keys.len() == rows.len(), "each value once")?;
                    found.push((exchange, keys));
                }
                let wanted: BTreeSet<_> = universe.rows.iter().map(|row| key(row, [column])).collect();
                for (exchange, keys) in found {
                    exchange.expect(keys == wanted, format!("the {} values of the connections", wanted.len()))?;
                }
                Ok(())
            })
        }),
        should("groups/sum-of-condition", "3.1", "$sum of a condition counts the connections that satisfy it.").run(|context| {
            let drawn = |universe: &Arc<Universe>| universe.cells(&["verdict", "direction", "profile", "country"]);
            hold(context, "netquery sum", drawn, |universe, Shown { column, value }| async move {
                let (_, found) = universe.which(json!({ column: value })).await?;
                let select = json!([{ "$sum": { "condition": { column: value }, "as": "n" } }]);
                let (exchange, rows) = universe.ask(json!({ "select": select })).await?;
                exchange.expect(number(rows.first(), "n") == Some(found.len() as u64), format!("n: {}", found.len()))?;
                Ok(())
            })
        }),
        should("groups/selected-only", "3.1", "A row has the selected columns and no others.").run(|context| {
            let drawn = |universe: &Arc<Universe>| prop::collection::vec(universe.columns(&COLUMNS), 1..4);
            hold(context, "netquery select", drawn, |universe, columns| async move {
                let columns: BTreeSet<_> = columns.into_iter().collect();
                let (exchange, rows) = universe.ask(json!({ "select": columns, "orderBy": "id", "pageSize": 100 })).await?;
                let wanted: Vec<_> = universe.rows.iter().map(|row| key(row, columns.iter().copied())).collect();
                let got: Vec<_> = rows.iter().map(|row| key(row, columns.iter().copied())).collect();
                let only = rows.iter().all(|row| row.as_object().is_some_and(|row| row.len() == columns.len()));
                exchange.expect(only && got == wanted, format!("{columns:?} of each connection"))?;
                Ok(())
            })
        }),
    ]
}

/// The selection of a count with the name n.
pub(super) fn count(field: &str) -> Value {
    json!({ "$count": { "field": field, "as": "n" } })
}

/// A whole number of a row.
pub(super) fn number(row: Option<&Row>, name: &str) -> Option<u64> {
    row?.get(name)?.as_u64()
}

/// What a row has in those columns, as a text.
fn key<'a>(row: &Row, columns: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<_> = columns.into_iter().map(|column| &row[column]).collect();
    json!(values).to_string()
}
