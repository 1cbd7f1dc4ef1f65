//! Requests as lines for a shell.

use base64::{Engine, engine::general_purpose::STANDARD};
use portmaster_wire::shell;

use super::entry::{Entry, Exchange};
use crate::core::MASK;

/// The variable that a secret is taken from.
const VARIABLE: &str = "PORTMASTER_KEY";

/// Headers that curl makes itself, or that belong to the connection.
const ITS_OWN: [&str; 6] =
    ["content-length", "transfer-encoding", "connection", "expect", "host", "keep-alive"];

/// A request as a line that sends it again; nothing for what is no request, and for the door of the websocket.
pub(super) fn command(url: &str, entry: &Entry) -> Option<String> {
    let exchange = entry.exchange()?;
    if exchange.status() == Some(101) {
        return None;
    }
    let mut words = vec!["curl -sS --path-as-is -g".to_owned()];
    if exchange.version == "1.0" {
        words.push("--http1.0".to_owned());
    }
    match exchange.method.as_str() {
        "GET" if exchange.body.is_none() => {}
        "HEAD" => words.push("--head".to_owned()),
        method => words.push(format!("-X {}", quoted(method))),
    }
    words.push(quoted(&format!("{url}{}", exchange.target)));
    headers(url, exchange, &mut words);
    let mut line = String::new();
    if let Some(body) = exchange.body.as_ref().filter(|body| body.length > 0) {
        if body.cut {
            line = format!("# the first {} of {} bytes of the body\n", body.bytes().len(), body.length);
        }
        match &body.text {
            Some(text) if !text.starts_with('@') => words.push(format!("--data-binary {}", quoted(text))),
            _ => {
                line.push_str(&format!("printf %s {} | base64 -d | ", STANDARD.encode(body.bytes())));
                words.push("--data-binary @-".to_owned());
            }
        }
    } else if matches!(exchange.method.as_str(), "POST" | "PUT") {
        words.push("-d ''".to_owned());
    }
    line.push_str(&words.join(" "));
    line.push('\n');
    Some(line)
}

fn headers(url: &str, exchange: &Exchange, words: &mut Vec<String>) {
    let authority = url.strip_prefix("http://").unwrap_or(url);
    for (name, value) in &exchange.headers {
        let other_host = name == "host" && value != authority;
        if other_host || !ITS_OWN.contains(&name.as_str()) {
            words.push(format!("-H {}", quoted(&shell::curl_header(name, value))));
        }
    }
    let sends_body = matches!(exchange.method.as_str(), "POST" | "PUT") || exchange.body.is_some();
    for (name, given) in [("accept", true), ("user-agent", true), ("content-type", sends_body)] {
        // What curl would add by itself.
        if given && exchange.header(name).is_none() {
            words.push(format!("-H {name}:"));
        }
    }
}

/// A word for the shell, in which secrets are taken from the variable.
fn quoted(text: &str) -> String {
    shell::quoted(text).replace(MASK, &format!("'\"${VARIABLE}\"'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_and_secrets_are_variables() {
        assert_eq!(quoted("http://127.0.0.1:817/a"), "http://127.0.0.1:817/a");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(
            quoted("authorization: Bearer [redacted]"),
            "'authorization: Bearer '\"$PORTMASTER_KEY\"''"
        );
        assert_eq!(quoted(""), "''");
    }
}
