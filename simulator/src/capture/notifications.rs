//! What the core has to say to the person, and what is wrong with its modules.

use serde_json::{Map, Value, json};

use super::{filled, source::Source, text};

/// The words for the numbers of notifications (websocket §5.6).
const KINDS: [&str; 4] = ["info", "warning", "prompt", "error"];

/// `notifications`, those that wait.
pub(super) async fn notifications(source: &mut Source) -> Value {
    let mut all = Vec::new();
    let mut answered = 0;
    let now = source.start.as_second();
    for (_, record) in source.records("notifications:").await {
        let expires = record.get("Expires").and_then(Value::as_i64).unwrap_or_default();
        if !matches!(text(&record, "State"), "" | "active") || (expires > 0 && expires < now) {
            answered += 1;
            continue;
        }
        let kind = record.get("Type").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
        let kind = kind.and_then(|at| KINDS.get(at)).filter(|word| **word != "info");
        let actions = record.get("AvailableActions").and_then(Value::as_array);
        let mut one = filled([
            ("id", text(&record, "EventID").into()),
            ("type", kind.copied().unwrap_or_default().into()),
            ("title", text(&record, "Title").into()),
            ("category", text(&record, "Category").into()),
            ("message", text(&record, "Message").into()),
        ]);
        if record.get("ShowOnSystem") == Some(&Value::Bool(true)) {
            one.insert("show_on_system".to_owned(), true.into());
        }
        if expires > 0 {
            one.insert("expires".to_owned(), (expires - now).into());
        }
        one.extend(filled([
            ("data", record.get("EventData").cloned().unwrap_or_default()),
            ("actions", actions.into_iter().flatten().map(action).collect()),
        ]));
        all.push(Value::Object(one));
    }
    if answered > 0 {
        source.miss(format!("{answered} notifications that were answered or are over"));
    }
    all.into()
}

fn action(told: &Value) -> Map<String, Value> {
    filled([
        ("id", text(told, "ID").into()),
        ("text", text(told, "Text").into()),
        ("type", text(told, "Type").into()),
        ("payload", told.get("Payload").cloned().unwrap_or_default()),
        ("visibility", text(told, "Visibility").into()),
    ])
}

/// The modules in trouble, as changes tell of them.
pub(super) async fn failures(source: &mut Source) -> Vec<Value> {
    let status = source.record("runtime:system/status").await.unwrap_or_default();
    let mut all = Vec::new();
    for module in status.get("Modules").and_then(Value::as_array).into_iter().flatten() {
        for state in module.get("States").and_then(Value::as_array).into_iter().flatten() {
            let severity = text(state, "Type");
            let mut failure = filled([
                ("module", text(module, "Module").into()),
                ("id", text(state, "ID").into()),
                ("title", text(state, "Name").into()),
                ("message", text(state, "Message").into()),
            ]);
            if matches!(severity, "hint" | "warning") {
                failure.insert("severity".to_owned(), json!(severity));
            }
            all.push(Value::Object(failure));
        }
    }
    all
}
