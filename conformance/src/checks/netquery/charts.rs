//! Charts, compared with what queries say of the same connections.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    sentence::should,
    universe::{Row, Universe, raw, rows},
};
use crate::suite::{Check, Context, Exchange, Outcome, SkipReason, Stop};

/// How far back the chart of active connections looks, s.
const WINDOW: i64 = 600;
/// How much later than the chart's end the answer may be dated, s.
const LATE: i64 = 30;

pub(super) fn checks() -> Vec<Check> {
    vec![
        should(
            "charts/active/structure",
            "5.1",
            "The chart of active connections has rising times, and counts.",
        )
        .run(async |context| {
            let (exchange, points) = chart(&context, &json!({})).await?;
            let times: Vec<_> = points.iter().filter_map(|one| one["timestamp"].as_i64()).collect();
            let counts = |one: &Row| one["value"].is_u64() && one["countBlocked"].is_u64();
            let whole = times.len() == points.len() && points.iter().all(counts);
            exchange.expect(whole, "timestamp, value and countBlocked in each point")?;
            let rising = times.windows(2).all(|pair| pair[0] / 10 < pair[1] / 10);
            exchange.expect(rising, "one point for each ten seconds, in their order")?;
            Ok(())
        }),
        should(
            "charts/active/window",
            "5.1",
            "The chart of active connections shows the ten minutes before its answer.",
        )
        .run(async |context| {
            let (exchange, points) = chart(&context, &json!({})).await?;
            let now = now(&exchange)?;
            let within = |point: &Row| {
                // Both are of the core's clock, the one read after the other.
                point["timestamp"].as_i64().is_some_and(|time| (now - WINDOW - LATE..=now).contains(&time))
            };
            match points.iter().find(|point| !within(point)) {
                None => Ok(()),
                Some(point) => {
                    let expected = format!("times from {} to {now}, which is its Date", now - WINDOW);
                    Err(exchange.violation_got(expected, point["timestamp"].to_string()))
                }
            }
        }),
        should("charts/active/nothing", "5.1", "The chart of no connection is null.").run(async |context| {
            let (exchange, points) = chart(&context, &json!({ "query": { "id": "conformance" } })).await?;
            let null = exchange.json()?["results"].is_null();
            exchange.expect(points.is_empty() && null, "results: null")?;
            Ok(())
        }),
        should(
            "charts/active/seconds",
            "5.1",
            "The chart counts each second of a connection's life once, as accepted or as blocked.",
        )
        .run(seconds),
        should(
            "charts/active/parts",
            "5.1",
            "The chart of several connections is the sum of the charts of each.",
        )
        .run(parts),
        should("charts/active/malformed", "2.2", "A chart of an unknown column is refused.").run(
            async |context| {
                let body = json!({ "query": { "conformance": 1 } }).to_string();
                let exchange = raw(&context, "netquery/charts/connection-active", body).await?;
                exchange.error(400, "1 error occurred:\n\t* column conformance is not allowed\n\n\n")?;
                Ok(())
            },
        ),
    ]
}

async fn chart(context: &Context, question: &Value) -> Result<(Exchange, Vec<Row>), Stop> {
    let exchange = raw(context, "netquery/charts/connection-active", question.to_string()).await?;
    let mut body = exchange.status(200)?.json()?;
    let points = rows(body["results"].take())
        .ok_or_else(|| exchange.violation("results: null or an array of points"))?;
    Ok((exchange, points))
}

/// What the target's clock showed, as it says, s.
fn now(exchange: &Exchange) -> Result<i64, Stop> {
    let now = exchange.response.header("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    Ok(now.ok_or_else(|| exchange.violation("a Date"))?.timestamp().as_second())
}

/// The sums of both counts.
fn sums(points: &[Row]) -> (i128, i128) {
    let sum = |name: &str| points.iter().filter_map(|one| one[name].as_i64()).map(i128::from).sum();
    (sum("value"), sum("countBlocked"))
}

/// Connections that have begun and ended well within the window, with the seconds of their life.
async fn recent(context: &Context) -> Result<Vec<(Row, i128)>, Stop> {
    let universe = Universe::find(context).await?;
    let instant = |value: &Value| value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_second);
    let (exchange, _) = universe.ask(json!({ "select": ["id"], "pageSize": 1 })).await?;
    let now = now(&exchange)?;
    let living = universe.rows.iter().filter_map(|row| {
        let (started, ended) = (instant(&row["started"])?, instant(&row["ended"])?);
        let within = started > now - WINDOW + 60 && ended < now - 1;
        within.then(|| (row.clone(), i128::from(ended - started + 1)))
    });
    let living: Vec<_> = living.take(8).collect();
    if living.is_empty() { Err(Stop::Skip(SkipReason::NothingToSee)) } else { Ok(living) }
}

async fn seconds(context: Context) -> Outcome {
    for (row, seconds) in recent(&context).await? {
        let (exchange, points) = chart(&context, &json!({ "query": { "id": row["id"] } })).await?;
        let accepted = matches!(row["verdict"].as_i64(), Some(2 | 5 | 6));
        let wanted = if accepted { (seconds, 0) } else { (0, seconds) };
        let got = sums(&points);
        let expected = format!("{} accepted and {} blocked seconds of {}", wanted.0, wanted.1, row["id"]);
        if got != wanted {
            return Err(exchange.violation_got(expected, format!("{} accepted and {} blocked", got.0, got.1)));
        }
    }
    Ok(())
}

async fn parts(context: Context) -> Outcome {
    let recent = recent(&context).await?;
    let mut wanted = (0, 0);
    for (row, _) in &recent {
        let (accepted, blocked) = sums(&chart(&context, &json!({ "query": { "id": row["id"] } })).await?.1);
        wanted = (wanted.0 + accepted, wanted.1 + blocked);
    }
    let all: Vec<_> = recent.iter().map(|(row, _)| &row["id"]).collect();
    let (exchange, points) = chart(&context, &json!({ "query": { "id": { "$in": all } } })).await?;
    let got = sums(&points);
    if got == wanted {
        return Ok(());
    }
    let expected = format!("{} accepted and {} blocked seconds", wanted.0, wanted.1);
    Err(exchange.violation_got(expected, format!("{} and {}", got.0, got.1)))
}
