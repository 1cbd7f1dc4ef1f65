//! What requests are taken for, and what becomes of answers.

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING},
    http::{HeaderValue, request::Parts},
};
use portmaster_fixtures::mutant::{self, AnswerChange, RequestChange};
use regex::bytes::Regex;

use super::{Mutants, Replacement, json, regex};

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Asked {
    method: String,
    target: String,
    headers: HeaderMap,
    development: bool,
}

impl Asked {
    /// The line and the headers, as text.
    fn head(&self) -> Vec<u8> {
        let mut text = format!("{} {}\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text
    }
}

/// What can be known of a request that the HTTP layer refused: its line.
fn line_of(bytes: &[u8]) -> Asked {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    Asked { method: word(), target: word(), headers: HeaderMap::new(), development: false }
}

/// An answer after its changes.
#[derive(Debug)]
pub(crate) enum Edited {
    /// One that HTTP allows.
    Response(Response<Bytes>),
    /// Bytes for the wire, after which the connection ends.
    Raw(Bytes),
}

/// Which requests or answers.
#[derive(Debug)]
struct When {
    method: Option<Regex>,
    target: Option<Regex>,
    headers: Vec<(String, Regex)>,
    without: Vec<String>,
    development: Option<bool>,
    status: Option<u16>,
    kind: Option<Regex>,
    body: Option<Regex>,
}

impl When {
    fn new(when: &mutant::When) -> Self {
        let optional = |pattern: &Option<String>| pattern.as_deref().map(regex);
        Self {
            method: optional(&when.method),
            target: optional(&when.target),
            headers: when.headers.iter().map(|(name, pattern)| (name.clone(), regex(pattern))).collect(),
            without: when.without.clone(),
            development: when.development,
            status: when.status,
            kind: optional(&when.kind),
            body: optional(&when.body),
        }
    }

    fn asked(&self, asked: &Asked) -> bool {
        let fits =
            |pattern: &Option<Regex>, text: &[u8]| pattern.as_ref().is_none_or(|one| one.is_match(text));
        let has = |(name, pattern): &(String, Regex)| {
            asked.headers.get_all(name).iter().any(|value| pattern.is_match(value.as_bytes()))
        };
        fits(&self.method, asked.method.as_bytes())
            && fits(&self.target, asked.target.as_bytes())
            && self.development.is_none_or(|wanted| wanted == asked.development)
            && self.headers.iter().all(has)
            && !self.without.iter().any(|name| asked.headers.contains_key(name))
    }

    fn answered(&self, answer: &Wire) -> bool {
        let kind = answer.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        self.status.is_none_or(|status| status == answer.status.as_u16())
            && self.kind.as_ref().is_none_or(|pattern| pattern.is_match(kind))
            && self.body.as_ref().is_none_or(|pattern| pattern.is_match(&answer.body))
    }
}

/// A change of requests, ready to be applied.
#[derive(Debug)]
pub(super) struct RequestEdit {
    when: When,
    changes: Vec<(RequestChange, Option<Replacement>)>,
}

impl RequestEdit {
    pub(super) fn new(edit: &mutant::RequestEdit) -> Self {
        let ready = |change: &RequestChange| {
            let replacement = match change {
                RequestChange::Target(rewrite) => Some(Replacement::new(rewrite)),
                RequestChange::Header(one) | RequestChange::Take(one) => {
                    Some(Replacement(regex(&one.pattern), one.with.clone()))
                }
                _ => None,
            };
            (change.clone(), replacement)
        };
        Self { when: When::new(&edit.when), changes: edit.changes.iter().map(ready).collect() }
    }

    fn apply(&self, asked: &Asked, request: &mut Parts) {
        for (change, replacement) in &self.changes {
            apply_to_request(change, replacement.as_ref(), asked, request);
        }
    }
}

/// One change. What cannot be sent is not changed.
fn apply_to_request(
    change: &RequestChange,
    replacement: Option<&Replacement>,
    asked: &Asked,
    request: &mut Parts,
) {
    let headers = &mut request.headers;
    match (change, replacement) {
        (RequestChange::Method(method), _) => {
            request.method = method.parse().unwrap_or_else(|_| request.method.clone());
        }
        (RequestChange::Target(_), Some(rewrite)) => {
            let target = rewrite.apply(request.uri.to_string().as_bytes());
            request.uri = target.as_slice().try_into().unwrap_or_else(|_| request.uri.clone());
        }
        (RequestChange::LowerPath, _) => {
            let mut target = request.uri.to_string();
            let path = target.find('?').unwrap_or(target.len());
            target.replace_range(..path, &target[..path].to_lowercase());
            request.uri = target.parse().unwrap_or_else(|_| request.uri.clone());
        }
        (RequestChange::Drop(names), _) => names.iter().for_each(|name| _ = headers.remove(name)),
        (RequestChange::Set(values), _) => {
            values.iter().for_each(|(name, value)| set(headers, name, value.as_bytes()));
        }
        (RequestChange::Header(one), Some(rewrite)) => {
            for value in headers.iter_mut().filter(|(name, _)| **name == *one.name.to_lowercase()) {
                let text = rewrite.apply(value.1.as_bytes());
                *value.1 = HeaderValue::from_bytes(&text).unwrap_or_else(|_| value.1.clone());
            }
        }
        (RequestChange::Take(one), Some(rewrite)) => {
            if let Some(found) = rewrite.0.captures(&asked.head()) {
                let mut value = Vec::new();
                found.expand(rewrite.1.as_bytes(), &mut value);
                set(headers, &one.name, &value);
            }
        }
        (RequestChange::Last(name), _) => {
            if let Some(last) = headers.get_all(name).iter().next_back().cloned() {
                set(headers, name, last.as_bytes());
            }
        }
        _ => {}
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value)) {
        headers.insert(name, value);
    }
}

/// An answer on its way out.
#[derive(Debug)]
struct Wire {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// What HTTP would not let out: bytes behind the answer, and the length that is told.
    behind: Vec<u8>,
    length: Option<String>,
}

/// A change of answers, ready to be applied.
#[derive(Debug)]
pub(super) struct AnswerEdit {
    when: When,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    what: AnswerChange,
    rewrite: Option<Replacement>,
    json: Vec<json::Edit>,
}

impl AnswerEdit {
    pub(super) fn new(edit: &mutant::AnswerEdit) -> Self {
        let ready = |what: &AnswerChange| Change {
            rewrite: match what {
                AnswerChange::Rewrite(rewrite) => Some(Replacement::new(rewrite)),
                AnswerChange::Header(one) => Some(Replacement(regex(&one.pattern), one.with.clone())),
                _ => None,
            },
            json: match what {
                AnswerChange::Json(edit) => vec![json::Edit::new(edit)],
                _ => Vec::new(),
            },
            what: what.clone(),
        };
        Self { when: When::new(&edit.when), changes: edit.changes.iter().map(ready).collect() }
    }
}

impl Change {
    fn apply(&self, head: bool, answer: &mut Wire) {
        match &self.what {
            AnswerChange::Status(status) => {
                answer.status = StatusCode::from_u16(*status).unwrap_or(answer.status);
            }
            AnswerChange::Drop(names) => names.iter().for_each(|name| _ = answer.headers.remove(name)),
            AnswerChange::Set(values) => {
                values.iter().for_each(|(name, value)| set(&mut answer.headers, name, value.as_bytes()));
            }
            AnswerChange::Add(values) => {
                for (name, value) in values {
                    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
                        answer.headers.append(name, value);
                    }
                }
            }
            AnswerChange::Header(one) => {
                let Some(rewrite) = &self.rewrite else { return };
                for value in answer.headers.iter_mut().filter(|(name, _)| **name == *one.name.to_lowercase())
                {
                    let text = rewrite.apply(value.1.as_bytes());
                    *value.1 = HeaderValue::from_bytes(&text).unwrap_or_else(|_| value.1.clone());
                }
            }
            AnswerChange::Body(text) if !head => answer.body = text.as_bytes().to_vec(),
            AnswerChange::Body(_) => {}
            AnswerChange::Rewrite(_) => {
                if let Some(rewrite) = &self.rewrite {
                    answer.body = rewrite.apply(&answer.body);
                }
            }
            AnswerChange::Json(_) => {
                if let Some(body) = json::edit_text(&self.json, &answer.body) {
                    answer.body = body;
                }
            }
            AnswerChange::Cut(bytes) => {
                answer.length.get_or_insert_with(|| answer.body.len().to_string());
                answer.body.truncate(answer.body.len().saturating_sub(*bytes));
            }
            AnswerChange::Length(text) => answer.length = Some(text.clone()),
            AnswerChange::Behind(text) => answer.behind = text.as_bytes().to_vec(),
        }
    }
}

impl Wire {
    fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let (body, behind) = (body.to_vec(), Vec::new());
        Self { status: parts.status, headers: parts.headers, body, behind, length: None }
    }

    /// An answer of the HTTP layer itself, which ends its connection.
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            set(&mut headers, name, value.as_bytes());
        }
        let body = bytes[end + 4..].to_vec();
        Some(Self { status, headers, body, behind: Vec::new(), length: None })
    }

    fn edit(&mut self, edits: &[AnswerEdit], asked: &Asked) -> bool {
        let mut any = false;
        let head = asked.method == "HEAD";
        for edit in edits {
            if edit.when.asked(asked) && edit.when.answered(self) {
                edit.changes.iter().for_each(|change| change.apply(head, self));
                any = true;
            }
        }
        any
    }

    /// The answer as HTTP allows it, or as bytes if it is not allowed.
    fn finish(mut self, head: bool) -> Edited {
        if self.length.is_some() || !self.behind.is_empty() {
            return Edited::Raw(self.raw());
        }
        if !head && self.headers.contains_key(CONTENT_LENGTH) {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        let mut response = Response::new(Bytes::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        Edited::Response(response)
    }

    fn raw(mut self) -> Bytes {
        // What is behind an answer has to be behind a length.
        if self.headers.remove(TRANSFER_ENCODING).is_some() {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        if let Some(length) = &self.length {
            set(&mut self.headers, CONTENT_LENGTH.as_str(), length.as_bytes());
        }
        self.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let reason = self.status.canonical_reason().unwrap_or_default();
        let mut out = format!("HTTP/1.1 {} {reason}\r\n", self.status.as_u16()).into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(title_case(name.as_str()).as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out.extend_from_slice(&self.behind);
        out.into()
    }
}

/// A header's name as it is written on the wire.
fn title_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut begins = true;
    for letter in name.chars() {
        out.push(if begins { letter.to_ascii_uppercase() } else { letter });
        begins = letter == '-';
    }
    out
}

impl Mutants {
    /// Takes a request for what the mutants see in it. As it came it is handed back if answers will be changed.
    pub(crate) fn request(&self, request: &mut Parts, development: impl FnOnce() -> bool) -> Option<Asked> {
        let all = self.0.as_ref().filter(|all| !all.requests.is_empty() || !all.answers.is_empty())?;
        let asked = Asked {
            method: request.method.to_string(),
            target: request.uri.to_string(),
            headers: request.headers.clone(),
            development: development(),
        };
        for edit in all.requests.iter().filter(|edit| edit.when.asked(&asked)) {
            edit.apply(&asked, request);
        }
        Some(asked)
    }

    /// Changes the answer to a request.
    pub(crate) fn answer(&self, asked: &Asked, response: Response<Bytes>) -> Edited {
        let Some(all) = &self.0 else { return Edited::Response(response) };
        let mut answer = Wire::of(response);
        answer.edit(&all.answers, asked);
        answer.finish(asked.method == "HEAD")
    }

    /// What is known of a request that the HTTP layer may refuse, if answers will be changed.
    pub(crate) fn refused(&self, bytes: &[u8]) -> Option<Asked> {
        self.0.as_ref().filter(|all| !all.answers.is_empty()).map(|_| line_of(bytes))
    }

    /// Changes an answer of the HTTP layer itself.
    pub(crate) fn refusal(&self, asked: Option<Asked>, bytes: Vec<u8>) -> Vec<u8> {
        let (Some(all), Some(asked), Some(mut answer)) = (&self.0, asked, Wire::read(&bytes)) else {
            return bytes;
        };
        if answer.edit(&all.answers, &asked) { answer.raw().to_vec() } else { bytes }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use portmaster_fixtures::mutant::{HeaderRewrite, Rewrite};

    use super::*;

    fn parts(request: hyper::http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    fn asked(method: &str) -> Asked {
        Asked {
            method: method.into(),
            target: "/api/v1/ping?a".into(),
            headers: HeaderMap::new(),
            development: false,
        }
    }

    fn applied(change: RequestChange, request: hyper::http::request::Builder) -> Parts {
        let mut request = parts(request);
        let asked = Asked {
            method: request.method.to_string(),
            target: request.uri.to_string(),
            headers: request.headers.clone(),
            development: false,
        };
        let edit = mutant::RequestEdit { when: mutant::When::default(), changes: vec![change] };
        RequestEdit::new(&edit).apply(&asked, &mut request);
        request
    }

    #[test]
    fn requests_are_taken_for_others() {
        let request = || Request::get("/api/v1/PING/?k=V").header("X-Key", "one").header("X-Key", "two");
        let target = Rewrite { pattern: "/(\\?|$)".into(), with: "$1".into() };
        assert_eq!(applied(RequestChange::Target(target), request()).uri, "/api/v1/PING?k=V");
        assert_eq!(applied(RequestChange::LowerPath, request()).uri, "/api/v1/ping/?k=V");
        assert_eq!(applied(RequestChange::Method("POST".into()), request()).method, "POST");
        assert_eq!(applied(RequestChange::Last("X-Key".into()), request()).headers["x-key"], "two");
        let one = HeaderRewrite { name: "X-Key".into(), pattern: "o".into(), with: "0".into() };
        assert_eq!(applied(RequestChange::Header(one), request()).headers["x-key"], "0ne");
        let one = HeaderRewrite {
            name: "Authorization".into(),
            pattern: r"\?k=(\w)".into(),
            with: "Bearer $1".into(),
        };
        assert_eq!(applied(RequestChange::Take(one), request()).headers["authorization"], "Bearer V");
    }

    fn answered(method: &str, changes: Vec<AnswerChange>) -> Edited {
        let edit = AnswerEdit::new(&mutant::AnswerEdit { when: mutant::When::default(), changes });
        let mut response = Response::new(Bytes::from_static(b"Pong.\n"));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("6"));
        let mut answer = Wire::of(response);
        assert!(answer.edit(&[edit], &asked(method)));
        answer.finish(method == "HEAD")
    }

    #[test]
    fn an_answer_keeps_a_right_length_unless_it_is_to_be_wrong() {
        let Edited::Response(response) = answered("GET", vec![AnswerChange::Body("x".into())]) else {
            panic!()
        };
        assert_eq!(
            (&response.headers()["content-length"], &response.body()[..]),
            (&"1".parse().unwrap(), &b"x"[..])
        );
        let Edited::Raw(bytes) = answered("GET", vec![AnswerChange::Cut(2)]) else { panic!() };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nPong");
        assert!(matches!(answered("HEAD", vec![AnswerChange::Behind("Pong.\n".into())]), Edited::Raw(_)));
    }

    #[test]
    fn refusals_of_the_http_layer_are_answers_too() {
        let bytes = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400";
        let answer = Wire::read(bytes).unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (400, &b"400"[..]));
        assert_eq!(answer.raw(), &bytes[..]);
        let refused = line_of(b"GET /% HTTP/1.1\r\n");
        assert_eq!((refused.method.as_str(), refused.target.as_str()), ("GET", "/%"));
    }

    #[test]
    fn conditions_look_at_everything() {
        let when = |when: mutant::When| When::new(&when).asked(&asked("GET"));
        let text = |text: &str| Some(text.to_owned());
        assert!(when(mutant::When {
            method: text("^(GET|HEAD)$"),
            target: text("ping"),
            ..Default::default()
        }));
        assert!(!when(mutant::When { method: text("POST"), ..Default::default() }));
        assert!(!when(mutant::When { development: Some(true), ..Default::default() }));
        assert!(when(mutant::When { without: vec!["origin".into()], ..Default::default() }));
        let headers = [("origin".to_owned(), "evil".to_owned())].into();
        assert!(!when(mutant::When { headers, ..Default::default() }));
    }
}
