//! What requests and messages that were kept do to the target that they are sent to.

use portmaster_fixtures::{Contract, Endpoint};
use portmaster_wire::percent::decoded_leniently;
use regex::Regex;
use serde_json::Value;

use crate::{checks::sample, suite::Class};

/// The key space of the suite's own records.
const OWN: &str = "core:conformance/";

/// What is known of harm.
#[derive(Debug)]
pub(crate) struct Harm {
    /// The endpoints of all contracts: a target may know more than the one before it did.
    endpoints: Vec<(Regex, &'static Endpoint)>,
}

impl Harm {
    pub(crate) fn new() -> Self {
        let entry = |endpoint: &'static Endpoint| {
            let pattern = Regex::new(&format!("^{}$", sample::expression(&endpoint.path))).ok()?;
            Some((pattern, endpoint))
        };
        let all = Contract::ALL.iter().flat_map(|contract| contract.endpoints());
        Self { endpoints: all.filter_map(entry).collect() }
    }

    /// What bytes do that need not be a request: whatever a target may take for the first line of one counts.
    pub(crate) fn of_bytes(&self, bytes: &[u8]) -> Class {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.split(['\r', '\n']).filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            Some(self.of_request(words.next()?, words.next()?))
        });
        lines.max().unwrap_or(Class::Read)
    }

    /// What a method does there. What no contract knows may do anything.
    pub(crate) fn of_request(&self, method: &str, target: &str) -> Class {
        if !matches!(method, "POST" | "PUT" | "DELETE") {
            return Class::Read;
        }
        let target = target
            .strip_prefix("http://")
            .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
            .unwrap_or(target);
        let path = decoded_leniently(target.split('?').next().unwrap_or_default());
        let path = String::from_utf8_lossy(&path);
        let Some(path) = path.strip_prefix("/api/v1/") else { return Class::Disruptive };
        let known = self.endpoints.iter().filter(|(pattern, _)| pattern.is_match(path));
        known.map(|(_, endpoint)| sample::class(endpoint, method)).max().unwrap_or(Class::Disruptive)
    }

    /// What a message of the database does (websocket §2, §6).
    pub(crate) fn of_message(&self, message: &[u8]) -> Class {
        let text = String::from_utf8_lossy(message);
        let mut parts = text.splitn(4, '|').skip(1);
        let (operation, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if !matches!(operation, "create" | "update" | "insert" | "delete") {
            return Class::Read;
        }
        match key.strip_prefix("api:") {
            Some(path) => {
                let call: Value = parts
                    .next()
                    .and_then(|payload| {
                        serde_json::from_str(payload.strip_prefix('J').unwrap_or(payload)).ok()
                    })
                    .unwrap_or_default();
                let has_data = call["Data"].as_str().is_some_and(|data| !data.is_empty());
                let method = call["Method"].as_str().unwrap_or(if has_data { "POST" } else { "GET" });
                self.of_request(method, &format!("/api/v1/{}", path.trim_start_matches('/')))
            }
            None if key.starts_with(OWN) => Class::Writes,
            None => Class::Disruptive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_their_endpoints_are() {
        let harm = Harm::new();
        for (method, target, expected) in [
            ("GET", "/api/v1/dns/clear", Class::Read),
            ("POST", "/api/v1/netquery/query", Class::Read),
            ("POST", "/api/v1/%75i/reload?x=1", Class::Writes),
            ("PUT", "/api/v1/dns/clear", Class::Disruptive),
            ("DELETE", "http://127.0.0.1:817/api/v1/core/shutdown", Class::Final),
            ("POST", "/api/v1/new/in/another/core", Class::Disruptive),
            ("POST", "/api/v1//dns/clear", Class::Disruptive),
        ] {
            assert_eq!(harm.of_request(method, target), expected, "{method} {target}");
        }
        assert_eq!(harm.of_bytes(b"GET /api/v1/ping HTTP/1.1\r\n\r\n"), Class::Read);
        let two = b"GET /api/v1/ping HTTP/1.1\r\n\r\nPOST /api/v1/core/shutdown HTTP/1.1\r\n\r\n";
        assert_eq!(harm.of_bytes(two), Class::Final);
    }

    #[test]
    fn messages_are_what_their_operations_are() {
        let harm = Harm::new();
        for (message, expected) in [
            ("1|get|api:dns/clear", Class::Read),
            ("1|query|query config:", Class::Read),
            ("1|create|core:conformance/a|J{}", Class::Writes),
            ("1|delete|core:other", Class::Disruptive),
            ("1|update|config:core/devMode|J{\"Value\":true}", Class::Disruptive),
            ("1|create|api:ping|J{}", Class::Read),
            ("1|create|api:ui/reload|J{\"Method\":\"POST\"}", Class::Writes),
            ("1|create|api:/core/shutdown|J{\"Method\":\"POST\"}", Class::Final),
            ("1|create|api:dns/clear|J{\"Data\":\"eA==\"}", Class::Disruptive),
        ] {
            assert_eq!(harm.of_message(message.as_bytes()), expected, "{message}");
        }
    }
}
