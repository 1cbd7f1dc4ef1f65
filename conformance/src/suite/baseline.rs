//! A baseline: the failures that a user knows of, so that a run fails only for what is new.

use std::{collections::BTreeMap, io, path::Path};

use super::{cause::shown_best, check::Check, outcome::Verdict, runner::Run};

/// The known failures: check ids, each with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeMap<String, String>);

/// A baseline that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The file is neither YAML nor JSON, or no map of texts.
    #[error("expected check ids with reasons, in YAML or JSON: {0}")]
    Form(String),
    /// An entry without a reason.
    #[error("\"{0}\" has no reason")]
    NoReason(String),
    /// An entry names no check of any contract.
    #[error("no check is called \"{0}\"")]
    Unknown(String),
}

impl Baseline {
    /// Reads a baseline: a map of check ids to reasons, in YAML, of which JSON is a part.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let entries: Option<BTreeMap<String, String>> =
            serde_saphyr::from_str(text).map_err(|error| BaselineError::Form(error.to_string()))?;
        let entries = entries.unwrap_or_default();
        match entries.iter().find(|(_, reason)| reason.trim().is_empty()) {
            Some((id, _)) => Err(BaselineError::NoReason(id.clone())),
            None => Ok(Self(entries)),
        }
    }

    /// What a core does though it is a finding, even a simulator without defects, as far as these checks look at it.
    pub(crate) fn healthy(checks: &[Check]) -> Self {
        // Our own file: a test reads it.
        Self::read(include_str!("../../baselines/healthy.yaml")).unwrap_or_default().only(checks)
    }

    /// Reads a baseline from a file.
    pub fn open(file: &Path) -> Result<Self, BaselineError> {
        Self::read(&portmaster_fixtures::scenario::file::text(file)?)
    }

    /// The baseline under which a run has no unexpected result. What `self` knows already keeps its reason;
    /// the others get what was answered as theirs, for a person to put a better one.
    pub fn of(run: &Run, known: &Self) -> Self {
        let failed = run.records.iter().filter_map(|record| match &record.verdict {
            Verdict::Expected(_, reason) => Some((record.id.clone(), reason.clone())),
            Verdict::Fail(evidence) => {
                let reason = known.0.get(&record.id).cloned();
                Some((record.id.clone(), reason.unwrap_or_else(|| format!("got {}", evidence.got))))
            }
            _ => None,
        });
        Self(failed.collect())
    }

    /// The text of the file, an entry a line: JSON strings, which are YAML as well.
    pub fn text(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        self.0.iter().map(|(id, reason)| format!("{}: {}\n", quoted(id), quoted(reason))).collect()
    }

    /// Refuses entries that name none of the checks.
    pub fn only_names(&self, checks: &[Check]) -> Result<(), BaselineError> {
        match self.0.keys().find(|id| !checks.iter().any(|check| check.id == **id)) {
            None => Ok(()),
            Some(id) => Err(BaselineError::Unknown(id.clone())),
        }
    }

    /// The entries that name one of the checks.
    #[must_use]
    pub fn only(mut self, checks: &[Check]) -> Self {
        self.0.retain(|id, _| checks.iter().any(|check| check.id == *id));
        self
    }

    /// Turns failures that are known into expected ones, and what is listed and passed into stale entries.
    pub fn apply(&self, run: &mut Run) {
        for record in &mut run.records {
            // Who knows of the cause knows what follows from it, though it is asked in another part of the run.
            let best = || self.0.get(&shown_best(record.cause.as_deref()?)?);
            let Some(reason) = self.0.get(&record.id).or_else(best) else { continue };
            record.verdict = match record.verdict.clone() {
                Verdict::Fail(evidence) => Verdict::Expected(evidence, reason.clone()),
                Verdict::Pass => Verdict::Stale(reason.clone()),
                other => other,
            };
        }
    }

    /// How many failures are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no failure is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written_back() {
        let yaml = Baseline::read("# known\nping/a: it is: old\nping/b: \"x\"\n");
        assert!(yaml.is_err(), "a colon in a plain text is no YAML");
        let yaml = Baseline::read("# known\nping/a: it is old\nping/b: \"x\"\n").unwrap();
        let json = Baseline::read(r#"{"ping/a": "it is old", "ping/b": "x"}"#).unwrap();
        assert_eq!((yaml.len(), &yaml), (2, &json));
        assert_eq!(Baseline::read(&yaml.text()).unwrap(), yaml);
        assert!(Baseline::read("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_baseline_is_refused() {
        for (text, wanted) in [
            ("- ping/a\n", "expected check ids with reasons"),
            ("ping/a: \" \"\n", "\"ping/a\" has no reason"),
            ("ping/a: [1]\n", "expected check ids with reasons"),
        ] {
            let text = Baseline::read(text).unwrap_err().to_string();
            assert!(text.starts_with(wanted), "{text}");
        }
    }
}
