//! Compares an answer with the recorded one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    answered::{Answered, SESSION},
    difference::{Difference, Sort},
    known::Known,
    masks::Masks,
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

/// How bodies of successful answers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    /// JSON by its members and types, unless the recording says that its values matter
    #[default]
    Structure,
    /// Everything by its value
    Value,
}

/// Which headers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Headers {
    /// None: they are not known.
    None,
    /// Those that clients depend on.
    Known,
    /// All that are not masked.
    All,
}

/// An answer and another one to the same question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) expected: &'a Answered,
    pub(crate) got: &'a Answered,
    /// Which headers are compared.
    pub(crate) headers: Headers,
    /// Whether bodies are known.
    pub(crate) body: bool,
    /// Whether values matter even where only structure is compared.
    pub(crate) exact: bool,
    /// Whether the body is another one every time.
    pub(crate) volatile: bool,
    /// Whether prose counts as well.
    pub(crate) prose: bool,
}

impl<'a> Comparison<'a> {
    /// Two answers of which everything is known.
    pub(crate) fn of(expected: &'a Answered, got: &'a Answered) -> Self {
        Self {
            expected,
            got,
            headers: Headers::Known,
            body: true,
            exact: false,
            volatile: false,
            prose: true,
        }
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
                None => out.push(Difference::new(
                    Sort::Type("JSON against text".to_owned()),
                    "body",
                    "JSON",
                    text(self.got),
                )),
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
            out.push(Difference::new(Sort::Status, "status", expected.to_string(), got.to_string()));
            return false;
        }
        for name in self.names() {
            let [expected, got] = [self.expected, self.got].map(|answer| header(answer, name));
            if expected != got {
                let shown = |values: Vec<String>| match values.is_empty() {
                    true => "absent".to_owned(),
                    false => values.join(" and "),
                };
                out.push(Difference::new(
                    Sort::Header,
                    format!("header {name}"),
                    shown(expected),
                    shown(got),
                ));
            }
        }
        true
    }

    /// The names of the headers that are compared.
    fn names(&self) -> BTreeSet<&'a str> {
        let all = || self.expected.headers.keys().chain(self.got.headers.keys()).map(String::as_str);
        match self.headers {
            Headers::None => BTreeSet::new(),
            Headers::Known => HEADERS.into_iter().collect(),
            Headers::All => all().filter(|name| !Masks::get().hides_header(name)).collect(),
        }
    }

    fn values(&self, out: &mut Vec<Difference>) {
        match (json(self.expected), json(self.got)) {
            (Some(mut expected), Some(mut got)) => {
                for value in [&mut expected, &mut got] {
                    Masks::get().drop_statements(value);
                    if !self.prose {
                        Masks::get().hide_prose(value);
                    }
                }
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
            out.push(Difference::new(Sort::Text, "body", expected, got));
        }
    }

    fn emptiness(&self, out: &mut Vec<Difference>) {
        let (expected, got) = (self.expected.bytes(), self.got.bytes());
        if expected.is_empty() != got.is_empty() {
            let bytes = |body: &[u8]| format!("{} bytes", body.len());
            out.push(Difference::new(Sort::Text, "body", bytes(expected), bytes(got)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contrast::bytes::Bytes;

    fn answer(status: u16, kind: &str, body: &str) -> Answered {
        let headers = [("content-type".to_owned(), vec![kind.to_owned()])].into();
        Answered { status, headers, body: Some(Bytes(body.as_bytes().to_vec())), body_truncated: None }
    }

    fn differences(comparison: Comparison<'_>) -> [Vec<String>; 2] {
        let known = Known::of([comparison.expected]);
        [comparison.by_structure(&known), comparison.by_value()]
            .map(|all| all.iter().map(ToString::to_string).collect())
    }

    fn both(one: &Answered, other: &Answered) -> [Vec<String>; 2] {
        differences(Comparison::of(one, other))
    }

    #[test]
    fn json_has_a_structure_and_values() {
        let one = answer(200, "application/json", r#"{"n": 1}"#);
        let other = answer(200, "application/json", r#"{"n": 2}"#);
        assert_eq!(both(&one, &other), [vec![], vec![".n: expected 1, got 2".to_owned()]]);
        let exact = Comparison { exact: true, ..Comparison::of(&one, &other) };
        assert_eq!(differences(exact)[0], [".n: expected 1, got 2"]);
    }

    #[test]
    fn errors_and_constant_texts_are_compared_exactly() {
        for status in [200, 404] {
            let one = answer(status, "text/plain", "a\n");
            let [structure, value] = both(&one, &answer(status, "text/plain", "b\n"));
            assert_eq!(
                (structure.as_slice(), &structure),
                (&["body: expected \"a\\n\", got \"b\\n\"".to_owned()][..], &value)
            );
            let volatile = |other: &Answered| {
                differences(Comparison { volatile: true, ..Comparison::of(&one, other) })[0].clone()
            };
            assert!(volatile(&answer(status, "text/plain", "b\n")).is_empty());
            assert_eq!(volatile(&answer(status, "text/plain", "")), ["body: expected 2 bytes, got 0 bytes"]);
        }
    }

    #[test]
    fn a_status_says_enough() {
        let [structure, _] = both(&answer(200, "x", "a"), &answer(500, "y", "b"));
        assert_eq!(structure, ["status: expected 200, got 500"]);
    }

    #[test]
    fn cookies_may_hold_another_token_but_not_another_scope() {
        let with = |cookie: &str| {
            let mut one = answer(200, "x", "");
            one.headers.insert("set-cookie".to_owned(), vec![cookie.to_owned()]);
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
        let one = answer(200, "x", r#"{"results": [], "query": "SELECT 1", "params": {}}"#);
        let other = answer(200, "x", r#"{"results": [], "query": "SELECT 2"}"#);
        assert!(both(&one, &other)[1].is_empty());
    }

    #[test]
    fn where_all_headers_count_only_masked_ones_do_not() {
        let with = |name: &str, value: &str| {
            let mut one = answer(200, "x", "");
            one.headers.insert(name.to_owned(), vec![value.to_owned()]);
            one
        };
        let of = |headers, one: &Answered, other: &Answered| {
            differences(Comparison { headers, ..Comparison::of(one, other) })[1].clone()
        };
        let [one, other] = ["a", "b"].map(|value| with("server", value));
        assert!(of(Headers::Known, &one, &other).is_empty());
        assert_eq!(of(Headers::All, &one, &other), ["header server: expected a, got b"]);
        let [one, other] = ["a", "b"].map(|value| with("date", value));
        assert!(of(Headers::All, &one, &other).is_empty());
    }

    #[test]
    fn prose_counts_unless_it_is_not_to() {
        let [one, other] = ["a", "b"].map(|text| answer(200, "x", &format!(r#"[{{"Help": "{text}"}}]"#)));
        assert_eq!(both(&one, &other)[1].len(), 1);
        let without = Comparison { prose: false, ..Comparison::of(&one, &other) };
        assert!(without.by_value().is_empty());
    }
}
