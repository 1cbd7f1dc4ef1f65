//! Questions to the connection database, from its grammar (netquery §3).

use portmaster_fixtures::scenario::ConnectionRow;
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Union};
use serde_json::{Map, Value, json};

use super::{
    json::scalar,
    text::{edge, word},
};
use crate::fuzz::scope::Scope;

/// A column, or at times a name that is none.
fn column() -> BoxedStrategy<String> {
    one_of![
        14 => select(&ConnectionRow::COLUMNS[..]).prop_map(str::to_owned),
        1 => word(),
        1 => edge(),
    ]
    .boxed()
}

/// What a column may hold, and a condition find something by.
fn likely(column: &str) -> Option<BoxedStrategy<Value>> {
    let texts = |all: &[&str]| all.iter().map(|one| json!(one)).collect::<Vec<_>>();
    let numbers = |all: &[i64]| all.iter().map(|one| json!(one)).collect::<Vec<_>>();
    let known = match column {
        "type" => texts(&["ip", "dns"]),
        "direction" => texts(&["outbound", "inbound"]),
        "country" => texts(&["AT", "DE", "US", ""]),
        "domain" => texts(&["%wiki%", "%.example.", ""]),
        "ip_version" => numbers(&[4, 6]),
        "ip_protocol" => numbers(&[6, 17]),
        "remote_port" => numbers(&[443, 53, 80]),
        "verdict" | "worst_verdict" | "firewall_verdict" => numbers(&[2, 3, 4]),
        "scope" => numbers(&[1, 2, 4]),
        "external" | "tunneled" | "encrypted" | "internal" | "active" | "allowed" => {
            vec![json!(true), json!(false)]
        }
        "bytes_received" | "bytes_sent" => numbers(&[0, 1_000, 100_000]),
        "started" | "ended" => texts(&["2026-03-16T08:30:00Z", "2026-03-16T09:00:00Z"]),
        _ => return None,
    };
    Some(select(known).boxed())
}

/// A value that a condition compares with.
fn operand() -> BoxedStrategy<Value> {
    let known = vec![
        json!("outbound"),
        json!("ip"),
        json!("dns"),
        json!("AT"),
        json!("2026-03-16T09:00:00Z"),
        json!(2),
        json!(443),
        json!(1_773_652_000),
        json!("%wiki%"),
        json!("127.0.0.1"),
    ];
    one_of![3 => select(known), 2 => scalar()].boxed()
}

fn matcher(operand: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let single = select(vec!["$eq", "$ne", "$like", "$gt", "$ge", "$lt", "$le"]);
    let list = select(vec!["$in", "$notIn", "$notin", "$IN"]);
    let one = one_of![
        4 => (single, operand.clone()).prop_map(|(name, value)| (name.to_owned(), value)),
        2 => (list, vec(operand.clone(), 0..4)).prop_map(|(name, values)| (name.to_owned(), Value::from(values))),
        1 => (edge(), operand.clone()),
    ];
    let matcher = vec(one, 0..3).prop_map(|members| Value::Object(members.into_iter().collect()));
    one_of![3 => operand, 4 => matcher].boxed()
}

/// Conditions: column by column.
fn conditions(scope: &Scope) -> BoxedStrategy<Value> {
    let any = one_of![4 => matcher(operand()), 1 => vec(matcher(operand()), 0..3).prop_map(Value::from)];
    let any = (column(), any);
    let one = if scope.compares() { one_of![1 => fitting(), 1 => any].boxed() } else { any.boxed() };
    vec(one, 0..4).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())).boxed()
}

/// A column with a condition that is one for it.
fn fitting() -> BoxedStrategy<(String, Value)> {
    let each = ConnectionRow::COLUMNS.iter().filter_map(|column| {
        // At times it is none of them: what is nothing, or of another type, brings cores down.
        let values = one_of![3 => likely(column)?, 1 => scalar()].boxed();
        let condition =
            one_of![4 => matcher(values.clone()), 1 => vec(matcher(values), 0..3).prop_map(Value::from)];
        Some((Just((*column).to_owned()), condition).boxed())
    });
    Union::new(each).boxed()
}

/// A question that is likely to have an answer, of which every part can be seen in it.
fn sensible() -> BoxedStrategy<Value> {
    let column = || select(&ConnectionRow::COLUMNS[..]);
    let order = (column(), any::<bool>()).prop_map(|(field, desc)| json!({"field": field, "desc": desc}));
    let conditions = vec(fitting(), 1..3).prop_map(|all| Value::Object(all.into_iter().collect()));
    object(vec![
        member("select", 0.4, vec(column(), 1..4).prop_map(Value::from)),
        member("query", 0.3, conditions),
        member("orderBy", 0.5, vec(order, 1..3).prop_map(Value::from)),
        member("pageSize", 0.7, (1_i64..6).prop_map(Value::from)),
        member("page", 0.3, (0_i64..3).prop_map(Value::from)),
    ])
}

/// How many rows a condition finds, of which nothing else can be the reason.
fn counted() -> BoxedStrategy<Value> {
    let condition = |values: BoxedStrategy<Value>| {
        let single = select(vec!["$ne", "$eq", "$like", "$gt", "$ge", "$lt", "$le"]);
        let list = select(vec!["$in", "$notIn"]);
        one_of![
            3 => (single, values.clone()).prop_map(|(name, value)| json!({ (name): value })),
            2 => (list, vec(values, 2..4)).prop_map(|(name, values)| json!({ (name): values })),
        ]
    };
    let columns = ConnectionRow::COLUMNS.iter();
    let each = columns.filter_map(|column| Some((*column, condition(likely(column)?))));
    let each = each.map(|(column, condition)| {
        let count = json!([{"$count": {"field": "*", "as": "rows"}}]);
        condition.prop_map(move |condition| json!({"query": {(column): condition}, "select": count})).boxed()
    });
    Union::new(each).boxed()
}

fn aggregate(scope: &Scope) -> BoxedStrategy<Value> {
    let name = || option::weighted(0.8, one_of![5 => word(), 1 => edge(), 1 => column()]);
    let field = || one_of![5 => column(), 1 => Just("*".to_owned())];
    let count = (field(), name(), any::<bool>()).prop_map(
        |(field, name, distinct)| json!({"$count": {"field": field, "as": name, "distinct": distinct}}),
    );
    let sum =
        (option::of(field()), name(), option::of(conditions(scope))).prop_map(|(field, name, condition)| {
            let members =
                [("field", field.map(Value::from)), ("as", name.map(Value::from)), ("condition", condition)];
            let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            json!({"$sum": Value::Object(members.collect())})
        });
    let min = (field(), name()).prop_map(|(field, name)| json!({"$min": {"field": field, "as": name}}));
    let alias = (field(), name()).prop_map(|(field, name)| json!({"$field": {"field": field, "as": name}}));
    one_of![
        3 => count,
        2 => sum,
        1 => min,
        1 => alias,
        1 => field().prop_map(|field| json!({"$distinct": field})),
        2 => field().prop_map(|field| json!({"field": field})),
        3 => field().prop_map(Value::from),
    ]
    .boxed()
}

/// A member that is there or not; the simplest is that it is not.
fn member(
    name: &'static str,
    often: f64,
    value: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Option<(String, Value)>> {
    option::weighted(often, value.prop_map(move |value| (name.to_owned(), value))).boxed()
}

fn object(members: Vec<BoxedStrategy<Option<(String, Value)>>>) -> BoxedStrategy<Value> {
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
}

fn search() -> BoxedStrategy<Value> {
    let value =
        one_of![select(vec!["wiki", "example", "%", "_", "192"]).prop_map(str::to_owned), word(), edge()];
    object(vec![
        member("fields", 0.9, vec(column(), 0..3).prop_map(Value::from)),
        member("value", 0.8, value.prop_map(Value::from)),
    ])
}

fn order() -> BoxedStrategy<Value> {
    let one = one_of![
        column().prop_map(Value::from),
        (column(), any::<bool>()).prop_map(|(field, desc)| json!({"field": field, "desc": desc})),
    ];
    one_of![1 => one.clone(), 4 => vec(one, 0..3).prop_map(Value::from)].boxed()
}

/// A question.
pub(super) fn query(scope: &Scope) -> BoxedStrategy<Value> {
    let page = || select(vec![0_i64, 1, 2, 10, 100, 101, -1, i64::MAX]).prop_map(Value::from);
    let databases = vec(select(vec!["main", "history", "MAIN", "nope", ""]), 0..3).prop_map(|all| json!(all));
    let odd = object(vec![
        member(
            "select",
            0.5,
            one_of![4 => vec(aggregate(scope), 0..4).prop_map(Value::from), 1 => aggregate(scope)],
        ),
        member("query", 0.6, conditions(scope)),
        member("textSearch", 0.2, search()),
        member("groupBy", 0.25, vec(column(), 0..3).prop_map(Value::from)),
        member("orderBy", 0.3, order()),
        member("databases", 0.2, databases),
        // Small answers are answered fast.
        member("pageSize", 0.8, one_of![5 => (1_i64..6).prop_map(Value::from), 1 => page()]),
        member("page", 0.2, page()),
        member("extra", 0.03, scalar()),
    ]);
    if scope.compares() { one_of![6 => odd, 2 => sensible(), 1 => counted()].boxed() } else { odd }
}

/// Several questions with names.
pub(super) fn batch(scope: &Scope) -> BoxedStrategy<Value> {
    let name = one_of![4 => word(), 1 => edge()];
    vec((name, query(scope)), 0..3).prop_map(|members| Value::Object(members.into_iter().collect())).boxed()
}

/// A question for a chart.
pub(super) fn chart(scope: &Scope) -> BoxedStrategy<Value> {
    let interval = select(vec![0_i64, 1, 10, 60, -60, i64::MAX]).prop_map(Value::from);
    object(vec![
        member("query", 0.7, conditions(scope)),
        member("textSearch", 0.3, search()),
        member("interval", 0.3, interval),
        member("groupBy", 0.3, vec(column(), 0..3).prop_map(Value::from)),
    ])
}
