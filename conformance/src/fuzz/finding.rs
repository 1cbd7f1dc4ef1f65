//! What an oracle objects to, and the cause that it stands for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What must hold of every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Oracle {
    /// The target is there, and answers `ping`.
    Alive,
    /// There is an answer in time, whole, and HTTP; the connection stays or ends as it was said.
    Answered,
    /// No status of 500 or more but the listed ones.
    NoServerError,
    /// Who may not is refused, as are all who may less.
    Authorised,
    /// Who may is not refused.
    Admitted,
    /// The security headers are there.
    Headers,
    /// The type is the declared one.
    Typed,
    /// The body has the structure that its type and the contract give it.
    Structured,
    /// The same question has the same answer.
    Repeatable,
    /// A session that has ended opens nothing.
    SessionEnded,
    /// The target's memory stays within bounds.
    Memory,
}

impl Oracle {
    /// The name in reports and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Answered => "answered",
            Self::NoServerError => "no-server-error",
            Self::Authorised => "authorised",
            Self::Admitted => "admitted",
            Self::Headers => "headers",
            Self::Typed => "typed",
            Self::Structured => "structured",
            Self::Repeatable => "repeatable",
            Self::SessionEnded => "session-ended",
            Self::Memory => "memory",
        }
    }

    /// Whether it objects to accidents, whose text says nothing of their cause.
    pub(super) fn is_crash(self) -> bool {
        self == Self::NoServerError
    }
}

/// What an oracle objects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Which oracle.
    pub(super) oracle: Oracle,
    /// Which endpoint, by its name; or `websocket`, `pages` or `raw`.
    pub(super) endpoint: String,
    /// What should have come.
    pub(super) expected: String,
    /// What came.
    pub(super) got: String,
    /// What came, without what varies from case to case.
    pub(super) cause: String,
}

impl Finding {
    /// An objection; the cause is what came, normalised.
    pub(super) fn new(
        oracle: Oracle,
        endpoint: &str,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        let got = got.into();
        let cause = normalised(&got);
        Self { oracle, endpoint: endpoint.to_owned(), expected: expected.into(), got, cause }
    }

    /// Whether both are likely to have the same cause.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.oracle == other.oracle && self.endpoint == other.endpoint && self.cause == other.cause
    }
}

/// How much of a text tells causes apart, in characters.
const TELLING: usize = 100;

/// A text without what varies: numbers, what is quoted, long words that look drawn.
pub(super) fn normalised(text: &str) -> String {
    // A status in front tells a lot.
    let (status, rest) =
        text.split_once(' ').filter(|(one, _)| one.len() == 3 && one.parse::<u16>().is_ok()).unzip();
    let mut out = status.map(|status| format!("{status} ")).unwrap_or_default();
    let mut chars = rest.unwrap_or(text).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '`' => {
                while chars.next_if(|&next| next != c).is_some() {}
                chars.next();
                out.push_str("\"…\"");
            }
            c if c.is_ascii_digit() => {
                while chars.next_if(|next| next.is_ascii_alphanumeric()).is_some() {}
                out.push('0');
            }
            c if c.is_whitespace() => {
                while chars.next_if(|next| next.is_whitespace()).is_some() {}
                out.push(' ');
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
        if out.len() > TELLING {
            break;
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart_and_values_are_not() {
        let cause = |got: &str| normalised(got);
        assert_eq!(cause("500 column \"abc\" is 17 long"), "500 column \"…\" is 0 long");
        assert_eq!(cause("500 column \"x\" is 9 long"), "500 column \"…\" is 0 long");
        assert_ne!(cause("500 x"), cause("501 x"));
        assert_eq!(cause("open 4a5eb717.png"), cause("open 0c0ffee.png"));
        assert_ne!(cause("database entry not found"), cause("map not found"));
        assert_eq!(cause("unclosed \"quote"), "unclosed \"…\"");
    }
}
