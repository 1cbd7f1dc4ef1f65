//! Connections that the target itself has told of, and questions about them alone.
//!
//! A target's connections come and go. The questions are about connections that have ended, by their ids, so
//! that what new ones there are changes no answer.

use std::{cell::Cell, collections::BTreeSet, future::Future, sync::Arc};

use portmaster_fixtures::Permission;
use proptest::{
    prelude::*,
    strategy::{NewTree, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Map, Value, json};

use crate::{
    checks::property,
    suite::{Context, Exchange, Outcome, SkipReason, Stop},
    target::Request,
};

/// A row of an answer: an object. Asked for a column that it does not have it answers null.
pub(super) type Row = Value;

/// The columns that conditions are drawn for, and orders and groups.
pub(super) const COLUMNS: [&str; 17] = [
    "profile", "type", "remote_ip", "domain", "country", "as_owner", "direction", "exit_node", "verdict",
    "scope", "ip_protocol", "ip_version", "remote_port", "asn", "internal", "tunneled", "allowed",
];
/// Those of them that hold text.
pub(super) const TEXTS: [&str; 7] =
    ["profile", "remote_ip", "domain", "country", "as_owner", "direction", "type"];
/// Those of them that hold numbers.
pub(super) const NUMBERS: [&str; 6] = ["verdict", "scope", "ip_protocol", "ip_version", "remote_port", "asn"];

/// How many values a property is tried with: each column has its turn, with other values in every run.
const CASES: property::Cases = [COLUMNS.len(); 2];

/// How many connections the questions are about: enough for every column to differ, few enough to be answered thousands of times.
pub(super) const MOST: usize = 16;

/// Connections that have ended.
#[derive(Debug)]
pub(super) struct Universe {
    context: Context,
    /// Their rows, in the order of their ids.
    pub(super) rows: Vec<Row>,
}

/// Posts a question; the rows of the answer, which must be a success.
pub(super) async fn post(context: &Context, question: &Value) -> Result<(Exchange, Vec<Row>), Stop> {
    let exchange = raw(context, "netquery/query", question.to_string()).await?;
    let mut body = exchange.status(200)?.json()?;
    let rows = rows(body["results"].take())
        .ok_or_else(|| exchange.violation("results: null or an array of rows"))?;
    Ok((exchange, rows))
}

/// Posts a body to a path of netquery.
pub(super) async fn raw(context: &Context, path: &str, body: String) -> Result<Exchange, Stop> {
    let (place, key) = context.rights(Permission::User)?;
    context.send_to(place, Request::api("POST", path).body(body).maybe_bearer(key).kept()).await
}

/// The rows of a result; null has none.
pub(super) fn rows(results: Value) -> Option<Vec<Row>> {
    match results {
        Value::Null => Some(vec![]),
        Value::Array(rows) => rows.iter().all(Value::is_object).then_some(rows),
        _ => None,
    }
}

/// The ids of rows.
pub(super) fn ids(rows: &[Row]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row.get("id")?.as_str().map(str::to_owned)).collect()
}

impl Universe {
    /// Asks the target for connections that have ended, the newest first.
    pub(super) async fn find(context: &Context) -> Result<Arc<Self>, Stop> {
        Self::of(context, MOST).await
    }

    /// Asks the target for so many connections that have ended at the most.
    pub(super) async fn of(context: &Context, most: usize) -> Result<Arc<Self>, Stop> {
        let newest = json!([{ "field": "started", "desc": true }, { "field": "id" }]);
        let question = json!({ "query": { "active": false }, "orderBy": newest, "pageSize": most });
        let (exchange, mut rows) = post(context, &question).await?;
        let known = |row: &Row| row["id"].is_string() && row.get("profile").is_some();
        exchange.expect(rows.iter().all(known), "rows with their columns")?;
        if rows.len() < 3 {
            return Err(Stop::Skip(SkipReason::NothingToSee));
        }
        rows.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
        Ok(Arc::new(Self { context: context.clone(), rows }))
    }

    /// Where the questions go.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Adds to a question that it is about these connections only.
    pub(super) fn about(&self, mut question: Value) -> Value {
        let all: Vec<_> = self.rows.iter().map(|row| row["id"].clone()).collect();
        if question["query"]["id"].is_null() {
            question["query"]["id"] = json!({ "$in": all });
        }
        question
    }

    /// Asks a question about these connections.
    pub(super) async fn ask(&self, question: Value) -> Result<(Exchange, Vec<Row>), Stop> {
        post(&self.context, &self.about(question)).await
    }

    /// The ids of the connections that satisfy a condition.
    pub(super) async fn which(&self, condition: Value) -> Result<(Exchange, BTreeSet<String>), Stop> {
        let (exchange, rows) =
            self.ask(json!({ "select": ["id"], "query": condition, "pageSize": 100 })).await?;
        let found = ids(&rows);
        exchange.expect(found.len() == rows.len(), "each connection once, with its id")?;
        Ok((exchange, found))
    }

    /// What a property came to, unless it does not hold because connections are gone.
    async fn judged(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Err(Stop::Violated(_)) if !self.stands().await.unwrap_or(true) => {
                Err(Stop::Skip(SkipReason::NothingToSee))
            }
            other => other,
        }
    }

    /// How many connections there are.
    async fn stands(&self) -> Result<bool, Stop> {
        Ok(self.which(json!({})).await?.1.len() == self.rows.len())
    }

    /// Columns in which not all is null. They take turns.
    pub(super) fn columns(&self, of: &[&'static str]) -> Turns {
        let has = |column: &&'static str| {
            self.rows.iter().any(|row| row.get(*column).is_some_and(|value| !value.is_null()))
        };
        let mut known: Vec<&'static str> = of.iter().copied().filter(has).collect();
        if known.is_empty() {
            known.push("id");
        }
        Turns { of: known, next: Cell::default() }
    }

    /// Values of such columns that are not null, as the rows have them.
    pub(super) fn cells(self: &Arc<Self>, columns: &'static [&'static str]) -> BoxedStrategy<Shown> {
        let universe = Arc::clone(self);
        (self.columns(columns), any::<prop::sample::Index>())
            .prop_map(move |(column, at)| {
                let values: Vec<_> = universe
                    .rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .filter(|value| !value.is_null())
                    .collect();
                Shown { column, value: (*at.get(&values)).clone() }
            })
            .boxed()
    }

    /// Conditions on several columns, with values from the rows.
    pub(super) fn conditions(self: &Arc<Self>) -> BoxedStrategy<Value> {
        let operators = prop::sample::select(vec!["", "$eq", "$ne", "$in", "$notIn"]);
        prop::collection::vec((self.cells(&COLUMNS), operators), 0..4)
            .prop_map(|parts| {
                let mut conditions = Map::new();
                for (Shown { column, value }, operator) in parts {
                    let matcher = match operator {
                        "" => value,
                        "$in" | "$notIn" => json!({ operator: [value] }),
                        _ => json!({ operator: value }),
                    };
                    conditions.insert(column.to_owned(), matcher);
                }
                Value::Object(conditions)
            })
            .boxed()
    }
}

/// A value that some connection has in a column.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) column: &'static str,
    pub(super) value: Value,
}

/// Columns, one after the other from a drawn one on.
#[derive(Debug)]
pub(super) struct Turns {
    of: Vec<&'static str>,
    next: Cell<Option<usize>>,
}

impl Strategy for Turns {
    type Tree = Just<&'static str>;
    type Value = &'static str;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let next = match self.next.get() {
            Some(next) => next,
            None => (0..self.of.len()).new_tree(runner)?.current(),
        };
        self.next.set(Some((next + 1) % self.of.len()));
        Ok(Just(self.of[next]))
    }
}

/// Tries a property of drawn values on connections of the target. If it does not hold because connections are
/// gone meanwhile, nothing is said.
pub(super) async fn hold<S, F, R>(
    context: Context,
    name: &'static str,
    strategy: impl Fn(&Arc<Universe>) -> S + Send + 'static,
    property: F,
) -> Outcome
where
    S: Strategy + 'static,
    S::Value: std::fmt::Debug + Clone + Send,
    F: Fn(Arc<Universe>, S::Value) -> R + Send + 'static,
    R: Future<Output = Outcome> + Send + 'static,
{
    let universe = Universe::find(&context).await?;
    let (drawing, asking) = (Arc::clone(&universe), Arc::clone(&universe));
    let property = move |value| property(Arc::clone(&asking), value);
    let held = property::hold(&context, name, CASES, move || Ok(strategy(&drawing)), property).await;
    universe.judged(held).await
}
