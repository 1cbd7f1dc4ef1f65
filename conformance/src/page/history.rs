//! Past runs and campaigns: a folder of reports in JSON Lines, named after when they ended.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;

use crate::report::{Kind, Report, Tally};

/// How many are shown, the newest of them.
const SHOWN: usize = 200;

/// The ending of files that are looked at.
const ENDING: &str = "jsonl";

/// A folder of past runs that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {} for past runs: {source}", .file.display())]
pub struct HistoryError {
    file: PathBuf,
    source: io::Error,
}

/// A folder of past runs and campaigns.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    /// What is known of them, the newest first. Files that others put there later are not seen.
    past: Mutex<Vec<Past>>,
}

/// A past run or campaign, in a line.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Past {
    /// The file's name.
    pub(super) name: String,
    /// `run` or `fuzz`.
    kind: &'static str,
    /// Who was asked.
    target: String,
    /// Against what.
    contract: String,
    /// What came out.
    outcome: String,
    /// Whether something failed.
    bad: bool,
}

impl Past {
    fn read(name: &str, kind: &Kind) -> Self {
        let name = name.to_owned();
        match kind {
            Kind::Run(report) => {
                let tally = Tally::of(&report.run.records);
                let (target, contract) = (report.about.target.clone(), report.about.contract.clone());
                Self { name, kind: "run", target, contract, outcome: tally.outcome(), bad: tally.bad() > 0 }
            }
            Kind::Fuzz(campaign) => {
                let [target, contract] = campaign.about().map(str::to_owned);
                Self {
                    name,
                    kind: "fuzz",
                    target,
                    contract,
                    outcome: campaign.line(),
                    bad: campaign.failed(),
                }
            }
        }
    }
}

impl History {
    /// Opens a folder, which is made if it is not there, and looks at what it holds. What is no report is left alone.
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        let wrong = |source| HistoryError { file: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(wrong)?;
        let mut names = vec![];
        for entry in fs::read_dir(folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.extension().is_some_and(|ending| ending == ENDING)
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable_by(|one, other| other.cmp(one));
        let read = |name: &String| Some(Past::read(name, &Kind::open(&folder.join(name)).ok()?));
        let past = names.iter().filter_map(read).take(SHOWN).collect();
        Ok(Self { folder: folder.to_owned(), past: Mutex::new(past) })
    }

    /// Keeps a run.
    pub fn keep_run(&self, report: &Report) -> Result<(), HistoryError> {
        let mut bytes = vec![];
        report.write_json(&mut bytes).map_err(|source| self.wrong(source))?;
        self.keep("run", &bytes)
    }

    /// Keeps the report of a campaign, in JSON Lines.
    pub fn keep_campaign(&self, lines: &[u8]) -> Result<(), HistoryError> {
        self.keep("fuzz", lines)
    }

    fn keep(&self, kind: &str, bytes: &[u8]) -> Result<(), HistoryError> {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        // Several may end in the same second.
        for number in 1.. {
            let more = if number == 1 { String::new() } else { format!("-{number}") };
            let name = format!("{now}{more}-{kind}.{ENDING}");
            let file = self.folder.join(&name);
            match OpenOptions::new().write(true).create_new(true).open(&file) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(self.wrong(source)),
                Ok(mut opened) => opened.write_all(bytes).map_err(|source| self.wrong(source))?,
            }
            if let Ok(kept) = Kind::open(&file) {
                self.past.lock().unwrap_or_else(PoisonError::into_inner).insert(0, Past::read(&name, &kept));
            }
            return Ok(());
        }
        Ok(())
    }

    fn wrong(&self, source: io::Error) -> HistoryError {
        HistoryError { file: self.folder.clone(), source }
    }

    /// What is known of them, the newest first.
    pub(super) fn past(&self) -> Vec<Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One of those that are known, by its name.
    pub(super) fn read(&self, name: &str) -> Option<Kind> {
        self.past().iter().find(|one| one.name == name)?;
        Kind::open(&self.folder.join(name)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example_report;

    #[test]
    fn what_is_kept_is_there_again_and_what_is_no_report_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("past/runs");
        let history = History::open(&place).unwrap();
        assert!(history.past().is_empty());
        history.keep_run(&example_report()).unwrap();
        history.keep_run(&example_report()).unwrap();
        fs::write(place.join("other.jsonl"), "{}").unwrap();
        fs::write(place.join("secret.txt"), "x").unwrap();
        for history in [&history, &History::open(&place).unwrap()] {
            let past = history.past();
            assert_eq!(past.len(), 2);
            assert!(past[0].bad && past[0].name.ends_with("-run.jsonl"), "{past:?}");
            assert!(matches!(history.read(&past[1].name), Some(Kind::Run(_))));
            for name in ["secret.txt", "other.jsonl", "../x", ""] {
                assert!(history.read(name).is_none(), "{name}");
            }
        }
    }
}
