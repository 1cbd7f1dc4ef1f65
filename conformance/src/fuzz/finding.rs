//! What an oracle objects to, and the cause that it stands for.

use serde::{Deserialize, Serialize};

use crate::keeper::{Fall, Kind, normalised};

/// What must hold of every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Oracle {
    /// The target ends only if it is told to.
    Crash,
    /// The target answers as long as it lives.
    Hang,
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
    /// Two targets that are set up alike answer alike.
    Alike,
}

impl Oracle {
    /// The name in reports and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
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
            Self::Alike => "alike",
        }
    }

    /// Which one objects to what befell a target.
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Hang | Kind::Slow => Self::Hang,
            _ => Self::Crash,
        }
    }

    /// Whether it objects to what befell the whole target.
    pub(super) fn is_fall(self) -> bool {
        matches!(self, Self::Crash | Self::Hang)
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

    /// What befell a target that something was sent to.
    pub(super) fn of_fall(fall: &Fall, place: &str, got: String) -> Self {
        let expected = fall.kind.sentence().trim_end_matches('.');
        Self { cause: fall.cause(), ..Self::new(Oracle::of(fall.kind), place, expected, got) }
    }

    /// Whether both are likely to have the same cause.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.oracle == other.oracle && self.endpoint == other.endpoint && self.cause == other.cause
    }
}
