//! A check: data, and one async function.

use std::{fmt, pin::Pin, sync::Arc};

use portmaster_fixtures::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Outcome, Tier};
use crate::checks;

/// How binding the checked sentence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// The published page says so. A violation fails.
    Must,
    /// The page is silent and every observed core does so. A violation fails.
    Should,
    /// Worth knowing. A violation warns.
    Info,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Info => "INFO",
        })
    }
}

/// What a check does to its target. Ordered: more harm is greater, and runs later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing that lasts.
    Read,
    /// It changes something harmless.
    Writes,
    /// It stops, logs out, clears or triggers something.
    Disruptive,
    /// It stops the target for good: disruptive, and the last of all.
    Final,
}

impl Class {
    /// The name in lists and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Writes => "writes",
            Self::Disruptive => "disruptive",
            Self::Final => "final",
        }
    }
}

/// What a check cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A key of that tier.
    Key(Tier),
    /// Any way to act with that permission.
    Rights(Permission),
    /// A target that asks for authentication: Development Mode off.
    Guarded,
    /// A target in Development Mode.
    Development,
    /// A target whose external authenticator grants this program everything.
    Granted,
    /// A target whose configuration the suite decides.
    Embedded,
}

/// The future of a check's function.
pub type Future = Pin<Box<dyn std::future::Future<Output = Outcome> + Send>>;

/// One check.
#[derive(Clone)]
pub struct Check {
    /// The stable, hierarchical name, for example `credentials/bearer/expired-key`; the first part is the
    /// family.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// Where the sentence comes from: a part of the published page, or of the observations.
    pub clause: String,
    /// What is checked, in one sentence.
    pub sentence: String,
    /// Whether it is a finding: what observed cores do, and a maintainer would rather not have.
    pub finding: bool,
    /// What it does to the target.
    pub class: Class,
    /// What it cannot do without.
    pub needs: Vec<Need>,
    function: Arc<dyn Fn(Context) -> Future + Send + Sync>,
}

impl Check {
    /// The page's demand. `clause` says where on the page.
    pub(crate) fn must(
        id: impl Into<String>,
        clause: impl Into<String>,
        sentence: impl Into<String>,
    ) -> Self {
        Self::new(Level::Must, id.into(), format!("page: {}", clause.into()), sentence.into())
    }

    /// What every observed core does. `clause` names the observation, for example `core-1.x §5`.
    pub(crate) fn should(
        id: impl Into<String>,
        clause: impl Into<String>,
        sentence: impl Into<String>,
    ) -> Self {
        Self::new(Level::Should, id.into(), clause.into(), sentence.into())
    }

    /// What observed cores do and should not. `clause` names the observation.
    pub(crate) fn finding(
        id: impl Into<String>,
        clause: impl Into<String>,
        sentence: impl Into<String>,
    ) -> Self {
        Self { finding: true, ..Self::should(id, clause, sentence) }
    }

    /// What is worth knowing.
    pub(crate) fn info(
        id: impl Into<String>,
        clause: impl Into<String>,
        sentence: impl Into<String>,
    ) -> Self {
        Self::new(Level::Info, id.into(), clause.into(), sentence.into())
    }

    fn new(level: Level, id: String, clause: String, sentence: String) -> Self {
        Self {
            id,
            level,
            clause,
            sentence,
            finding: false,
            class: Class::Read,
            needs: vec![],
            function: Arc::new(|_| Box::pin(async { Ok(()) })),
        }
    }

    pub(crate) fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    pub(crate) fn needs(mut self, needs: impl IntoIterator<Item = Need>) -> Self {
        self.needs.extend(needs);
        self
    }

    /// Says what the check does.
    pub(crate) fn run<F, R>(mut self, function: F) -> Self
    where
        F: Fn(Context) -> R + Send + Sync + 'static,
        R: std::future::Future<Output = Outcome> + Send + 'static,
    {
        self.function = Arc::new(move |context| Box::pin(function(context)));
        self
    }

    /// The first part of the id.
    pub fn family(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// What it can be selected by: the tags of its family, its class, and whether it is a finding.
    pub fn tags(&self) -> Vec<&'static str> {
        let family = checks::FAMILIES.iter().find(|one| one.name == self.family());
        let mut tags = family.map_or(vec![], |family| family.tags.to_vec());
        tags.extend(self.finding.then_some("finding"));
        tags.push(self.class.name());
        tags
    }

    /// The endpoint that it is about, if it is about one: its path as in ids.
    pub fn endpoint(&self) -> Option<&'static str> {
        checks::endpoint_of(&self.id)
    }

    /// Starts the check's function.
    pub fn start(&self, context: Context) -> Future {
        (self.function)(context)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("id", &self.id).field("level", &self.level).finish_non_exhaustive()
    }
}
