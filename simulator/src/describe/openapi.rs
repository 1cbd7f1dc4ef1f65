//! An OpenAPI 3.1 document of a contract, made of its catalogue.

use portmaster_fixtures::{ANSWERS, Contract, Endpoint, Permission, Piece, cached_record, pieces, slug};
use serde_json::{Map, Value, json};

use crate::api::{self, Handler, Module};

/// The methods that call an endpoint's write, beside the documented one (core-1.x §5.5).
const WRITES: [&str; 3] = ["POST", "PUT", "DELETE"];

/// The OpenAPI document of a contract.
///
/// Beside the documented methods it has those that cores take in their place, marked with `x-instead-of`. Permissions stand
/// as `x-permission`, in the words of `auth/permissions`.
pub fn openapi(contract: Contract) -> Value {
    let mut paths = Map::new();
    for endpoint in contract.endpoints() {
        let (path, item) = path_item(contract, endpoint);
        paths.insert(path, item);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Portmaster's local API, contract {contract}"),
            "version": contract.behaviour().version,
            "description": "What a Portmaster core answers to programs on its own machine. Callers show an API key, as a \
                bearer token or as the name and password of Basic authentication; in Development Mode none is needed.",
        },
        "servers": [{
            "url": "http://{address}/api/v1",
            "variables": { "address": { "default": "127.0.0.1:817", "description": "Where the core listens." } },
        }],
        "security": [{ "bearer": [] }, { "basic": [] }, { "session": [] }],
        "paths": paths,
        "components": { "securitySchemes": schemes(), "responses": refusals() },
    })
}

fn schemes() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "An API key of the setting core/apiKeys." },
        "basic": {
            "type": "http", "scheme": "basic",
            "description": "The same key, divided anywhere between name and password.",
        },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "Portmaster-API-Token",
            "description": "The session that an answer began. Only programs that the core itself knows get one.",
        },
    })
}

/// All refusals, by their statuses.
const REFUSALS: [(u16, &str, &str); 14] = [
    (400, "BadRequest", "The request, or a parameter, is none that can be understood."),
    (401, "Unauthorized", "Credentials are missing or worth nothing."),
    (403, "Forbidden", "The caller may not, or its origin is another."),
    (404, "NotFound", "There is no such endpoint, or nothing by that name."),
    (405, "MethodNotAllowed", "The endpoint does not take this method."),
    (406, "NotAcceptable", "It cannot be had in the form that is asked for."),
    (409, "Conflict", "It is so already."),
    (410, "Gone", "There is nothing by that name to take it from, or to put it into."),
    (412, "PreconditionFailed", "It is of another kind than can be used here, or not now."),
    (413, "TooLarge", "The body is too long."),
    (422, "Unprocessable", "What is sent can be read, and not be used; the text says why."),
    (425, "TooEarly", "The core is not ready yet."),
    (500, "Failed", "The endpoint could not do it; the text says why."),
    (503, "NotReady", "The module is off, or not ready yet."),
];

fn refusals() -> Value {
    let refusal = |(_, name, about): &(u16, &str, &str)| {
        let content = json!({ "text/plain": { "schema": { "type": "string" } } });
        ((*name).to_owned(), json!({ "description": about, "content": content }))
    };
    REFUSALS.iter().map(refusal).collect::<Map<_, _>>().into()
}

/// A path in OpenAPI's form, and its methods.
fn path_item(contract: Contract, endpoint: &Endpoint) -> (String, Value) {
    let mut path = "/".to_owned();
    let mut item = Map::new();
    let mut parts = Vec::new();
    for piece in pieces(&endpoint.path) {
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Part(name, pattern) => {
                path.push_str(&format!("{{{name}}}"));
                parts.push(part(endpoint, name, pattern));
            }
        }
    }
    if !parts.is_empty() {
        item.insert("parameters".to_owned(), parts.into());
    }
    let asks = is_question(endpoint);
    let needs_body = asks || endpoint.path == PICTURE;
    if !endpoint.read.is_not_supported() {
        item.insert("get".to_owned(), operation(contract, endpoint, &endpoint.read_method, endpoint.read));
        if !asks {
            let mut head = operation(contract, endpoint, "HEAD", endpoint.read);
            head["x-instead-of"] = endpoint.read_method.as_str().into();
            item.insert("head".to_owned(), head);
        }
    }
    if !endpoint.write.is_not_supported() {
        // DELETE has no body, where a question is (netquery §1), and a picture.
        for method in WRITES.into_iter().filter(|method| !(needs_body && *method == "DELETE")) {
            let mut told = operation(contract, endpoint, method, endpoint.write);
            if method != endpoint.write_method {
                told["x-instead-of"] = endpoint.write_method.as_str().into();
            }
            item.insert(method.to_ascii_lowercase(), told);
        }
    }
    (path, item.into())
}

/// Whether the endpoint answers a question about connections, whichever method asks it. Neither HEAD nor DELETE does
/// (netquery §1).
fn is_question(endpoint: &Endpoint) -> bool {
    endpoint.path.starts_with("netquery/query") || endpoint.path.starts_with("netquery/charts/")
}

/// Where pictures are sent to (core-2.2 §6.6).
const PICTURE: &str = "profile/icon";

/// Values of parts of paths, by their names; those that the pattern takes are examples.
const PARTS: [(&str, &str); 8] = [
    ("map", "main"),
    ("format", ".dot"),
    ("query", "example.com.A"),
    ("moduleName", "core"),
    ("eventName", "restart"),
    ("destination", "192.0.2.1"),
    ("pid", "1"),
    ("source", "local"),
];

/// A part of a path. Its pattern holds for the whole part.
fn part(endpoint: &Endpoint, name: &str, pattern: &str) -> Value {
    let pattern = if pattern.is_empty() { "[^/]+" } else { pattern };
    let mut part = json!({
        "name": name, "in": "path", "required": true,
        "schema": { "type": "string", "pattern": format!("^{pattern}$") },
    });
    if let Some((_, example)) = PARTS.iter().find(|(one, _)| *one == name) {
        part["example"] = (*example).into();
    }
    let told = endpoint.parameters.iter().find(|one| one.field == format!("{name} (in path)"));
    if let Some(told) = told {
        part["description"] = told.description.as_str().into();
    }
    part
}

fn operation(contract: Contract, endpoint: &Endpoint, method: &str, permission: Permission) -> Value {
    // The parameters of the documented method hold for those that stand in for it.
    let documented =
        if matches!(method, "GET" | "HEAD") { &endpoint.read_method } else { &endpoint.write_method };
    let mut told = json!({
        "operationId": id(&endpoint.path, method),
        "summary": endpoint.name,
        "tags": [endpoint.path.split('/').next().unwrap_or_default()],
        "x-permission": permission.role(),
        "responses": responses(contract, endpoint, method, permission),
    });
    if !endpoint.description.is_empty() {
        told["description"] = endpoint.description.as_str().into();
    }
    if permission <= Permission::Anyone {
        told["security"] = json!([]);
    }
    let query: Vec<Value> = endpoint
        .parameters
        .iter()
        .filter(|one| one.method == *documented && !one.field.ends_with("(in path)"))
        .map(|one| {
            let mut parameter = json!({
                "name": one.field, "in": "query", "description": one.description, "schema": { "type": "string" },
            });
            if !one.value.is_empty() && !one.value.contains('<') {
                parameter["example"] = one.value.as_str().into();
            }
            parameter
        })
        .collect();
    let query = if is_question(endpoint) && method == "GET" {
        vec![json!({
            "name": "q", "in": "query", "required": true, "description": "The query.",
            "content": { "application/json": question(endpoint) },
        })]
    } else {
        query
    };
    if !query.is_empty() {
        told["parameters"] = query.into();
    }
    if matches!(method, "POST" | "PUT") {
        told["requestBody"] = body(endpoint);
    }
    told
}

/// A question about connections, with an example.
fn question(endpoint: &Endpoint) -> Value {
    // What is null asks for nothing in particular.
    json!({ "schema": { "type": ["object", "null"] }, "example": endpoint.example_body() })
}

/// The body that an endpoint takes; most take none, and ignore one.
fn body(endpoint: &Endpoint) -> Value {
    let needed = |content: Value| json!({ "required": true, "content": { "application/json": content } });
    match endpoint.path.as_str() {
        _ if is_question(endpoint) => needed(question(endpoint)),
        "broadcasts/simulate" => json!({
            "content": { "application/json": {
                "schema": {
                    "type": ["object", "null"],
                    "properties": { "Notifications": { "type": ["object", "null"], "additionalProperties": { "type": "object" } } },
                },
                "example": endpoint.example_body(),
            } },
        }),
        PICTURE => {
            let picture = json!({ "schema": { "type": "string", "format": "binary", "minLength": 1, "maxLength": 1_000_000 } });
            json!({ "required": true, "content": { "image/png": picture } })
        }
        path if path.starts_with("sync/") => {
            needed(json!({ "schema": { "type": "object" }, "example": endpoint.example_body() }))
        }
        _ => json!({ "content": { "text/plain": { "schema": { "type": "string", "maxLength": 1000 } } } }),
    }
}

/// Whether a method of an endpoint may be refused with a status: by its handler, or by what stands before all of them, which looks at
/// path, method, origin, caller, body and module (core-1.x §5).
fn may_refuse(
    contract: Contract,
    handler: &Handler,
    method: &str,
    permission: Permission,
    status: u16,
) -> bool {
    let before = match status {
        400 | 403 | 404 | 405 | 500 => true,
        401 => permission > Permission::Anyone,
        413 => matches!(method, "POST" | "PUT"),
        503 => handler.module == Module::Spn && contract.behaviour().module_not_ready,
        _ => false,
    };
    before || handler.statuses.contains(&status)
}

fn responses(contract: Contract, endpoint: &Endpoint, method: &str, permission: Permission) -> Value {
    let mut responses = Map::new();
    let success = match (method, schema(contract, endpoint)) {
        ("HEAD", _) => json!({ "description": "As GET, without the body." }),
        (_, Some(schema)) => {
            let mime = if netquery_as_text(contract, endpoint) { "text/plain" } else { "application/json" };
            json!({ "description": "What was asked for.", "content": { mime: { "schema": schema } } })
        }
        _ => {
            let mime = endpoint.mime_type.split(';').next().unwrap_or_default();
            let mime = if mime.is_empty() { "text/plain" } else { mime };
            json!({ "description": "What was asked for, or that it was done.", "content": { mime: {} } })
        }
    };
    responses.insert("200".to_owned(), success);
    let nothing =
        if method == "HEAD" { "As GET, without the body." } else { "It was done, or there is nothing." };
    responses.insert("204".to_owned(), json!({ "description": nothing }));
    let handler = api::handlers().find(|handler| handler.path == endpoint.path);
    for (status, name, _) in REFUSALS {
        if !handler.is_some_and(|handler| may_refuse(contract, handler, method, permission, status)) {
            continue;
        }
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
    }
    responses.into()
}

/// Whether a core answers JSON under the name of text.
fn netquery_as_text(contract: Contract, endpoint: &Endpoint) -> bool {
    endpoint.path.starts_with("netquery/")
        && contract.behaviour().has(portmaster_fixtures::Defect::QueriesAsText)
}

/// The schema of what an endpoint answers, where it is known.
fn schema(contract: Contract, endpoint: &Endpoint) -> Option<Value> {
    let behaviour = contract.behaviour();
    if endpoint.path.starts_with("dns/cache/{") {
        return cached_record(behaviour).ok().map(|shape| shape.schema());
    }
    let slug = slug(&endpoint.path);
    // A query selects its own members, so that the shape of all rows is only one of many.
    let answer = ANSWERS.iter().find(|one| one.id == slug)?;
    answer.shape(behaviour).ok().map(|shape| shape.schema())
}

/// A name for programs: `get-dns-cache-query`.
fn id(path: &str, method: &str) -> String {
    let slug = slug(path);
    let words = slug.split(['/', ':', '-', '.']).filter(|word| !word.is_empty());
    std::iter::once(method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("-")
}
