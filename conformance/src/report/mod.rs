//! What came out of a run, for people and for programs.

mod compare;
#[cfg(test)]
mod example;
mod fuzz;
mod html;
mod jsonl;
mod junit;
mod markdown;
mod merge;
mod tally;
mod tap;
mod text;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::suite::Run;

pub use compare::{Comparison, compare};
pub use fuzz::Campaign;
pub use jsonl::{ReadError, schema};
pub use merge::{MergeError, merge};
pub use tally::Tally;
pub use text::write as write_text;

/// What a report says beside the verdicts.
#[derive(Clone, Debug)]
pub struct About {
    /// The target's URL, or "embedded simulator".
    pub target: String,
    /// The contract, or the list of endpoints, that was checked against.
    pub contract: String,
    /// How the contract was found, if it was not named.
    pub found: Option<String>,
    /// The seed of drawn values.
    pub seed: u64,
    /// Which part of the checks it is about, if not all of them.
    pub shard: Option<Part>,
}

/// The part of the selected checks that a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Which part it is, counted from 1.
    pub part: u32,
    /// How many parts there are.
    pub of: u32,
    /// How many checks all parts have together.
    pub checks: usize,
    /// Where the checks of this report stand among all of them, counted from 0.
    pub places: Vec<usize>,
}

/// What came out of a run, and of which.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the run was about.
    pub about: About,
    /// What came out.
    pub run: Run,
}

/// A report in JSON Lines that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds no report.
    #[error("{} is no report in JSON Lines: {source}", .file.display())]
    Form {
        /// Which file.
        file: PathBuf,
        /// Where, and what was expected.
        source: ReadError,
    },
}

impl Report {
    /// Reads a report that was written as JSON Lines.
    pub fn open(file: &Path) -> Result<Self, OpenError> {
        parsed(file, &contents(file)?, jsonl::read)
    }
}

/// What a file in JSON Lines is about.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A run of checks.
    Run(Report),
    /// A fuzz campaign.
    Fuzz(Campaign),
}

impl Kind {
    /// Reads a report of either kind.
    pub fn open(file: &Path) -> Result<Self, OpenError> {
        let text = contents(file)?;
        if fuzz::begins(&text) {
            parsed(file, &text, fuzz::read).map(Self::Fuzz)
        } else {
            parsed(file, &text, jsonl::read).map(Self::Run)
        }
    }
}

fn contents(file: &Path) -> Result<String, OpenError> {
    let bytes = std::fs::read(file).map_err(|source| OpenError::File { file: file.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parsed<T>(file: &Path, text: &str, read: impl Fn(&str) -> Result<T, ReadError>) -> Result<T, OpenError> {
    read(text).map_err(|source| OpenError::Form { file: file.to_owned(), source })
}

/// A report to write to a file: `FORMAT=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    format: Format,
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// JSON Lines.
    Json,
    /// JUnit XML.
    Junit,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// A short summary in Markdown.
    Markdown,
    /// One page for a browser.
    Html,
    /// The text of the terminal, without colours.
    Text,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) =
            text.split_once('=').ok_or("expected FORMAT=FILE, for example json=report.jsonl")?;
        let format = match format {
            "json" => Format::Json,
            "junit" => Format::Junit,
            "tap" => Format::Tap,
            "markdown" => Format::Markdown,
            "html" => Format::Html,
            "text" => Format::Text,
            other => {
                let known = "json, junit, tap, markdown, html or text";
                return Err(format!("unknown report format \"{other}\", expected {known}"));
            }
        };
        if file.is_empty() {
            return Err("the report's file has no name".to_owned());
        }
        Ok(Self { format, file: PathBuf::from(file) })
    }
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {}: {source}", .file.display())]
pub struct ReportError {
    file: PathBuf,
    source: io::Error,
}

/// A report's file, opened before the run so that a wrong name is known at once.
#[derive(Debug)]
pub struct Opened {
    wanted: Wanted,
    file: File,
}

impl Wanted {
    /// A report in JSON Lines.
    pub fn json(file: PathBuf) -> Self {
        Self { format: Format::Json, file }
    }

    /// Creates the file.
    pub fn open(self) -> Result<Opened, ReportError> {
        match File::create(&self.file) {
            Ok(file) => Ok(Opened { wanted: self, file }),
            Err(source) => Err(ReportError { file: self.file, source }),
        }
    }
}

impl Opened {
    /// Writes the report.
    pub fn write(self, report: &Report) -> Result<(), ReportError> {
        let mut out = BufWriter::new(self.file);
        let written = match self.wanted.format {
            Format::Json => jsonl::write(&mut out, report),
            Format::Junit => junit::write(&mut out, report),
            Format::Tap => tap::write(&mut out, report),
            Format::Html => html::write(&mut out, report),
            Format::Markdown => markdown::write(&mut out, report),
            Format::Text => {
                let mut text = vec![];
                text::write(&mut text, report)
                    .and_then(|()| out.write_all(&anstream::adapter::strip_bytes(&text).into_vec()))
            }
        };
        written.and_then(|()| out.flush()).map_err(|source| ReportError { file: self.wanted.file, source })
    }
}

/// A text without control characters, so that no answer of a target can talk to a terminal. Line ends stay.
fn harmless(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

/// Seconds as a person reads them.
fn seconds(time: std::time::Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 100.0 => format!("{seconds:.0} s"),
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds => format!("{:.1} ms", seconds * 1000.0),
    }
}
