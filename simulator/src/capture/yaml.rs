//! Scenarios as people write them: a line where a line is enough.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

/// How long a line may be.
const WIDTH: usize = 130;

/// Texts that need no quotes, neither in a line of their own nor between brackets.
static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:[A-Za-z/](?:[A-Za-z0-9 _./()+-]*[A-Za-z0-9_./()+-])?|\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?|\d{4}-\d\d-\d\dT[0-9:.]+Z)$")
        .expect("the pattern is one")
});

/// A map in block style, a member a line where it fits.
pub(super) fn text(map: &Map<String, Value>) -> String {
    let mut out = String::new();
    block(&mut out, map, 0, 0);
    out
}

/// Writes members; the first one is not indented by as much as `done`, which is there already.
fn block(out: &mut String, map: &Map<String, Value>, indent: usize, done: usize) {
    for (at, (key, value)) in map.iter().enumerate() {
        let lead = if at == 0 { indent - done } else { indent };
        out.push_str(&" ".repeat(lead));
        out.push_str(&scalar(key));
        out.push(':');
        match (value, flow(value)) {
            (_, line) if indent + key.len() + 2 + line.chars().count() <= WIDTH => {
                out.push(' ');
                out.push_str(&line);
                out.push('\n');
            }
            (Value::Object(inner), _) => {
                out.push('\n');
                block(out, inner, indent + 2, 0);
            }
            (Value::Array(items), _) => {
                out.push('\n');
                list(out, items, indent + 2);
            }
            (_, line) => {
                out.push(' ');
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
}

fn list(out: &mut String, items: &[Value], indent: usize) {
    for item in items {
        out.push_str(&" ".repeat(indent));
        out.push_str("- ");
        let line = flow(item);
        match item {
            Value::Object(inner) if indent + 2 + line.chars().count() > WIDTH => {
                block(out, inner, indent + 2, indent + 2);
            }
            _ => {
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let members: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text, in quotes where it would be read as something else without.
fn scalar(text: &str) -> String {
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    if PLAIN.is_match(text) && !words.contains(&text.to_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut quoted = String::new();
    for char in Value::from(text).to_string().chars() {
        match char {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            other => quoted.push(other),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn back(map: &Map<String, Value>) -> Value {
        let text = text(map);
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn it_reads_like_a_person_wrote_it() {
        let value = json!({
            "name": "here", "start": "2026-03-16T09:30:00Z", "config": { "spn/enable": true },
            "network": { "gateways": ["192.0.2.1", "fe80::1"], "nameservers": [{ "ip": "192.0.2.1" }] },
            "apps": [{ "name": "A", "path": "/usr/bin/a", "description": "x".repeat(140) }],
        });
        let map = value.as_object().unwrap();
        let long = "x".repeat(140);
        let expected = format!(
            "name: here\nstart: 2026-03-16T09:30:00Z\nconfig: {{ spn/enable: true }}\n\
             network: {{ gateways: [192.0.2.1, \"fe80::1\"], nameservers: [{{ ip: 192.0.2.1 }}] }}\n\
             apps:\n  - name: A\n    path: /usr/bin/a\n    description: {long}\n"
        );
        assert_eq!(text(map), expected);
        assert_eq!(back(map), value);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(texts in proptest::collection::vec(any::<String>(), 1..6), long in "[a-z: #'-]{90,200}") {
            let mut map = Map::new();
            for text in &texts {
                map.insert(text.clone(), json!([text, { "a": text }, long]));
            }
            map.insert("plain".to_owned(), json!(texts));
            prop_assert_eq!(back(&map), Value::Object(map));
        }
    }
}
