//! Reports in JSON Lines, read back from their files.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    about::Report,
    fuzz::{self, Campaign},
    jsonl::{self, ReadError},
};

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
    let read = portmaster_fixtures::scenario::file::bytes(file);
    let bytes = read.map_err(|source| OpenError::File { file: file.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parsed<T>(file: &Path, text: &str, read: impl Fn(&str) -> Result<T, ReadError>) -> Result<T, OpenError> {
    read(text).map_err(|source| OpenError::Form { file: file.to_owned(), source })
}
