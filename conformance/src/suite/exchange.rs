//! A request and its answer, and what can be expected of it.

use serde_json::Value;

use super::{
    cause,
    outcome::{Evidence, Stop},
};
use crate::target::{Address, Keys, Request, Response, curl_line};

/// How much of a body a report shows, in characters.
const SHOWN: usize = 240;

/// A request and its answer. The expectations answer the exchange itself, so that they can be chained with
/// `?`.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Where it went.
    pub address: Address,
    /// What was sent.
    pub request: Request,
    /// What came.
    pub response: Response,
    pub(crate) keys: Keys,
}

impl Exchange {
    /// A violation: `expected` should have come.
    pub fn violation(&self, expected: impl Into<String>) -> Stop {
        self.violation_got(expected, self.summary())
    }

    /// A violation with words of one's own for what came.
    pub fn violation_got(&self, expected: impl Into<String>, got: impl Into<String>) -> Stop {
        Stop::Violated(Evidence {
            expected: self.hide(&expected.into()),
            got: self.hide(&got.into()),
            curl: self.keys.redact_quoted(&curl_line(&self.address, &self.request)),
            cause: self.has_no_route().then(|| cause::unrouted(&self.request.target)).flatten(),
        })
    }

    /// Takes keys, and what carried them, out of a text.
    fn hide(&self, text: &str) -> String {
        let carried = self.request.headers.iter().filter(|one| one.shown.is_some());
        let tokens = carried.filter_map(|one| one.value.split_whitespace().next_back());
        let text = self.keys.redact(text);
        tokens
            .filter(|token| token.len() > 3)
            .fold(text, |text, token| text.replace(token, "(the credentials)"))
    }

    /// The answer in one line: status, content type and the beginning of the body.
    pub fn summary(&self) -> String {
        let kind = self.response.header("content-type").unwrap_or("no Content-Type");
        let text = self.hide(&self.response.text());
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        format!("{}, {kind}, {} bytes {shown:?}", self.response.status, self.response.body.len())
    }

    /// Expects anything that can be said in words.
    pub fn expect(&self, holds: bool, expected: impl Into<String>) -> Result<&Self, Stop> {
        if holds { Ok(self) } else { Err(self.violation(expected)) }
    }

    /// Expects a status.
    pub fn status(&self, status: u16) -> Result<&Self, Stop> {
        self.expect(self.response.status == status, format!("status {status}"))
    }

    /// Expects one of several statuses.
    pub fn status_in(&self, statuses: &[u16]) -> Result<&Self, Stop> {
        let names: Vec<_> = statuses.iter().map(u16::to_string).collect();
        self.expect(statuses.contains(&self.response.status), format!("status {}", names.join(" or ")))
    }

    /// Expects a status and the whole body.
    pub fn answer(&self, status: u16, body: &str) -> Result<&Self, Stop> {
        let holds = self.response.status == status && self.response.body == body.as_bytes();
        self.expect(holds, format!("status {status} and the body {body:?}"))
    }

    /// Expects an error: its status, its text, and the type text/plain.
    pub fn error(&self, status: u16, body: &str) -> Result<&Self, Stop> {
        self.answer(status, body)?.plain_text()
    }

    /// Expects the type of plain text in UTF-8.
    pub fn plain_text(&self) -> Result<&Self, Stop> {
        self.header("Content-Type", "text/plain; charset=utf-8")
    }

    /// Expects a header, exactly once, with a value.
    pub fn header(&self, name: &str, value: &str) -> Result<&Self, Stop> {
        let all: Vec<_> = self.response.all(name).collect();
        if all == [value] {
            return Ok(self);
        }
        let got = match all.as_slice() {
            [] => "no such header".to_owned(),
            values => values.iter().map(|one| format!("{name}: {one}")).collect::<Vec<_>>().join(", "),
        };
        Err(self.violation_got(
            format!("the header {name}: {value}"),
            format!("{got} (status {})", self.response.status),
        ))
    }

    /// Expects that a header is absent.
    pub fn no_header(&self, name: &str) -> Result<&Self, Stop> {
        match self.response.header(name) {
            None => Ok(self),
            Some(value) => Err(self.violation_got(
                format!("no header {name}"),
                format!("{name}: {value} (status {})", self.response.status),
            )),
        }
    }

    /// Expects a body that is JSON.
    pub fn json(&self) -> Result<Value, Stop> {
        self.response.json().map_err(|error| {
            self.violation_got("a body that is JSON", format!("{error}; {}", self.summary()))
        })
    }

    /// Whether the answer is that of a core to a path that it does not know.
    pub fn is_unrouted(&self) -> bool {
        self.response.status == 404 && self.response.body == b"Not found.\n"
    }

    /// The same as far as it can be told where a body is left away.
    fn has_no_route(&self) -> bool {
        self.is_unrouted() || self.request.method == "HEAD" && self.response.status == 404
    }

    /// Whether authentication or authorisation refused the request, as opposed to what an endpoint itself
    /// answers.
    pub fn is_refusal(&self) -> bool {
        let challenge = self.response.header("www-authenticate").unwrap_or_default();
        match self.response.status {
            401 => challenge.contains("realm=\"Portmaster API\"") && challenge.starts_with("Bearer"),
            403 => true,
            _ => false,
        }
    }
}
