//! Compares an answer with the recorded one.

use serde_json::Value;

use super::{
    difference::Difference,
    exchange::{Answered, Exchange, SESSION},
    expectations::Known,
    value::{self, shortened},
};

/// The headers that clients depend on.
const HEADERS: [&str; 20] = [
    "content-type",
    "location",
    "www-authenticate",
    "allow",
    "clear-site-data",
    "content-disposition",
    "vary",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
    "x-dns-prefetch-control",
    "content-security-policy",
    "set-cookie",
];

/// Members of netquery answers that hold the server's own SQL, and how long it took: how a server words its
/// statements is its own affair.
const STATEMENTS: [&str; 4] = ["params", "sql_prep_stmt", "sql_params", "times"];

/// How bodies of successful answers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    /// JSON by its members and types, unless the recording says that its values matter
    #[default]
    Structure,
    /// Everything by its value
    Value,
}

/// A recorded answer and another one to the same question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) expected: &'a Answered,
    pub(crate) got: &'a Answered,
    /// Whether the recording has headers.
    headers: bool,
    /// Whether the recording has a body.
    body: bool,
    exact: bool,
    volatile: bool,
}

impl<'a> Comparison<'a> {
    /// What came against the answer of a recorded exchange, in which `expected` may have been adapted to the
    /// target.
    pub(crate) fn new(exchange: &Exchange, expected: &'a Answered, got: &'a Answered) -> Self {
        Self {
            expected,
            got,
            headers: !exchange.headers_unrecorded,
            body: !exchange.body_unrecorded,
            exact: exchange.exact,
            volatile: exchange.volatile,
        }
    }

    /// One recorded answer against another.
    pub(crate) fn of_recordings(one: &'a Exchange, other: &'a Exchange) -> Self {
        let mut both = Self::new(one, &one.response, &other.response);
        both.headers &= !other.headers_unrecorded;
        both.body &= !other.body_unrecorded;
        both
    }

    /// What differs when only the structure of successful JSON answers counts.
    pub(crate) fn by_structure(&self, known: &Known) -> Vec<Difference> {
        let mut out = vec![];
        if !self.head(&mut out) || !self.body {
            return out;
        }
        if !self.expected.succeeded() {
            if self.volatile { self.emptiness(&mut out) } else { self.bytes(&mut out) }
        } else if self.exact {
            self.values(&mut out);
        } else if let Some(structure) = &known.structure
            && json(self.expected).is_some()
        {
            match json(self.got) {
                Some(value) => structure.differences(&value, "", &mut out),
                None => out.push(Difference::new("body", "JSON", text(self.got))),
            }
        } else if known.constant() && !self.volatile {
            self.bytes(&mut out);
        } else {
            self.emptiness(&mut out);
        }
        out
    }

    /// What differs when every value counts.
    pub(crate) fn by_value(&self) -> Vec<Difference> {
        let mut out = vec![];
        if self.head(&mut out) && self.body {
            if self.volatile { self.emptiness(&mut out) } else { self.values(&mut out) }
        }
        out
    }

    /// Compares status and headers; whether comparing the body makes sense.
    fn head(&self, out: &mut Vec<Difference>) -> bool {
        let (expected, got) = (self.expected.status, self.got.status);
        if expected != got {
            out.push(Difference::new("status", expected.to_string(), got.to_string()));
            return false;
        }
        for name in HEADERS.iter().filter(|_| self.headers) {
            let [expected, got] = [self.expected, self.got].map(|answer| header(answer, name));
            if expected != got {
                let shown = |values: Vec<String>| match values.is_empty() {
                    true => "absent".to_owned(),
                    false => values.join(" and "),
                };
                out.push(Difference::new(format!("header {name}"), shown(expected), shown(got)));
            }
        }
        true
    }

    fn values(&self, out: &mut Vec<Difference>) {
        match (json(self.expected), json(self.got)) {
            (Some(mut expected), Some(mut got)) => {
                without_statements(&mut expected);
                without_statements(&mut got);
                value::differences(&expected, &got, "", out);
            }
            _ => self.bytes(out),
        }
    }

    fn bytes(&self, out: &mut Vec<Difference>) {
        let (expected, got) = (self.expected.bytes(), self.got.bytes());
        let same = match self.expected.body_truncated.is_some() {
            true => got.starts_with(expected),
            false => got == expected,
        };
        if !same {
            let [expected, got] =
                value::parting(&String::from_utf8_lossy(expected), &String::from_utf8_lossy(got));
            out.push(Difference::new("body", expected, got));
        }
    }

    fn emptiness(&self, out: &mut Vec<Difference>) {
        let (expected, got) = (self.expected.bytes(), self.got.bytes());
        if expected.is_empty() != got.is_empty() {
            let bytes = |body: &[u8]| format!("{} bytes", body.len());
            out.push(Difference::new("body", bytes(expected), bytes(got)));
        }
    }
}

fn json(answer: &Answered) -> Option<Value> {
    serde_json::from_slice(answer.bytes()).ok()
}

fn text(answer: &Answered) -> String {
    format!("{:?}", shortened(&String::from_utf8_lossy(answer.bytes())))
}

fn header(answer: &Answered, name: &str) -> Vec<String> {
    let values = answer.headers.get(name).map(Vec::as_slice).unwrap_or_default();
    values.iter().map(|value| if name == "set-cookie" { cookie(value) } else { value.clone() }).collect()
}

/// A cookie without what is another every time; the order of its attributes says nothing.
fn cookie(value: &str) -> String {
    let mut parts: Vec<String> = value
        .split(';')
        .map(|part| match part.trim().split_once('=') {
            Some((name, value)) if [SESSION, "Expires"].contains(&name) && !value.is_empty() => {
                format!("{name}=…")
            }
            _ => part.trim().to_owned(),
        })
        .collect();
    parts.sort();
    parts.join("; ")
}

fn without_statements(value: &mut Value) {
    if let Value::Object(members) = value {
        let own =
            |key: &str, value: &Value| STATEMENTS.contains(&key) || (key == "query" && value.is_string());
        members.retain(|key, value| !own(key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{bytes::Bytes, expectations::Expectations};

    fn exchange(status: u16, kind: &str, body: &str) -> Exchange {
        let mut one = Exchange::default();
        one.response.status = status;
        one.response.headers.insert("content-type".to_owned(), vec![kind.to_owned()]);
        one.response.body = Some(Bytes(body.as_bytes().to_vec()));
        one
    }

    fn both(one: &Exchange, other: &Exchange) -> [Vec<String>; 2] {
        let expectations = Expectations::of([one]);
        let comparison = Comparison::of_recordings(one, other);
        [comparison.by_structure(expectations.on(one)), comparison.by_value()]
            .map(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn json_has_a_structure_and_values() {
        let one = exchange(200, "application/json", r#"{"n": 1}"#);
        let other = exchange(200, "application/json", r#"{"n": 2}"#);
        assert_eq!(both(&one, &other), [vec![], vec![".n: expected 1, got 2".to_owned()]]);
        let exact = Exchange { exact: true, ..one };
        assert_eq!(both(&exact, &other)[0], [".n: expected 1, got 2"]);
    }

    #[test]
    fn errors_and_constant_texts_are_compared_exactly() {
        for status in [200, 404] {
            let one = exchange(status, "text/plain", "a\n");
            let [structure, value] = both(&one, &exchange(status, "text/plain", "b\n"));
            assert_eq!(
                (structure.as_slice(), &structure),
                (&["body: expected \"a\\n\", got \"b\\n\"".to_owned()][..], &value)
            );
            let volatile = Exchange { volatile: true, ..one };
            assert!(both(&volatile, &exchange(status, "text/plain", "b\n"))[0].is_empty());
            assert_eq!(
                both(&volatile, &exchange(status, "text/plain", ""))[0],
                ["body: expected 2 bytes, got 0 bytes"]
            );
        }
    }

    #[test]
    fn a_status_says_enough() {
        let [structure, _] = both(&exchange(200, "x", "a"), &exchange(500, "y", "b"));
        assert_eq!(structure, ["status: expected 200, got 500"]);
    }

    #[test]
    fn cookies_may_hold_another_token_but_not_another_scope() {
        let with = |cookie: &str| {
            let mut one = exchange(200, "x", "");
            one.response.headers.insert("set-cookie".to_owned(), vec![cookie.to_owned()]);
            one
        };
        let one = with("Portmaster-API-Token=abc; Path=/; HttpOnly");
        assert!(both(&one, &with("Portmaster-API-Token=xyz; HttpOnly; Path=/"))[0].is_empty());
        for other in
            ["Portmaster-API-Token=; Path=/; HttpOnly", "Portmaster-API-Token=abc; Path=/api; HttpOnly"]
        {
            assert_eq!(both(&one, &with(other))[0].len(), 1, "{other}");
        }
    }

    #[test]
    fn statements_are_the_servers_own() {
        let one = exchange(200, "x", r#"{"results": [], "query": "SELECT 1", "params": {}}"#);
        let other = exchange(200, "x", r#"{"results": [], "query": "SELECT 2"}"#);
        assert!(both(&one, &other)[1].is_empty());
    }
}
