//! `/openapi.json`: the control plane described, out of the routes themselves.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::{Json, http::StatusCode};
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Map, Value, json};

use super::{
    problem::{MEDIA_TYPE, Problem},
    route::{Answer, Content, Route, get},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/openapi.json", "Describe the control plane", read)
            .answers::<Map<String, Value>>("An OpenAPI 3.1 document."),
    ]
}

async fn read() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(document);
    Json(&DOCUMENT)
}

/// With what every route may be refused.
const COMMON: [StatusCode; 3] = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];

/// The whole document.
fn document() -> Value {
    // That a member may be left out is said already; null need not be one of its values.
    let unsaid = RecursiveTransform(|schema: &mut Schema| {
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
    });
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .with_transform(unsaid);
    let mut generator = SchemaGenerator::new(settings);
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in super::routes() {
        let path = route.path.replace("{*", "{");
        let operation = operation(&route, &mut generator);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Portmaster simulator: control plane",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Looks at the world of a running simulator and changes it.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer",
                "description": "Asked for where the control plane was given a token, or listens beyond loopback.",
            } },
            "responses": { "Problem": {
                "description": "The request is refused; what is wrong, where, and what was expected.",
                "content": { MEDIA_TYPE: { "schema": problem } },
            } },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut members = Map::new();
    members.insert("operationId".to_owned(), id(route).into());
    members.insert("summary".to_owned(), route.summary.into());
    if !route.about.is_empty() {
        members.insert("description".to_owned(), route.about.into());
    }
    let parameters = parameters(route, generator);
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    if !route.takes.is_empty() {
        let body = json!({ "required": true, "content": content(&route.takes, generator) });
        members.insert("requestBody".to_owned(), body);
    }
    let mut responses = Map::new();
    for Answer { status, about, content: body } in &route.answers {
        let mut answer = json!({ "description": about });
        if let Some(body) = body {
            answer["content"] = content(std::slice::from_ref(body), generator);
        }
        responses.insert(status.as_str().to_owned(), answer);
    }
    let mut refusals: BTreeSet<StatusCode> =
        COMMON.into_iter().chain(route.refusals.iter().copied()).collect();
    if !route.takes.is_empty() {
        refusals.extend([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]);
    }
    if route.query.is_some() {
        refusals.insert(StatusCode::CONFLICT);
    }
    for status in refusals {
        responses.insert(status.as_str().to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
    }
    members.insert("responses".to_owned(), responses.into());
    members.into()
}

/// `get-state-path` of `GET /state/{*path}`.
fn id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = route.method.as_str().to_lowercase();
    std::iter::once(method.as_str()).chain(words).collect::<Vec<_>>().join("-")
}

fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for (name, about, example) in &route.parts {
        let mut schema = json!({ "type": "string", "minLength": 1 });
        if let Some(pattern) = route.pattern {
            schema["pattern"] = pattern.into();
        }
        all.push(json!({
            "name": name, "in": "path", "required": true, "description": about, "example": example,
            "schema": schema,
        }));
    }
    let Some(describe) = route.query else { return all };
    let schema = describe(generator);
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let members = name.and_then(|name| generator.definitions_mut().remove(name)).unwrap_or_default();
    for (name, schema) in members["properties"].as_object().into_iter().flatten() {
        let about = schema.get("description").cloned().unwrap_or_default();
        all.push(json!({ "name": name, "in": "query", "description": about, "schema": schema }));
    }
    all
}

fn content(all: &[Content], generator: &mut SchemaGenerator) -> Value {
    let mut members = Map::new();
    for Content { media_type, schema, example } in all {
        let mut content = json!({ "schema": schema(generator) });
        if let Some(example) = example {
            content["example"] = example.clone();
        }
        members.insert((*media_type).to_owned(), content);
    }
    members.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        fn visit(value: &Value, whole: &Value) {
            if let Some(path) = value.get("$ref").and_then(Value::as_str) {
                let pointer = path.strip_prefix('#').expect("a reference into the document");
                assert!(whole.pointer(pointer).is_some(), "{path}");
            }
            match value {
                Value::Object(members) => members.values().for_each(|value| visit(value, whole)),
                Value::Array(list) => list.iter().for_each(|value| visit(value, whole)),
                _ => {}
            }
        }
        let document = document();
        visit(&document, &document);
    }

    #[test]
    fn every_route_is_in_the_document_and_the_other_way_round() {
        let document = document();
        let told: BTreeSet<String> = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().into_iter().flatten().map(move |(method, _)| format!("{method} {path}"))
            })
            .collect();
        let there: BTreeSet<String> = super::super::routes()
            .iter()
            .map(|route| {
                format!("{} {}", route.method.as_str().to_lowercase(), route.path.replace("{*", "{"))
            })
            .collect();
        assert_eq!(told, there);
    }
}
