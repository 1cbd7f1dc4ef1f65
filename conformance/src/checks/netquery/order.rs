//! Orders and pages.

use std::{cmp::Ordering, collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    sentence::should,
    universe::{COLUMNS, MOST, Row, Universe, hold, ids, post},
};
use crate::suite::Check;

pub(super) fn checks() -> Vec<Check> {
    vec![
        should("order/monotone", "3.5", "orderBy sorts: null first, then numbers by size and texts by their bytes; desc turns it round.").run(|context| {
            let drawn = |universe: &Arc<Universe>| (universe.conditions(), universe.columns(&COLUMNS), any::<bool>());
            hold(context, "netquery order", drawn, |universe, (condition, column, desc)| async move {
                let order = json!([{ "field": column, "desc": desc }, { "field": "id", "desc": desc }]);
                let select = BTreeSet::from([column, "id"]);
                let question = json!({ "select": select, "query": condition, "orderBy": order, "pageSize": 100 });
                let (exchange, rows) = universe.ask(question).await?;
                let before = |a: &Row, b: &Row| {
                    let order = compare(&a[column], &b[column]).then_with(|| compare(&a["id"], &b["id"]));
                    if desc { order.reverse() } else { order }
                };
                let wrong = rows.windows(2).find(|pair| before(&pair[0], &pair[1]) != Ordering::Less);
                let shown = wrong.map(|pair| format!("{} before {}", pair[0][column], pair[1][column]));
                exchange.expect(wrong.is_none(), format!("sorted by {}, not {}", column, shown.unwrap_or_default()))?;
                let (exchange, found) = universe.which(condition).await?;
                exchange.expect(found == ids(&rows), "the same connections in whatever order")?;
                Ok(())
            })
        }),
        should("order/started", "3.5", "Ordered by its start, no connection comes before an earlier one.").run(async |context| {
            let universe = Universe::find(&context).await?;
            let (exchange, rows) = universe.ask(json!({ "orderBy": "started", "pageSize": 100 })).await?;
            let starts: Vec<_> = rows.iter().filter_map(|row| row["started"].as_str()).collect();
            exchange.expect(starts.is_sorted() && starts.len() == rows.len(), "started ascending")?;
            Ok(())
        }),
        should("order/pages", "3.5", "Pages of a sorted answer are the whole: each full but the last, and none after it.").run(|context| {
            let drawn = |universe: &Arc<Universe>| (universe.conditions(), universe.columns(&COLUMNS), 1..=MOST);
            hold(context, "netquery pages", drawn, |universe, (condition, column, size)| async move {
                let order = json!([column, "id"]);
                let page = |number: usize, size: usize| {
                    json!({ "select": ["id"], "query": condition, "orderBy": order, "page": number, "pageSize": size })
                };
                let (_, whole) = universe.ask(page(0, 100)).await?;
                let mut together = vec![];
                for number in 0..=whole.len() / size {
                    let (exchange, rows) = universe.ask(page(number, size)).await?;
                    let wanted = size.min(whole.len() - together.len());
                    exchange.expect(rows.len() == wanted, format!("{wanted} rows on page {number}"))?;
                    let part = &whole[together.len()..together.len() + wanted];
                    exchange.expect(rows == part, format!("the rows from {} on", together.len()))?;
                    together.extend(rows);
                }
                let (exchange, rows) = universe.ask(page(whole.len() / size + 1, size)).await?;
                exchange.expect(rows.is_empty(), "nothing after the last page")?;
                Ok(())
            })
        }),
        should("order/page-sizes", "3.5", "A page has 100 rows unless pageSize says less; a page below the first is the first.").run(async |context| {
            let count = json!([{ "$count": { "field": "id", "as": "n" } }]);
            let (_, counted) = post(&context, &json!({ "select": count, "query": { "active": false } })).await?;
            let least = counted.first().and_then(|row| row["n"].as_u64()).unwrap_or_default().min(100);
            let universe = Universe::of(&context, 100).await?;
            let (exchange, wanted) = universe.ask(json!({ "orderBy": "id" })).await?;
            let whole = wanted.len() as u64 >= least;
            exchange.expect(whole, format!("{least} rows at least, for there are so many"))?;
            for (page, size) in [(0, 0), (0, -1), (0, 101), (-1, 100), (0, 1_000_000)] {
                let (exchange, rows) = universe.ask(json!({ "orderBy": "id", "page": page, "pageSize": size })).await?;
                exchange.expect(rows == wanted, "the first 100 rows")?;
            }
            Ok(())
        }),
    ]
}

/// The order of SQLite: null, then numbers, then text by its bytes; truth is 1.
fn compare(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) => 1,
        _ => 2,
    };
    let number =
        |value: &Value| value.as_f64().unwrap_or_else(|| f64::from(u8::from(value == &Value::Bool(true))));
    rank(a).cmp(&rank(b)).then_with(|| match rank(a) {
        1 => number(a).total_cmp(&number(b)),
        2 => a.as_str().map(str::as_bytes).cmp(&b.as_str().map(str::as_bytes)),
        _ => Ordering::Equal,
    })
}
