//! The oracles for answers over HTTP. They know the contract and nothing of any defect.

use std::{
    cell::RefCell,
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use portmaster_fixtures::{ANSWERS, Behaviour, Endpoint, Permission, Shape};
use serde_json::Value;

use super::{
    case::Ask,
    catalogue::{Catalogue, Known},
    expectations::Expectations,
    finding::{Finding, Oracle},
};
use crate::{contrast::levels, suite::Mode, target::Response};

/// How many bodies that were found right are remembered, so that the same one is not read again and again.
const REMEMBERED: usize = 4096;
/// How much of a body a finding shows, in characters.
const SHOWN: usize = 200;

/// The structure of answers that depend on the question (netquery §1, §5).
const OPEN: [(&str, &str); 4] = [
    ("netquery/query", "{results: null|[{…}], …}"),
    ("netquery/query/batch", "{*: null|[{…}]}"),
    ("netquery/charts/connection-active", "{params: null|{…}, query: string, results: null|[{…}]}"),
    ("netquery/charts/bandwidth", "{params: null|{…}, query: string, results: null|[{…}]}"),
];

/// The oracles of one target, for one thread.
#[derive(Debug)]
pub(super) struct Judge {
    behaviour: &'static Behaviour,
    /// Whether `behaviour` is the target's; of a bare list of endpoints it is not known.
    strict: bool,
    read: RefCell<HashSet<u64>>,
}

/// A request and what it was answered.
#[derive(Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) ask: &'a Ask,
    /// The endpoint, if the path names one.
    pub(super) known: Option<&'a Known>,
    pub(super) mode: Mode,
    pub(super) response: &'a Response,
}

impl Exchange<'_> {
    /// The name for reports.
    fn name(&self) -> &str {
        match self.known {
            Some(known) => &known.slug,
            None if self.ask.target.starts_with("/api/v1/") => "nowhere",
            None => "pages",
        }
    }

    /// The answer in a line.
    fn summary(&self) -> String {
        let text = self.response.text();
        let mut shown: String = text.trim_end().chars().take(SHOWN).collect();
        if shown.len() < text.trim_end().len() {
            shown.push('…');
        }
        if shown.is_empty() {
            shown = "(no body)".to_owned();
        }
        format!("{} {shown}", self.response.status)
    }

    fn finding(
        &self,
        oracle: Oracle,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Option<Finding> {
        Some(Finding::new(oracle, self.name(), expected, got))
    }

    /// The method whose permission counts.
    fn method(&self) -> &str {
        match self.ask.method.as_str() {
            "OPTIONS" => self.ask.header("Access-Control-Request-Method").unwrap_or_default(),
            method => method,
        }
    }

    /// What the endpoint asks of the caller, if it has such a method.
    fn required(&self) -> Option<Permission> {
        let endpoint: &Endpoint = self.known?.endpoint;
        let required = match self.method() {
            "GET" | "HEAD" => endpoint.read,
            "POST" | "PUT" | "DELETE" => endpoint.write,
            _ => return None,
        };
        (!required.is_not_supported()).then_some(required)
    }

    /// What the caller may.
    fn held(&self) -> Permission {
        let (read, write) = levels(self.ask.who.tier(), self.mode);
        if matches!(self.method(), "GET" | "HEAD") { read } else { write }
    }

    fn is_refusal(&self) -> bool {
        match self.response.status {
            401 => self.response.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")),
            403 => true,
            _ => false,
        }
    }

    /// Whether the HTTP layer answered, and no core has seen the request (core-2.2 §2.1).
    fn is_bare(&self) -> bool {
        matches!(self.response.status, 400 | 408 | 413 | 414 | 417 | 431 | 501 | 505)
            && self.response.header("x-content-type-options").is_none()
    }
}

impl Judge {
    pub(super) fn new(behaviour: &'static Behaviour, strict: bool) -> Self {
        Self { behaviour, strict, read: RefCell::default() }
    }

    /// What the first oracle objects to, the gravest first.
    pub(super) fn object(&self, exchange: Exchange<'_>) -> Option<Finding> {
        framed(exchange)
            .or_else(|| crashed(exchange))
            .or_else(|| authorised(exchange))
            .or_else(|| admitted(exchange))
            .or_else(|| self.headed(exchange))
            .or_else(|| self.typed(exchange))
            .or_else(|| self.structured(exchange))
    }

    /// The security headers, each once (core-1.x §5.2).
    fn headed(&self, exchange: Exchange<'_>) -> Option<Finding> {
        let response = exchange.response;
        // What begins a websocket has its own headers and no others (websocket §1.1).
        let opens = exchange.ask.target.starts_with("/api/database/") && response.status == 101;
        if exchange.is_bare() || opens || (exchange.ask.target == "*" && response.status == 200) {
            return None;
        }
        let policy = Some(self.behaviour.content_security_policy.as_str());
        let referrer = Some(self.behaviour.referrer_policy.as_str());
        let wanted = [
            ("Referrer-Policy", referrer.filter(|_| self.strict), true),
            ("X-Content-Type-Options", Some("nosniff"), true),
            ("X-Frame-Options", Some("deny"), true),
            ("X-Xss-Protection", Some("1; mode=block"), true),
            ("X-Dns-Prefetch-Control", Some("off"), true),
            ("Content-Security-Policy", policy.filter(|_| self.strict), exchange.mode != Mode::Development),
        ];
        for (name, value, needed) in wanted {
            let mut found = response.headers.iter().filter(|(one, _)| one.eq_ignore_ascii_case(name));
            let (first, second) = (found.next(), found.next());
            let got = match (first, second) {
                (None, _) if !needed => continue,
                (None, _) => format!("no {name}"),
                (Some(_), Some(_)) => format!("{name} twice"),
                (Some((_, got)), None) if needed && value.is_none_or(|value| value == got) => continue,
                (Some((_, got)), None) => format!("{name}: {got}"),
            };
            let expected = match (needed, value) {
                (true, Some(value)) => format!("{name}: {value}"),
                (true, None) => format!("the header {name}"),
                (false, _) => format!("no {name} in Development Mode"),
            };
            return exchange.finding(Oracle::Headers, expected, got);
        }
        None
    }

    /// The declared type (core-2.2 §2.4, §4).
    fn typed(&self, exchange: Exchange<'_>) -> Option<Finding> {
        let (known, response) = (exchange.known?, exchange.response);
        if exchange.is_bare() || exchange.ask.method == "OPTIONS" {
            return None;
        }
        let kind = response.header("content-type");
        if exchange.ask.method == "HEAD" || response.status == 204 {
            return match kind {
                Some("") => {
                    exchange.finding(Oracle::Typed, "a type, or no Content-Type", "an empty Content-Type")
                }
                _ => None,
            };
        }
        if response.status >= 400 {
            let plain = kind == Some("text/plain; charset=utf-8");
            let own = response.body.first() == Some(&b'{')
                && kind.is_some_and(|kind| kind.starts_with("application/json"));
            if plain || own || exchange.is_refusal() {
                return None;
            }
            let got = format!("an error of type {}", kind.unwrap_or("(none)"));
            return exchange.finding(Oracle::Typed, "text/plain; charset=utf-8", got);
        }
        if response.status != 200 || response.body.is_empty() {
            return None;
        }
        let declared = known.endpoint.mime_type.as_str();
        let got = kind.unwrap_or("(none)");
        if got.strip_prefix(declared).is_some_and(|rest| rest == "; charset=utf-8") {
            return None;
        }
        let asked = exchange.ask.header("Accept").is_some_and(|accept| !accept.is_empty());
        let negotiated = ["application/cbor", "application/msgpack", "application/yaml; charset=utf-8"];
        let listed = Expectations::get().has_type(&known.slug, got);
        if listed || (asked && self.behaviour.negotiates && negotiated.contains(&got)) {
            return None;
        }
        exchange.finding(
            Oracle::Typed,
            format!("{declared}; charset=utf-8"),
            format!("an answer of type {got}"),
        )
    }

    /// The structure of what came (core-2.2 §9).
    fn structured(&self, exchange: Exchange<'_>) -> Option<Finding> {
        let (known, response) = (exchange.known?, exchange.response);
        if response.status != 200 || matches!(exchange.ask.method.as_str(), "HEAD" | "OPTIONS") {
            return None;
        }
        if response.body.is_empty() {
            return exchange.finding(Oracle::Structured, "a body, or status 204", "200 without a body");
        }
        let json = response.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if !json
            || Expectations::get().is_shapeless(&known.slug)
            || self.was_sound(&known.slug, &response.body)
        {
            return None;
        }
        let value: Value = match serde_json::from_slice(&response.body) {
            Ok(value) => value,
            Err(error) => {
                // Where in the body it is depends on the body.
                let error = error.to_string();
                let error = error.split(" at line").next().unwrap_or_default();
                let got = format!("{error}: {}", exchange.summary());
                let mut finding =
                    Finding::new(Oracle::Structured, &known.slug, "JSON, as the type says", got);
                finding.cause = format!("no JSON: {error}");
                return Some(finding);
            }
        };
        match self.shape(&known.slug)?.deviation(&value) {
            Some(deviation) => exchange.finding(Oracle::Structured, "the members of the contract", deviation),
            None => {
                self.remember(&known.slug, &response.body);
                None
            }
        }
    }

    fn shape(&self, slug: &str) -> Option<Shape> {
        let open = OPEN.iter().find(|(one, _)| *one == slug).and_then(|(_, text)| Shape::read(text).ok());
        // The structures are those of known contracts.
        let of_contract = || ANSWERS.iter().find(|answer| answer.id == slug)?.shape(self.behaviour).ok();
        open.or_else(|| of_contract().filter(|_| self.strict))
    }

    /// Whether such a body was read before, and nothing was wrong with it.
    fn was_sound(&self, slug: &str, body: &[u8]) -> bool {
        self.read.borrow().contains(&digest(slug, body))
    }

    /// Remembers a body with which nothing is wrong. One with which something is must be judged again to be confirmed.
    fn remember(&self, slug: &str, body: &[u8]) {
        let mut read = self.read.borrow_mut();
        if read.len() >= REMEMBERED {
            read.clear();
        }
        read.insert(digest(slug, body));
    }
}

fn digest(slug: &str, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (slug, body).hash(&mut hasher);
    hasher.finish()
}

/// Nothing came after the end of the answer.
fn framed(exchange: Exchange<'_>) -> Option<Finding> {
    if exchange.response.surplus == 0 {
        return None;
    }
    let what = if exchange.ask.method == "HEAD" { "a body with HEAD" } else { "more than its length" };
    exchange.finding(Oracle::Answered, "an answer that ends where it says", what)
}

/// No status of 500 or more but the listed ones.
fn crashed(exchange: Exchange<'_>) -> Option<Finding> {
    let response = exchange.response;
    if response.status < 500 || exchange.is_bare() {
        return None;
    }
    let text = response.text();
    // HEAD has the status alone.
    let told = exchange.ask.method != "HEAD";
    if Expectations::get().allows(exchange.name(), response.status, &text) || !told {
        return None;
    }
    exchange.finding(Oracle::NoServerError, "no status of 500 or more", exchange.summary())
}

/// Who may not is refused.
fn authorised(exchange: Exchange<'_>) -> Option<Finding> {
    let required = exchange.required()?;
    let preflight = exchange.ask.method == "OPTIONS" && exchange.ask.header("Origin").is_some();
    if required < Permission::User || exchange.held() >= required || preflight {
        return None;
    }
    if exchange.is_refusal() || exchange.is_bare() {
        return None;
    }
    let expected =
        format!("401 or 403, since {} may not do what asks for {required}", exchange.ask.who.kind());
    exchange.finding(Oracle::Authorised, expected, exchange.summary())
}

/// Who may is not refused.
fn admitted(exchange: Exchange<'_>) -> Option<Finding> {
    let required = exchange.required()?;
    if exchange.held() < required
        || required == Permission::Dynamic
        || exchange.ask.header("Origin").is_some()
    {
        return None;
    }
    let refused = match exchange.response.body.as_slice() {
        b"Authorization required.\n" => exchange.response.status == 401,
        b"Insufficient permissions.\n" => exchange.response.status == 403,
        _ => false,
    };
    if !refused {
        return None;
    }
    let expected = format!("no refusal, since {} may do what asks for {required}", exchange.ask.who.kind());
    exchange.finding(Oracle::Admitted, expected, exchange.summary())
}

fn is_length(header: &str) -> bool {
    header.eq_ignore_ascii_case("content-length")
}

/// The same question has the same answer, but for the moment and for what a session's begin adds.
pub(super) fn repeated(exchange: Exchange<'_>, second: &Response) -> Option<Finding> {
    let first = exchange.response;
    // Which words the HTTP layer has for a head depends on what came on the connection before.
    if first.status == second.status && exchange.is_bare() {
        return None;
    }
    let varies =
        |name: &str| ["date", "set-cookie", "server-timing"].iter().any(|one| name.eq_ignore_ascii_case(one));
    // A body may be framed by its length or by the connection's end.
    let told = [first, second].iter().all(|one| one.headers.iter().any(|(name, _)| is_length(name)));
    let kept = |response: &Response| -> Vec<(String, String)> {
        let headers = response.headers.iter().filter(|(name, _)| !varies(name) && (told || !is_length(name)));
        headers.cloned().collect()
    };
    let got = if first.status != second.status {
        format!("{} and then {}", first.status, second.status)
    } else if first.body != second.body {
        let at = first.body.iter().zip(&second.body).position(|(a, b)| a != b);
        let at = at.unwrap_or(first.body.len().min(second.body.len()));
        let piece = |response: &Response| {
            let piece = response.body.get(at.saturating_sub(20)..).unwrap_or_default();
            String::from_utf8_lossy(&piece[..piece.len().min(60)]).into_owned()
        };
        let got = format!("another body: {:?} and then {:?}", piece(first), piece(second));
        let mut finding = exchange.finding(Oracle::Repeatable, "the same answer again", got)?;
        finding.cause = "another body".to_owned();
        return Some(finding);
    } else if kept(first) != kept(second) {
        "other headers".to_owned()
    } else {
        return None;
    };
    exchange.finding(Oracle::Repeatable, "the same answer again", got)
}

/// The endpoint that a request is about.
pub(super) fn known<'a>(catalogue: &'a Catalogue, ask: &Ask) -> Option<&'a Known> {
    catalogue.of_target(&ask.target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_head_may_be_told_in_two_ways_and_an_answer_of_the_core_may_not() {
        let answer = |status: u16, body: &str, core: bool| Response {
            status,
            headers: core
                .then(|| ("X-Content-Type-Options".to_owned(), "nosniff".to_owned()))
                .into_iter()
                .collect(),
            body: body.into(),
            surplus: 0,
        };
        let ask = Ask { method: "GET".to_owned(), target: "/api/v1/ping".to_owned(), ..Ask::default() };
        let objects = |one: &Response, other: &Response| {
            repeated(Exchange { ask: &ask, known: None, mode: Mode::Guarded, response: one }, other).is_some()
        };
        let [told, bare] = ["431 Request Header Fields Too Large", ""].map(|body| answer(431, body, false));
        assert!(!objects(&told, &bare) && !objects(&bare, &told));
        assert!(objects(&bare, &answer(414, "", false)));
        assert!(objects(&answer(200, "a", true), &answer(200, "b", true)));
        assert!(objects(&answer(400, "a", true), &answer(400, "b", true)));
    }
}
