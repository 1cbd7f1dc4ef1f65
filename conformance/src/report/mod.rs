//! What came out of a run, for people and for programs.

mod jsonl;
mod text;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    str::FromStr,
};

use crate::suite::Run;

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
            "text" => Format::Text,
            other => return Err(format!("unknown report format \"{other}\", expected json or text")),
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
    pub fn write(self, run: &Run, about: &About) -> Result<(), ReportError> {
        let written = match self.wanted.format {
            Format::Json => {
                let mut out = BufWriter::new(self.file);
                jsonl::write(&mut out, run, about).and_then(|()| out.flush())
            }
            Format::Text => text::write(&mut anstream::StripStream::new(self.file), run, about),
        };
        written.map_err(|source| ReportError { file: self.wanted.file, source })
    }
}
