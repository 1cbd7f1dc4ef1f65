//! An AsyncAPI 3 document of the database websocket.

use portmaster_fixtures::Contract;
use serde_json::{Map, Value, json};

/// What a client may send: the operation, what follows its name, an example, and what it does (websocket §2).
const REQUESTS: [(&str, &str, &str, &str); 9] = [
    ("get", "KEY", "1|get|config:core/devMode", "Reads a record."),
    ("query", "QUERY", "2|query|query config: where Value exists", "Reads all records that fit."),
    ("sub", "QUERY", "3|sub|query runtime:", "Is told of changes from now on."),
    (
        "qsub",
        "QUERY",
        "4|qsub|query notifications:all/",
        "Reads all records that fit, and is told of changes from then on.",
    ),
    ("create", "KEY|PAYLOAD", "5|create|core:notes/a|J{\"Text\":\"hello\"}", "Writes a record."),
    (
        "update",
        "KEY|PAYLOAD",
        "6|update|config:core/devMode|J{\"Value\":true}",
        "Writes a record over another.",
    ),
    ("insert", "KEY|PAYLOAD", "7|insert|core:notes/a|J{\"Text\":\"bye\"}", "Sets members of a record."),
    ("delete", "KEY", "8|delete|core:notes/a", "Deletes a record."),
    ("cancel", "", "4|cancel", "Ends the query or the subscription of that operation."),
];

/// What a core answers (websocket §2).
const REPLIES: [(&str, &str, &str, &str); 8] = [
    ("ok", "KEY|RECORD", "1|ok|config:core/devMode|J{\"Value\":false}", "A record that was asked for."),
    ("upd", "KEY|RECORD", "4|upd|notifications:all/a|J{\"EventID\":\"a\"}", "A record that changed."),
    ("new", "KEY|RECORD", "4|new|notifications:all/b|J{\"EventID\":\"b\"}", "A record that came."),
    ("del", "KEY", "4|del|notifications:all/b", "A record that went."),
    ("done", "", "4|done", "That was all; a subscription goes on."),
    ("success", "", "6|success", "It was written."),
    ("warning", "TEXT", "2|warning|could not send a record", "Something was left out."),
    ("error", "TEXT", "1|error|database entry not found", "It cannot be done, or not go on."),
];

/// The databases, and what is in each (websocket §5).
const DATABASES: [(&str, &str); 8] = [
    ("config:", "Options with the values that were set."),
    ("core:", "What the core and its clients keep: profiles, versions, notes."),
    ("cache:", "What is kept for a while: resolved names, addresses."),
    ("runtime:", "The present state: modules, the privacy network, the status."),
    ("notifications:", "What the core has to say to the person."),
    ("network:", "Processes and their connections."),
    ("map:", "The hubs of the privacy network."),
    ("api:", "Endpoints, called over the websocket."),
];

/// The AsyncAPI document of a contract.
pub fn asyncapi(contract: Contract) -> Value {
    let messages = |all: &[(&str, &str, &str, &str)], request: bool| -> Map<String, Value> {
        all.iter().map(|one| (one.0.to_owned(), message(*one, request))).collect()
    };
    let (requests, replies) = (messages(&REQUESTS, true), messages(&REPLIES, false));
    let refer = |messages: &Map<String, Value>, start: &str| -> Vec<Value> {
        messages.keys().map(|name| json!({ "$ref": format!("{start}{name}") })).collect()
    };
    let operation = |action: &str, all: &Map<String, Value>, about: &str| {
        json!({
            "action": action,
            "channel": { "$ref": "#/channels/database" },
            "summary": about,
            "messages": refer(all, "#/channels/database/messages/"),
        })
    };
    let of_channel: Map<String, Value> = requests
        .keys()
        .chain(replies.keys())
        .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
        .collect();
    let databases: Vec<String> = DATABASES.iter().map(|(name, about)| format!("`{name}` {about}")).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": format!("Portmaster's database websocket, contract {contract}"),
            "version": contract.behaviour().version,
            "description": format!(
                "Messages are texts with parts between bars: the operation's id, which the client chooses, the operation, and what \
                 belongs to it. A core sends them in binary frames and takes both kinds.\n\n{}",
                databases.join("\n\n")
            ),
        },
        "servers": {
            "core": { "host": "127.0.0.1:817", "protocol": "ws", "security": [{ "$ref": "#/components/securitySchemes/bearer" }] },
        },
        "channels": {
            "database": {
                "address": "/api/database/v1",
                "description": "Asks for the permission Admin.",
                "messages": of_channel,
                "bindings": { "ws": { "method": "GET" } },
            },
        },
        "operations": {
            "ask": operation("receive", &requests, "A client asks."),
            "answer": operation("send", &replies, "The core answers, and tells of changes."),
        },
        "components": {
            "messages": requests.into_iter().chain(replies).collect::<Map<_, _>>(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "An API key of the setting core/apiKeys." },
            },
        },
    })
}

fn message((name, follows, example, about): (&str, &str, &str, &str), request: bool) -> Value {
    let pattern = match (follows, request) {
        ("", _) => format!("^[^|]*\\|{name}$"),
        (_, true) => format!("^[^|]+\\|{name}\\|"),
        (_, false) => format!("^[^|]*\\|{name}\\|"),
    };
    json!({
        "summary": about,
        "contentType": "text/plain",
        "payload": { "type": "string", "pattern": pattern },
        "examples": [{ "payload": example }],
    })
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn every_example_fits_its_message() {
        let document = asyncapi(Contract::Docs);
        let messages = document["components"]["messages"].as_object().expect("messages");
        assert_eq!(messages.len(), REQUESTS.len() + REPLIES.len());
        for (name, message) in messages {
            let pattern =
                Regex::new(message["payload"]["pattern"].as_str().expect("a pattern")).expect("a pattern");
            let example = message["examples"][0]["payload"].as_str().expect("an example");
            assert!(pattern.is_match(example), "{name}: {example}");
        }
    }
}
