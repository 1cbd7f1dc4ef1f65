//! The OpenAPI document tells of every route, and of nothing else.

use serde_json::Value;

use super::{Running, common};

#[test]
fn every_route_of_the_document_answers_and_no_other() {
    let running = Running::new();
    let document = running.get("/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let methods: Vec<String> =
            methods.as_object().expect("methods").keys().map(|method| method.to_uppercase()).collect();
        let example = path.replace(['{', '}'], "");
        let answer = common::ask(running.control, "OPTIONS", &example, &[], "");
        assert_eq!(answer.status(), 405, "{path}");
        let allowed = answer.header("Allow").expect("the methods").replace("HEAD", "");
        let mut allowed: Vec<&str> = allowed.split(',').filter(|method| !method.is_empty()).collect();
        let mut told: Vec<&str> = methods.iter().map(String::as_str).collect();
        allowed.sort_unstable();
        told.sort_unstable();
        assert_eq!(allowed, told, "{path}");
    }
    for path in ["/nothing", "/health/", "//health", "/state/", "/scenarios/a/b"] {
        assert_eq!(running.ask("GET", path, Value::Null).0, 404, "{path}");
    }
}

#[test]
fn a_query_is_refused_where_none_is_taken() {
    let running = Running::new();
    assert_eq!(running.ask("GET", "/health?x=1", Value::Null).0, 400);
    assert_eq!(running.ask("GET", "/health?", Value::Null).0, 200);
}

/// The package for TypeScript takes its types from the document, by their names.
#[test]
fn what_clients_call_by_name_is_in_the_document() {
    let document = Running::new().get("/openapi.json");
    let index = include_str!("../../../../clients/npm/src/index.ts");
    let names = || index.split("Schemas[\"").skip(1).filter_map(|rest| rest.split('"').next());
    assert!(names().count() > 2);
    for name in names() {
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}
