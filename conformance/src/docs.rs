//! The documents that are made of the checks themselves: what is checked, and what of the page is.

use std::fmt::Write;

use portmaster_fixtures::Contract;
use serde::Deserialize;

use crate::{
    checks::{self, FAMILIES},
    suite::{Check, Level, Selection, Unknown},
};

/// A sentence of the published page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentence {
    /// Its line on the page.
    pub line: u32,
    /// What it says, in short.
    pub says: String,
    /// Ids, beginnings and patterns of the checks that observe it.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Why nothing observes it.
    pub unobserved: Option<String>,
}

impl Sentence {
    /// The checks of the contract `docs` that observe it.
    ///
    /// # Errors
    /// When one of the patterns is nobody's.
    pub fn observed_by(&self) -> Result<Vec<Check>, Unknown> {
        if self.checks.is_empty() {
            return Ok(vec![]);
        }
        let patterns: Vec<_> = self.checks.iter().map(String::as_str).collect();
        Selection::ids(&patterns).of(checks::all(Contract::Docs))
    }
}

/// Every sentence of the page, in its order.
pub fn page() -> Vec<Sentence> {
    // Our own file: a test reads it.
    serde_saphyr::from_str(include_str!("../trace/page.yaml")).unwrap_or_default()
}

/// Every check of any contract, once, in the order of every list.
pub fn every_check() -> Vec<Check> {
    let mut seen = std::collections::BTreeSet::new();
    let mut all: Vec<_> = Contract::ALL.into_iter().flat_map(checks::all).collect();
    all.retain(|check| seen.insert(check.id.clone()));
    all
}

/// The contracts that have the check; all of them in one word.
pub(crate) fn contracts(check: &Check) -> String {
    let contracts = checks::contracts_of(&check.id);
    if contracts.len() == Contract::ALL.len() {
        return "all".to_owned();
    }
    Contract::ranges(&contracts)
}

/// The checks as Markdown, a table a family.
pub fn checks_table(title: &str, checks: &[Check]) -> String {
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    let (must, should, info) = (count(Level::Must), count(Level::Should), count(Level::Info));
    let mut text = format!(
        "# {title}\n\n{} checks: {must} MUST (the published page says so), {should} SHOULD (the page is silent and \
         every observed core does so), {info} INFO (worth knowing). Sources are titles of the page, or sections of \
         `docs/behaviour`.\n",
        checks.len(),
    );
    for family in FAMILIES {
        let of: Vec<_> = checks.iter().filter(|check| check.family() == family.name).collect();
        if of.is_empty() {
            continue;
        }
        text += &format!("\n## {} ({})\n\n{}\n\n", family.name, of.len(), family.about);
        text += "| id | level | class | contracts | sentence | source |\n|---|---|---|---|---|---|\n";
        for check in of {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} | {} |",
                check.id,
                check.level,
                check.class.name(),
                contracts(check),
                cell(&check.sentence),
                cell(&check.clause),
            );
        }
    }
    text
}

/// Which checks observe each sentence of the page, as Markdown.
///
/// # Errors
/// When a pattern is nobody's.
pub fn traceability() -> Result<String, Unknown> {
    let page = page();
    let observed = page.iter().filter(|one| one.unobserved.is_none()).count();
    let mut text = format!(
        "# Traceability\n\nThe published page, sentence by sentence (its lines, in short), and the checks of the contract \
         `docs` that observe each. {observed} of {} are observed; of the others stands why not.\n\n\
         | line | what the page says | checks | observed by |\n|---:|---|---:|---|\n",
        page.len(),
    );
    for one in &page {
        let found = one.observed_by()?.len();
        let by = match &one.unobserved {
            Some(why) => format!("not observed: {}", cell(why)),
            None => one.checks.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" "),
        };
        let _ = writeln!(text, "| {} | {} | {found} | {by} |", one.line, cell(&one.says));
    }
    Ok(text)
}

/// A text that stays within its cell, and no HTML.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<").replace('\n', " ")
}
