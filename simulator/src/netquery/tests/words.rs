//! What the database says to requests that are wrong.

use super::*;

fn text(request: &Value) -> (u16, String) {
    refused(&STORE, Kind::Query, &request.to_string())
}

fn said(status: u16, text: &str) -> (u16, String) {
    (status, format!("{text}\n"))
}

#[test]
fn wrong_types_are_named_with_their_path() {
    for (body, path, found, wanted) in [
        (json!([]), "", "array", "netquery.QueryRequestPayload"),
        (json!({ "select": [5] }), "QueryRequestPayload.select", "number", "string"),
        (
            json!({ "select": [{ "$count": { "as": 5 } }] }),
            "QueryRequestPayload.select.$count.as",
            "number",
            "string",
        ),
        (
            json!({ "select": { "$count": "x" } }),
            "QueryRequestPayload.select.$count",
            "string",
            "netquery.Count",
        ),
        (json!({ "query": [] }), "QueryRequestPayload.query", "array", "map[string]json.RawMessage"),
        (
            json!({ "query": { "x": { "$in": 5 } } }),
            "QueryRequestPayload.query.$in",
            "number",
            "[]interface {}",
        ),
        (json!({ "groupBy": "x" }), "QueryRequestPayload.groupBy", "string", "[]string"),
        (json!({ "orderBy": { "desc": 1 } }), "QueryRequestPayload.orderBy.desc", "number", "bool"),
        (json!({ "page": 1.5 }), "QueryRequestPayload.Pagination.page", "number 1.5", "int"),
        (json!({ "textSearch": { "value": 1 } }), "TextSearch.textSearch.value", "number", "string"),
        (json!({ "databases": [1] }), "QueryRequestPayload.databases", "number", "netquery.DatabaseName"),
    ] {
        let place = if path.is_empty() { "value".to_owned() } else { format!("struct field {path}") };
        let expected =
            format!("invalid query: json: cannot unmarshal {found} into Go {place} of type {wanted}");
        assert_eq!(text(&body), said(400, &expected));
    }
}

#[test]
fn a_fault_in_a_part_that_reads_itself_comes_first() {
    let body = r#"{"page":"x","select":[{"$count":{"field":"id","as":"1"}}]}"#;
    let expected = "invalid query: invalid characters in $count.as, value must match [a-zA-Z]+";
    assert_eq!(refused(&STORE, Kind::Query, body), said(400, expected));
}

#[test]
fn names_are_checked() {
    for (body, expected) in [
        (json!({ "select": ["nosuch"] }), "perparing selected fields: column name \"nosuch\" not allowed"),
        (
            json!({ "select": [{ "$min": { "field": "*", "as": "x" } }] }),
            "perparing selected fields: column name \"*\" not allowed",
        ),
        (
            json!({ "select": [{ "$sum": { "field": "asn" } }] }),
            "perparing selected fields: missing 'as' for $sum",
        ),
        (json!({ "groupBy": ["a\"b"] }), "generating group-by clause: column name \"a\\\"b\" not allowed"),
        (json!({ "orderBy": "n" }), "generating order-by clause: column name \"n\" not allowed"),
        (
            json!({ "query": { "a": 1, "b": 2 } }),
            "generating where clause: 2 errors occurred:\n\t* column a is not allowed\n\t* column b is not allowed\n\n",
        ),
        (
            json!({ "textSearch": { "fields": ["asn"] } }),
            "generating text-search clause: type of column asn cannot be used in text-search",
        ),
        (
            json!({ "select": [{ "$count": { "field": "*", "as": "n, 5 AS x" } }] }),
            "invalid query: invalid characters in $count.as, value must match [a-zA-Z]+",
        ),
        (
            json!({ "databases": ["main.connections; --"] }),
            "invalid query: database name \"main.connections; --\" not allowed",
        ),
        (
            json!({ "select": [{ "$count": { "field": "*", "as": "n" }, "$field": { "field": "5+5", "as": "v" } }] }),
            "perparing selected fields: column name \"5+5\" not allowed",
        ),
    ] {
        assert_eq!(text(&body), said(400, expected));
    }
}

#[test]
fn values_are_checked() {
    let body = json!({ "query": { "started": { "$eq": "a", "$ne": [1, { "b": null }] } } });
    let expected = "generating where clause: 1 error occurred:\n\t* invalid matcher at index 0 for column started: \
        2 errors occurred:\n\t* failed to encode a for column started: failed to run encode hooks: failed to parse \
        time as RFC3339: parsing time \"a\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"a\" as \"2006\"\n\t* \
        failed to encode [1 map[b:<nil>]] for column started: failed to run encode hooks: cannot convert value of \
        kind slice for use in SQLite\n\n\n\n";
    assert_eq!(text(&body), said(400, expected));
}

#[test]
fn the_database_speaks_of_the_core_s_statement() {
    let body = json!({ "select": ["id", { "$distinct": "verdict" }] });
    let expected = "Failed to execute query: sqlite: prepare \"SELECT id, DISTINCT verdict FROM ( SELECT * FROM \
        main.connections  )    LIMIT 100\": 1:12: SQL logic error: near \"DISTINCT\": syntax error";
    assert_eq!(text(&body), said(500, expected));
    let body = json!({ "databases": ["nosuch"], "query": { "verdict": 2 } });
    let expected = "Failed to execute query: sqlite: prepare \"SELECT * FROM ( SELECT * FROM nosuch.connections \
        WHERE ( verdict = :verdict0eq0 ) )    LIMIT 100\": SQL logic error: no such table: nosuch.connections";
    assert_eq!(text(&body), said(500, expected));
}

#[test]
fn a_name_that_is_none_is_refused_by_the_database() {
    let count = |name: &str| json!({ "select": [{ "$count": { "field": "*", "as": name } }] });
    for (name, column, token) in [
        ("a b c", 22, "b"),
        ("a-b", 21, "-"),
        ("a.b", 21, "."),
        ("n->>x", 21, "->>"),
        (" (n)", 21, "("),
        ("a AS b", 22, "AS"),
    ] {
        let expected = format!(
            "Failed to execute query: sqlite: prepare \"SELECT COUNT(*) AS {name} FROM ( SELECT * FROM \
             main.connections  )    LIMIT 100\": 1:{column}: SQL logic error: near \"{token}\": syntax error"
        );
        assert_eq!(text(&count(name)), said(500, &expected));
    }
    // Where it might read on, nothing reaches it.
    for name in [
        "n, 5 AS five", "n FROM x", "n union select 1", "n --", "n /* */", "n \"x\"", "n;", "5 n", "n 'x'",
        "n .5",
    ] {
        let expected = "invalid query: invalid characters in $count.as, value must match [a-zA-Z]+";
        assert_eq!(text(&count(name)), said(400, expected), "{name}");
    }
    assert_eq!(rows(&count("n$")), [json!({ "n$": live().count() })]);
    assert_eq!(rows(&count("nö")), [json!({ "nö": live().count() })]);
}

#[test]
fn what_is_selected_may_be_named_as_it_is_written() {
    for (part, clause, column) in
        [("orderBy", "generating order-by clause: ", 83), ("groupBy", "generating group-by clause: ", 82)]
    {
        let ask = |name: &str| json!({ "select": [{ "$count": { "field": "*", "as": "n" } }], part: [name] });
        let (status, words) = text(&ask("COUNT(*) AS n"));
        assert_eq!(status, 500, "{words}");
        assert!(
            words.ends_with(&format!(": 1:{column}: SQL logic error: near \"AS\": syntax error\n")),
            "{words}"
        );
        let expected = format!("{clause}column name \"COUNT(*) AS m\" not allowed");
        assert_eq!(text(&ask("COUNT(*) AS m")), said(400, &expected));
    }
}

#[test]
fn a_value_of_another_type_is_shown_with_its_row() {
    let body = json!({ "select": [{ "$count": { "field": "*", "as": "latitude" } }] });
    let count = live().count();
    let expected = format!(
        "Failed to execute query: failed to decode column latitude: decode: unexpected column type SQLITE_INTEGER \
         for column latitude with field type float64: map[latitude:{count}]"
    );
    assert_eq!(text(&body), said(500, &expected));
}

#[test]
fn panics_of_the_core_are_answers_of_observed_contracts_only() {
    let search = r#"{"textSearch":{"fields":["nosuch"],"value":"x"}}"#;
    let null = r#"{"query":{"domain":{"$in":[null]}}}"#;
    let [v1_0, docs] =
        [Contract::V1_0, Contract::Docs].map(|contract| Store::new(contract.behaviour()).unwrap());
    let panic = said(500, "Internal Server Error.");
    assert_eq!(refused(&STORE, Kind::Query, search), panic);
    assert_eq!(refused(&STORE, Kind::Query, null), panic);
    assert_eq!(refused(&v1_0, Kind::Query, search), panic);
    let expected = "generating text-search clause: column name \"nosuch\" not allowed";
    assert_eq!(refused(&docs, Kind::Query, search), said(400, expected));
    for store in [&v1_0, &docs] {
        assert_eq!(send(store, Kind::Query, null.as_bytes()).status, 200);
    }
}

#[test]
fn only_core_1_0_fails_with_several_sums() {
    let sum = |verdict: i64| json!({ "$sum": { "condition": { "verdict": verdict }, "as": format!("v{verdict}") } });
    let body = json!({ "select": [sum(2), sum(3)] });
    let v1_0 = filled(Contract::V1_0);
    let expected = "Failed to execute query: missing parameter :verdictsel00eq0";
    assert_eq!(refused(&v1_0, Kind::Query, &body.to_string()), said(500, expected));
    let with = |verdict: i64| live().filter(|row| row.verdict == verdict).count();
    let expected = [json!({ "v2": with(2), "v3": with(3) })];
    assert_eq!(rows(&body), expected);
    assert_eq!(rows_of(&filled(Contract::Docs), &body), expected);
}

#[test]
fn a_batch_answers_what_it_can() {
    let body = json!({ "good": { "select": ["id"], "pageSize": 1 }, "bad": { "databases": ["nosuch"] } });
    let answer = send(&STORE, Kind::Batch, body.to_string().as_bytes());
    assert_eq!(answer.status, 500);
    let results: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(results["bad"], Value::Null);
    assert_eq!(results["good"].as_array().unwrap().len(), 1);
    assert_eq!(answer.query_errors.len(), 1);
    assert!(
        answer.query_errors[0].starts_with("bad: sqlite: prepare \"SELECT * FROM"),
        "{:?}",
        answer.query_errors
    );
}

#[test]
fn development_mode_shows_the_query() {
    let body = json!({
        "select": ["id", { "$sum": { "condition": { "verdict": [2, { "$gt": 5 }] }, "as": "n" } }],
        "query": { "started": { "$gt": 5 }, "domain": null }, "orderBy": "id", "pageSize": 1,
    });
    let retention = Retention::default();
    let body = body.to_string();
    let request = |now| Request {
        kind: Kind::Query,
        body: Some(body.as_bytes()),
        now,
        dev_mode: true,
        retention: &retention,
    };
    let answer = STORE.answer(&request(now()));
    let mut shown: Value = serde_json::from_slice(&answer.body).unwrap();
    shown.as_object_mut().unwrap().remove("results");
    insta::assert_json_snapshot!(shown);
    assert_eq!(answer.body, STORE.answer(&request(now() + SignedDuration::from_secs(1))).body);
    let timing = answer.server_timing.unwrap();
    assert!(timing.starts_with("query_parsed;desc=\"Query has been parsed\";dur="), "{timing}");
    assert_eq!(timing.matches(";dur=").count(), 3);
}

#[test]
fn a_method_without_a_query_is_refused_when_the_query_is_to_be_read() {
    let retention = Retention::default();
    let said = |kind| {
        let request = Request { kind, body: None, now: now(), dev_mode: false, retention: &retention };
        let answer = STORE.answer(&request);
        assert_eq!((answer.status, &*answer.body), (400, &b"invalid HTTP method\n"[..]));
        answer.server_timing
    };
    for kind in [Kind::Query, Kind::Batch] {
        assert_eq!(said(kind).as_deref(), Some("query_parsed;desc=\"Query has been parsed\""));
    }
    for kind in [Kind::ActiveChart, Kind::BandwidthChart] {
        assert_eq!(said(kind), None);
    }
}

/// What a query answers in Development Mode.
fn in_development(contract: Contract, body: &str) -> (u16, String) {
    let store = Store::new(contract.behaviour()).unwrap();
    let retention = Retention::default();
    let request = Request {
        kind: Kind::Query,
        body: Some(body.as_bytes()),
        now: now(),
        dev_mode: true,
        retention: &retention,
    };
    let answer = store.answer(&request);
    (answer.status, String::from_utf8(answer.body).unwrap())
}

#[test]
fn core_1_0_says_in_development_mode_how_long_the_steps_took() {
    let (status, shown) = in_development(Contract::V1_0, "{}");
    let times = "\n  \"times\": {\n    \"query_built_after\": \"3µs\",\n    \"query_executed_after\": \"";
    assert!(status == 200 && shown.contains(times), "{shown}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["times"]["query_parsed_after"], "2µs");
    assert_eq!(shown["times"]["start_time"], now().to_string());
    for contract in [Contract::V1_6, Contract::V2_2, Contract::Docs] {
        assert!(!in_development(contract, "{}").1.contains("\"times\""), "{contract}");
    }
}

#[test]
fn a_crashed_query_says_why_in_development_mode() {
    let search = r#"{"textSearch":{"fields":["nosuch"],"value":"x"}}"#;
    let null = r#"{"query":{"domain":{"$in":[null]}}}"#;
    let words = "Internal Server Error: runtime error: invalid memory address or nil pointer dereference\n\ngoroutine ";
    for (contract, query) in [(Contract::V1_0, search), (Contract::V2_2, search), (Contract::V2_2, null)] {
        let (status, said) = in_development(contract, query);
        assert!(status == 500 && said.starts_with(words), "{said}");
    }
}
