//! What is asked: every documented request, with the examples of the OpenAPI document.

use portmaster_fixtures::Contract;
use portmaster_wire::percent;
use serde_json::Value;

use crate::describe::openapi;

/// A request, as the API's document has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it is for, in a few words.
    pub name: String,
    /// The method.
    pub method: String,
    /// The path as the document writes it, below `/api/v1`.
    pub template: String,
    /// The path and the query that are asked for.
    pub target: String,
    /// The body, JSON, if one is sent.
    pub body: Option<String>,
}

/// All questions of a contract, in the document's order. What has a part that no example is known of is not among them.
pub(super) fn questions(contract: Contract) -> Vec<Question> {
    let document = openapi(contract);
    let mut all = Vec::new();
    for (template, item) in members(&document["paths"]) {
        let Some(path) = filled(template, &item["parameters"]) else { continue };
        for method in ["get", "post", "put", "delete"] {
            let Some(operation) = item.get(method).filter(|one| one["x-instead-of"].is_null()) else {
                continue;
            };
            let body = &operation["requestBody"]["content"]["application/json"]["example"];
            all.push(Question {
                name: operation["summary"].as_str().unwrap_or_default().to_owned(),
                method: method.to_ascii_uppercase(),
                template: template.clone(),
                target: format!("/api/v1{path}{}", query(&operation["parameters"])),
                body: (!body.is_null()).then(|| body.to_string()),
            });
        }
    }
    all
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A path whose parts are their examples.
fn filled(template: &str, parts: &Value) -> Option<String> {
    let mut path = template.to_owned();
    for part in parts.as_array().into_iter().flatten() {
        let name = part["name"].as_str()?;
        path = path.replace(&format!("{{{name}}}"), part["example"].as_str()?);
    }
    Some(path)
}

/// The parameters without which a question is none.
fn query(parameters: &Value) -> String {
    let needed = parameters.as_array().into_iter().flatten().filter(|one| one["required"] == true);
    let pairs = needed.filter_map(|one| {
        let example = &one["content"]["application/json"]["example"];
        let value = percent::encoded(example.to_string(), percent::is_unreserved);
        (!example.is_null()).then(|| format!("{}={value}", one["name"].as_str().unwrap_or_default()))
    });
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}
