//! Rules that hold for every query.

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;

/// A column with some of its values.
fn column_and_values() -> impl Strategy<Value = (&'static str, Vec<Value>)> {
    let columns = select(vec![
        "profile_name", "type", "ip_version", "domain", "country", "asn", "verdict", "scope", "direction",
        "remote_port", "exit_node", "active", "tunneled", "latitude",
    ]);
    columns.prop_flat_map(|column| {
        let mut values: Vec<Value> = rows(&json!({ "select": [{ "$distinct": column }] }))
            .into_iter()
            .map(|row| row[column].clone())
            .filter(|value| !value.is_null())
            .collect();
        values.push(json!("nothing like it"));
        let some = 1..=values.len().min(4);
        (Just(column), proptest::sample::subsequence(values, some))
    })
}

fn conditions() -> impl Strategy<Value = Value> {
    column_and_values().prop_flat_map(|(column, values)| {
        let first = values[0].clone();
        let operators = vec![
            json!({ column: { "$eq": first } }),
            json!({ column: { "$ne": first } }),
            json!({ column: { "$in": values } }),
            json!({ column: { "$notIn": values } }),
            json!({ column: values }),
            json!({ column: { "$like": "%e%" } }),
            json!({ column: null }),
            json!({ column: first, "started": { "$gt": now().as_second() - 900 } }),
        ];
        select(operators)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_count_is_the_sum_over_groups(conditions in conditions(), (column, _) in column_and_values()) {
        let request = json!({
            "select": [column, { "$count": { "field": "*", "as": "n" } }],
            "query": conditions, "groupBy": [column],
        });
        let sum: i64 = rows(&request).iter().map(|row| row["n"].as_i64().unwrap()).sum();
        // There may be more groups than a page has.
        let groups = rows(&json!({
            "select": { "$count": { "field": column, "as": "n", "distinct": true } }, "query": conditions,
        }));
        if groups[0]["n"].as_i64().unwrap() < 100 {
            prop_assert_eq!(sum, count(&conditions));
        }
    }

    #[test]
    fn in_is_the_union_of_equals((column, values) in column_and_values()) {
        let mut union: Vec<String> = values.iter().flat_map(|value| ids(&json!({ column: value }))).collect();
        union.sort();
        prop_assert_eq!(&ids(&json!({ column: { "$in": values } })), &union);
        prop_assert_eq!(&ids(&json!({ column: values })), &union);
    }

    #[test]
    fn not_in_is_the_rest_but_for_null((column, values) in column_and_values()) {
        let known = rows(&json!({ "select": { "$count": { "field": column, "as": "n" } } }));
        let inside = count(&json!({ column: { "$in": values } }));
        let outside = count(&json!({ column: { "$notIn": values } }));
        prop_assert_eq!(inside + outside, known[0]["n"].as_i64().unwrap());
        let equal = count(&json!({ column: { "$eq": values[0] } }));
        let other = count(&json!({ column: { "$ne": values[0] } }));
        prop_assert_eq!(equal + other, known[0]["n"].as_i64().unwrap());
    }

    #[test]
    fn pages_partition_the_whole(conditions in conditions(), size in 1_usize..40) {
        let whole = ids(&conditions);
        prop_assert_eq!(whole.len() as i64, count(&conditions));
        let mut pages = Vec::new();
        for page in 0..=whole.len() / size {
            let request = json!({
                "select": ["id"], "query": conditions, "orderBy": "id", "pageSize": size, "page": page,
            });
            let found = rows(&request);
            prop_assert!(found.len() <= size);
            pages.extend(found.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        }
        prop_assert_eq!(pages, whole);
    }

    #[test]
    fn order_is_monotone((column, _) in column_and_values(), desc: bool) {
        let request = json!({ "select": [column, "id"], "orderBy": [{ "field": column, "desc": desc }, "id"] });
        let mut values: Vec<Value> = rows(&request).iter().map(|row| row[column].clone()).collect();
        if desc {
            values.reverse();
        }
        for pair in values.windows(2) {
            let ascends = match (&pair[0], &pair[1]) {
                (Value::Null, _) => true,
                (Value::Number(a), Value::Number(b)) => a.as_f64() <= b.as_f64(),
                (Value::String(a), Value::String(b)) => a <= b,
                (Value::Bool(a), Value::Bool(b)) => a <= b,
                _ => false,
            };
            prop_assert!(ascends, "{} before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn ties_keep_the_order_of_insertion((column, _) in column_and_values(), desc: bool) {
        let places: std::collections::BTreeMap<&str, usize> =
            live().enumerate().map(|(place, row)| (row.id.as_str(), place)).collect();
        let request = json!({ "select": ["id", column, "domain"], "orderBy": { "field": column, "desc": desc } });
        for pair in rows(&request).windows(2) {
            if pair[0][column] == pair[1][column] {
                let [first, second] = [0, 1].map(|index| places[pair[index]["id"].as_str().unwrap()]);
                prop_assert!(first < second);
            }
        }
    }

    #[test]
    fn groups_of_equal_count_follow_the_direction_of_the_order(desc: bool, column in select(vec!["domain", "country"])) {
        let request = json!({
            "select": [column, { "$count": { "field": "*", "as": "n" } }],
            "groupBy": [column], "orderBy": { "field": "n", "desc": desc },
        });
        for pair in rows(&request).windows(2) {
            let [(n, key), (next_n, next_key)] =
                [0, 1].map(|index| (pair[index]["n"].as_i64().unwrap(), pair[index][column].as_str().unwrap()));
            let ordered = if desc { (n, key) > (next_n, next_key) } else { (n, key) < (next_n, next_key) };
            prop_assert!(ordered, "{} {} before {} {}", n, key, next_n, next_key);
        }
    }

    #[test]
    fn text_search_finds_what_holds_the_text(piece in "[a-z.0-9]{0,4}") {
        let fields = ["domain", "as_owner", "path"];
        let request = json!({
            "select": { "$count": { "field": "*", "as": "n" } },
            "textSearch": { "fields": fields, "value": piece },
        });
        let holds = |text: &str| text.to_ascii_lowercase().contains(&piece);
        let expected = live().filter(|row| [&row.domain, &row.as_owner, &row.path].iter().any(|text| holds(text)));
        prop_assert_eq!(rows(&request)[0]["n"].as_u64().unwrap(), expected.count() as u64);
    }

    #[test]
    fn a_batch_is_its_queries(conditions in conditions()) {
        let request = json!({
            "select": ["id", "domain", "remote_port"], "query": conditions, "orderBy": "id", "pageSize": 20,
        });
        let batch = ask_of(&STORE, Kind::Batch, &json!({ "b": request, "a": {} }));
        let alone = ask_of(&STORE, Kind::Query, &request);
        prop_assert_eq!(&batch["b"], &alone["results"]);
    }

    #[test]
    fn the_chart_counts_every_second_of_every_connection(conditions in conditions()) {
        let chart = ask_of(&STORE, Kind::ActiveChart, &json!({ "query": conditions }));
        let found: std::collections::BTreeSet<String> = ids(&conditions).into_iter().collect();
        let seconds = now().as_second() - 600..now().as_second();
        let expected: i64 = live()
            .filter(|row| found.contains(&row.id))
            .map(|row| {
                let active = |second: &i64| {
                    row.started.as_second() <= *second && row.ended.is_none_or(|end| end.as_second() >= *second)
                };
                seconds.clone().filter(active).count() as i64
            })
            .sum();
        let buckets = chart["results"].as_array().cloned().unwrap_or_default();
        let sum = |name: &str| buckets.iter().map(|bucket| bucket[name].as_i64().unwrap()).sum::<i64>();
        prop_assert_eq!(sum("value") + sum("countBlocked"), expected);
    }

    #[test]
    fn the_bandwidth_chart_loses_no_byte(interval in 1_i64..700, grouped: bool) {
        let groups = if grouped { json!(["profile", "verdict"]) } else { json!([]) };
        let chart = ask_of(&STORE, Kind::BandwidthChart, &json!({ "interval": interval, "groupBy": groups }));
        let buckets = chart["results"].as_array().unwrap();
        let sum = |name: &str| buckets.iter().map(|bucket| bucket[name].as_i64().unwrap()).sum::<i64>();
        prop_assert_eq!(sum("incoming"), ROWS.bandwidth.iter().map(|sample| sample.incoming).sum::<i64>());
        prop_assert_eq!(sum("outgoing"), ROWS.bandwidth.iter().map(|sample| sample.outgoing).sum::<i64>());
        for bucket in buckets {
            prop_assert_eq!(bucket["timestamp"].as_i64().unwrap() % interval, 0);
        }
    }
}

/// JSON that looks like queries and is mostly wrong somewhere.
fn nearly_a_query() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(vec![
            "id",
            "*",
            "verdict",
            "started",
            "extra_data",
            "main",
            "'; DROP TABLE connections; --",
            "a b",
            ""
        ])
        .prop_map(Value::from),
    ];
    let names = select(vec![
        "select", "query", "orderBy", "groupBy", "textSearch", "databases", "page", "pageSize", "field",
        "desc", "$count", "$sum", "$min", "$distinct", "$field", "as", "condition", "fields", "value", "$eq",
        "$in", "$like", "$gt", "domain", "verdict", "started", "interval", "nosuch",
    ]);
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(names.clone(), inner, 0..4).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
    .prop_map(|value| value.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_asked_is_answered(body in nearly_a_query(), cut in 0_usize..200) {
        static DOCS: LazyLock<Store> = LazyLock::new(|| filled(Contract::Docs));
        for kind in [Kind::Query, Kind::Batch, Kind::ActiveChart, Kind::BandwidthChart] {
            for body in [body.as_bytes(), &body.as_bytes()[..cut.min(body.len())]] {
                for (store, statuses) in [(&*STORE, &[200, 400, 500][..]), (&*DOCS, &[200, 400][..])] {
                    let answer = send(store, kind, body);
                    prop_assert!(statuses.contains(&answer.status), "{}", answer.status);
                    prop_assert!(answer.body.ends_with(b"\n"));
                    if answer.status == 200 {
                        prop_assert!(serde_json::from_slice::<Value>(&answer.body).is_ok());
                    } else {
                        prop_assert!(answer.body.len() > 5);
                    }
                }
            }
        }
        prop_assert_eq!(count(&json!({})), live().count() as i64);
    }

    #[test]
    fn only_names_reach_a_statement(text in "[ -~]{1,12}") {
        let alias = json!({ "select": [{ "$count": { "field": "*", "as": text } }] });
        let database = json!({ "select": ["id"], "databases": [text] });
        for request in [alias, database] {
            let answer = send(&STORE, Kind::Query, request.to_string().as_bytes());
            if answer.status == 200 {
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(&byte)), "{}", text);
            }
        }
    }
}
