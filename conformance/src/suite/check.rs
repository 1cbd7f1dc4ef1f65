//! A check: data, and one async function.

use std::{fmt, pin::Pin, sync::Arc};

use super::{
    class::{Class, Level, Need},
    context::Context,
    endpoint::endpoint_of,
    outcome::Outcome,
};

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
    /// Where the sentence comes from: a part of the published page, or a section of docs/behaviour.
    pub clause: String,
    /// What is checked, in one sentence.
    pub sentence: String,
    /// Whether it is a finding: what observed cores do, and a maintainer would rather not have.
    pub finding: bool,
    /// What it does to the target.
    pub class: Class,
    /// What it cannot do without.
    pub needs: Vec<Need>,
    /// What all of its family can be selected by.
    tags: &'static [&'static str],
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

    /// What every observed core does. `clause` names the section of docs/behaviour, for example `core-1.x §5.3`.
    pub(crate) fn should(
        id: impl Into<String>,
        clause: impl Into<String>,
        sentence: impl Into<String>,
    ) -> Self {
        Self::new(Level::Should, id.into(), clause.into(), sentence.into())
    }

    /// What observed cores do and should not. `clause` names the section.
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
            tags: &[],
            function: Arc::new(|_| Box::pin(async { Ok(()) })),
        }
    }

    /// The same as a finding.
    pub(crate) fn found(self) -> Self {
        Self { finding: true, ..self }
    }

    /// The same as something that binds nobody.
    pub(crate) fn worth_knowing(self) -> Self {
        Self { level: Level::Info, ..self }
    }

    pub(crate) fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    pub(crate) fn needs(mut self, needs: impl IntoIterator<Item = Need>) -> Self {
        self.needs.extend(needs);
        self
    }

    /// Gives it the tags of its family.
    pub(crate) fn tagged(self, tags: &'static [&'static str]) -> Self {
        Self { tags, ..self }
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
        let mut tags = self.tags.to_vec();
        tags.extend(self.finding.then_some("finding"));
        tags.push(self.class.name());
        tags
    }

    /// The endpoint that it is about, if it is about one: its path as in ids.
    pub fn endpoint(&self) -> Option<&'static str> {
        endpoint_of(&self.id)
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
