//! How a check can end.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::class::{Class, Level};

/// What was expected, what came, and how to see it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evidence {
    /// What the contract asks for.
    pub expected: String,
    /// What the target answered.
    pub got: String,
    /// A curl command that repeats the request; keys stand there as shell variables.
    pub curl: String,
    /// What stands behind it and may stand behind other failures, too.
    #[serde(skip)]
    pub cause: Option<String>,
}

/// Why a check did not run. The list is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// Neither given nor taken: a key that may act as User.
    NoUserKey,
    /// Neither given nor taken: a key that may act as Admin.
    NoAdminKey,
    /// Only an embedded target or `--provision` has a key of this kind.
    NoSpecialKey,
    /// The target is in Development Mode and asks for no authentication.
    InDevelopmentMode,
    /// The target is not in Development Mode.
    NotInDevelopmentMode,
    /// No external authenticator grants this program anything.
    NotGranted,
    /// Only a simulator that the suite started itself can be set up like this.
    NotEmbedded,
    /// It changes the target, which `--allow writes` permits.
    WritesNotAllowed,
    /// It disrupts the target, which `--allow disruptive` permits.
    DisruptionNotAllowed,
    /// The SPN is off or its map is empty.
    NoMap,
    /// Nobody is logged in to the SPN.
    NoAccount,
    /// Nothing in the target's state shows what is to be checked.
    NothingToSee,
    /// The endpoint could not succeed here, so that there is no success to look at.
    NoSuccess,
    /// The endpoint takes most of a minute here, and was asked once already.
    AskedOnce,
    /// A check before it has stopped the target for good.
    TargetStopped,
    /// The target went, and nobody starts it again.
    TargetGone,
    /// It does not hold, or cannot, for the cause of another failure, which shows it.
    SameCause,
    /// The time limit came first.
    TimeLimit,
    /// Ctrl-C came first.
    Interrupted,
}

impl SkipReason {
    /// The reason as a person reads it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoUserKey => "no key with User permission (--user-key)",
            Self::NoAdminKey => "no key with Admin permission (--admin-key)",
            Self::NoSpecialKey => "needs a special key (--provision)",
            Self::InDevelopmentMode => "the target is in Development Mode",
            Self::NotInDevelopmentMode => "the target is not in Development Mode",
            Self::NotGranted => "no external authenticator grants access",
            Self::NotEmbedded => "needs an embedded simulator",
            Self::WritesNotAllowed => "needs --allow writes",
            Self::DisruptionNotAllowed => "needs --allow disruptive",
            Self::NoMap => "the SPN is off or its map is empty",
            Self::NoAccount => "nobody is logged in to the SPN",
            Self::NothingToSee => "nothing in the target's state shows it",
            Self::NoSuccess => "the endpoint did not succeed here",
            Self::AskedOnce => "the endpoint takes long here, and was asked once",
            Self::TargetGone => "the target went",
            Self::SameCause => "follows from the cause of another failure, which shows it",
            Self::TargetStopped => "a check before it has stopped the target",
            Self::TimeLimit => "the time limit came first (--time-limit)",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.sentence())
    }
}

/// What keeps a check from passing.
#[derive(Clone, Debug)]
pub enum Stop {
    /// The target violates the sentence.
    Violated(Evidence),
    /// It cannot be seen here.
    Skip(SkipReason),
    /// It cannot be seen for a cause that another check shows.
    Follows(String),
    /// The target does not listen any more.
    Gone(String),
    /// The suite itself is at fault.
    Error(String),
}

/// What a check's function answers.
pub type Outcome = Result<(), Stop>;

/// What a report says of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The sentence holds.
    Pass,
    /// It does not hold, and it is binding.
    Fail(Evidence),
    /// It does not hold, and it is not binding.
    Warn(Evidence),
    /// It does not hold, as the baseline says, and for that reason.
    Expected(Evidence, String),
    /// It holds, though the baseline says that it does not, for that reason.
    Stale(String),
    /// It was not checked.
    Skip(SkipReason),
    /// It could not be checked.
    Error(String),
}

impl Verdict {
    /// The verdict on an outcome at a level.
    pub(crate) fn on(outcome: Outcome, level: Level) -> Self {
        match (outcome, level) {
            (Ok(()), _) => Self::Pass,
            (Err(Stop::Violated(evidence)), Level::Info) => Self::Warn(evidence),
            (Err(Stop::Violated(evidence)), _) => Self::Fail(evidence),
            (Err(Stop::Skip(reason)), _) => Self::Skip(reason),
            (Err(Stop::Follows(_)), _) => Self::Skip(SkipReason::SameCause),
            (Err(Stop::Gone(text) | Stop::Error(text)), _) => Self::Error(text),
        }
    }

    /// The name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Warn(_) => "warn",
            Self::Expected(..) => "expected-failure",
            Self::Stale(_) => "stale",
            Self::Skip(_) => "skip",
            Self::Error(_) => "error",
        }
    }
}

/// A check and its verdict.
#[derive(Clone, Debug)]
pub struct Record {
    /// The check's id.
    pub id: String,
    /// Its level.
    pub level: Level,
    /// Whether it is a finding.
    pub finding: bool,
    /// Its class.
    pub class: Class,
    /// Its clause.
    pub clause: String,
    /// Its sentence.
    pub sentence: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What stands behind it and behind other checks, too: one of them shows it, the others are skipped for it.
    pub cause: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Record {
    /// The first part of the id.
    pub fn family(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }
}
